#include "compiler/frontend/huggingface/Decoder.h"

namespace weft::frontend::hf {

static TransformerConfig read(Reading &reading) {
  Decoder decoder = startDecoder(reading, {.maxPositions = 4096 * 32, .kvHeads = 8, .rope = {}});
  const uint32_t window = readWindow(reading, 4096);
  for (uint32_t i = 0; i < decoder.sizes.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.attention.window = window;
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

static constexpr std::string_view classes[] = {"MistralForCausalLM", "MistralModel"};
const Architecture mistral = {classes, "Mistral", "Mistral-7B-v0.1", "a window on every layer", read};

} // namespace weft::frontend::hf
