// Sums along lines of cores, for collectives of their own and as parts of others.
#pragma once

#include "compiler/algorithms/Algorithm.h"
#include "compiler/algorithms/ReductionTree.h"

namespace weft::algorithms {

struct SumRequest {
  std::string algorithm; // chain, ring, star, tree, two-phase, ktree, auto
  std::string axis;      // x, y, xy
  int64_t elements = 0;  // of each core
  uint32_t op = 0;
  Place local{}; // of the vector, sumBytes() long
  pkg::ReduceKind reduce = pkg::ReduceKind::Add;
  int levels = 0;         // of a K-tree; 0: --set k=, or 2
  bool everywhere = true; // all cores get the sum, else one of each line (of the mesh) does
};

/// --set axis=, or y if there is more than one row.
Result<std::string> axisOf(const Emission &out);
/// Bytes of the buffer of a vector, with the padding that the algorithm needs.
uint64_t sumBytes(const Emission &out, const std::string &algorithm, const std::string &axis, int64_t elements);
/// Adds channels and tasks, and its steps to the facts.
Result<void> emitSum(Emission &out, const SumRequest &sum);

} // namespace weft::algorithms
