#include "compiler/frontend/huggingface/Decoder.h"

#include "compiler/frontend/huggingface/Limits.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace weft::frontend::hf {

//===----------------------------------------------------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------------------------------------------------===//

std::vector<bool> readSlidingLayers(Reading &reading, uint32_t layers, const std::function<bool(uint32_t)> &fallback) {
  std::vector<bool> sliding(layers);
  std::vector<std::string> types = reading.keys.texts("layer_types");
  if (!types.empty() && types.size() != layers)
    reading.keys.complain("layer_types", fmt::format("has {} entries for {} layers", types.size(), layers));
  if (reading.keys.failure())
    return sliding;
  for (uint32_t i = 0; i < layers; ++i) {
    sliding[i] = types.empty() ? fallback(i) : types[i] == "sliding_attention";
    if (!types.empty() && !sliding[i] && types[i] != "full_attention")
      reading.keys.complain("layer_types", fmt::format("has '{}'; supported are: full_attention, sliding_attention",
                                                       runtime::printable(types[i])));
  }
  return sliding;
}

uint32_t readWindow(Reading &reading, uint32_t fallback) {
  if (reading.keys.isNull("sliding_window"))
    return 0;
  return reading.keys.count("sliding_window", 1, maxContext).value_or(fallback);
}

//===----------------------------------------------------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------------------------------------------------===//

NormConfig Decoder::rms(const std::string &name, uint64_t size) const {
  return {.kind = NormKind::Rms, .epsilon = sizes.epsilon, .weight = {name + ".weight", {size}, {}}, .bias = {}};
}

LinearConfig Decoder::linear(const std::string &name, uint64_t in, uint64_t out, bool bias) const {
  return linearOf(name, in, out, bias);
}

MlpConfig Decoder::gatedMlp(const std::string &name, uint64_t inner, bool bias) const {
  return {.activation = sizes.activation,
          .gate = linear(name + ".gate_proj", sizes.hidden, inner, bias),
          .up = linear(name + ".up_proj", sizes.hidden, inner, bias),
          .down = linear(name + ".down_proj", inner, sizes.hidden, bias)};
}

std::string Decoder::layerPrefix(uint32_t index) const { return fmt::format("{}layers.{}", prefix, index); }

LayerConfig Decoder::layer(uint32_t index, const Biases &biases) const {
  const std::string name = layerPrefix(index), attention = name + ".self_attn";
  const uint64_t queries = uint64_t{sizes.heads} * sizes.headDim, keys = uint64_t{sizes.kvHeads} * sizes.headDim;
  LayerConfig layer;
  layer.name = fmt::format("layers.{}", index);
  layer.attentionNorms.pre = rms(name + ".input_layernorm", sizes.hidden);
  layer.mlpNorms.pre = rms(name + ".post_attention_layernorm", sizes.hidden);
  layer.attention = {.heads = sizes.heads,
                     .kvHeads = sizes.kvHeads,
                     .headDim = sizes.headDim,
                     .q = linear(attention + ".q_proj", sizes.hidden, queries, biases.qkv),
                     .k = linear(attention + ".k_proj", sizes.hidden, keys, biases.qkv),
                     .v = linear(attention + ".v_proj", sizes.hidden, keys, biases.qkv),
                     .output = linear(attention + ".o_proj", queries, sizes.hidden, biases.output),
                     .queryNorm = {},
                     .keyNorm = {},
                     .scale = 1 / std::sqrt(static_cast<double>(sizes.headDim)),
                     .latent = {},
                     .relativeBias = {}};
  layer.mlp = gatedMlp(name + ".mlp", sizes.inner, biases.mlp);
  return layer;
}

static void readHeads(Reading &reading, DecoderSizes &sizes, const DecoderDefaults &defaults) {
  ConfigReader &keys = reading.keys;
  sizes.heads = keys.requiredCount("num_attention_heads", 1, maxHeads);
  const bool absent = !keys.has("num_key_value_heads") && !keys.isNull("num_key_value_heads");
  sizes.kvHeads = keys.count("num_key_value_heads", 1, maxHeads)
                      .value_or(absent && defaults.kvHeads ? defaults.kvHeads : sizes.heads);
  std::optional<uint32_t> headDim = keys.count("head_dim", 1, maxHeadDim);
  if (keys.failure())
    return;
  if (sizes.heads % sizes.kvHeads != 0)
    keys.complain("num_attention_heads",
                  fmt::format("({}) must be a multiple of num_key_value_heads ({})", sizes.heads, sizes.kvHeads));
  if (!headDim && defaults.headDim && !keys.isNull("head_dim"))
    headDim = defaults.headDim;
  if (!headDim && sizes.hidden % sizes.heads != 0)
    keys.complain("hidden_size", fmt::format("({}) does not divide by num_attention_heads ({}) and 'head_dim' is not "
                                             "given",
                                             sizes.hidden, sizes.heads));
  sizes.headDim = headDim.value_or(static_cast<uint32_t>(sizes.hidden / sizes.heads));
}

