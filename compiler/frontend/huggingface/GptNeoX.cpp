#include "compiler/frontend/huggingface/Limits.h"
#include "compiler/frontend/huggingface/Pieces.h"
#include "compiler/frontend/huggingface/Rope.h"

#include <cmath>
#include <fmt/format.h>

namespace weft::frontend::hf {

/// Queries (0), keys (1) or values (2): in the fused tensor each head has its three parts together.
static LinearConfig partOf(const LinearConfig &fused, uint64_t heads, uint64_t headDim, uint64_t part) {
  auto pick = [&](const WeightRef &weight) {
    return weight.expand(0, {heads, 3, headDim}).slice(1, part, 1).collapse(0, 3);
  };
  return {pick(fused.weight), pick(fused.bias)};
}

static TransformerConfig read(Reading &reading) {
  ConfigReader &keys = reading.keys;
  TransformerConfig config;
  config.vocabSize = keys.requiredCount("vocab_size", 1, maxVocab);
  config.hiddenSize = keys.requiredCount("hidden_size", 1, maxWidth);
  config.maxPositions = keys.count("max_position_embeddings", 1, maxContext).value_or(2048);
  const uint64_t hidden = config.hiddenSize, inner = keys.requiredCount("intermediate_size", 1, maxWidth);
  const uint32_t layers = keys.requiredCount("num_hidden_layers", 1, maxLayers);
  const uint32_t heads = readHeadsOf(reading, "num_attention_heads", hidden);
  const double epsilon = keys.number("layer_norm_eps", 1e-30, 0.1).value_or(1e-5);
  const ActivationKind activation = readActivation(reading, "hidden_act", "gelu");
  const bool bias = keys.flag("attention_bias", true), parallel = keys.flag("use_parallel_residual", true);
  refuseUnsupported(reading);
  readTokens(reading, config);
  if (keys.failure())
    return config;

  const auto headDim = static_cast<uint32_t>(hidden / heads);
  config.rope =
      readRope(reading, headDim, config.maxPositions,
               {.partial = 0.25, .thetaKey = "rotary_emb_base", .partialKey = "rotary_pct", .mayBePartial = true})
          .config;
  const bool isBaseModel = !reading.is("ForCausalLM");
  const std::string prefix = reading.prefix("gpt_neox.", "embed_in.weight", isBaseModel);
  config.embedding.tokens = {prefix + "embed_in.weight", {config.vocabSize, hidden}, {}};
  config.finalNorm = layerNormOf(prefix + "final_layer_norm", hidden, epsilon);
  config.ignoredWeights = {"*.rotary_emb.inv_freq", "*.attention.bias", "*.attention.masked_bias"};
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("{}layers.{}", prefix, i);
    const LinearConfig qkv = linearOf(name + ".attention.query_key_value", hidden, 3 * hidden, bias);
    LayerConfig layer;
    layer.name = fmt::format("layers.{}", i);
    layer.parallel = parallel;
    layer.attentionNorms.pre = layerNormOf(name + ".input_layernorm", hidden, epsilon);
    layer.mlpNorms.pre = layerNormOf(name + ".post_attention_layernorm", hidden, epsilon);
    AttentionConfig &attention = layer.attention;
    attention.heads = attention.kvHeads = heads;
    attention.headDim = headDim;
    attention.q = partOf(qkv, heads, headDim, 0);
    attention.k = partOf(qkv, heads, headDim, 1);
    attention.v = partOf(qkv, heads, headDim, 2);
    attention.output = linearOf(name + ".attention.dense", hidden, hidden, bias);
    attention.scale = 1 / std::sqrt(static_cast<double>(headDim));
    layer.mlp = {.activation = activation,
                 .gate = {},
                 .up = linearOf(name + ".mlp.dense_h_to_4h", hidden, inner, true),
                 .down = linearOf(name + ".mlp.dense_4h_to_h", inner, hidden, true)};
    config.layers.push_back(std::move(layer));
  }
  if (isBaseModel) {
    makeBaseModel(config);
    config.ignoredWeights.push_back("embed_out.weight");
  } else {
    addTextHead(config, linearOf("embed_out", hidden, config.vocabSize, false),
                keys.flag("tie_word_embeddings", false));
  }
  return config;
}

static constexpr std::string_view classes[] = {"GPTNeoXForCausalLM", "GPTNeoXModel"};
const Architecture gptNeoX = {classes, "GPT-NeoX", "pythia-1b", "partial rotary, attention and MLP side by side", read};

} // namespace weft::frontend::hf
