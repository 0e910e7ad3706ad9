#include "compiler/algorithms/AutoTree.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace weft::algorithms {
namespace {

static size_t at(int position) { return static_cast<size_t>(position); }

/// Cycles after a launch, of cores that begin at 0. A core's stream is known by its first word: the others follow one a
/// cycle.
struct Times {
  int64_t words;
  const hw::Latency &latency;

  int64_t leaf() const { return latency.transferIssue; } // the first word goes up the ramp
  /// The first word of a child's stream can leave the router at the parent, `distance` links away.
  int64_t arrives(int64_t sent, int distance) const { return sent + latency.ramp + int64_t{latency.hop} * distance; }
  /// A core that is ready at `ready` takes a stream that can be had at `arrived`: its first sum is there.
  int64_t firstSum(int64_t ready, int64_t arrived) const {
    return std::max(ready + latency.streamStartup, arrived) + latency.ramp + latency.streamStage;
  }
  /// All of it, if the first sum was there at `first`.
  int64_t lastSum(int64_t first) const { return first + words - 1; }
};

/// For lines of 1 to n cores with the root at one end: when its stream begins, and where the last child's subtree
/// begins that makes it so.
struct Table {
  std::vector<int64_t> first;
  std::vector<int> split;
  std::vector<int> colors, rootColors; // most in one router, and in the root's

  explicit Table(int n) : first(at(n) + 1, 0), split(at(n) + 1, 0), colors(at(n) + 1, 0), rootColors(at(n) + 1, 0) {}

  /// When the root itself has the sum of its first `cores`.
  int64_t ready(int cores, const Times &times) const { return cores == 1 ? 0 : times.lastSum(first[at(cores)]); }

  /// When the stream of a root of `cores` begins whose last child is the core `split`. Its words cross the links of the
  /// cores between, in a colour of their own: those that come before the others are done delay them.
  int64_t begins(int cores, int split, const Times &times) const {
    const int64_t own = ready(split, times), arrived = times.arrives(first[at(cores - split)], split);
    const int64_t delay = split > 1 ? std::min(times.words, std::max<int64_t>(0, own - arrived)) : 0;
    return times.firstSum(own + delay, arrived);
  }
  /// Most colours in a router if the last child is the core `split`, whose message passes the routers up to it.
  int colorsWith(int cores, int split) const {
    const int passed = split > 1 ? colors[at(split)] + 1 : 0;
    return std::max({passed, rootColors[at(split)] + 1, rootColors[at(cores - split)] + 1, colors[at(cores - split)]});
  }
};

Table solve(int n, const Times &times, int mostColors) {
  Table table(n);
  table.first[1] = times.leaf();
  for (int cores = 2; cores <= n; ++cores) {
    int64_t best = std::numeric_limits<int64_t>::max();
    for (int split = 1; split < cores; ++split) { // 1, a chain, needs two colours at most
      if (split > 1 && table.colorsWith(cores, split) > mostColors)
        continue;
      if (const int64_t begins = table.begins(cores, split, times); begins < best) {
        best = begins;
        table.split[at(cores)] = split;
      }
    }
    const int split = table.split[at(cores)];
    table.first[at(cores)] = best;
    table.colors[at(cores)] = table.colorsWith(cores, split);
    table.rootColors[at(cores)] = table.rootColors[at(split)] + 1;
  }
  return table;
}

/// The subtree of `cores` cores from `root` on, in direction `step`.
void build(ReductionTree &tree, const Table &table, int root, int cores, int step) {
  std::vector<std::pair<int, int>> parts; // of the root, the last one first: where, how many
  for (; cores > 1; cores = table.split[at(cores)])
    parts.emplace_back(table.split[at(cores)], cores - table.split[at(cores)]);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    build(tree, table, root + step * part->first, part->second, step);
    tree.attach(root + step * part->first, root);
  }
}

} // namespace

TimedTree autoReduceTree(int n, int64_t words, const hw::Latency &latency, int colors) {
  const Times times{words, latency};
  const Table table = solve(n, times, colors);
  TimedTree result{ReductionTree(n), table.ready(n, times)};
  build(result.tree, table, 0, n, 1);
  return result;
}

TimedTree autoAllReduceTree(int n, int64_t words, const hw::Latency &latency, int colors) {
  const Times times{words, latency};
  const Table table = solve(n, times, colors - 2); // the root's message from below, and the multicast
  int root = 0;
  int64_t best = std::numeric_limits<int64_t>::max(), cycles = 0;
  for (int low = 0; low <= n / 2; ++low) { // cores below the root; above it are as many or more
    int64_t sum = table.ready(n - low, times);
    if (low > 0) // they come last, as one stream
      sum = times.lastSum(times.firstSum(sum, times.arrives(table.first[at(low)], 1)));
    const int64_t all = sum + int64_t{latency.hop} * (n - 1 - low);
    if (all < best) {
      best = all;
      cycles = sum;
      root = low;
    }
  }
  TimedTree result{ReductionTree(n), cycles};
  result.tree.root = root;
  build(result.tree, table, root, n - root, 1);
  if (root > 0) {
    build(result.tree, table, root - 1, root, -1);
    result.tree.attach(root - 1, root);
  }
  return result;
}

int64_t predictTree(const ReductionTree &tree, int64_t words, const hw::Latency &latency) {
  const Times times{words, latency};
  std::vector<int64_t> first(at(tree.size()), 0), ready(at(tree.size()), 0);
  std::vector<int> order = {tree.root}; // parents before children
  for (size_t i = 0; i < order.size(); ++i)
    for (int child : tree.children[at(order[i])])
      order.push_back(child);
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    first[at(*node)] = times.leaf();
    for (int child : tree.children[at(*node)]) {
      first[at(*node)] = times.firstSum(ready[at(*node)], times.arrives(first[at(child)], std::abs(child - *node)));
      ready[at(*node)] = times.lastSum(first[at(*node)]);
    }
  }
  return ready[at(tree.root)];
}

int64_t reduceLowerBound(int n, int64_t words, const hw::Latency &latency) {
  if (n < 2)
    return 0;
  // energy[m]: least links that words of m cores cross, each once, in a tree of the depth that the loop has come to.
  const int64_t never = std::numeric_limits<int64_t>::max() / 4;
  std::vector<int64_t> energy(at(n) + 1, never);
  energy[1] = 0;
  int64_t best = std::numeric_limits<int64_t>::max();
  const int64_t stage = 2 * int64_t{latency.ramp} + latency.streamStage;
  for (int depth = 1; depth < n; ++depth) {
    std::vector<int64_t> deeper(at(n) + 1, never);
    deeper[1] = 0;
    for (int m = 2; m <= n; ++m)
      for (int split = 1; split < m; ++split)
        deeper[at(m)] = std::min(deeper[at(m)], deeper[at(split)] + energy[at(m - split)] + split);
    energy = std::move(deeper);
    // Words cross links at one a cycle; the farthest core is n - 1 links away; each level costs a stage.
    const int64_t cycles = (words * energy[at(n)] + n - 2) / (n - 1) + int64_t{latency.hop} * (n - 1) + depth * stage;
    best = std::min(best, cycles);
    if (energy[at(n)] == n - 1)
      break; // a chain: deeper ones cost more
  }
  return best;
}

} // namespace weft::algorithms
