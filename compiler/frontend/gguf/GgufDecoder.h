// What the decoders of GGUF files have in common. Names of tensors and keys are llama.cpp's.
#pragma once

#include "compiler/frontend/gguf/GgufReading.h"

namespace weft::frontend::gguf {

inline constexpr uint32_t maxVocab = 1U << 24, maxWidth = 1U << 22, maxLayers = 1U << 12, maxHeads = 1U << 14,
                          maxHeadDim = 1U << 14, maxContext = 1U << 28, maxExperts = 1U << 12,
                          maxExpertsInAll = 1U << 17;

enum class Positions { Rotary, Learned, Latent }; // Latent: rotary in a part of DeepSeek's heads

/// Of DeepSeek's latent attention.
struct LatentSizes {
  uint64_t queryRank = 0, rank = 0, query = 0, value = 0; // queryRank 0: none; query: of a head, with what turns
  uint32_t denseLayers = 0;
  double scale = 1; // of scores
};

/// A decoder on its way: sizes, and the config with everything but its layers.
struct Decoder {
  Reading &reading;
  NormKind normKind = NormKind::Rms;
  uint64_t hidden = 0, inner = 0;
  uint32_t layers = 0, heads = 0, kvHeads = 0, headDim = 0, turning = 0; // turning: of a head's values
  uint32_t window = 0;                                                   // of attention; 0: none
  double epsilon = 0, scoreCap = 0;
  bool parallel = false;
  LatentSizes latent;
  TransformerConfig config;

  uint64_t queries() const { return uint64_t{heads} * headDim; }
  uint64_t keys() const { return uint64_t{kvHeads} * headDim; }
  static std::string block(uint32_t layer, std::string_view part);

  /// `name`.weight, with `name`.bias where the file has one.
  LinearConfig linear(const std::string &name, uint64_t in, uint64_t out) const;
  NormConfig norm(const std::string &name, uint64_t size) const;
  /// Pre-norms; queries, keys and values in tensors of their own or in one; norms of queries and keys where the file
  /// has them; the MLP, gated where the file has a gate, or experts.
  LayerConfig layer(uint32_t index, ActivationKind activation) const;
  AttentionConfig attention(uint32_t index) const;
  MlpConfig mlp(uint32_t index, ActivationKind activation) const;
  MoeConfig experts(uint32_t index) const;
};

/// Reads sizes, positions, special tokens, the embedding, the last norm and the head.
Decoder startDecoder(Reading &reading, NormKind normKind, Positions positions);

void prepareDeepseek2(Decoder &decoder);
void adjustDeepseek2(Decoder &decoder, uint32_t index, LayerConfig &layer);

/// The rows of a projection whose heads llama.cpp has reordered, so that values that turn together are neighbours, as
/// they were: the two halves of a head.
WeightRef inHalves(const WeightRef &rows, uint64_t heads, uint64_t headDim);

} // namespace weft::frontend::gguf
