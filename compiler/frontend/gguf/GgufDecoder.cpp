#include "compiler/frontend/gguf/GgufDecoder.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace weft::frontend::gguf {

std::string Decoder::block(uint32_t layer, std::string_view part) { return fmt::format("blk.{}.{}", layer, part); }

LinearConfig Decoder::linear(const std::string &name, uint64_t in, uint64_t out) const {
  LinearConfig linear;
  linear.weight = {name + ".weight", {out, in}, {}};
  if (reading.hasTensor(name + ".bias"))
    linear.bias = {name + ".bias", {out}, {}};
  return linear;
}

NormConfig Decoder::norm(const std::string &name, uint64_t size) const {
  NormConfig norm{.kind = normKind, .epsilon = epsilon, .weight = {name + ".weight", {size}, {}}, .bias = {}};
  if (normKind == NormKind::Layer)
    norm.bias = {name + ".bias", {size}, {}};
  return norm;
}

WeightRef inHalves(const WeightRef &rows, uint64_t heads, uint64_t headDim) {
  if (!rows || headDim % 2 != 0)
    return rows;
  std::vector<uint64_t> order{0, 2, 1};
  if (rows.stored.size() > 1)
    order.push_back(3);
  return rows.expand(0, {heads, headDim / 2, 2}).permute(order).collapse(0, 3);
}

AttentionConfig Decoder::attention(uint32_t index) const {
  AttentionConfig attention{.heads = heads,
                            .kvHeads = kvHeads,
                            .headDim = headDim,
                            .q = {},
                            .k = {},
                            .v = {},
                            .output = linear(block(index, "attn_output"), queries(), hidden),
                            .queryNorm = {},
                            .keyNorm = {},
                            .scale = 1 / std::sqrt(static_cast<double>(headDim)),
                            .latent = {},
                            .relativeBias = {}};
  if (reading.hasTensor(block(index, "attn_qkv.weight"))) {
    const LinearConfig all = linear(block(index, "attn_qkv"), hidden, queries() + 2 * keys());
    auto rows = [&](uint64_t begin, uint64_t size) {
      return LinearConfig{all.weight.rows(begin, size), all.bias.rows(begin, size)};
    };
    attention.q = rows(0, queries());
    attention.k = rows(queries(), keys());
    attention.v = rows(queries() + keys(), keys());
  } else {
    attention.q = linear(block(index, "attn_q"), hidden, queries());
    attention.k = linear(block(index, "attn_k"), hidden, keys());
    attention.v = linear(block(index, "attn_v"), hidden, keys());
  }
  if (reading.hasTensor(block(index, "attn_q_norm.weight"))) {
    attention.queryNorm = norm(block(index, "attn_q_norm"), headDim);
    attention.keyNorm = norm(block(index, "attn_k_norm"), headDim);
  }
  return attention;
}

MlpConfig Decoder::mlp(uint32_t index, ActivationKind activation) const {
  MlpConfig mlp{.activation = activation,
                .gate = {},
                .up = linear(block(index, "ffn_up"), hidden, inner),
                .down = linear(block(index, "ffn_down"), inner, hidden)};
  if (reading.hasTensor(block(index, "ffn_gate.weight")))
    mlp.gate = linear(block(index, "ffn_gate"), hidden, inner);
  return mlp;
}

MoeConfig Decoder::experts(uint32_t index) const {
  const uint32_t count = reading.count("expert_count", 1, maxExperts);
  if (uint64_t{count} * layers > maxExpertsInAll)
    reading.complain(fmt::format("metadata '{}' is {}; in {} layers that is more than {} experts",
                                 reading.full("expert_count"), count, layers, maxExpertsInAll));
  MoeConfig moe;
  if (reading.failed())
    return moe;
  const uint64_t width = reading.count("expert_feed_forward_length", 1, maxWidth, static_cast<uint32_t>(inner));
  moe.router = linear(block(index, "ffn_gate_inp"), hidden, count);
  moe.topK = reading.count("expert_used_count", 1, count);
  moe.normalize = reading.flag("expert_weights_norm", !latent.rank); // only DeepSeek's are not without a word
  const double scale = reading.real("expert_weights_scale", 0, 1e6, 1);
  moe.scale = scale == 0 ? 1 : scale; // 0 stands for none
  const bool stacked = reading.hasTensor(block(index, "ffn_up_exps.weight"));
  auto part = [&](const char *name, uint32_t expert, uint64_t in, uint64_t out) -> LinearConfig {
    if (!stacked) // files from before experts were put together
      return linear(block(index, fmt::format("{}.{}", name, expert)), in, out);
    return {WeightRef{block(index, name) + "_exps.weight", {count, out, in}, {}}.at(expert), {}};
  };
  for (uint32_t i = 0; i < count; ++i)
    moe.experts.push_back({.activation = ActivationKind::Silu,
                           .gate = part("ffn_gate", i, hidden, width),
                           .up = part("ffn_up", i, hidden, width),
                           .down = part("ffn_down", i, width, hidden)});
  return moe;
}

