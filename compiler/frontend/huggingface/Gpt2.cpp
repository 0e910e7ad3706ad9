#include "compiler/frontend/huggingface/Limits.h"
#include "compiler/frontend/huggingface/Pieces.h"

#include <cmath>
#include <fmt/format.h>

namespace weft::frontend::hf {

/// GPT-2 stores its linear layers in × out.
static LinearConfig conv1d(const std::string &name, uint64_t in, uint64_t out) {
  LinearConfig linear;
  linear.weight = WeightRef{name + ".weight", {in, out}, {}}.transposed();
  linear.bias = {name + ".bias", {out}, {}};
  return linear;
}

static LinearConfig rowsOf(const LinearConfig &linear, uint64_t begin, uint64_t size) {
  return {linear.weight.rows(begin, size), linear.bias.rows(begin, size)};
}

static TransformerConfig read(Reading &reading) {
  ConfigReader &keys = reading.keys;
  TransformerConfig config;
  config.vocabSize = keys.requiredCount("vocab_size", 1, maxVocab);
  config.hiddenSize = keys.requiredCount("n_embd", 1, maxWidth);
  config.maxPositions = keys.count("n_positions", 1, maxContext).value_or(1024);
  const uint64_t hidden = config.hiddenSize;
  const uint32_t layers = keys.requiredCount("n_layer", 1, maxLayers), heads = readHeadsOf(reading, "n_head", hidden);
  const uint64_t inner = keys.count("n_inner", 1, maxWidth).value_or(static_cast<uint32_t>(4 * hidden));
  const double epsilon = keys.number("layer_norm_epsilon", 1e-30, 0.1).value_or(1e-5);
  const ActivationKind activation = readActivation(reading, "activation_function", "gelu_new");
  const bool scaled = keys.flag("scale_attn_weights", true),
             byLayer = keys.flag("scale_attn_by_inverse_layer_idx", false);
  refuseUnsupported(reading);
  readTokens(reading, config);
  if (keys.failure())
    return config;

  const bool isBaseModel = !reading.is("LMHeadModel");
  const std::string prefix = reading.prefix("transformer.", "wte.weight", isBaseModel);
  config.embedding.tokens = {prefix + "wte.weight", {config.vocabSize, hidden}, {}};
  config.embedding.positions = {prefix + "wpe.weight", {config.maxPositions, hidden}, {}};
  config.finalNorm = layerNormOf(prefix + "ln_f", hidden, epsilon);
  config.ignoredWeights = {"*.attn.bias", "*.attn.masked_bias"};
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("{}h.{}", prefix, i);
    const LinearConfig qkv = conv1d(name + ".attn.c_attn", hidden, 3 * hidden);
    LayerConfig layer;
    layer.name = fmt::format("h.{}", i);
    layer.attentionNorms.pre = layerNormOf(name + ".ln_1", hidden, epsilon);
    layer.mlpNorms.pre = layerNormOf(name + ".ln_2", hidden, epsilon);
    AttentionConfig &attention = layer.attention;
    attention.heads = attention.kvHeads = heads;
    attention.headDim = static_cast<uint32_t>(hidden / heads);
    attention.q = rowsOf(qkv, 0, hidden);
    attention.k = rowsOf(qkv, hidden, hidden);
    attention.v = rowsOf(qkv, 2 * hidden, hidden);
    attention.output = conv1d(name + ".attn.c_proj", hidden, hidden);
    attention.rotary = false;
    attention.scale = (scaled ? 1 / std::sqrt(static_cast<double>(attention.headDim)) : 1.0) / (byLayer ? i + 1 : 1);
    layer.mlp = {.activation = activation,
                 .gate = {},
                 .up = conv1d(name + ".mlp.c_fc", hidden, inner),
                 .down = conv1d(name + ".mlp.c_proj", inner, hidden)};
    config.layers.push_back(std::move(layer));
  }
  if (isBaseModel)
    makeBaseModel(config);
  else
    addTextHead(config, linearOf("lm_head", hidden, config.vocabSize, false), keys.flag("tie_word_embeddings", true));
  return config;
}

static constexpr std::string_view classes[] = {"GPT2LMHeadModel", "GPT2Model"};
const Architecture gpt2 = {classes, "GPT-2", "gpt2", "learned positions, layer norms, weights stored in x out", read};

} // namespace weft::frontend::hf
