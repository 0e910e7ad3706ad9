#include "explore/analytic/Sums.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace weft::explore {
namespace {

/// The root of a part of the line, after some levels.
struct Member {
  int position = 0;
  int64_t ready = 0; // it has all its own part's sum and can go on
  int64_t first = 0; // if it sends: when its first word goes up the ramp
};

/// How messages of `words` follow each other, as docs/program-model.md has reductions.
struct Stream {
  const LineOfCores &line;
  int64_t words;

  int64_t issue() const { return line.latency.transferIssue; }
  /// A core that is ready at `ready` takes a stream whose sender began at `sent`: its first sum can go up the ramp.
  int64_t firstSum(int64_t ready, int64_t sent, int from, int to) const {
    const hw::Latency &l = line.latency;
    return std::max(ready + l.streamStartup, sent + l.ramp + line.links(from, to)) + l.ramp + l.streamStage;
  }
  int64_t lastSum(int64_t first) const { return first + words - 1; }
};

/// Members chain from both ends to their middle, which takes the high side first.
Member reduceGroup(const Stream &stream, std::span<const Member> members) {
  const size_t count = members.size(), middle = count / 2;
  const auto chain = [&](size_t end, size_t step) { // the stream of the last member before the middle
    int64_t first = members[end].first;
    for (size_t i = end; i + step != middle; i += step)
      first = stream.firstSum(members[i + step].ready, first, members[i].position, members[i + step].position);
    return first;
  };
  Member root = members[middle];
  for (const bool low : {false, true}) {
    if (low ? middle == 0 : middle + 1 >= count)
      continue;
    const size_t end = low ? 0 : count - 1, step = low ? size_t{1} : ~size_t{0};
    const size_t last = low ? middle - 1 : middle + 1;
    root.first = stream.firstSum(root.ready, chain(end, step), members[last].position, root.position);
    root.ready = stream.lastSum(root.first);
  }
  return root;
}

/// Groups whose sizes differ by at most one, the longer ones last.
int startOf(int group, int groups, int count) {
  return group * (count / groups) + std::max(0, group - (groups - count % groups));
}

/// As route::planTree divides `members` of a line of `n`.
int groupsOf(int n, int members, int level, const TreeShape &tree) {
  if (level == tree.levels - 1)
    return 1;
  if (level == 0 && tree.groups > 0)
    return std::min(tree.groups, members);
  int size = std::max(1, static_cast<int>(std::pow(n, 1.0 / tree.levels)) - 1);
  while (std::pow(size, tree.levels) < n - 0.5)
    ++size;
  return std::max(1, (members + size - 1) / size);
}

/// The positions of roots alone; times are not needed.
int rootOf(int n, const TreeShape &tree) {
  std::vector<int> members;
  int count = n;
  for (int level = 0; level < tree.levels; ++level) {
    const int groups = groupsOf(n, count, level, tree);
    std::vector<int> roots;
    for (int g = 0; g < groups; ++g) {
      const int lo = startOf(g, groups, count), at = lo + (startOf(g + 1, groups, count) - lo) / 2;
      roots.push_back(level == 0 ? at : members[static_cast<size_t>(at)]);
    }
    members = std::move(roots);
    count = groups;
  }
  return members.front();
}

/// A group [lo, hi) of the first level, whose cores begin in `begin(position)`. A chain's stream moves a fixed time a
/// core, so that only its ends are looked at.
template <typename F> Member reduceLeaves(const Stream &stream, int lo, int hi, F begin) {
  const hw::Latency &l = stream.line.latency;
  const int middle = lo + (hi - lo) / 2;
  const int64_t start = begin(middle);
  Member root = {middle, start, start + stream.issue()};
  for (const bool low : {false, true}) {
    const int end = low ? lo : hi - 1, last = low ? middle - 1 : middle + 1;
    if (low ? last < lo : last >= hi)
      continue;
    const int64_t leaf = begin(end) + stream.issue();
    int64_t sent = leaf;
    if (end != last) {
      const int second = low ? end + 1 : end - 1;
      const int64_t first = stream.firstSum(begin(second), leaf, end, second);
      sent =
          first + (std::abs(last - second)) * (2 * int64_t{l.ramp} + l.streamStage) + stream.line.links(second, last);
    }
    root.first = stream.firstSum(root.ready, sent, last, middle);
    root.ready = stream.lastSum(root.first);
  }
  return root;
}

} // namespace

int64_t LineOfCores::links(int from, int to) const {
  const auto [lo, hi] = std::minmax(from, to);
  int64_t cycles = int64_t{latency.hop} * (hi - lo);
  if (dieEvery)
    cycles += int64_t{latency.dieCrossing.cycles} * (hi / static_cast<int>(dieEvery) - lo / static_cast<int>(dieEvery));
  return cycles;
}

SumEstimate sumAlong(const LineOfCores &line, int64_t words, const TreeShape &tree) {
  if (line.n < 2)
    return {};
  const Stream stream{line, words};
  const hw::Latency &l = line.latency;
  const int root = rootOf(line.n, tree);
  const auto begin = [&](int position) { return line.links(root, position); };
  SumEstimate estimate{.cycles = 0, .wordHops = words * (line.n - 1)}; // of the multicast
  std::vector<Member> members;
  int count = line.n;
  for (int level = 0; level < tree.levels; ++level) {
    const int groups = groupsOf(line.n, count, level, tree);
    std::vector<Member> roots;
    roots.reserve(static_cast<size_t>(groups));
    for (int g = 0; g < groups; ++g) {
      const int lo = startOf(g, groups, count), hi = startOf(g + 1, groups, count);
      const auto span = [&] {
        return std::span(members).subspan(static_cast<size_t>(lo), static_cast<size_t>(hi - lo));
      };
      roots.push_back(level == 0 ? reduceLeaves(stream, lo, hi, begin) : reduceGroup(stream, span()));
      estimate.wordHops += words * (level == 0 ? hi - lo - 1 : span().back().position - span().front().position);
    }
    members = std::move(roots);
    count = groups;
  }
  // The multicast's last word at the core next to the root, were the way no link long: from here `begin` counts again.
  estimate.cycles = members.front().ready + l.transferIssue + 2 * int64_t{l.ramp} + words - 1;
  return estimate;
}

} // namespace weft::explore
