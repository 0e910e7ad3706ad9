#include "compiler/frontend/huggingface/Decoder.h"

namespace weft::frontend::hf {

static TransformerConfig read(Reading &reading) {
  Decoder decoder = startDecoder(reading);
  const bool attention = reading.keys.flag("attention_bias", false);
  const Biases biases = {.qkv = attention, .output = attention, .mlp = reading.keys.flag("mlp_bias", false)};
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i)
    decoder.config.layers.push_back(decoder.layer(i, biases));
  return std::move(decoder.config);
}

static constexpr std::string_view classes[] = {"LlamaForCausalLM", "LlamaModel"};
const Architecture llama = {classes, "Llama", "Llama-3.1-8B", "biases, tied embeddings", read};

} // namespace weft::frontend::hf
