// What SUMMA and all-gather GEMM share.
#pragma once

#include "compiler/algorithms/Algorithm.h"

namespace weft::algorithms {

struct BroadcastGemm {
  Emission &out;
  ProgramBuilder &builder;
  int64_t blocks = 0, blocksA = 0, blocksB = 0;             // of K; a core's of A and of B
  int64_t rows = 0, inner = 0, cols = 0;                    // of a tile
  int64_t bytesA = 0, bytesB = 0;                           // of a block
  uint32_t a = 0, b = 0, c = 0, arrivedA = 0, arrivedB = 0; // buffers

  Result<void> measure();
  void describe();
  /// A channel for each position of the axis, from it to all others. The first one's index.
  uint32_t multicasts(route::Axis axis);
  Code &clearSums(Code &code) const;
  Code &multiply(Code &code, Place left, Place right) const;
};

} // namespace weft::algorithms
