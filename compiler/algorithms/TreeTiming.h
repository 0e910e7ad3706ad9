// Cycles of a reduction tree on a line of cores by the rules of docs/program-model.md, word by word, with messages that
// want a link at the same time.
#pragma once

#include "compiler/algorithms/ReductionTree.h"

namespace weft::algorithms {

/// Cycles after a launch until the root has the sum of `words` each. Links between dies count as any other. Where
/// colours that never were granted meet, their numbers decide, which are not known here: they go in the order of their
/// sources.
int64_t timeTree(const ReductionTree &tree, int64_t words, const hw::Hardware &hardware);

} // namespace weft::algorithms
