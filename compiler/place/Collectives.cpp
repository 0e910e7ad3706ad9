#include "compiler/place/Collectives.h"

#include "compiler/place/Geometry.h"

#include <algorithm>

namespace weft::place {

int64_t treeCycles(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t levels, int64_t groups) {
  // Chain of c cores from both ends to the middle: about c/2 software stages of one word each, then the words stream.
  int64_t total = 0, members = cores, spacing = 1;
  for (int64_t level = 0; level < levels && members > 1; ++level) {
    int64_t parts = level + 1 == levels ? 1 : std::max<int64_t>(1, std::min(groups, members));
    int64_t chain = ceilDiv(members, parts), stages = chain / 2;
    total += stages * (2 * costs.ramp + costs.streamStage + costs.streamStartup + spacing * costs.hop) + words;
    spacing *= chain;
    members = parts;
    groups = std::max<int64_t>(1, ceilDiv(groups, chain));
  }
  return total + cores / 2 * costs.hop + 2 * costs.ramp + words;
}

int64_t routerCycles(const CollectiveCosts &costs, int64_t cores, int64_t words) {
  // Each half of the line passes cores/2 routers after the first; the last ones' unit gets a word a cycle.
  int64_t reduce = 2 * costs.ramp + costs.reduceStage + cores / 2 * (costs.hop + costs.reduceStage) + words;
  return reduce + cores / 2 * costs.hop + 2 * costs.ramp + words;
}

std::pair<int64_t, int64_t> bestGroups(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t levels) {
  std::pair<int64_t, int64_t> best = {1, treeCycles(costs, cores, words, levels, 1)};
  for (int64_t groups = 2; levels > 1 && groups < cores; ++groups)
    if (int64_t cycles = treeCycles(costs, cores, words, levels, groups); cycles < best.second)
      best = {groups, cycles};
  return best;
}

Reduction chooseReduction(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t maxLevels) {
  Reduction best;
  int64_t bestCycles = treeCycles(costs, cores, words, 1, 1);
  for (int64_t levels = 2; levels <= maxLevels; ++levels)
    if (auto [groups, cycles] = bestGroups(costs, cores, words, levels); cycles < bestCycles) {
      best = {levels, groups};
      bestCycles = cycles;
    }
  if (costs.reduceStage && cores > 1 && (costs.alwaysInRouter || routerCycles(costs, cores, words) < bestCycles))
    best = {1, 1, true};
  return best;
}

int64_t reductionCycles(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t maxLevels) {
  if (cores < 2)
    return 0;
  const Reduction chosen = chooseReduction(costs, cores, words, maxLevels);
  return chosen.inRouter ? routerCycles(costs, cores, words)
                         : treeCycles(costs, cores, words, chosen.levels, chosen.groups);
}

} // namespace weft::place
