// A reduction tree made for a machine, a line of cores and a length of the vector: the one with the least predicted
// cycles among all whose subtrees are neighbouring cores (Auto-Gen of Luczynski et al., HPDC 2024, with the times of
// docs/program-model.md instead of a model of depth, energy and contention).
#pragma once

#include "compiler/algorithms/ReductionTree.h"

namespace weft::algorithms {

struct TimedTree {
  ReductionTree tree;
  int64_t cycles = 0; // until the root has the sum, at most
};

/// Sums of n cores at core 0, `words` each, with at most `colors` (3 or more) in a router.
TimedTree autoReduceTree(int n, int64_t words, const hw::Latency &latency, int colors);
/// The same at the core from which sum and multicast together take least, whose colour is counted.
TimedTree autoAllReduceTree(int n, int64_t words, const hw::Latency &latency, int colors);

/// Cycles of any tree whose messages never want a link at the same time; a lower bound for others.
int64_t predictTree(const ReductionTree &tree, int64_t words, const hw::Latency &latency);

/// No reduction of n cores at one end of a line, `words` each, takes less: the bound of Luczynski et al.
/// (docs/kernel.md), with the machine's latencies.
int64_t reduceLowerBound(int n, int64_t words, const hw::Latency &latency);

} // namespace weft::algorithms
