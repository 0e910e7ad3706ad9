// Plans of experts for tests.
#pragma once

#include "compiler/place/ExpertPlacement.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace weft::test {

/// Any regions with room for all experts, each expert in at least one of them.
inline place::ExpertPlan randomPlan(int64_t experts, int64_t height, std::mt19937 &random) {
  auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  place::ExpertPlan plan;
  plan.rowsPerRegion = pick(1, height);
  plan.regions = pick(1, height / plan.rowsPerRegion);
  plan.slots = (experts + plan.regions - 1) / plan.regions + pick(0, 2);
  plan.expert.assign(plan.regions * plan.slots, -1);
  std::vector<int64_t> places(plan.expert.size());
  std::iota(places.begin(), places.end(), 0);
  std::shuffle(places.begin(), places.end(), random);
  for (int64_t expert = 0; expert < experts; ++expert)
    plan.expert[places[expert]] = int(expert);
  for (size_t i = size_t(experts); i < places.size(); ++i) { // replicas, where the region has none
    const int expert = int(pick(0, experts - 1));
    auto region = plan.expert.begin() + places[i] / plan.slots * plan.slots;
    if (pick(0, 2) && std::find(region, region + plan.slots, expert) == region + plan.slots)
      plan.expert[places[i]] = expert;
  }
  return plan;
}

} // namespace weft::test
