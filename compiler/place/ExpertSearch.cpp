// The search for a plan: regions of each height that the mesh has room for, replicas where the load a replica is
// largest, then the heaviest to the region with least to do, and exchanges as long as they help. Replication of this
// kind: DeepSeek-AI, DeepSeek-V3 Technical Report, arXiv 2412.19437, section 3.4; the heaviest first: R. L. Graham,
// Bounds on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17(2), 1969.
#include "compiler/place/ExpertTokens.h"
#include "compiler/place/Geometry.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>

namespace weft::place {
namespace {

/// Once more the SRAM that a plan's experts need must save this part of the cycles: caches and others want it, too.
constexpr double priceOfSram = 0.05;
/// Times the slots needed, at most.
constexpr int64_t mostSlots = 2;
/// Region heights whose plans are looked at more closely.
constexpr size_t finalists = 3;
/// Of exchanges: experts of tokens looked at, over all plans that are judged.
constexpr int64_t mostLooks = 1'000'000;

class Search {
public:
  Search(const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits, const ExpertCosts &costs)
      : shape(shape), limits(limits), costs(costs), share(sharesOf(shape, load)),
        tokens(ExpertTokens::of(shape, load, ceilDiv(limits.tokens, limits.height))) {}

  /// Of all heights, the plan with fewest cycles.
  ExpertPlan best() const {
    std::vector<ExpertPlan> plans;
    std::optional<ExpertPlan> smallest;
    for (int64_t rows : regionHeights(limits.height)) {
      ExpertPlan plan = packed(rows, slotsNeeded(rows));
      if (fits(plan))
        plans.push_back(std::move(plan));
      else if (!smallest || neededBytes(plan, shape, limits) < neededBytes(*smallest, shape, limits))
        smallest = std::move(plan);
    }
    if (plans.empty())
      return *smallest;
    std::sort(plans.begin(), plans.end(), [&](const ExpertPlan &a, const ExpertPlan &b) {
      return std::pair(cycles(a), a.rowsPerRegion) < std::pair(cycles(b), b.rowsPerRegion);
    });
    plans.resize(std::min(plans.size(), finalists));
    std::optional<ExpertPlan> best;
    for (ExpertPlan &plan : plans) {
      plan = withMoreSlots(std::move(plan));
      if (!best || price(plan) < price(*best))
        best = std::move(plan);
    }
    return improved(std::move(*best));
  }

  double cycles(const ExpertPlan &plan) const { return planCycles(plan, limits); }
  void judge(ExpertPlan &plan) const {
    auto [known, added] = costsOf.try_emplace({plan.rowsPerRegion, plan.slots});
    if (added)
      known->second = PlanCosts::of(plan, shape, limits, costs);
    predict(plan, shape, tokens, limits, known->second);
  }

private:
  bool fits(const ExpertPlan &plan) const {
    return !limits.sramBytes || neededBytes(plan, shape, limits) <= limits.sramBytes;
  }

  int64_t slotsNeeded(int64_t rows) const { return ceilDiv(shape.experts, limits.height / rows); }

  /// Replicas of each expert so that all slots are full, or each expert is in each region.
  std::vector<int64_t> replicas(int64_t regions, int64_t slots) const {
    std::vector<int64_t> count(shape.experts, 1);
    for (int64_t left = std::min(regions * slots, regions * shape.experts) - shape.experts; left > 0; --left) {
      int64_t hottest = -1;
      double most = -1;
      for (int64_t expert = 0; expert < shape.experts; ++expert)
        if (double load = share[expert] / static_cast<double>(count[expert]); count[expert] < regions && load > most) {
          hottest = expert;
          most = load;
        }
      ++count[hottest];
    }
    return count;
  }

  /// Experts in order of their load a replica, each replica to the region with least to do that has room for it.
  ExpertPlan packed(int64_t rows, int64_t slots) const {
    ExpertPlan plan;
    plan.rowsPerRegion = rows;
    plan.regions = limits.height / rows;
    plan.slots = slots;
    plan.expert.assign(plan.regions * slots, -1);
    const std::vector<int64_t> count = replicas(plan.regions, slots);
    auto part = [&](int expert) { return share[expert] / static_cast<double>(count[expert]); };
    std::vector<int> order(shape.experts);
    std::iota(order.begin(), order.end(), 0);
    // Experts in many regions first, since they need room in that many.
    std::sort(order.begin(), order.end(),
              [&](int a, int b) { return std::tuple(-count[a], -part(a), a) < std::tuple(-count[b], -part(b), b); });
    std::vector<double> load(plan.regions, 0);
    std::vector<int64_t> used(plan.regions, 0);
    for (int expert : order) {
      std::vector<int64_t> regions(plan.regions);
      std::iota(regions.begin(), regions.end(), 0);
      std::partial_sort(regions.begin(), regions.begin() + count[expert], regions.end(), [&](int64_t a, int64_t b) {
        return std::tuple(used[a] == slots, load[a], a) < std::tuple(used[b] == slots, load[b], b);
      });
      for (int64_t i = 0; i < count[expert] && used[regions[i]] < slots; ++i) {
        const int64_t region = regions[i];
        plan.expert[region * slots + used[region]++] = expert;
        load[region] += part(expert);
      }
    }
    judge(plan);
    return plan;
  }

