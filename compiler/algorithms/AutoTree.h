// A reduction tree made for a machine, a line of cores and a length of the vector: the one with the least predicted
// cycles among those whose subtrees are neighbouring cores (Auto-Gen of Luczynski et al., HPDC 2024, with the times of
// docs/program-model.md instead of a model of depth, energy and contention); on few cores, what moving subtrees saves
// comes on top.
#pragma once

#include "compiler/algorithms/ReductionTree.h"

namespace weft::algorithms {

struct TimedTree {
  ReductionTree tree;
  int64_t cycles = 0; // until the root has the sum
};

/// Sums of n cores at core 0, `words` each, with at most `colors` (3 or more) in a router.
TimedTree autoReduceTree(int n, int64_t words, const hw::Hardware &hardware, int colors);
/// The same at the core from which sum and multicast together take least, whose colour is counted.
TimedTree autoAllReduceTree(int n, int64_t words, const hw::Hardware &hardware, int colors);

} // namespace weft::algorithms
