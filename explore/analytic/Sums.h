// What a sum along a line of cores takes, in closed form: the K-tree of compiler/algorithms without its program.
#pragma once

#include "hw-models/Hardware.h"

#include <cstdint>
#include <span>
#include <vector>

namespace weft::explore {

/// A line of n cores along one axis of a machine.
struct LineOfCores {
  int n = 1;
  const hw::Latency &latency;
  uint32_t dieEvery = 0; // latency.die_crossing.columns or rows; 0: none

  /// Cycles of the links between two positions.
  int64_t links(int from, int to) const;
};

struct TreeShape {
  int levels = 2;
  int groups = 0; // of the first level; 0: about n^(1/levels) members each
};

struct SumEstimate {
  int64_t cycles = 0;   // that one of many such sums adds, beginning of one to beginning of what follows
  int64_t wordHops = 0; // on one line
};

/// An all-reduce of `words` of each core. Cores begin as the sum before it on this axis left them: a multicast reaches
/// those at the ends last.
SumEstimate sumAlong(const LineOfCores &line, int64_t words, const TreeShape &tree);

} // namespace weft::explore
