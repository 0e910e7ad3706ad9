#include "compiler/frontend/huggingface/Architectures.h"

#include "compiler/frontend/Weights.h"
#include "compiler/frontend/huggingface/ConfigReader.h"
#include "compiler/frontend/huggingface/Llama.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace weft::frontend::hf {

namespace {
struct Architecture {
  std::string_view name;
  /// Parses `directory.config` and checks `directory.weights`, if there are any.
  Result<ArchitectureConfig> (*read)(const ModelDirectory &directory);
  /// The weights that a config of `read` calls for.
  std::vector<ExpectedWeight> (*weights)(const ArchitectureConfig &config);
};
} // namespace

static Result<ArchitectureConfig> readLlama(const ModelDirectory &directory) {
  Result<LlamaConfig> config = parseLlamaConfig(directory.config, directory.configPath);
  if (!config)
    return config.takeError();
  config->name = directory.name;
  if (directory.weights) {
    auto ignorable = [&](const std::string &name) { return llamaIgnoresWeight(*config, name); };
    Result<void> checked = checkWeights(*directory.weights, llamaWeights(*config), ignorable, directory.name);
    if (!checked)
      return checked.takeError();
  }
  return ArchitectureConfig(std::move(*config));
}

static std::vector<ExpectedWeight> weightsOfLlama(const ArchitectureConfig &config) {
  return llamaWeights(std::get<LlamaConfig>(config));
}

static constexpr std::array<Architecture, 1> architectures{{{"LlamaForCausalLM", readLlama, weightsOfLlama}}};

/// The type that the config says its weights are stored in; bfloat16, as published models have it, if it says nothing.
static Result<WeightType> storedType(const ModelDirectory &directory) {
  ConfigReader reader(directory.config, directory.configPath);
  std::optional<std::string> older = reader.text("torch_dtype"), newer = reader.text("dtype");
  std::string name = newer.value_or(older.value_or("bfloat16"));
  const std::pair<std::string_view, WeightType> types[] = {
      {"float32", WeightType::F32}, {"float16", WeightType::F16}, {"bfloat16", WeightType::BF16}};
  for (auto [known, type] : types)
    if (name == known)
      return type;
  reader.complain(newer ? "dtype" : "torch_dtype",
                  fmt::format("is '{}'; types of weights are float32, float16, bfloat16", runtime::printable(name)));
  return *reader.failure();
}

std::vector<std::string> knownArchitectures() {
  std::vector<std::string> names;
  names.reserve(architectures.size());
  for (const Architecture &architecture : architectures)
    names.emplace_back(architecture.name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<Model> readModel(const std::string &path, ReadWeights readWeights) {
  // The config first: that an architecture is unknown matters more than whether its weights are fine.
  Result<ModelDirectory> directory = readModelDirectory(path, ReadWeights::No);
  if (!directory)
    return directory.takeError();
  const auto *found = std::find_if(architectures.begin(), architectures.end(), [&](const Architecture &candidate) {
    return candidate.name == directory->architecture;
  });
  if (found == architectures.end())
    return userError(fmt::format("{}: the architecture '{}' is not known; known are: {}",
                                 runtime::printable(directory->configPath), runtime::printable(directory->architecture),
                                 fmt::join(knownArchitectures(), ", ")));
  if (readWeights == ReadWeights::Yes) {
    Result<std::unique_ptr<WeightSource>> weights = openModelWeights(path);
    if (!weights)
      return weights.takeError();
    directory->weights = std::move(*weights);
  }
  Result<ArchitectureConfig> config = found->read(*directory);
  if (!config)
    return config.takeError();
  if (readWeights == ReadWeights::Shapes) {
    Result<WeightType> type = storedType(*directory);
    if (!type)
      return type.takeError();
    directory->weights = makeShapesOnly(found->weights(*config), *type);
  }
  return Model{directory->name, directory->architecture, std::move(*config), std::move(directory->weights),
               directory->tokenizerPath};
}

} // namespace weft::frontend::hf
