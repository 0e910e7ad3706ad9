#include "compiler/frontend/huggingface/Architectures.h"

#include "compiler/frontend/Weights.h"
#include "compiler/frontend/huggingface/Architecture.h"
#include "compiler/frontend/huggingface/ConfigReader.h"
#include "compiler/frontend/huggingface/Pieces.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace weft::frontend::hf {

static constexpr const Architecture *architectures[] = {
    &llama, &mistral, &mixtral, &qwen2,      &qwen3,      &qwen3Moe, &gemma,   &gemma2,    &phi3, &olmo2,
    &gpt2,  &gptNeoX, &opt,     &deepseekV2, &deepseekV3, &bert,     &roberta, &t5Encoder, &vit};

static const Architecture *findArchitecture(const std::string &name) {
  for (const Architecture *architecture : architectures)
    if (std::find(architecture->classes.begin(), architecture->classes.end(), name) != architecture->classes.end())
      return architecture;
  return nullptr;
}

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

std::vector<KnownArchitecture> knownArchitectures() {
  std::vector<KnownArchitecture> known;
  for (const Architecture *architecture : architectures)
    for (std::string_view name : architecture->classes)
      known.push_back({.name = std::string(name),
                       .family = std::string(architecture->family),
                       .generates = name.ends_with("ForCausalLM") || name.ends_with("LMHeadModel"),
                       .example = std::string(architecture->example),
                       .notes = std::string(architecture->notes)});
  return known;
}

static Error unknownArchitecture(const std::string &architecture, const std::string &origin) {
  std::vector<std::string> names;
  for (const KnownArchitecture &known : knownArchitectures())
    names.push_back(known.name);
  std::sort(names.begin(), names.end());
  const bool isT5 = architecture == "T5ForConditionalGeneration" || architecture == "T5Model";
  return userError(fmt::format("{}: the architecture '{}' is not known; {}known are: {}", runtime::printable(origin),
                               runtime::printable(architecture),
                               isT5 ? "of a T5 the encoder alone compiles: say [\"T5EncoderModel\"] under "
                                      "'architectures', the decoder's weights are then left out; "
                                    : "",
                               fmt::join(names, ", ")));
}

Result<TransformerConfig> readConfig(const nlohmann::json &json, const std::string &architecture,
                                     const std::string &origin, const WeightSource *weights) {
  if (!json.is_object())
    return userError(runtime::printable(origin) + ": the config is not a JSON object");
  const Architecture *found = findArchitecture(architecture);
  if (!found)
    return unknownArchitecture(architecture, origin);
  ConfigReader keys(json, origin);
  Reading reading{.keys = keys, .architecture = architecture, .origin = origin, .weights = weights};
  TransformerConfig config = found->read(reading);
  refuseUnread(reading, json);
  if (keys.failure())
    return *keys.failure();
  config.architecture = architecture;
  return config;
}

Result<Model> readModel(const std::string &path, ReadWeights readWeights) {
  // The config first: that an architecture is unknown matters more than whether its weights are fine.
  Result<ModelDirectory> directory = readModelDirectory(path, ReadWeights::No);
  if (!directory)
    return directory.takeError();
  if (!findArchitecture(directory->architecture))
    return unknownArchitecture(directory->architecture, directory->configPath);
  if (readWeights == ReadWeights::Yes) {
    Result<std::unique_ptr<WeightSource>> weights = openModelWeights(path);
    if (!weights)
      return weights.takeError();
    directory->weights = std::move(*weights);
  }
  Result<TransformerConfig> config =
      readConfig(directory->config, directory->architecture, directory->configPath, directory->weights.get());
  if (!config)
    return config.takeError();
  config->name = directory->name;
  const std::vector<ExpectedWeight> expected = storedWeights(*config);
  if (directory->weights) {
    auto ignorable = [&](const std::string &name) { return ignoresWeight(*config, name); };
    if (auto checked = checkWeights(*directory->weights, expected, ignorable, directory->name); !checked)
      return checked.takeError();
  }
  if (readWeights == ReadWeights::Shapes) {
    Result<WeightType> type = storedType(*directory);
    if (!type)
      return type.takeError();
    directory->weights = makeShapesOnly(expected, *type);
  }
  return Model{directory->name, directory->architecture, std::move(*config), std::move(directory->weights),
               directory->tokenizerPath};
}

} // namespace weft::frontend::hf
