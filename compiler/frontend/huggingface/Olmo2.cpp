#include "compiler/frontend/huggingface/Decoder.h"

namespace weft::frontend::hf {

static TransformerConfig read(Reading &reading) {
  Decoder decoder = startDecoder(reading, {.epsilon = 1e-5, .rope = {}});
  const DecoderSizes &sizes = decoder.sizes;
  const bool bias = reading.keys.flag("attention_bias", false);
  for (uint32_t i = 0; i < sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, {.qkv = bias, .output = bias});
    const std::string name = decoder.layerPrefix(i);
    layer.attentionNorms = {
        .pre = {}, .post = decoder.rms(name + ".post_attention_layernorm", sizes.hidden), .after = {}};
    layer.mlpNorms = {.pre = {}, .post = decoder.rms(name + ".post_feedforward_layernorm", sizes.hidden), .after = {}};
    // Over all heads at once.
    layer.attention.queryNorm = decoder.rms(name + ".self_attn.q_norm", uint64_t{sizes.heads} * sizes.headDim);
    layer.attention.keyNorm = decoder.rms(name + ".self_attn.k_norm", uint64_t{sizes.kvHeads} * sizes.headDim);
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static constexpr std::string_view classes[] = {"Olmo2ForCausalLM", "Olmo2Model"};
const Architecture olmo2 = {classes, "OLMo 2", "OLMo-2-1124-7B", "norms after attention and MLP, of queries and keys",
                            read};

} // namespace weft::frontend::hf
