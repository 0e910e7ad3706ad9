#include "compiler/frontend/gguf/GgufModel.h"

#include "runtime/support/Json.h"
#include "runtime/support/MappedFile.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <filesystem>

namespace weft::frontend::gguf {

using runtime::GgufFile;
using runtime::GgufTensor;
using runtime::printable;

std::unique_ptr<WeightSource> weightsOf(const GgufFile &file, const std::string &path, uint64_t fileBytes,
                                        uint64_t headerDigest) {
  auto weights = std::make_unique<ListedWeights>();
  const uint32_t index = weights->addFile({path, fileBytes, headerDigest, file.dataStart});
  for (const GgufTensor &tensor : file.tensors) {
    WeightInfo info{.name = tensor.name,
                    .shape = {tensor.extents.rbegin(), tensor.extents.rend()},
                    .file = index,
                    .offset = tensor.offset,
                    .blocks = tensor.element.format};
    std::string unusable;
    if (tensor.element.name == "F16")
      info.type = WeightType::F16;
    else if (tensor.element.name == "BF16")
      info.type = WeightType::BF16;
    else if (tensor.element.name != "F32" && !tensor.element.format)
      unusable = fmt::format("{}: tensor '{}' has type {}; supported are F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
                             "Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL and IQ4_XS",
                             file.origin, printable(tensor.name), tensor.element.name);
    weights->add(std::move(info), std::move(unusable));
  }
  return weights;
}

/// One file of a model that lies in several has only some of its tensors.
static Result<void> refuseSplit(const GgufFile &file) {
  Result<std::optional<uint32_t>> parts = file.count("split.count");
  if (!parts)
    return parts.takeError();
  if (parts->value_or(1) > 1)
    return userError(fmt::format("{}: is one of {} files of a model; put them together first (gguf-split --merge)",
                                 file.origin, **parts));
  return success();
}

Result<Model> readModel(const std::string &path) {
  Result<runtime::MappedFile> mapped = runtime::MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  Result<GgufFile> file = runtime::parseGguf(mapped->bytes(), path);
  if (!file)
    return file.takeError();
  if (Result<void> whole = refuseSplit(*file); !whole)
    return whole.takeError();
  Result<TransformerConfig> config = readConfig(*file, mapped->bytes());
  if (!config)
    return config.takeError();
  Model model;
  model.architecture = config->architecture;
  model.name = std::filesystem::path(path).stem().string();
  model.hasTokenizer = file->has("tokenizer.ggml.model");
  config->name = model.name;
  model.weights = weightsOf(*file, path, mapped->bytes().size(), XXH3_64bits(mapped->bytes().data(), file->dataStart));
  auto ignorable = [&](const std::string &name) { return ignoresWeight(*config, name); };
  if (auto checked = checkWeights(*model.weights, storedWeights(*config), ignorable, file->origin); !checked)
    return checked.takeError();
  model.config = std::move(*config);
  return model;
}

} // namespace weft::frontend::gguf
