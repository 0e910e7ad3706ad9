#include "compiler/route/Tree.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

namespace weft::route {

TreeRole TreePlan::roleAt(int level, int position) const {
  for (const RoleMask &mask : levels[level].roles)
    if (mask.positions[position])
      return mask.role;
  return TreeRole::None;
}

static Result<void> checkSegments(const std::string &name, int n, const std::vector<Segment> &segments, int levels) {
  if (n < 1 || levels < 1)
    return internalError(fmt::format("tree '{}': {} cores and {} levels; both must be at least 1", name, n, levels));
  int end = 0;
  for (const Segment &segment : segments) {
    if (segment.lo < end || segment.hi <= segment.lo || segment.hi > n)
      return internalError(fmt::format("tree '{}': segment [{}, {}) is empty, outside the {} cores, or not after the "
                                       "segment before it",
                                       name, segment.lo, segment.hi, n));
    end = segment.hi;
  }
  return success();
}

static int groupCountFor(int length, int members, int level, int levels, const std::vector<int> &wanted) {
  if (level == levels - 1)
    return 1;
  if (level < static_cast<int>(wanted.size()) && wanted[level] > 0)
    return std::min(wanted[level], members);
  // The smallest size with size^levels >= length, exactly: pow() may fall short of a whole root.
  int size = std::max(1, static_cast<int>(std::pow(length, 1.0 / levels)) - 1);
  while (std::pow(size, levels) < length - 0.5)
    ++size;
  return std::max(1, (members + size - 1) / size);
}

namespace {
/// Collects the roles of one level.
struct LevelBuilder {
  int n;
  TreeLevel &level;

  void add(TreeRole role, int position, bool fromLow, bool fromHigh) {
    auto same = [&](const RoleMask &m) {
      return m.role == role && m.receivesFromLow == fromLow && m.receivesFromHigh == fromHigh;
    };
    auto mask = std::find_if(level.roles.begin(), level.roles.end(), same);
    if (mask == level.roles.end())
      mask = level.roles.insert(level.roles.end(), {role, fromLow, fromHigh, std::vector<bool>(n, false)});
    mask->positions[position] = true;
  }

  /// Chains `members` from both ends to the middle one, which is returned.
  int reduceGroup(std::span<const int> members) {
    int count = static_cast<int>(members.size()), middle = count / 2;
    for (int i = 0; i < middle; ++i) {
      level.low.flows.push_back({-1, members[i], members[i], members[i + 1], false, 0});
      add(i == 0 ? TreeRole::LowEnd : TreeRole::LowMiddle, members[i], i > 0, false);
    }
    for (int i = count - 1; i > middle; --i) {
      level.high.flows.push_back({-1, members[i], members[i - 1], members[i], false, 0});
      add(i == count - 1 ? TreeRole::HighEnd : TreeRole::HighMiddle, members[i], false, i < count - 1);
    }
    if (count > 1)
      add(TreeRole::Root, members[middle], middle > 0, middle < count - 1);
    return members[middle];
  }
};
} // namespace

/// Reduces each segment's members by one level: groups of sizes that differ by at most one, the longer ones last.
static void buildLevel(TreePlan &plan, int index, int levels, const std::vector<int> &wanted,
                       std::vector<std::vector<int>> &members) {
  TreeLevel &level = plan.levels[index];
  LevelBuilder builder{plan.n, level};
  std::vector<int> counts;
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    int count = static_cast<int>(members[s].size());
    int groups = groupCountFor(plan.segments[s].hi - plan.segments[s].lo, count, index, levels, wanted);
    counts.push_back(groups);
    std::vector<int> roots;
    for (int g = 0; g < groups; ++g) {
      auto startOf = [&](int k) { return k * (count / groups) + std::max(0, k - (groups - count % groups)); };
      roots.push_back(builder.reduceGroup(std::span(members[s]).subspan(startOf(g), startOf(g + 1) - startOf(g))));
    }
    members[s] = std::move(roots);
  }
  plan.groupCounts.push_back(std::move(counts));
  std::sort(level.roles.begin(), level.roles.end(), [](const RoleMask &a, const RoleMask &b) {
    return std::tie(a.role, a.receivesFromLow, a.receivesFromHigh) <
           std::tie(b.role, b.receivesFromLow, b.receivesFromHigh);
  });
  // Classes of both sides together: the flows of a level form a chain, so two colours do for low and high.
  ChannelSpec *const sides[] = {&level.low, &level.high};
  assignClasses(sides);
}

Result<TreePlan> planTree(const std::string &name, Axis axis, int n, std::vector<Segment> segments, int levels,
                          const std::vector<int> &groupCounts) {
  if (segments.empty() && n > 0)
    segments.push_back({0, n});
  if (auto checked = checkSegments(name, n, segments, levels); !checked)
    return checked.takeError();
  TreePlan plan;
  plan.n = n;
  plan.segments = std::move(segments);
  plan.levels.resize(levels);
  std::vector<std::vector<int>> members(plan.segments.size());
  for (size_t s = 0; s < members.size(); ++s)
    for (int p = plan.segments[s].lo; p < plan.segments[s].hi; ++p)
      members[s].push_back(p);
  for (int l = 0; l < levels; ++l) {
    plan.levels[l].low = {fmt::format("{}.{}.low", name, l + 1), axis, {}, 0, {}};
    plan.levels[l].high = {fmt::format("{}.{}.high", name, l + 1), axis, {}, 0, {}};
    buildLevel(plan, l, levels, groupCounts, members);
  }
  plan.multicast = {fmt::format("{}.multicast", name), axis, {}, 0, {}};
  plan.isRoot.assign(n, false);
  plan.receivesMulticast.assign(n, false);
  for (size_t s = 0; s < members.size(); ++s) {
    auto [lo, hi] = plan.segments[s];
    int root = members[s].front();
    plan.roots.push_back(root);
    plan.isRoot[root] = true;
    for (int p = lo; p < hi; ++p)
      plan.receivesMulticast[p] = p != root;
    if (hi - lo > 1)
      plan.multicast.flows.push_back({-1, root, lo, hi - 1, true, 0});
  }
  ChannelSpec *const multicast[] = {&plan.multicast};
  assignClasses(multicast);
  return plan;
}

Result<ChannelSpec> combineTree(const std::string &name, Axis axis, int n, std::vector<Segment> segments,
                                pkg::Combine combine) {
  auto plan = planTree(name, axis, n, std::move(segments), 1, {1});
  if (!plan)
    return plan.takeError();
  ChannelSpec spec{name, axis, {}, 0, {}};
  for (size_t s = 0; s < plan->segments.size(); ++s)
    if (auto [lo, hi] = plan->segments[s]; hi - lo > 1)
      spec.flows.push_back({-1, plan->roots[s], lo, hi - 1, false, 0, combine});
  ChannelSpec *const channels[] = {&spec};
  assignClasses(channels);
  return spec;
}

} // namespace weft::route
