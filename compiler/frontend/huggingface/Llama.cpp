#include "compiler/frontend/huggingface/Llama.h"

#include "compiler/frontend/huggingface/ConfigReader.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace weft::frontend::hf {

using Json = nlohmann::json;

// Far above every published model, and low enough that no product of two of them overflows 64 bits.
static constexpr uint32_t maxVocab = 1U << 24, maxWidth = 1U << 22, maxLayers = 1U << 12, maxHeads = 1U << 14,
                          maxHeadDim = 1U << 14, maxContext = 1U << 28;

//===----------------------------------------------------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------------------------------------------------===//

namespace {
/// The llama3 scaling: long wavelengths are stretched by `factor`, short ones are kept, those between are blended.
/// https://github.com/huggingface/transformers, modeling_rope_utils.py, _compute_llama3_parameters.
struct Llama3Scaling {
  double factor, lowFrequencyFactor, highFrequencyFactor, originalPositions;

  double operator()(double inverseFrequency) const {
    double wavelength = 2 * std::numbers::pi / inverseFrequency;
    if (wavelength < originalPositions / highFrequencyFactor)
      return inverseFrequency;
    if (wavelength > originalPositions / lowFrequencyFactor)
      return inverseFrequency / factor;
    double keep = (originalPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
    return (1 - keep) * inverseFrequency / factor + keep * inverseFrequency;
  }
};
} // namespace

/// "default" or "llama3" from an object that spells it `rope_type`, `type` (the older word) or both.
static std::string ropeType(ConfigReader &reader) {
  std::optional<std::string> type = reader.text("rope_type"), older = reader.text("type");
  if (type && older && *type != *older)
    reader.complain("type", fmt::format("says '{}' but 'rope_type' says '{}'", runtime::printable(*older),
                                        runtime::printable(*type)));
  std::string chosen = type ? *type : older.value_or("default");
  if (chosen != "default" && chosen != "llama3")
    reader.complain(type ? "rope_type" : "type", fmt::format("is '{}'; the rotary embeddings supported are: default, "
                                                             "llama3",
                                                             runtime::printable(chosen)));
  return chosen;
}

/// Reads `scaling`, an object under `prefix`, into `rope.inverseFrequencies`, which hold the unscaled ones.
static std::optional<Error> applyScaling(const Json &scaling, const std::string &origin, const std::string &prefix,
                                         RopeConfig &rope) {
  ConfigReader reader(scaling, origin, prefix);
  if (ropeType(reader) == "llama3") {
    Llama3Scaling llama3{};
    llama3.factor = reader.requiredNumber("factor", 1, 1e6);
    llama3.lowFrequencyFactor = reader.requiredNumber("low_freq_factor", 1e-6, 1e6);
    llama3.highFrequencyFactor = reader.requiredNumber("high_freq_factor", 1e-6, 1e6);
    llama3.originalPositions = reader.requiredCount("original_max_position_embeddings", 1, maxContext);
    if (!reader.failure() && llama3.highFrequencyFactor <= llama3.lowFrequencyFactor)
      reader.complain("high_freq_factor", "must be larger than low_freq_factor");
    if (!reader.failure())
      for (double &frequency : rope.inverseFrequencies)
        frequency = llama3(frequency);
  }
  return reader.failure();
}

static void parseRope(ConfigReader &reader, const std::string &origin, LlamaConfig &config) {
  const Json *newer = reader.object("rope_parameters"), *older = reader.object("rope_scaling");
  if (newer && older)
    reader.complain("rope_scaling", "and 'rope_parameters' are both given; keep the one that holds");
  std::optional<double> theta = reader.number("rope_theta", 1e-3, 1e12);
  if (newer) {
    ConfigReader inner(*newer, origin, "rope_parameters.");
    std::optional<double> innerTheta = inner.number("rope_theta", 1e-3, 1e12);
    if (theta && innerTheta && *theta != *innerTheta)
      inner.complain("rope_theta", "differs from the 'rope_theta' outside; keep the one that holds");
    if (inner.number("partial_rotary_factor", 0, 1).value_or(1) != 1)
      inner.complain("partial_rotary_factor", "other than 1 is not supported");
    if (inner.failure())
      return reader.adopt(*inner.failure());
    theta = innerTheta ? innerTheta : theta;
  }
  if (reader.number("partial_rotary_factor", 0, 1).value_or(1) != 1)
    reader.complain("partial_rotary_factor", "other than 1 is not supported");
  if (reader.failure())
    return;
  config.rope.theta = theta.value_or(10000.0);
  for (uint32_t i = 0; i < config.headDim / 2; ++i)
    config.rope.inverseFrequencies.push_back(std::pow(config.rope.theta, -2.0 * i / config.headDim));
  if (const Json *scaling = newer ? newer : older)
    if (std::optional<Error> failure =
            applyScaling(*scaling, origin, newer ? "rope_parameters." : "rope_scaling.", config.rope))
      reader.adopt(*failure);
}

//===----------------------------------------------------------------------------------------------------------------===//
// Config
//===----------------------------------------------------------------------------------------------------------------===//

static void parseHeads(ConfigReader &reader, LlamaConfig &config) {
  config.heads = reader.requiredCount("num_attention_heads", 1, maxHeads);
  config.kvHeads = reader.count("num_key_value_heads", 1, maxHeads).value_or(config.heads);
  std::optional<uint32_t> headDim = reader.count("head_dim", 2, maxHeadDim);
  if (reader.failure())
    return;
  if (config.heads % config.kvHeads != 0)
    reader.complain("num_attention_heads",
                    fmt::format("({}) must be a multiple of num_key_value_heads ({})", config.heads, config.kvHeads));
  if (!headDim && config.hiddenSize % config.heads != 0)
    reader.complain("hidden_size", fmt::format("({}) does not divide by num_attention_heads ({}) and 'head_dim' is not "
                                               "given",
                                               config.hiddenSize, config.heads));
  config.headDim = headDim.value_or(config.hiddenSize / config.heads);
  if (config.headDim < 2 || config.headDim > maxHeadDim || config.headDim % 2 != 0)
    reader.complain("head_dim", fmt::format("is {}; rotary embedding pairs elements, so it must be even and from 2 to "
                                            "{}",
                                            config.headDim, maxHeadDim));
}

/// Refuses what the file format can say and the graph builder cannot do.
static void refuseUnsupported(ConfigReader &reader, LlamaConfig &config) {
  std::string activation = reader.text("hidden_act").value_or("silu");
  if (activation != "silu")
    reader.complain("hidden_act", fmt::format("is '{}'; supported is: silu", runtime::printable(activation)));
  config.attentionBias = reader.flag("attention_bias", false);
  if (config.attentionBias)
    reader.complain("attention_bias", "is true; biases in linear layers are not supported");
  config.mlpBias = reader.flag("mlp_bias", false);
  if (config.mlpBias)
    reader.complain("mlp_bias", "is true; biases in linear layers are not supported");
  if (reader.has("quantization_config"))
    reader.complain("quantization_config", "is given; quantised weights are not supported, use F32, F16 or BF16 ones");
}

Result<LlamaConfig> parseLlamaConfig(const Json &json, const std::string &origin) {
  if (!json.is_object())
    return userError(runtime::printable(origin) + ": the config is not a JSON object");
  ConfigReader reader(json, origin);
  LlamaConfig config;
  config.vocabSize = reader.requiredCount("vocab_size", 1, maxVocab);
  config.hiddenSize = reader.requiredCount("hidden_size", 1, maxWidth);
  config.intermediateSize = reader.requiredCount("intermediate_size", 1, maxWidth);
  config.layers = reader.requiredCount("num_hidden_layers", 1, maxLayers);
  config.maxPositions = reader.requiredCount("max_position_embeddings", 1, maxContext);
  config.rmsNormEps = reader.requiredNumber("rms_norm_eps", 1e-30, 0.1);
  config.tiedEmbeddings = reader.flag("tie_word_embeddings", false);
  parseHeads(reader, config);
  refuseUnsupported(reader, config);
  std::vector<int32_t> bos = reader.tokens("bos_token_id", config.vocabSize);
  if (bos.size() > 1)
    reader.complain("bos_token_id", "must be one token id");
  config.bosToken = bos.empty() ? -1 : bos.front();
  config.eosTokens = reader.tokens("eos_token_id", config.vocabSize);
  if (!reader.failure())
    parseRope(reader, origin, config);
  if (reader.failure())
    return *reader.failure();
  return config;
}

//===----------------------------------------------------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------------------------------------------------===//

std::vector<ExpectedWeight> llamaWeights(const LlamaConfig &config) {
  uint64_t hidden = config.hiddenSize, inner = config.intermediateSize;
  uint64_t queries = uint64_t{config.heads} * config.headDim, keys = uint64_t{config.kvHeads} * config.headDim;
  std::vector<ExpectedWeight> weights{{"model.embed_tokens.weight", {config.vocabSize, hidden}}};
  for (uint32_t layer = 0; layer < config.layers; ++layer) {
    std::string prefix = fmt::format("model.layers.{}.", layer);
    weights.push_back({prefix + "input_layernorm.weight", {hidden}});
    weights.push_back({prefix + "self_attn.q_proj.weight", {queries, hidden}});
    weights.push_back({prefix + "self_attn.k_proj.weight", {keys, hidden}});
    weights.push_back({prefix + "self_attn.v_proj.weight", {keys, hidden}});
    weights.push_back({prefix + "self_attn.o_proj.weight", {hidden, queries}});
    weights.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
    weights.push_back({prefix + "mlp.gate_proj.weight", {inner, hidden}});
    weights.push_back({prefix + "mlp.up_proj.weight", {inner, hidden}});
    weights.push_back({prefix + "mlp.down_proj.weight", {hidden, inner}});
  }
  weights.push_back({"model.norm.weight", {hidden}});
  if (!config.tiedEmbeddings)
    weights.push_back({"lm_head.weight", {config.vocabSize, hidden}});
  return weights;
}

bool llamaIgnoresWeight(const LlamaConfig &config, const std::string &name) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tiedEmbeddings && name == "lm_head.weight");
}

} // namespace weft::frontend::hf