Decoder startDecoder(Reading &reading, const DecoderDefaults &defaults) {
  ConfigReader &keys = reading.keys;
  Decoder decoder;
  DecoderSizes &sizes = decoder.sizes;
  TransformerConfig &config = decoder.config;
  sizes.vocab = keys.requiredCount("vocab_size", 1, maxVocab);
  sizes.hidden = keys.requiredCount("hidden_size", 1, maxWidth);
  sizes.inner = keys.requiredCount("intermediate_size", 1, maxWidth);
  sizes.layers = keys.requiredCount("num_hidden_layers", 1, maxLayers);
  sizes.maxPositions = keys.count("max_position_embeddings", 1, maxContext).value_or(defaults.maxPositions);
  sizes.epsilon = keys.number("rms_norm_eps", 1e-30, 0.1).value_or(defaults.epsilon);
  sizes.activation = readActivation(reading, "hidden_act", "silu");
  readHeads(reading, sizes, defaults);
  refuseUnsupported(reading);
  const bool isBaseModel = !reading.is("ForCausalLM"), tied = keys.flag("tie_word_embeddings", defaults.tiedEmbeddings);
  decoder.prefix = reading.prefix("model.", "embed_tokens.weight", isBaseModel);

  config.vocabSize = static_cast<uint32_t>(sizes.vocab);
  config.hiddenSize = static_cast<uint32_t>(sizes.hidden);
  config.maxPositions = sizes.maxPositions;
  config.embedding.tokens = {decoder.prefix + "embed_tokens.weight", {sizes.vocab, sizes.hidden}, {}};
  config.finalNorm = decoder.rms(decoder.prefix + "norm", sizes.hidden);
  config.ignoredWeights = {"*.rotary_emb.inv_freq"};
  readTokens(reading, config);
  if (isBaseModel)
    makeBaseModel(config);
  else
    addTextHead(config, decoder.linear("lm_head", sizes.hidden, sizes.vocab), tied);
  if (keys.failure())
    return decoder;
  Rope rope = readRope(reading, sizes.headDim, sizes.maxPositions, defaults.rope);
  config.rope = std::move(rope.config);
  decoder.latentScale = rope.attentionScale;
  return decoder;
}

uint32_t readExpertCount(Reading &reading, const std::string &key, uint32_t layers, uint32_t fallback) {
  const uint32_t experts = reading.keys.count(key, 1, maxExperts).value_or(fallback);
  if (uint64_t{experts} * layers > maxExpertsInAll)
    reading.keys.complain(
        key, fmt::format("({}) in {} layers makes more than {} experts", experts, layers, maxExpertsInAll));
  return experts;
}

std::vector<MlpConfig> readExperts(const Reading &reading, const Decoder &decoder, const std::string &name,
                                   uint32_t count, uint64_t inner, const std::array<const char *, 3> &parts) {
  const DecoderSizes &sizes = decoder.sizes;
  std::vector<MlpConfig> experts(count);
  WeightRef gateUp{name + ".gate_up_proj", {count, 2 * inner, sizes.hidden}, {}};
  WeightRef down{name + ".down_proj", {count, sizes.hidden, inner}, {}};
  const bool stacked = reading.hasWeight(gateUp.name);
  for (uint32_t i = 0; i < count; ++i) {
    experts[i].activation = sizes.activation;
    const std::string prefix = fmt::format("{}.{}.", name, i);
    experts[i].gate = stacked ? LinearConfig{gateUp.at(i).rows(0, inner), {}}
                              : decoder.linear(prefix + parts[0], sizes.hidden, inner);
    experts[i].up = stacked ? LinearConfig{gateUp.at(i).rows(inner, inner), {}}
                            : decoder.linear(prefix + parts[1], sizes.hidden, inner);
    experts[i].down = stacked ? LinearConfig{down.at(i), {}} : decoder.linear(prefix + parts[2], inner, sizes.hidden);
  }
  return experts;
}

} // namespace weft::frontend::hf
