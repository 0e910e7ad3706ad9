#include "tests/onnx/Program.h"

#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/graph/Import.h"
#include "compiler/graph/TensorInterpreter.h"

#include "mlir/IR/MLIRContext.h"

#include <onnx/defs/parser.h>
#include <onnx/onnx_pb.h>

#include <fmt/format.h>
#include <stdexcept>

namespace weft::test {

std::string modelFile(const std::string &body, int64_t opset) {
  ::onnx::ModelProto model;
  std::string text = fmt::format("<ir_version: 8, opset_import: [\"\" : {}, \"com.microsoft\" : 1]>\n{}", opset, body);
  auto status = ::onnx::OnnxParser::Parse(model, text.c_str());
  if (!status.IsOK())
    throw std::runtime_error(status.ErrorMessage());
  return model.SerializeAsString();
}

Result<std::vector<std::vector<std::byte>>> runModel(const std::string &file,
                                                     const std::vector<std::vector<std::byte>> &inputs,
                                                     const std::map<std::string, int64_t> &dims) {
  namespace onnx = frontend::onnx;
  Result<onnx::Model> model = onnx::parseModel(std::as_bytes(std::span(file)), "test.onnx");
  if (!model)
    return model.takeError();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = onnx::buildGraph(context, *model, {dims});
  if (!module)
    return module.takeError();
  auto interpreter = graph::TensorInterpreter::create(**module);
  if (!interpreter)
    return interpreter.takeError();
  std::vector<std::span<const std::byte>> spans(inputs.begin(), inputs.end());
  return interpreter->run(spans, [&](const std::string &name) {
    const onnx::FileRange &range = *model->weights.at(name).range;
    return std::as_bytes(std::span(file)).subspan(range.offset, range.bytes);
  });
}

} // namespace weft::test
