// What the decoders of GGUF files have in common. Names of tensors and keys are llama.cpp's.
#pragma once

#include "compiler/frontend/gguf/GgufReading.h"

namespace weft::frontend::gguf {

inline constexpr uint32_t maxVocab = 1U << 24, maxWidth = 1U << 22, maxLayers = 1U << 12, maxHeads = 1U << 14,
                          maxHeadDim = 1U << 14, maxContext = 1U << 28, maxExperts = 1U << 12;

/// A decoder on its way: sizes, and the config with everything but its layers.
struct Decoder {
  Reading &reading;
  NormKind normKind = NormKind::Rms;
  uint64_t hidden = 0, inner = 0;
  uint32_t layers = 0, heads = 0, kvHeads = 0, headDim = 0, turning = 0; // turning: of a head's values
  double epsilon = 0;
  TransformerConfig config;

  uint64_t queries() const { return uint64_t{heads} * headDim; }
  uint64_t keys() const { return uint64_t{kvHeads} * headDim; }
  static std::string block(uint32_t layer, std::string_view part);

  /// `name`.weight, with `name`.bias where the file has one.
  LinearConfig linear(const std::string &name, uint64_t in, uint64_t out) const;
  NormConfig norm(const std::string &name, uint64_t size) const;
  /// Pre-norms; queries, keys and values in tensors of their own or in one; norms of queries and keys where the file
  /// has them; the MLP, gated where the file has a gate, or experts.
  LayerConfig layer(uint32_t index) const;
  AttentionConfig attention(uint32_t index) const;
  MlpConfig mlp(uint32_t index, ActivationKind activation) const;
  MoeConfig experts(uint32_t index) const;
};

/// Reads sizes, special tokens, the embedding, the last norm and the head.
Decoder startDecoder(Reading &reading, NormKind normKind);
/// Reads the rotary embedding: base, dimensions, scaling, and factors in tensors.
void readRope(Decoder &decoder);

/// The rows of a projection whose heads llama.cpp has reordered, so that values that turn together are neighbours, as
/// they were: the two halves of a head.
WeightRef inHalves(const WeightRef &rows, uint64_t heads, uint64_t headDim);

} // namespace weft::frontend::gguf
