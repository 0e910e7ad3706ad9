#include "compiler/pipeline/ImportFormats.h"

#include "compiler/frontend/gguf/GgufModel.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace weft::compiler {

bool claimsGguf(const ImportOptions &options) {
  const std::string &path = options.model;
  if (!std::filesystem::is_regular_file(path))
    return false;
  if (std::filesystem::path(path).extension() == ".gguf")
    return true;
  std::array<char, 4> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return std::string_view(begin.data(), begin.size()) == "GGUF";
}

Result<Imported> importGguf(const ImportOptions &options) {
  if (options.shapesOnly)
    return userError(fmt::format(
        "--weights none: {} has its weights; the option goes with a directory or a config.json", options.model));
  if (options.layers)
    return userError("--layers leaves weights out, so that the results would be wrong; it goes with --weights none");
  auto model = frontend::gguf::readModel(options.model);
  if (!model)
    return model.takeError();
  Imported imported;
  imported.name = model->name;
  imported.architecture = model->architecture;
  if (model->hasTokenizer) {
    // It is needed only when the package runs, but whoever compiles should hear that it is broken.
    if (auto tokenizer = runtime::readTokenizer(options.model); !tokenizer)
      return tokenizer.takeError();
    imported.tokenizer = options.model;
  }
  takeTransformer(imported, std::move(model->config), std::move(model->weights), options.dims);
  return imported;
}

} // namespace weft::compiler