LayerConfig Decoder::layer(uint32_t index, ActivationKind activation) const {
  LayerConfig layer;
  layer.name = fmt::format("blk.{}", index);
  layer.attentionNorms.pre = norm(block(index, "attn_norm"), hidden);
  layer.mlpNorms.pre = norm(block(index, "ffn_norm"), hidden);
  layer.attention = attention(index);
  if (reading.hasTensor(block(index, "ffn_gate_inp.weight")))
    layer.moe = experts(index);
  else
    layer.mlp = mlp(index, activation);
  return layer;
}

/// The width of a head: that of the metadata, or the model's divided by the heads.
static void readHeads(Decoder &decoder) {
  Reading &reading = decoder.reading;
  if (decoder.heads % decoder.kvHeads != 0)
    reading.complain(fmt::format("metadata '{}' ({}) must be a multiple of '{}' ({})",
                                 reading.full("attention.head_count"), decoder.heads,
                                 reading.full("attention.head_count_kv"), decoder.kvHeads));
  if (!reading.has("attention.key_length") && decoder.hidden % decoder.heads != 0)
    reading.complain(fmt::format("metadata '{}' ({}) does not divide by '{}' ({}), and '{}' is missing",
                                 reading.full("embedding_length"), decoder.hidden, reading.full("attention.head_count"),
                                 decoder.heads, reading.full("attention.key_length")));
  decoder.headDim =
      reading.count("attention.key_length", 1, maxHeadDim, static_cast<uint32_t>(decoder.hidden / decoder.heads));
}

