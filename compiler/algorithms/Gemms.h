// GEMMs as parts of larger programs.
#pragma once

#include "compiler/algorithms/Algorithm.h"
#include "compiler/route/Topology.h"

namespace weft::algorithms {

/// M x K times K x N, or times N x K transposed.
struct GemmPart {
  std::string prefix; // of ops, buffers and operands: "" or "q."
  int64_t m = 0, k = 0, n = 0;
  bool overlap = true;      // blocks move while the core multiplies
  bool dropsOddLast = true; // f16 move in whole words, an odd last one stays behind
};

/// Says in the facts that K's blocks, as many as the least common multiple of the mesh's sides, make much padding.
void notePadding(Emission &out, int64_t k, int64_t padded);

void emitRingGemm(Emission &out, const GemmPart &part, route::Embedding embedding);
void emitTransposedGemm(Emission &out, const GemmPart &part);

} // namespace weft::algorithms
