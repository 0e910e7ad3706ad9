#include "compiler/frontend/huggingface/ModelDirectory.h"

#include "compiler/frontend/safetensors/Safetensors.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace weft::frontend::hf {

namespace fs = std::filesystem;
using runtime::printable;

static constexpr uint64_t maxConfigBytes = 16'000'000;

/// The last component of `path`, also of "models/x/", "." and "..".
static std::string directoryName(const std::string &path) {
  std::error_code ignored;
  fs::path whole = fs::absolute(path, ignored).lexically_normal();
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

static bool exists(const std::string &path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

static Result<std::string> architectureOf(const nlohmann::json &config, const std::string &path) {
  if (!config.is_object())
    return userError(printable(path) + ": the config is not a JSON object");
  auto found = config.find("architectures");
  if (found == config.end())
    return userError(printable(path) + ": 'architectures' is missing; it says which model this is");
  if (!found->is_array() || found->empty() || !found->front().is_string())
    return userError(printable(path) + ": 'architectures' must be a list of strings, as in [\"LlamaForCausalLM\"]");
  return found->front().get<std::string>();
}

static std::string withoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

static Error notADirectory(const std::string &path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored) && fs::is_empty(path, ignored))
    return userError(fmt::format("{}: the file is empty", printable(path)));
  return userError(fmt::format("'{}' is not a directory; a model is a directory with config.json and "
                               "model.safetensors (a config file is enough with --weights none), or a file in ONNX, "
                               "GGUF or MLIR's text",
                               printable(path)));
}

/// What a folder without config.json has instead: names of files that may be models themselves, in order.
static std::vector<std::string> otherModelsIn(const std::string &directory) {
  std::error_code ignored;
  std::vector<std::string> found;
  for (const auto &entry : fs::directory_iterator(directory, ignored))
    if (const fs::path &file = entry.path();
        file.extension() == ".onnx" || file.extension() == ".gguf" || file.extension() == ".mlir")
      found.push_back(printable(file.filename().string()));
  std::sort(found.begin(), found.end());
  return found;
}

static Error noConfig(const std::string &directory) {
  const std::vector<std::string> others = otherModelsIn(directory);
  std::error_code ignored;
  return userError(fmt::format(
      "'{}' is no model: {}; a model is a directory with config.json and model.safetensors, or one with an ONNX file, "
      "or a file in ONNX, GGUF or MLIR's text",
      printable(directory),
      fs::is_empty(directory, ignored) ? "the directory is empty"
      : others.empty()                 ? "config.json is not there"
                                       : fmt::format("config.json is not there, only {}, a model by itself, which must "
                                                                     "be named as such",
                                                     fmt::join(others, ", "))));
}

namespace {

/// Checkpoints that began in TensorFlow call the gain and offset of a layer norm gamma and beta.
class RenamedWeights : public WeightSource {
public:
  explicit RenamedWeights(std::unique_ptr<WeightSource> stored) : stored(std::move(stored)) {
    for (const std::string &name : this->stored->names())
      if (std::string now = nameNow(name); now != name && !this->stored->find(now))
        renamed.emplace(std::move(now), name);
  }

  bool empty() const { return renamed.empty(); }
  std::unique_ptr<WeightSource> release() { return std::move(stored); }

  const WeightInfo *find(const std::string &name) const override { return stored->find(nameThen(name)); }
  std::string whyNot(const std::string &name) const override { return stored->whyNot(nameThen(name)); }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const std::string &name : stored->names()) {
      std::string now = nameNow(name);
      all.push_back(renamed.contains(now) ? std::move(now) : name);
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  const std::vector<WeightFileInfo> &files() const override { return stored->files(); }

private:
  static std::string nameNow(const std::string &name) {
    for (auto [then, now] :
         {std::pair("LayerNorm.gamma", "LayerNorm.weight"), std::pair("LayerNorm.beta", "LayerNorm.bias")})
      if (name.ends_with(then))
        return name.substr(0, name.size() - std::string_view(then).size()) + now;
    return name;
  }
  const std::string &nameThen(const std::string &name) const {
    auto found = renamed.find(name);
    return found == renamed.end() ? name : found->second;
  }

  std::unique_ptr<WeightSource> stored;
  std::map<std::string, std::string> renamed; // as they are asked for, to as they are stored
};

Result<std::unique_ptr<WeightSource>> withNamesOfToday(Result<std::unique_ptr<WeightSource>> opened) {
  if (!opened)
    return opened;
  auto weights = std::make_unique<RenamedWeights>(std::move(*opened));
  return weights->empty() ? weights->release() : std::unique_ptr<WeightSource>(std::move(weights));
}

} // namespace

Result<std::unique_ptr<WeightSource>> openModelWeights(const std::string &path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored))
    return notADirectory(path);
  std::string directory = withoutTrailingSlash(path);
  std::string single = directory + "/model.safetensors", index = directory + "/model.safetensors.index.json";
  if (exists(single))
    return withNamesOfToday(openSafetensors(single));
  if (exists(index))
    return withNamesOfToday(openSafetensorsIndex(index));
  return userError(fmt::format("{}: no weights: neither model.safetensors nor model.safetensors.index.json is there",
                               printable(directory)));
}

Result<ModelDirectory> readModelDirectory(const std::string &path, ReadWeights readWeights) {
  std::error_code problem;
  fs::file_status status = fs::status(path, problem);
  if (status.type() == fs::file_type::not_found)
    return userError(fmt::format("'{}': no such model directory", printable(path)));
  bool isDirectory = status.type() == fs::file_type::directory;
  if (!isDirectory && !path.ends_with(".json"))
    return notADirectory(path);
  std::string directory = withoutTrailingSlash(path);
  ModelDirectory model;
  // A config.json is its directory's; a file of another name speaks for itself.
  const fs::path file = path;
  model.name = isDirectory                        ? directoryName(path)
               : file.filename() == "config.json" ? directoryName(file.parent_path().empty() ? "." : file.parent_path())
                                                  : file.stem().string();
  model.configPath = isDirectory ? directory + "/config.json" : path;
  if (isDirectory && !exists(model.configPath))
    return noConfig(directory);
  Result<nlohmann::json> config = runtime::readJsonFile(model.configPath, maxConfigBytes);
  if (!config)
    return config.takeError();
  model.config = std::move(*config);
  Result<std::string> architecture = architectureOf(model.config, model.configPath);
  if (!architecture)
    return architecture.takeError();
  model.architecture = std::move(*architecture);
  if (isDirectory && exists(directory + "/tokenizer.json"))
    model.tokenizerPath = directory + "/tokenizer.json";
  if (readWeights == ReadWeights::Yes) {
    Result<std::unique_ptr<WeightSource>> weights = openModelWeights(directory);
    if (!weights)
      return weights.takeError();
    model.weights = std::move(*weights);
  }
  return model;
}

} // namespace weft::frontend::hf
