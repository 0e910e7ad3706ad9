// What decoders of the Llama kind have in common, as pieces. Sizes are read in Hugging Face's usual spelling; what an
// architecture does otherwise it changes in the result.
#pragma once

#include "compiler/frontend/huggingface/Pieces.h"
#include "compiler/frontend/huggingface/Rope.h"

#include <array>
#include <functional>

namespace weft::frontend::hf {

/// Sizes that an architecture does not give have its defaults.
struct DecoderDefaults {
  uint32_t maxPositions = 2048;
  double epsilon = 1e-6;
  bool tiedEmbeddings = false;
  uint32_t headDim = 0; // 0: hidden_size / num_attention_heads
  uint32_t kvHeads = 0; // where the key is absent; 0: num_attention_heads
  RopeKeys rope;
};

struct DecoderSizes {
  uint64_t vocab = 0, hidden = 0, inner = 0;
  uint32_t layers = 0, heads = 0, kvHeads = 0, headDim = 0, maxPositions = 0;
  double epsilon = 0;
  ActivationKind activation = ActivationKind::Silu;
};

/// Which linear layers of a Llama's layer have a bias.
struct Biases {
  bool qkv = false, output = false, mlp = false;
};

/// A decoder on its way: the sizes, and the config with everything but its layers.
struct Decoder {
  DecoderSizes sizes;
  std::string prefix; // of weight names
  TransformerConfig config;
  double latentScale = 1; // Rope::attentionScale

  NormConfig rms(const std::string &name, uint64_t size) const;
  LinearConfig linear(const std::string &name, uint64_t in, uint64_t out, bool bias = false) const;
  /// Pre-norms, rotary grouped-query attention, a gated MLP; `index`: of the layer.
  LayerConfig layer(uint32_t index, const Biases &biases = {}) const;
  MlpConfig gatedMlp(const std::string &name, uint64_t inner, bool bias = false) const;
  std::string layerPrefix(uint32_t index) const;
};

/// Reads sizes, rotary embedding, special tokens and the head: tied, or `lm_head`. A base model ("…Model") has no head
/// and gives its last hidden state.
Decoder startDecoder(Reading &reading, const DecoderDefaults &defaults = {});

/// Kinds of layers: entry i says whether layer i sees only a window. From `layer_types`, else from `fallback`.
std::vector<bool> readSlidingLayers(Reading &reading, uint32_t layers, const std::function<bool(uint32_t)> &fallback);

/// `sliding_window` where it is given and not null, else 0. `fallback`: where it is absent.
uint32_t readWindow(Reading &reading, uint32_t fallback = 0);

/// `key` experts in each of so many layers, or `fallback`. Complains of more than any machine could list.
uint32_t readExpertCount(Reading &reading, const std::string &key, uint32_t layers, uint32_t fallback);

/// Experts as a checkpoint has them under `name`: one tensor each, `spell(expert, "gate")` and so on, or, from newer
/// versions, all in "experts.gate_up_proj" and "experts.down_proj".
std::vector<MlpConfig> readExperts(const Reading &reading, const Decoder &decoder, const std::string &name,
                                   uint32_t count, uint64_t inner, const std::array<const char *, 3> &parts);

} // namespace weft::frontend::hf
