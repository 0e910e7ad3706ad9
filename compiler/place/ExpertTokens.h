// Tokens to judge plans by: which experts they choose. Internal to the search for plans.
#pragma once

#include "compiler/place/ExpertPlacement.h"

namespace weft::place {

struct ExpertTokens {
  std::vector<std::vector<int>> tokens; // experts of each, ascending
  bool drawn = false;                   // not samples
  int64_t block = 1;                    // tokens that are routed together in prefill, as they follow each other here

  /// Those of the load's samples, or pseudo-random ones that choose each expert as often as its share says. Always the
  /// same for the same load.
  static ExpertTokens of(const ExpertShape &shape, const ExpertLoad &load, int64_t block);
};

/// Shares of a load: as given, else of its samples, else all alike. Their sum is topK.
std::vector<double> sharesOf(const ExpertShape &shape, const ExpertLoad &load);

/// Pairs of the busiest region, a token: of tokens alone, and of blocks of them.
struct BusiestPairs {
  double alone = 0, inBlocks = 0;
};

/// What the route kernel does: expert by expert, that of its regions which has the fewest pairs of the block so far,
/// the lowest among equals.
BusiestPairs busiestPairs(const ExpertPlan &plan, int64_t experts, const ExpertTokens &tokens);

/// What does not depend on which expert lies where; cycles.
struct PlanCosts {
  double pair = 0;                    // of one pair
  double slot = 0;                    // of making numbers of a slot's blocks, once for all its pairs at hand
  double decode = 0, prefillStep = 0; // of messages, of a token and of a step of the ring

  static PlanCosts of(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits,
                      const ExpertCosts &costs);
};

/// As predict() of a load.
void predict(ExpertPlan &plan, const ExpertShape &shape, const ExpertTokens &tokens, const ExpertLimits &limits,
             const PlanCosts &costs);

} // namespace weft::place
