#include "compiler/frontend/huggingface/Limits.h"
#include "compiler/frontend/huggingface/Pieces.h"

#include "runtime/support/Json.h"

#include <fmt/format.h>

namespace weft::frontend::hf {

namespace {

struct FeedForward {
  ActivationKind activation = ActivationKind::Relu;
  bool gated = false;
};

/// "relu", "gated-gelu": a gate and the function, which for this one spelling is the tanh form.
FeedForward readFeedForward(Reading &reading) {
  const std::string text = reading.keys.text("feed_forward_proj").value_or("relu");
  const bool gated = text.starts_with("gated-");
  const std::string function = gated ? text.substr(6) : text;
  if (text == "gated-gelu")
    return {ActivationKind::GeluTanh, gated};
  if (std::optional<ActivationKind> kind = activationOf(function))
    return {*kind, gated};
  reading.keys.complain("feed_forward_proj", fmt::format("is '{}'; supported are: {}, each also with gated- before it",
                                                         runtime::printable(text), activationNames()));
  return {};
}

TransformerConfig read(Reading &reading) {
  ConfigReader &keys = reading.keys;
  TransformerConfig config;
  config.kind = ModelKind::Encoder;
  config.vocabSize = keys.requiredCount("vocab_size", 1, maxVocab);
  config.hiddenSize = keys.requiredCount("d_model", 1, maxWidth);
  // Distances, not positions, are learned: a sequence may have any length.
  config.maxPositions = keys.count("n_positions", 1, maxContext).value_or(1U << 16);
  const uint64_t hidden = config.hiddenSize, inner = keys.requiredCount("d_ff", 1, maxWidth);
  const uint32_t layers = keys.requiredCount("num_layers", 1, maxLayers);
  const uint32_t heads = keys.requiredCount("num_heads", 1, maxHeads);
  const uint32_t headDim = keys.requiredCount("d_kv", 1, maxHeadDim);
  const double epsilon = keys.number("layer_norm_epsilon", 1e-30, 0.1).value_or(1e-6);
  const uint32_t buckets = keys.count("relative_attention_num_buckets", 4, 1U << 16).value_or(32);
  const uint32_t distance = keys.count("relative_attention_max_distance", 1, maxContext).value_or(128);
  const FeedForward forward = readFeedForward(reading);
  if (distance <= buckets / 4)
    keys.complain("relative_attention_max_distance",
                  fmt::format("({}) must be more than a quarter of the buckets ({})", distance, buckets));
  refuseUnsupported(reading);
  if (keys.failure())
    return config;

  auto rms = [&](const std::string &name) {
    return NormConfig{
        .kind = NormKind::Rms, .epsilon = epsilon, .weight = {name + ".weight", {hidden}, {}}, .bias = {}};
  };
  const std::string table =
      reading.weights && !reading.hasWeight("shared.weight") ? "encoder.embed_tokens.weight" : "shared.weight";
  config.embedding.tokens = {table, {config.vocabSize, hidden}, {}};
  config.finalNorm = rms("encoder.final_layer_norm");
  config.takesMask = config.returnsHidden = true;
  // Files of whole models have their decoder, too; the table may be there under each of its names.
  config.ignoredWeights = {"decoder.*", "lm_head.weight", "encoder.embed_tokens.weight"};
  const uint64_t queries = uint64_t{heads} * headDim;
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("encoder.block.{}.layer.", i), self = name + "0.SelfAttention.";
    const std::string mlp = name + "1.DenseReluDense.";
    LayerConfig layer;
    layer.name = fmt::format("encoder.block.{}", i);
    layer.attentionNorms.pre = rms(name + "0.layer_norm");
    layer.mlpNorms.pre = rms(name + "1.layer_norm");
    AttentionConfig &attention = layer.attention;
    attention.heads = attention.kvHeads = heads;
    attention.headDim = headDim;
    attention.q = linearOf(self + "q", hidden, queries, false);
    attention.k = linearOf(self + "k", hidden, queries, false);
    attention.v = linearOf(self + "v", hidden, queries, false);
    attention.output = linearOf(self + "o", queries, hidden, false);
    attention.rotary = attention.causal = false;
    // The first layer's, for all.
    attention.relativeBias = {
        .table = {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", {buckets, heads}, {}},
        .buckets = buckets,
        .maxDistance = distance};
    layer.mlp.activation = forward.activation;
    if (forward.gated)
      layer.mlp.gate = linearOf(mlp + "wi_0", hidden, inner, false);
    layer.mlp.up = linearOf(mlp + (forward.gated ? "wi_1" : "wi"), hidden, inner, false);
    layer.mlp.down = linearOf(mlp + "wo", inner, hidden, false);
    config.layers.push_back(std::move(layer));
  }
  return config;
}

} // namespace

static constexpr std::string_view classes[] = {"T5EncoderModel"};
const Architecture t5Encoder = {classes, "T5 encoder", "t5-small", "encoder; bias by distance, scores without a scale",
                                read};

} // namespace weft::frontend::hf
