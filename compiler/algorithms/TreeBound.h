// How fast a reduction along a line can be at best.
#pragma once

#include "hw-models/Hardware.h"

namespace weft::algorithms {

/// No tree (ReductionTree.h) with its root at one end of a line of n cores, `words` each, takes fewer cycles, whatever
/// the order in which cores take their children, and whichever cores those are. A proof, not an estimate
/// (docs/kernel.md): messages never wait for a link, and cores may be counted more than once.
int64_t reduceLowerBound(int n, int64_t words, const hw::Latency &latency);

/// What Luczynski et al. (HPDC 2024) call the lower bound, with the machine's latencies: min over the depth D of
/// words * E(n, D) / (n - 1) + n - 1 hops + D stages. It adds up bandwidth, distance and depth, which a tree can
/// overlap, so that trees may beat it; and it lets a root take messages without a break, which no core here does.
int64_t notedReduceBound(int n, int64_t words, const hw::Latency &latency);

} // namespace weft::algorithms
