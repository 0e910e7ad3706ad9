// Qwen2, Qwen3 and Qwen3-MoE.
#include "compiler/frontend/huggingface/Decoder.h"
#include "compiler/frontend/huggingface/Limits.h"

#include <algorithm>
#include <fmt/format.h>

namespace weft::frontend::hf {

/// The window of each layer: where `use_sliding_window` says so, all from `max_window_layers` on.
static std::vector<uint32_t> readWindows(Reading &reading, uint32_t layers, bool byLayer) {
  const uint32_t size = reading.keys.flag("use_sliding_window", false) ? readWindow(reading, 4096) : 0;
  const uint32_t first = reading.keys.count("max_window_layers", 0, maxLayers).value_or(28);
  std::vector<uint32_t> windows(layers, size);
  if (!byLayer)
    return windows;
  const std::vector<bool> sliding =
      readSlidingLayers(reading, layers, [&](uint32_t i) { return size != 0 && i >= first; });
  for (uint32_t i = 0; i < layers; ++i)
    windows[i] = sliding[i] ? size : 0;
  return windows;
}

/// Qwen3's norms of each query's and key's head.
static void addHeadNorms(const Decoder &decoder, uint32_t index, LayerConfig &layer) {
  layer.attention.queryNorm = decoder.rms(decoder.layerPrefix(index) + ".self_attn.q_norm", decoder.sizes.headDim);
  layer.attention.keyNorm = decoder.rms(decoder.layerPrefix(index) + ".self_attn.k_norm", decoder.sizes.headDim);
}

static TransformerConfig readQwen2(Reading &reading) {
  Decoder decoder = startDecoder(reading, {.maxPositions = 32768, .kvHeads = 32, .rope = {}});
  const std::vector<uint32_t> windows = readWindows(reading, decoder.sizes.layers, true);
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, {.qkv = true});
    layer.attention.window = windows[i];
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static TransformerConfig readQwen3(Reading &reading) {
  Decoder decoder = startDecoder(reading, {.maxPositions = 32768, .headDim = 128, .kvHeads = 32, .rope = {}});
  const bool bias = reading.keys.flag("attention_bias", false);
  const std::vector<uint32_t> windows = readWindows(reading, decoder.sizes.layers, true);
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, {.qkv = bias, .output = bias});
    addHeadNorms(decoder, i, layer);
    layer.attention.window = windows[i];
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static TransformerConfig readQwen3Moe(Reading &reading) {
  ConfigReader &keys = reading.keys;
  Decoder decoder = startDecoder(reading, {.maxPositions = 32768, .kvHeads = 4, .rope = {}});
  const bool bias = keys.flag("attention_bias", false);
  const std::vector<uint32_t> windows = readWindows(reading, decoder.sizes.layers, false);
  const uint32_t experts = readExpertCount(reading, keys.has("num_local_experts") ? "num_local_experts" : "num_experts",
                                           decoder.sizes.layers, 128);
  const uint32_t inner = keys.count("moe_intermediate_size", 1, maxWidth).value_or(768);
  const uint32_t topK = keys.count("num_experts_per_tok", 1, experts).value_or(8);
  const uint32_t step = keys.count("decoder_sparse_step", 1, maxLayers).value_or(1);
  const bool normalize = keys.flag("norm_topk_prob", false);
  const std::vector<double> dense = keys.numbers("mlp_only_layers", 0, maxLayers);
  if (topK > experts)
    keys.complain("num_experts_per_tok", fmt::format("is {} of {} experts", topK, experts));
  if (keys.failure())
    return {};
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, {.qkv = bias, .output = bias});
    addHeadNorms(decoder, i, layer);
    layer.attention.window = windows[i];
    if (std::find(dense.begin(), dense.end(), i) == dense.end() && (i + 1) % step == 0) {
      const std::string name = decoder.layerPrefix(i) + ".mlp";
      layer.moe = {.router = decoder.linear(name + ".gate", decoder.sizes.hidden, experts),
                   .choiceBias = {},
                   .experts = readExperts(reading, decoder, name + ".experts", experts, inner,
                                          {"gate_proj", "up_proj", "down_proj"}),
                   .topK = topK,
                   .normalize = normalize,
                   .shared = {}};
    }
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static constexpr std::string_view qwen2Classes[] = {"Qwen2ForCausalLM", "Qwen2Model"},
                                  qwen3Classes[] = {"Qwen3ForCausalLM", "Qwen3Model"},
                                  qwen3MoeClasses[] = {"Qwen3MoeForCausalLM", "Qwen3MoeModel"};
const Architecture qwen2 = {qwen2Classes, "Qwen2", "Qwen2.5-7B", "biases of q, k, v; windows on later layers",
                            readQwen2};
const Architecture qwen3 = {qwen3Classes, "Qwen3", "Qwen3-8B", "norms of query and key heads", readQwen3};
const Architecture qwen3Moe = {qwen3MoeClasses, "Qwen3-MoE", "Qwen3-30B-A3B", "experts, dense layers between",
                               readQwen3Moe};

} // namespace weft::frontend::hf
