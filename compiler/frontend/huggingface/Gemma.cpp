// Gemma and Gemma 2.
#include "compiler/frontend/huggingface/Decoder.h"

#include <cmath>

namespace weft::frontend::hf {

/// Gemma's norms multiply by 1 + weight.
static void addOne(NormConfig &norm) { norm.offset = 1; }

/// `activation`: the one key that the reference reads; the other one may be there too and say something else.
static Decoder start(Reading &reading, uint32_t kvHeads, const char *activation) {
  Decoder decoder = startDecoder(
      reading, {.maxPositions = 8192, .tiedEmbeddings = true, .headDim = 256, .kvHeads = kvHeads, .rope = {}});
  decoder.sizes.activation = readActivation(reading, activation, "gelu_pytorch_tanh");
  decoder.config.embedding.scale = std::sqrt(static_cast<double>(decoder.sizes.hidden));
  addOne(decoder.config.finalNorm);
  return decoder;
}

static Biases biases(Reading &reading) {
  const bool bias = reading.keys.flag("attention_bias", false);
  return {.qkv = bias, .output = bias};
}

static TransformerConfig readGemma(Reading &reading) {
  Decoder decoder = start(reading, 16, "hidden_act");
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, biases(reading));
    addOne(layer.attentionNorms.pre);
    addOne(layer.mlpNorms.pre);
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static TransformerConfig readGemma2(Reading &reading) {
  ConfigReader &keys = reading.keys;
  Decoder decoder = start(reading, 4, "hidden_activation");
  const double scalar = keys.number("query_pre_attn_scalar", 1e-3, 1e6).value_or(256);
  auto cap = [&](const char *key, double fallback) {
    return keys.isNull(key) ? 0 : keys.number(key, 1e-3, 1e6).value_or(fallback);
  };
  const double scoreCap = cap("attn_logit_softcapping", 50);
  const uint32_t window = readWindow(reading, 4096);
  const std::vector<bool> sliding =
      readSlidingLayers(reading, decoder.sizes.layers, [](uint32_t i) { return i % 2 == 0; });
  for (HeadConfig &head : decoder.config.heads)
    head.softcap = cap("final_logit_softcapping", 30);
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i, biases(reading));
    const std::string name = decoder.layerPrefix(i);
    layer.attentionNorms.post = decoder.rms(name + ".post_attention_layernorm", decoder.sizes.hidden);
    layer.mlpNorms.pre = decoder.rms(name + ".pre_feedforward_layernorm", decoder.sizes.hidden);
    layer.mlpNorms.post = decoder.rms(name + ".post_feedforward_layernorm", decoder.sizes.hidden);
    for (SublayerNorms *norms : {&layer.attentionNorms, &layer.mlpNorms}) {
      addOne(norms->pre);
      addOne(norms->post);
    }
    layer.attention.scale = 1 / std::sqrt(scalar);
    layer.attention.softcap = scoreCap;
    layer.attention.window = sliding[i] ? window : 0;
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static constexpr std::string_view gemmaClasses[] = {"GemmaForCausalLM", "GemmaModel"},
                                  gemma2Classes[] = {"Gemma2ForCausalLM", "Gemma2Model"};
const Architecture gemma = {gemmaClasses, "Gemma", "gemma-7b", "norms of 1 + weight, scaled embeddings", readGemma};
const Architecture gemma2 = {gemma2Classes, "Gemma 2", "gemma-2-9b",
                             "post-norms, soft caps, windows on every other layer", readGemma2};

} // namespace weft::frontend::hf
