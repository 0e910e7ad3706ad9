#include "compiler/frontend/huggingface/Decoder.h"

namespace weft::frontend::hf {

static TransformerConfig read(Reading &reading) {
  Decoder decoder = startDecoder(
      reading, {.maxPositions = 4096, .epsilon = 1e-5, .rope = {.mayBePartial = true, .suIsLongrope = true}});
  const DecoderSizes &sizes = decoder.sizes;
  const uint32_t window = readWindow(reading);
  const uint64_t queries = uint64_t{sizes.heads} * sizes.headDim, keys = uint64_t{sizes.kvHeads} * sizes.headDim;
  for (uint32_t i = 0; i < sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    const std::string name = decoder.layerPrefix(i);
    // Rows of queries, keys and values in one tensor; those of gate and up in another.
    const WeightRef qkv = decoder.linear(name + ".self_attn.qkv_proj", sizes.hidden, queries + 2 * keys).weight;
    const WeightRef gateUp = decoder.linear(name + ".mlp.gate_up_proj", sizes.hidden, 2 * sizes.inner).weight;
    layer.attention.q.weight = qkv.rows(0, queries);
    layer.attention.k.weight = qkv.rows(queries, keys);
    layer.attention.v.weight = qkv.rows(queries + keys, keys);
    layer.mlp.gate.weight = gateUp.rows(0, sizes.inner);
    layer.mlp.up.weight = gateUp.rows(sizes.inner, sizes.inner);
    layer.attention.window = window;
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static constexpr std::string_view classes[] = {"Phi3ForCausalLM", "Phi3Model"};
const Architecture phi3 = {classes, "Phi-3", "Phi-3-mini-4k-instruct", "fused projections, partial rotary, longrope",
                           read};

} // namespace weft::frontend::hf
