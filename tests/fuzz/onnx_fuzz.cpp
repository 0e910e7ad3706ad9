// Any bytes as an ONNX file: an error, or a graph that the importer refuses or turns into valid IR. The reader is
// instrumented; the importer and MLIR are linked as they are.
#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/generate/Generator.h"
#include "compiler/frontend/onnx/graph/Dims.h"
#include "compiler/frontend/onnx/graph/Import.h"

#include "mlir/IR/MLIRContext.h"

#include <cassert>

using namespace weft;
namespace onnx = weft::frontend::onnx;

/// Every symbolic dimension small, so that the importer gets to the nodes.
static onnx::GraphOptions bindAll(const onnx::Model &model) {
  onnx::GraphOptions options;
  for (const std::string &name : onnx::unboundDims(model, {}))
    options.dims[name] = 2;
  return options;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  Result<onnx::Model> model = onnx::parseModel(bytes, "fuzz.onnx");
  if (!model) {
    assert(!model.error().message.empty());
    return 0;
  }
  for (const onnx::TensorData &tensor : model->graph.initializers)
    assert(!tensor.range || tensor.range->file != 0 ||
           (tensor.range->offset <= size && tensor.range->bytes <= size - tensor.range->offset));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = onnx::buildGraph(context, *model, bindAll(*model));
  assert(module || module.error().fault == Fault::User);
  // And as a text generator, if it is one.
  auto shared = std::make_shared<const onnx::Model>(std::move(*model));
  auto generator = onnx::findGenerator(shared, "fuzz");
  assert(generator || generator.error().fault == Fault::User);
  if (generator) {
    auto text = onnx::buildGenerator(context, *generator, 5);
    assert(text || text.error().fault == Fault::User);
  }
  return 0;
}
