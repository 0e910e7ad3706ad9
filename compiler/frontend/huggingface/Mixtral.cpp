#include "compiler/frontend/huggingface/Decoder.h"
#include "compiler/frontend/huggingface/Limits.h"

#include <fmt/format.h>

namespace weft::frontend::hf {

static TransformerConfig read(Reading &reading) {
  ConfigReader &keys = reading.keys;
  Decoder decoder =
      startDecoder(reading, {.maxPositions = 4096 * 32, .epsilon = 1e-5, .kvHeads = 8, .rope = {.theta = 1e6}});
  const uint32_t window = readWindow(reading);
  const uint32_t experts = readExpertCount(reading, "num_local_experts", decoder.sizes.layers, 8);
  const uint32_t topK = keys.count("num_experts_per_tok", 1, maxExperts).value_or(2);
  if (topK > experts)
    keys.complain("num_experts_per_tok", fmt::format("is {} of {} experts", topK, experts));
  if (keys.failure())
    return {};
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.attention.window = window;
    const std::string name = decoder.layerPrefix(i);
    // Since version 5 of transformers the block is called "mlp" in memory; files kept the older name.
    const bool newer = reading.hasWeight(name + ".mlp.gate.weight");
    const std::string block = name + (newer ? ".mlp" : ".block_sparse_moe");
    layer.moe = {
        .router = decoder.linear(block + ".gate", decoder.sizes.hidden, experts),
        .choiceBias = {},
        .experts = readExperts(reading, decoder, block + ".experts", experts, decoder.sizes.inner, {"w1", "w3", "w2"}),
        .topK = topK,
        .normalize = true,
        .shared = {}};
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static constexpr std::string_view classes[] = {"MixtralForCausalLM", "MixtralModel"};
const Architecture mixtral = {classes, "Mixtral", "Mixtral-8x7B-v0.1", "experts in every layer", read};

} // namespace weft::frontend::hf
