// DeepSeek-V2 and V3: latent attention, shared and routed experts.
#include "compiler/frontend/huggingface/Decoder.h"
#include "compiler/frontend/huggingface/Limits.h"

#include "runtime/support/Json.h"

#include <cmath>
#include <fmt/format.h>

namespace weft::frontend::hf {

namespace {

struct LatentSizes {
  uint64_t queryRank = 0, rank = 0, nope = 0, rope = 0, value = 0; // queryRank 0: queries have no latent
  bool bias = false;
};

/// What V2 and V3 do differently.
struct Version {
  bool three = false;
  uint32_t experts, shared, denseLayers, topK, inner, groups, topGroups;
  double scale;
};

LatentSizes readLatent(Reading &reading) {
  ConfigReader &keys = reading.keys;
  LatentSizes sizes;
  sizes.queryRank = keys.isNull("q_lora_rank") ? 0 : keys.count("q_lora_rank", 1, maxWidth).value_or(1536);
  sizes.rank = keys.count("kv_lora_rank", 1, maxWidth).value_or(512);
  sizes.nope = keys.count("qk_nope_head_dim", 1, maxHeadDim).value_or(128);
  sizes.rope = keys.count("qk_rope_head_dim", 2, maxHeadDim).value_or(64);
  if (sizes.rope % 2 != 0)
    keys.complain("qk_rope_head_dim",
                  fmt::format("is {}; its dimensions turn in pairs, so it must be even", sizes.rope));
  sizes.value = keys.count("v_head_dim", 1, maxHeadDim).value_or(128);
  sizes.bias = keys.flag("attention_bias", false);
  return sizes;
}

/// A norm of a latent; its epsilon is not the config's.
NormConfig latentNorm(const std::string &name, uint64_t size) {
  return {.kind = NormKind::Rms, .epsilon = 1e-6, .weight = {name + ".weight", {size}, {}}, .bias = {}};
}

AttentionConfig latentAttention(const Decoder &decoder, const std::string &name, const LatentSizes &latent) {
  const DecoderSizes &sizes = decoder.sizes;
  const uint64_t heads = sizes.heads, perQuery = latent.nope + latent.rope, perKey = latent.nope + latent.value;
  AttentionConfig attention;
  attention.heads = sizes.heads;
  attention.kvHeads = sizes.heads;
  attention.headDim = static_cast<uint32_t>(perQuery);
  attention.scale = decoder.latentScale / std::sqrt(static_cast<double>(perQuery));
  attention.output = decoder.linear(name + ".o_proj", heads * latent.value, sizes.hidden, latent.bias);

  LatentConfig config;
  WeightRef query;
  if (latent.queryRank) {
    config.queryDown = decoder.linear(name + ".q_a_proj", sizes.hidden, latent.queryRank, latent.bias);
    config.queryNorm = latentNorm(name + ".q_a_layernorm", latent.queryRank);
    query = decoder.linear(name + ".q_b_proj", latent.queryRank, heads * perQuery).weight;
  } else {
    query = decoder.linear(name + ".q_proj", sizes.hidden, heads * perQuery).weight;
  }
  const WeightRef byHead = query.expand(0, {heads, perQuery});
  config.queryPlain.weight = byHead.slice(1, 0, latent.nope).collapse(0, 2);
  config.queryRotary.weight = byHead.slice(1, latent.nope, latent.rope).collapse(0, 2);
  const LinearConfig down =
      decoder.linear(name + ".kv_a_proj_with_mqa", sizes.hidden, latent.rank + latent.rope, latent.bias);
  config.down = {down.weight.rows(0, latent.rank), down.bias.rows(0, latent.rank)};
  config.rotary = {down.weight.rows(latent.rank, latent.rope), down.bias.rows(latent.rank, latent.rope)};
  config.norm = latentNorm(name + ".kv_a_layernorm", latent.rank);
  const WeightRef up =
      decoder.linear(name + ".kv_b_proj", latent.rank, heads * perKey).weight.expand(0, {heads, perKey});
  config.keyUp = up.slice(1, 0, latent.nope).permute({0, 2, 1});
  config.valueUp = up.slice(1, latent.nope, latent.value);
  config.rank = static_cast<uint32_t>(latent.rank);
  config.nopeDim = static_cast<uint32_t>(latent.nope);
  config.ropeDim = static_cast<uint32_t>(latent.rope);
  config.valueDim = static_cast<uint32_t>(latent.value);
  attention.latent = std::move(config);
  return attention;
}

/// "8 experts", and that the file does not say so.
std::string expertsOf(const ConfigReader &keys, uint32_t experts) {
  const bool isGiven = keys.has("n_routed_experts") || keys.has("num_local_experts");
  return fmt::format("{} experts{}", experts, isGiven ? "" : ", the default where 'n_routed_experts' is not given,");
}

/// How experts are chosen and weighed, without the experts.
MoeConfig readRouting(Reading &reading, const Version &version) {
  ConfigReader &keys = reading.keys;
  MoeConfig moe;
  moe.topK = keys.count("num_experts_per_tok", 1, maxExperts).value_or(version.topK);
  moe.scale = keys.number("routed_scaling_factor", 1e-6, 1e6).value_or(version.scale);
  bool grouped = version.three;
  const std::string method = keys.text("topk_method").value_or(version.three ? "noaux_tc" : "greedy");
  if (version.three) {
    moe.sigmoid = moe.groupByTopTwo = true;
    moe.normalize = keys.flag("norm_topk_prob", true);
    moe.normalizeEpsilon = 1e-20;
  } else {
    grouped = method == "group_limited_greedy";
    if (keys.flag("norm_topk_prob", false))
      keys.complain("norm_topk_prob", "is true, which DeepSeek-V2's router does not do");
  }
  const bool knownMethod = version.three ? method == "noaux_tc" : grouped || method == "greedy";
  if (!knownMethod)
    keys.complain("topk_method", fmt::format("is '{}'; supported is: {}", runtime::printable(method),
                                             version.three ? "noaux_tc" : "greedy, group_limited_greedy"));
  const std::string scoring = keys.text("scoring_func").value_or(version.three ? "sigmoid" : "softmax");
  if (scoring != (version.three ? "sigmoid" : "softmax"))
    keys.complain("scoring_func", fmt::format("is '{}'; supported is: {}", runtime::printable(scoring),
                                              version.three ? "sigmoid" : "softmax"));
  const uint32_t groups = keys.count("n_group", 1, maxExperts).value_or(version.groups);
  const uint32_t topGroups = keys.count("topk_group", 1, maxExperts).value_or(version.topGroups);
  if (grouped) {
    moe.groups = groups;
    moe.topGroups = topGroups;
  }
  if (keys.failure())
    return moe;
  const uint32_t perGroup = version.experts / moe.groups;
  if (version.experts % moe.groups != 0 || (moe.groupByTopTwo && moe.groups > 1 && perGroup < 2))
    keys.complain("n_group",
                  fmt::format("({}) does not divide the {} into groups of {}", moe.groups,
                              expertsOf(keys, version.experts), moe.groupByTopTwo ? "two or more" : "one or more"));
  if (moe.topGroups > moe.groups)
    keys.complain("topk_group", fmt::format("is {}{}; there are {} groups", moe.topGroups,
                                            keys.has("topk_group") ? "" : " where it is left out", moe.groups));
  if (moe.topK > moe.topGroups * perGroup)
    keys.complain("num_experts_per_tok",
                  fmt::format("is {}; {} of {} groups of the {} have {}", moe.topK, moe.topGroups, moe.groups,
                              expertsOf(keys, version.experts), moe.topGroups * perGroup));
  return moe;
}

TransformerConfig read(Reading &reading, Version version) {
  ConfigReader &keys = reading.keys;
  const LatentSizes latent = readLatent(reading);
  // The rotary part is a head of its own, so that its size, not head_dim, says how much turns.
  DecoderDefaults defaults{.maxPositions = version.three ? 4096U : 2048U, .rope = {}};
  defaults.headDim = static_cast<uint32_t>(latent.rope);
  Decoder decoder = startDecoder(reading, defaults);
  const DecoderSizes &sizes = decoder.sizes;
  if (sizes.headDim != latent.rope)
    keys.complain(
        "qk_rope_head_dim",
        fmt::format("is {}{}, and 'head_dim' {}; both are the size of the part of a head that turns, so leave "
                    "'head_dim' out or make them the same",
                    latent.rope, keys.has("qk_rope_head_dim") ? "" : " where it is left out", sizes.headDim));
  if (sizes.kvHeads != sizes.heads)
    keys.complain("num_key_value_heads", "differs from num_attention_heads; latent attention has one kind of head");
  const bool mlpBias = !version.three && keys.flag("mlp_bias", false);
  const char *expertsKey = keys.has("n_routed_experts") ? "n_routed_experts" : "num_local_experts";
  version.experts = readExpertCount(reading, expertsKey, sizes.layers, version.experts);
  version.shared = keys.count("n_shared_experts", 0, maxExperts).value_or(version.shared);
  const uint32_t dense = keys.count("first_k_dense_replace", 0, maxLayers).value_or(version.denseLayers);
  const std::string gate = decoder.layerPrefix(dense) + ".mlp.gate.weight";
  if (const WeightInfo *router = reading.weights ? reading.weights->find(gate) : nullptr;
      router && !keys.has(expertsKey) && !router->shape.empty() && router->shape[0] != version.experts)
    keys.complain("n_routed_experts", fmt::format("is not given, which means {} experts; tensor '{}' is of {}",
                                                  version.experts, gate, router->shape[0]));
  const uint64_t inner = keys.count("moe_intermediate_size", 1, maxWidth).value_or(version.inner);
  if (keys.count("moe_layer_freq", 1, maxLayers).value_or(1) != 1)
    keys.complain("moe_layer_freq", "other than 1 is not supported");
  if (keys.count("ep_size", 1, maxExperts).value_or(1) != 1)
    keys.complain("ep_size", "other than 1 is not supported");
  const MoeConfig routing = readRouting(reading, version);
  decoder.config.rope.interleaved = version.three ? keys.flag("rope_interleave", true) : true;
  // Modules that predict further tokens lie behind the layers, and generating one by one does not read them. A layer
  // of the model itself, which num_hidden_layers leaves out, has no such projection.
  for (uint32_t i = sizes.layers; reading.hasWeight(decoder.layerPrefix(i) + ".eh_proj.weight"); ++i)
    decoder.config.ignoredWeights.push_back(decoder.layerPrefix(i) + ".*");
  if (keys.failure())
    return {};

  for (uint32_t i = 0; i < sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, {.mlp = mlpBias});
    const std::string name = decoder.layerPrefix(i), mlp = name + ".mlp";
    layer.attention = latentAttention(decoder, name + ".self_attn", latent);
    if (i >= dense) {
      layer.moe = routing;
      layer.moe->router = decoder.linear(mlp + ".gate", sizes.hidden, version.experts);
      if (version.three)
        layer.moe->choiceBias = {mlp + ".gate.e_score_correction_bias", {version.experts}, {}};
      layer.moe->experts = readExperts(reading, decoder, mlp + ".experts", version.experts, inner,
                                       {"gate_proj", "up_proj", "down_proj"});
      if (version.shared)
        layer.moe->shared = decoder.gatedMlp(mlp + ".shared_experts", inner * version.shared, mlpBias);
    }
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

TransformerConfig readV2(Reading &reading) {
  return read(reading, {.experts = 64,
                        .shared = 2,
                        .denseLayers = 0,
                        .topK = 1,
                        .inner = 1407,
                        .groups = 1,
                        .topGroups = 1,
                        .scale = 1});
}
TransformerConfig readV3(Reading &reading) {
  return read(reading, {.three = true,
                        .experts = 256,
                        .shared = 1,
                        .denseLayers = 3,
                        .topK = 8,
                        .inner = 2048,
                        .groups = 8,
                        .topGroups = 4,
                        .scale = 2.5});
}

} // namespace

static constexpr std::string_view v2Classes[] = {"DeepseekV2ForCausalLM", "DeepseekV2Model"},
                                  v3Classes[] = {"DeepseekV3ForCausalLM", "DeepseekV3Model"};
const Architecture deepseekV2 = {v2Classes, "DeepSeek-V2", "DeepSeek-V2-Lite",
                                 "latent attention, shared and routed experts", readV2};
const Architecture deepseekV3 = {v3Classes, "DeepSeek-V3", "DeepSeek-V3",
                                 "latent attention, experts by groups, biased choice", readV3};

} // namespace weft::frontend::hf
