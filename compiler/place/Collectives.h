// What sums over a line of cores cost, and which of the ways to do them costs least. Plain C++.
#pragma once

#include <cstdint>
#include <utility>

namespace weft::place {

/// What the cost of a reduction depends on; cycles.
struct CollectiveCosts {
  int64_t hop = 1, ramp = 2, streamStage = 1, streamStartup = 1;
  int64_t reduceStage = 0;     // 0: routers cannot combine words, or are not to
  bool alwaysInRouter = false; // whatever it costs
};

/// How a line of cores is reduced.
struct Reduction {
  int64_t levels = 1, groups = 1; // of the K-tree
  bool inRouter = false;          // by the routers, in one level of one group
};

/// The one with the least predicted cycles for `words` words on `cores` cores.
Reduction chooseReduction(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t maxLevels);
/// Its predicted cycles.
int64_t reductionCycles(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t maxLevels);
/// The number of groups with the least predicted cycles for a K-tree of `levels` levels, and those cycles.
std::pair<int64_t, int64_t> bestGroups(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t levels);
/// Predicted cycles of an all-reduce by routers.
int64_t routerCycles(const CollectiveCosts &costs, int64_t cores, int64_t words);
/// Predicted cycles of a K-tree all-reduce.
int64_t treeCycles(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t levels, int64_t groups);

} // namespace weft::place
