// DeepSeek-V2 and V3: latent attention, shared and routed experts. Files of two ages: one tensor that makes keys and
// values of the latent, or one for each, the keys' transposed.
#include "compiler/frontend/gguf/GgufDecoder.h"

#include <fmt/format.h>

#include <cmath>

namespace weft::frontend::gguf {

void prepareDeepseek2(Decoder &decoder) {
  Reading &reading = decoder.reading;
  LatentSizes &latent = decoder.latent;
  const bool split = reading.has("attention.key_length_mla");
  latent.queryRank = reading.count("attention.q_lora_rank", 0, maxWidth, 0);
  latent.rank = reading.count("attention.kv_lora_rank", 1, maxWidth);
  latent.query = reading.count(split ? "attention.key_length_mla" : "attention.key_length", 2, maxHeadDim);
  latent.value = reading.count(split ? "attention.value_length_mla" : "attention.value_length", 1, maxHeadDim);
  latent.denseLayers = reading.count("leading_dense_block_count", 0, maxLayers, 0);
  if (!reading.failed() && latent.query <= decoder.turning)
    reading.complain(fmt::format("metadata '{}' is {}; heads are {} wide, and a part must not turn",
                                 reading.full("rope.dimension_count"), decoder.turning, latent.query));
  decoder.config.rope.interleaved = true;
  // Temperature is a factor of scores here, not of sines and cosines; the multiplier has a tenth in it.
  const double factor = reading.real("rope.scaling.factor", 1e-6, 1e6, 1),
               multiplier = reading.real("rope.scaling.yarn_log_multiplier", 0, 1e6, 0);
  decoder.config.rope.scale = 1;
  const double temperature = factor > 1 ? 1 + multiplier * std::log(factor) : 1;
  latent.scale = temperature * temperature / std::sqrt(static_cast<double>(latent.query));
}

/// Matrices of keys and of values, head by head, as LatentConfig has them.
static void readUp(const Decoder &decoder, uint32_t index, LatentConfig &config) {
  const LatentSizes &latent = decoder.latent;
  const uint64_t heads = decoder.heads, nope = config.nopeDim;
  const std::string keys = Decoder::block(index, "attn_k_b.weight"), values = Decoder::block(index, "attn_v_b.weight");
  if (decoder.reading.hasTensor(keys)) {
    config.keyUp = {keys, {heads, latent.rank, nope}, {}};
    config.valueUp = {values, {heads, latent.value, latent.rank}, {}};
    return;
  }
  const uint64_t perHead = nope + latent.value;
  const WeightRef both = decoder.linear(Decoder::block(index, "attn_kv_b"), latent.rank, heads * perHead)
                             .weight.expand(0, {heads, perHead});
  config.keyUp = both.slice(1, 0, nope).permute({0, 2, 1});
  config.valueUp = both.slice(1, nope, latent.value);
}

static LatentConfig readLatent(const Decoder &decoder, uint32_t index) {
  const LatentSizes &latent = decoder.latent;
  const uint64_t heads = decoder.heads, rope = decoder.turning, nope = latent.query - rope;
  LatentConfig config;
  config.rank = static_cast<uint32_t>(latent.rank);
  config.nopeDim = static_cast<uint32_t>(nope);
  config.ropeDim = static_cast<uint32_t>(rope);
  config.valueDim = static_cast<uint32_t>(latent.value);
  uint64_t from = decoder.hidden;
  if (latent.queryRank) {
    config.queryDown = decoder.linear(Decoder::block(index, "attn_q_a"), from, latent.queryRank);
    config.queryNorm = decoder.norm(Decoder::block(index, "attn_q_a_norm"), latent.queryRank);
    from = latent.queryRank;
  }
  const WeightRef query =
      decoder.linear(Decoder::block(index, latent.queryRank ? "attn_q_b" : "attn_q"), from, heads * latent.query)
          .weight.expand(0, {heads, latent.query});
  config.queryPlain.weight = query.slice(1, 0, nope).collapse(0, 2);
  config.queryRotary.weight = query.slice(1, nope, rope).collapse(0, 2);
  const LinearConfig down = decoder.linear(Decoder::block(index, "attn_kv_a_mqa"), decoder.hidden, latent.rank + rope);
  auto rows = [&](uint64_t begin, uint64_t size) {
    return LinearConfig{down.weight.rows(begin, size), down.bias.rows(begin, size)};
  };
  config.down = rows(0, latent.rank);
  config.rotary = rows(latent.rank, rope);
  config.norm = decoder.norm(Decoder::block(index, "attn_kv_a_norm"), latent.rank);
  readUp(decoder, index, config);
  return config;
}

/// How experts are chosen: by the sigmoid in groups by their best two, as V3 does it, or by the softmax.
static void readRouting(Decoder &decoder, uint32_t index, MoeConfig &moe) {
  Reading &reading = decoder.reading;
  const auto experts = static_cast<uint32_t>(moe.experts.size());
  const std::string bias = Decoder::block(index, "exp_probs_b.bias");
  if (reading.hasTensor(bias))
    moe.choiceBias = {bias, {experts}, {}};
  // Older files do not say what scores are made by; only V3's experts have a bias to be chosen with.
  const uint32_t gating = reading.count("expert_gating_func", 1, 2, moe.choiceBias ? 2 : 1);
  moe.sigmoid = moe.groupByTopTwo = gating == 2;
  moe.normalizeEpsilon = moe.sigmoid ? 1e-20 : 0;
  moe.groups = reading.count("expert_group_count", 1, experts, 1);
  moe.topGroups = reading.count("expert_group_used_count", 1, moe.groups, moe.groups);
  const uint32_t perGroup = experts / moe.groups;
  if (experts % moe.groups != 0 || (moe.groupByTopTwo && moe.groups > 1 && perGroup < 2) ||
      moe.topK > moe.topGroups * perGroup)
    reading.complain(fmt::format("{} experts in {} groups, of which {} are looked into, do not give {} for a token",
                                 experts, moe.groups, moe.topGroups, moe.topK));
  if (const uint64_t shared = reading.count("expert_shared_count", 0, maxExperts, 0)) {
    const uint64_t width = shared * reading.count("expert_feed_forward_length", 1, maxWidth);
    moe.shared = MlpConfig{.activation = ActivationKind::Silu,
                           .gate = decoder.linear(Decoder::block(index, "ffn_gate_shexp"), decoder.hidden, width),
                           .up = decoder.linear(Decoder::block(index, "ffn_up_shexp"), decoder.hidden, width),
                           .down = decoder.linear(Decoder::block(index, "ffn_down_shexp"), width, decoder.hidden)};
  }
}

void adjustDeepseek2(Decoder &decoder, uint32_t index, LayerConfig &layer) {
  AttentionConfig &attention = layer.attention;
  attention.headDim = static_cast<uint32_t>(decoder.latent.query);
  attention.kvHeads = decoder.heads;
  attention.scale = decoder.latent.scale;
  attention.q = attention.k = attention.v = {};
  attention.output =
      decoder.linear(Decoder::block(index, "attn_output"), decoder.heads * decoder.latent.value, decoder.hidden);
  attention.latent = readLatent(decoder, index);
  if (layer.moe && index < decoder.latent.denseLayers)
    decoder.reading.complain(fmt::format("'{}' says that layer {} has no experts, but there are some",
                                         decoder.reading.full("leading_dense_block_count"), index));
  if (layer.moe)
    readRouting(decoder, index, *layer.moe);
}

} // namespace weft::frontend::gguf
