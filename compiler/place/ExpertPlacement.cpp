#include "compiler/place/ExpertPlacement.h"

#include "compiler/place/Geometry.h"

#include <algorithm>
#include <limits>

namespace weft::place {

int64_t ExpertPlan::replicas(int of) const { return std::count(expert.begin(), expert.end(), of); }

uint64_t planBytes(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits) {
  const auto elements = static_cast<double>(3 * limits.hiddenLocal * plainLocal(shape.inner, plan.rowsPerRegion));
  return static_cast<uint64_t>(static_cast<double>(plan.slots) * elements * shape.weightBytes);
}

std::string planProblem(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits) {
  if (plan.regions < 1 || plan.rowsPerRegion < 1 || plan.slots < 1 || plan.regions * plan.rowsPerRegion > limits.height)
    return "its regions do not fit on the mesh";
  if (static_cast<int64_t>(plan.expert.size()) != plan.regions * plan.slots)
    return "it has another number of slots than it says";
  std::vector<int64_t> seen(shape.experts, 0);
  for (int64_t region = 0; region < plan.regions; ++region) {
    std::vector<int> here;
    for (int64_t slot = 0; slot < plan.slots; ++slot) {
      int expert = plan.expert[region * plan.slots + slot];
      if (expert < -1 || expert >= shape.experts)
        return "a slot holds an expert that there is not";
      if (expert < 0)
        continue;
      if (std::find(here.begin(), here.end(), expert) != here.end())
        return "a region has an expert twice";
      here.push_back(expert);
      ++seen[expert];
    }
  }
  if (std::find(seen.begin(), seen.end(), 0) != seen.end())
    return "an expert is nowhere";
  return "";
}

ExpertPlan roundRobinPlan(const ExpertShape &shape, const ExpertLimits &limits, int64_t rowsPerRegion) {
  ExpertPlan plan;
  plan.rowsPerRegion = std::clamp<int64_t>(rowsPerRegion, 1, limits.height);
  plan.regions = std::min(limits.height / plan.rowsPerRegion, shape.experts);
  plan.slots = ceilDiv(shape.experts, plan.regions);
  plan.expert.assign(plan.regions * plan.slots, -1);
  for (int64_t expert = 0; expert < shape.experts; ++expert)
    plan.expert[expert % plan.regions * plan.slots + expert / plan.regions] = static_cast<int>(expert);
  return plan;
}

void assignRegions(const ExpertPlan &plan, std::span<const int> experts, std::span<int64_t> pairs,
                   std::span<int> regions) {
  for (size_t i = 0; i < experts.size(); ++i) {
    int best = -1;
    for (int64_t region = 0; region < plan.regions; ++region) {
      auto first = plan.expert.begin() + region * plan.slots;
      if (std::find(first, first + plan.slots, experts[i]) != first + plan.slots &&
          (best < 0 || pairs[region] < pairs[best]))
        best = static_cast<int>(region);
    }
    regions[i] = best;
    if (best >= 0)
      ++pairs[best];
  }
}

void predict(ExpertPlan &plan, const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits,
             const ExpertCosts &costs) {
  (void)load, (void)limits, (void)costs;
  plan.meanPairs = static_cast<double>(shape.topK) / static_cast<double>(plan.regions);
  plan.expectedPairs = plan.blockPairs = plan.meanPairs;
}

ExpertPlan planExperts(const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits,
                       const ExpertCosts &costs) {
  ExpertPlan plan = roundRobinPlan(shape, limits, std::max<int64_t>(1, limits.height / shape.experts));
  predict(plan, shape, load, limits, costs);
  return plan;
}

} // namespace weft::place
