#include "compiler/algorithms/AutoTree.h"

#include "compiler/algorithms/TreeBound.h"
#include "compiler/algorithms/TreeTiming.h"

#include <algorithm>
#include <limits>

namespace weft::algorithms {
namespace {

static size_t at(int position) { return static_cast<size_t>(position); }

/// Cycles after a launch, of cores that begin at 0. A core's stream is known by its first word: the others follow one a
/// cycle.
struct Times {
  int64_t words;
  const hw::Latency &latency;
  int quarters; // of the words that may be delayed by others on their way, how many are taken to be

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
  /// cores between, in a colour of their own: those that come before the others are done may delay them.
  int64_t begins(int cores, int split, const Times &times) const {
    const int64_t own = ready(split, times), arrived = times.arrives(first[at(cores - split)], split);
    const int64_t delay = split > 1 ? std::min(times.words, std::max<int64_t>(0, own - arrived)) : 0;
    return times.firstSum(own + delay * times.quarters / 4, arrived);
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

ReductionTree reduceTree(int n, const Times &times, int colors) {
  ReductionTree tree(n);
  build(tree, solve(n, times, colors), 0, n, 1);
  return tree;
}

ReductionTree allReduceTree(int n, const Times &times, int colors) {
  const Table table = solve(n, times, colors - 2); // the root's message from below, and the multicast
  int root = 0;
  int64_t best = std::numeric_limits<int64_t>::max();
  for (int low = 0; low <= n / 2; ++low) { // cores below the root; above it are as many or more
    int64_t sum = table.ready(n - low, times);
    if (low > 0) // they come last, as one stream
      sum = times.lastSum(times.firstSum(sum, times.arrives(table.first[at(low)], 1)));
    if (const int64_t all = sum + int64_t{times.latency.hop} * (n - 1 - low); all < best) {
      best = all;
      root = low;
    }
  }
  ReductionTree tree(n);
  tree.root = root;
  build(tree, table, root, n - root, 1);
  if (root > 0) {
    build(tree, table, root - 1, root, -1);
    tree.attach(root - 1, root);
  }
  return tree;
}

bool isBelow(const ReductionTree &tree, int node, int above) {
  while (node >= 0 && node != above)
    node = tree.parent[at(node)];
  return node == above;
}

/// The tree with `child` taken by `to` as the `place`-th of its children.
ReductionTree moved(ReductionTree tree, int child, int to, size_t place) {
  std::erase(tree.children[at(tree.parent[at(child)])], child);
  tree.parent[at(child)] = to;
  std::vector<int> &children = tree.children[at(to)];
  children.insert(children.begin() + static_cast<std::ptrdiff_t>(std::min(place, children.size())), child);
  return tree;
}

/// The tree with two cores, neither of them the root, in each other's place.
ReductionTree exchanged(const ReductionTree &tree, int one, int other) {
  const auto now = [&](int core) { return core == one ? other : core == other ? one : core; };
  ReductionTree result(tree.size());
  result.root = tree.root;
  for (int core = 0; core < tree.size(); ++core)
    for (int child : tree.children[at(core)])
      result.attach(now(child), now(core));
  return result;
}

/// Subtrees move and cores change places as long as that saves cycles: small trees whose subtrees are no neighbours can
/// be better.
void improve(TimedTree &best, int64_t words, const hw::Hardware &hardware, int colors) {
  const int n = best.tree.size();
  const auto keepIfBetter = [&](ReductionTree tree) {
    if (mostColors(tree) > colors)
      return;
    if (const int64_t cycles = timeTree(tree, words, hardware); cycles < best.cycles)
      best = {std::move(tree), cycles};
  };
  for (int64_t before = best.cycles + 1; best.cycles < before;) {
    before = best.cycles;
    for (int core = 0; core < n; ++core)
      for (int to = 0; to < n && core != best.tree.root; ++to) {
        for (size_t place = 0; !isBelow(best.tree, to, core) && place <= best.tree.children[at(to)].size(); ++place)
          keepIfBetter(moved(best.tree, core, to, place));
        if (to > core && to != best.tree.root)
          keepIfBetter(exchanged(best.tree, core, to));
      }
  }
}

/// Whether no tree with this root is much faster: the longer side alone takes nearly as long.
bool isNearBound(const TimedTree &made, int64_t words, const hw::Hardware &hardware) {
  const int n = made.tree.size(), side = std::max(made.tree.root, n - 1 - made.tree.root) + 1;
  return 100 * made.cycles <= 105 * reduceLowerBound(side, words, hardware.latency);
}

/// The best of those that are made with much, little or no regard to messages that delay each other; improved if it is
/// worth the time.
template <typename Make> TimedTree bestTree(int n, int64_t words, const hw::Hardware &hardware, int colors, Make make) {
  const int mostImproved = 16, mostWords = 64; // longer ones do not get better, larger ones take too long
  TimedTree best{ReductionTree(n), 0};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int quarters : {4, 2, 1, 0}) {
    TimedTree made{make(n, Times{words, hardware.latency, quarters}, colors), 0};
    made.cycles = timeTree(made.tree, words, hardware);
    const int root = made.tree.root;
    const int64_t all = made.cycles + int64_t{hardware.latency.hop} * std::max(root, n - 1 - root);
    if (all < least) {
      least = all;
      best = std::move(made);
    }
  }
  if (n <= mostImproved && words <= mostWords && !isNearBound(best, words, hardware))
    improve(best, words, hardware, colors);
  return best;
}

} // namespace

TimedTree autoReduceTree(int n, int64_t words, const hw::Hardware &hardware, int colors) {
  return bestTree(n, words, hardware, colors, reduceTree);
}

TimedTree autoAllReduceTree(int n, int64_t words, const hw::Hardware &hardware, int colors) {
  return bestTree(n, words, hardware, colors, allReduceTree);
}

} // namespace weft::algorithms