static void readTokens(Decoder &decoder) {
  Reading &reading = decoder.reading;
  TransformerConfig &config = decoder.config;
  config.bosToken = reading.token("tokenizer.ggml.bos_token_id");
  for (const char *key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
    if (int32_t id = reading.token(key); id >= 0)
      config.eosTokens.push_back(id);
  for (int32_t id : config.eosTokens)
    if (static_cast<uint32_t>(id) >= config.vocabSize)
      reading.complain(fmt::format("the end of a text is token {}, but there are {}", id, config.vocabSize));
  if (config.bosToken >= 0 && static_cast<uint32_t>(config.bosToken) >= config.vocabSize)
    reading.complain(
        fmt::format("the beginning of a text is token {}, but there are {}", config.bosToken, config.vocabSize));
}

/// The table of tokens, and the head, which may be that table.
static void readEnds(Decoder &decoder) {
  Reading &reading = decoder.reading;
  TransformerConfig &config = decoder.config;
  const std::vector<uint64_t> embedding = reading.shapeOf("token_embd.weight");
  if (!reading.failed() && (embedding.size() != 2 || embedding[0] > maxVocab || embedding[1] != decoder.hidden))
    reading.complain(fmt::format("tensor 'token_embd.weight' must have rows of {} numbers", decoder.hidden));
  if (reading.failed())
    return;
  config.vocabSize = static_cast<uint32_t>(embedding[0]);
  config.hiddenSize = static_cast<uint32_t>(decoder.hidden);
  config.embedding.tokens = {"token_embd.weight", {embedding[0], decoder.hidden}, {}};
  config.finalNorm = decoder.norm("output_norm", decoder.hidden);
  LinearConfig head = reading.hasTensor("output.weight") ? decoder.linear("output", decoder.hidden, config.vocabSize)
                                                         : LinearConfig{config.embedding.tokens, {}};
  config.heads = {{.steps = {{.linear = head, .activation = {}, .norm = {}}}, .output = "logits"}};
  config.ignoredWeights = {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight",
                           "blk.*.attn_rot_embd"};
}

/// YaRN as llama.cpp has it: frequencies that turn often are kept, those that turn little are divided by the factor.
static void applyYarn(Decoder &decoder, double factor) {
  Reading &reading = decoder.reading;
  RopeConfig &rope = decoder.config.rope;
  const double original =
      reading.count("rope.scaling.original_context_length", 1, maxContext, decoder.config.maxPositions);
  const double fast = reading.real("rope.scaling.yarn_beta_fast", 1e-3, 1e6, 32),
               slow = reading.real("rope.scaling.yarn_beta_slow", 1e-3, 1e6, 1);
  const auto count = static_cast<double>(rope.inverseFrequencies.size());
  auto indexOf = [&](double turns) {
    return count * std::log(original / (turns * 2 * std::numbers::pi)) / std::log(rope.theta);
  };
  const double low = std::max(0.0, std::floor(indexOf(fast))), high = std::min(2 * count - 1, std::ceil(indexOf(slow)));
  for (size_t i = 0; i < rope.inverseFrequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    rope.inverseFrequencies[i] *= ramp / factor + (1 - ramp);
  }
  rope.scale = reading.real("rope.scaling.attn_factor", 1e-6, 1e6, 1) * (1 + 0.1 * std::log(factor));
}

/// Phi-3's: factors for each pair, other ones for long texts.
static void applyLongrope(Decoder &decoder) {
  Reading &reading = decoder.reading;
  RopeConfig &rope = decoder.config.rope;
  const size_t pairs = rope.inverseFrequencies.size();
  const std::vector<float> near = reading.numbersOf("rope_factors_short.weight", pairs),
                           far = reading.numbersOf("rope_factors_long.weight", pairs);
  if (near.empty() || far.empty())
    return reading.complain(
        "rotary factors are those of longrope, which needs the tensors rope_factors_short.weight and "
        "rope_factors_long.weight");
  rope.longFrom = reading.count("rope.scaling.original_context_length", 1, maxContext, decoder.config.maxPositions);
  rope.longInverseFrequencies = rope.inverseFrequencies;
  for (size_t i = 0; i < pairs; ++i) {
    rope.inverseFrequencies[i] /= double(near[i]);
    rope.longInverseFrequencies[i] /= double(far[i]);
  }
  rope.scale = reading.real("rope.scaling.attn_factor", 1e-6, 1e6, 1);
}

/// Base, dimensions, scaling, and factors in tensors.
static void readRope(Decoder &decoder) {
  Reading &reading = decoder.reading;
  RopeConfig &rope = decoder.config.rope;
  decoder.turning = reading.count("rope.dimension_count", 2, decoder.headDim, decoder.headDim);
  rope.theta = reading.real("rope.freq_base", 1e-3, 1e12, 10000);
  if (decoder.turning % 2 != 0)
    reading.complain(fmt::format("metadata '{}' is {}; values turn in pairs", reading.full("rope.dimension_count"),
                                 decoder.turning));
  for (uint32_t i = 0; i < decoder.turning / 2; ++i)
    rope.inverseFrequencies.push_back(std::pow(rope.theta, -2.0 * i / decoder.turning));
  const double factor = reading.real("rope.scaling.factor", 1e-6, 1e6, reading.real("rope.scale_linear", 1e-6, 1e6, 1));
  const std::string kind = reading.text("rope.scaling.type", reading.hasTensor("rope_factors_short.weight") ? "longrope"
                                                             : factor != 1                                  ? "linear"
                                                                                                            : "none");
  if (kind == "linear")
    for (double &frequency : rope.inverseFrequencies)
      frequency /= factor;
  else if (kind == "yarn")
    applyYarn(decoder, factor);
  else if (kind == "longrope")
    applyLongrope(decoder);
  else if (kind != "none")
    reading.complain(fmt::format("metadata '{}' is '{}'; supported are none, linear, yarn, longrope",
                                 reading.full("rope.scaling.type"), kind));
  // Llama 3.1's scaling is in the file as factors.
  const std::vector<float> factors = reading.numbersOf("rope_freqs.weight", rope.inverseFrequencies.size());
  for (size_t i = 0; i < factors.size(); ++i)
    rope.inverseFrequencies[i] /= double(factors[i]);
}

Decoder startDecoder(Reading &reading, NormKind normKind, Positions positions) {
  Decoder decoder{.reading = reading, .normKind = normKind, .latent = {}, .config = {}};
  TransformerConfig &config = decoder.config;
  decoder.layers = reading.count("block_count", 1, maxLayers);
  decoder.hidden = reading.count("embedding_length", 1, maxWidth);
  decoder.inner = reading.count("feed_forward_length", 1, maxWidth);
  decoder.heads = reading.count("attention.head_count", 1, maxHeads);
  decoder.kvHeads = reading.count("attention.head_count_kv", 1, maxHeads, decoder.heads);
  decoder.window = reading.count("attention.sliding_window", 0, maxContext, 0);
  config.maxPositions = reading.count("context_length", 1, maxContext);
  decoder.epsilon = reading.real(
      normKind == NormKind::Rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 0, 0.1);
  if (!reading.failed())
    readHeads(decoder);
  if (!reading.failed() && positions != Positions::Latent &&
      reading.count("attention.value_length", 1, maxHeadDim, decoder.headDim) != decoder.headDim)
    reading.complain(fmt::format("metadata '{}' must be that of '{}'", reading.full("attention.value_length"),
                                 reading.full("attention.key_length")));
  if (!reading.failed())
    readEnds(decoder);
  if (!reading.failed())
    readTokens(decoder);
  if (!reading.failed() && positions == Positions::Learned)
    config.embedding.positions = {"position_embd.weight", {config.maxPositions, decoder.hidden}, {}};
  else if (!reading.failed())
    readRope(decoder);
  return decoder;
}

} // namespace weft::frontend::gguf
