// Decoders as exporters write them: the description of a model, made a graph of ONNX's ops with caches.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "tests/onnx/GraphMaker.h"

#include <functional>

namespace weft::test {

enum class Exporter {
  Optimum,      // small ops, masks and angles computed from inputs, caches as inputs and outputs
  WithoutCache, // the same without caches
  GenAi,        // GroupQueryAttention with rotation inside, tables of angles, fused norms
  GenAiPacked,  // with one product for queries, keys and values
  Attention23,  // ONNX's own RotaryEmbedding and Attention
  MultiHead,    // those of ONNX Runtime; as many heads of keys as of queries
  Stacked,      // ONNX Runtime's Attention: keys and values in one cache
  SideBySide,   // small ops with keys and values of the only head side by side in one cache, as GPT-BigCode's
};

struct ExportOptions {
  Exporter style = Exporter::Optimum;
  frontend::onnx::ElementType type = frontend::onnx::ElementType::Float; // of weights and what is computed
  int64_t tokens = -1, past = -1;                                        // -1: symbolic
  /// In small ops as older versions of the framework make them: masks that are scattered, tables of angles that are cut
  /// to the sequence, positions counted in the mask, batch and heads in one dimension, queries, keys and values in one
  /// product head by head, scores that are no lower than the least.
  bool older = false;
  /// In small ops as GPT-J's are: neighbours turn together, before heads change places with tokens, by angles from one
  /// table; masks are cut from a stored one; and scores are divided when they are masked.
  bool pairs = false;
  bool alibi = false; // in small ops, with a bias of each head that grows with the key
  /// Matrices of linear layers have codes of so many bits in groups of `length`; 0: numbers. With `asNumbers` they are
  /// the numbers that the codes stand for.
  int64_t bits = 0, length = 16;
  bool zeros = false, asNumbers = false;
  /// As MatMulNBits has them; as DequantizeLinear, along the columns of a transposed matrix; or signed ones of 8 bits
  /// with a scale a column, multiplied by what was rounded to 8 bits, as quantize_dynamic leaves it, or as ONNX
  /// Runtime's optimiser does.
  enum class Codes { NBits, Dequantised, Dynamic, DynamicFused } codes = Codes::NBits;
  bool packedTokens = false; // the table of tokens, too: for GatherBlockQuantized, or with one scale
  bool tokensOfFour = false; // its elements are of 4 bits, not bytes
};

/// Values of a stored tensor by name.
using StoredValues = std::function<std::vector<float>(const std::string &name)>;

/// The graph. What the exporter has no way to write is left out: a test compares with the whole model.
frontend::onnx::Model exportDecoder(const frontend::TransformerConfig &config, const StoredValues &values,
                                    const ExportOptions &options);

} // namespace weft::test