  double price(const ExpertPlan &plan) const {
    const auto needed = static_cast<double>(slotsNeeded(plan.rowsPerRegion));
    return cycles(plan) * (1 + priceOfSram * (static_cast<double>(plan.slots) / needed - 1));
  }

  ExpertPlan withMoreSlots(ExpertPlan plan) const {
    const int64_t needed = plan.slots;
    for (int64_t slots = needed + 1; slots <= std::min(shape.experts, mostSlots * needed);
         slots += std::max<int64_t>(1, needed / 8)) {
      ExpertPlan more = packed(plan.rowsPerRegion, slots);
      if (!fits(more))
        break;
      if (price(more) < price(plan))
        plan = std::move(more);
    }
    return plan;
  }

  bool has(const ExpertPlan &plan, int64_t region, int expert) const {
    auto first = plan.expert.begin() + region * plan.slots;
    return std::find(first, first + plan.slots, expert) != first + plan.slots;
  }

  /// Exchanges the experts of two slots, or puts another one in the place of a replica, as long as that helps.
  ExpertPlan improved(ExpertPlan plan) const {
    int64_t judgements = mostLooks / std::max<int64_t>(1, static_cast<int64_t>(tokens.tokens.size()) * shape.topK);
    auto better = [&](ExpertPlan candidate) {
      judge(candidate);
      // What drawn tokens gain by chance at the cost of balance is none.
      if (--judgements < 0 || cycles(candidate) >= cycles(plan) ||
          (tokens.drawn && largestLoad(candidate) > largestLoad(plan) + 1e-9))
        return false;
      plan = std::move(candidate);
      return true;
    };
    for (bool changed = plan.regions > 1; changed && judgements > 0;) {
      changed = false;
      const std::vector<int64_t> order = busiestFirst(plan);
      for (size_t i = 0; i < order.size(); ++i) {
        for (size_t j = order.size() - 1; j > i && judgements > 0; --j)
          if (canExchange(plan, order[i], order[j])) {
            ExpertPlan candidate = plan;
            std::swap(candidate.expert[order[i]], candidate.expert[order[j]]);
            changed |= better(std::move(candidate));
          }
        for (int expert = 0; expert < shape.experts && judgements > 0; ++expert)
          if (canReplace(plan, order[i], expert)) {
            ExpertPlan candidate = plan;
            candidate.expert[order[i]] = expert;
            changed |= better(std::move(candidate));
          }
      }
    }
    return plan;
  }

  /// Pairs of each region for a token, if replicas get equal parts.
  std::vector<double> loads(const ExpertPlan &plan) const {
    std::vector<int64_t> replicas(shape.experts, 0);
    for (int expert : plan.expert)
      if (expert >= 0)
        ++replicas[expert];
    std::vector<double> load(plan.regions, 0);
    for (size_t place = 0; place < plan.expert.size(); ++place)
      if (int expert = plan.expert[place]; expert >= 0)
        load[place / plan.slots] += share[expert] / static_cast<double>(replicas[expert]);
    return load;
  }
  double largestLoad(const ExpertPlan &plan) const {
    const std::vector<double> load = loads(plan);
    return *std::max_element(load.begin(), load.end());
  }

  /// Slots in order of their regions' load, the largest first.
  std::vector<int64_t> busiestFirst(const ExpertPlan &plan) const {
    const std::vector<double> load = loads(plan);
    std::vector<int64_t> order(plan.expert.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return std::pair(-load[a / plan.slots], a) < std::pair(-load[b / plan.slots], b);
    });
    return order;
  }

  bool canReplace(const ExpertPlan &plan, int64_t place, int expert) const {
    const int now = plan.expert[place];
    return !has(plan, place / plan.slots, expert) && (now < 0 || plan.replicas(now) > 1);
  }

  /// Slots of two regions whose experts the other one has not.
  bool canExchange(const ExpertPlan &plan, int64_t a, int64_t b) const {
    const int first = plan.expert[a], second = plan.expert[b];
    return first != second && a / plan.slots != b / plan.slots && (first < 0 || !has(plan, b / plan.slots, first)) &&
           (second < 0 || !has(plan, a / plan.slots, second));
  }

  const ExpertShape &shape;
  const ExpertLimits &limits;
  const ExpertCosts &costs;
  std::vector<double> share;
  ExpertTokens tokens;
  mutable std::map<std::pair<int64_t, int64_t>, PlanCosts> costsOf; // by height of regions and slots
};

} // namespace

std::vector<int64_t> regionHeights(int64_t height) {
  std::set<int64_t> result;
  for (int64_t regions = 1; regions <= height; ++regions)
    result.insert(height / regions);
  return {result.begin(), result.end()};
}

ExpertPlan planExperts(const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits,
                       const ExpertCosts &costs, const ExpertPlan *uniform) {
  const Search search(shape, load, limits, costs);
  ExpertPlan plan = search.best();
  if (load.share.empty() && load.samples.empty())
    return plan;
  ExpertPlan other = uniform ? *uniform : Search(shape, ExpertLoad{}, limits, costs).best();
  search.judge(other);
  return search.cycles(other) < search.cycles(plan) ? other : plan;
}

} // namespace weft::place
