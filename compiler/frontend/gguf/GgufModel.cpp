#include "compiler/frontend/gguf/GgufModel.h"

#include "runtime/support/Json.h"
#include "runtime/support/MappedFile.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace weft::frontend::gguf {

using runtime::GgufFile;
using runtime::GgufTensor;
using runtime::printable;

namespace {

class GgufSource final : public WeightSource {
public:
  GgufSource(const GgufFile &file, const std::string &path, uint64_t fileBytes, uint64_t headerDigest)
      : fileList{{path, fileBytes, headerDigest, file.dataStart}} {
    for (const GgufTensor &tensor : file.tensors)
      entries.emplace(tensor.name, entryOf(tensor, file.origin));
  }

  const WeightInfo *find(const std::string &name) const override {
    auto found = entries.find(name);
    return found == entries.end() || !found->second.unusable.empty() ? nullptr : &found->second.info;
  }
  std::string whyNot(const std::string &name) const override {
    auto found = entries.find(name);
    return found == entries.end() ? std::string() : found->second.unusable;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> list;
    for (const auto &[name, entry] : entries)
      list.push_back(name);
    return list;
  }
  const std::vector<WeightFileInfo> &files() const override { return fileList; }

private:
  struct Entry {
    WeightInfo info;
    std::string unusable; // why; empty: usable
  };
  static Entry entryOf(const GgufTensor &tensor, const std::string &origin) {
    Entry entry;
    entry.info.name = tensor.name;
    entry.info.shape.assign(tensor.extents.rbegin(), tensor.extents.rend());
    entry.info.offset = tensor.offset;
    entry.info.blocks = tensor.element.format;
    if (tensor.element.name == "F16")
      entry.info.type = WeightType::F16;
    else if (tensor.element.name == "BF16")
      entry.info.type = WeightType::BF16;
    else if (tensor.element.name != "F32" && !tensor.element.format)
      entry.unusable = fmt::format("{}: tensor '{}' has type {}; supported are F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, "
                                   "Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL and IQ4_XS",
                                   origin, printable(tensor.name), tensor.element.name);
    return entry;
  }

  std::map<std::string, Entry> entries;
  std::vector<WeightFileInfo> fileList;
};

} // namespace

std::unique_ptr<WeightSource> weightsOf(const GgufFile &file, const std::string &path, uint64_t fileBytes,
                                        uint64_t headerDigest) {
  return std::make_unique<GgufSource>(file, path, fileBytes, headerDigest);
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
