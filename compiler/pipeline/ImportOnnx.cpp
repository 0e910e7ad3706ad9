#include "compiler/pipeline/ImportFormats.h"

#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/graph/Import.h"

#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>

using namespace mlir;

namespace weft::compiler {

namespace onnx = frontend::onnx;

bool isOnnx(const std::string &path) {
  if (!std::filesystem::is_regular_file(path))
    return false;
  if (std::filesystem::path(path).extension() == ".onnx")
    return true;
  // Protobuf has no magic number. Field 1, the IR version, is a small number; then a field with a length follows.
  std::array<char, 3> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return begin[0] == 0x08 && begin[1] > 0 && begin[1] < 32 && (begin[2] & 7) == 2;
}

Result<Imported> importOnnx(const ImportOptions &options) {
  if (options.layers)
    return userError(fmt::format("--layers: {} is a graph of ops, which has no layers to leave out", options.model));
  Result<onnx::Model> read = onnx::readModel(options.model);
  if (!read)
    return read.takeError();
  auto model = std::make_shared<const onnx::Model>(std::move(*read));
  const onnx::GraphOptions graphOptions{options.dims};
  if (Result<void> checked = onnx::checkDims(*model, graphOptions); !checked)
    return checked.takeError();
  Imported imported;
  imported.name = std::filesystem::path(options.model).stem().string();
  imported.architecture = "ONNX" + (model->producer.empty() ? "" : " of " + model->producer);
  imported.weights = onnx::weightsOf(*model);
  imported.build = [model, graphOptions](MLIRContext &context, uint32_t) {
    return onnx::buildGraph(context, *model, graphOptions);
  };
  return imported;
}

} // namespace weft::compiler
