#include "compiler/algorithms/TreeBound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace weft::algorithms {
namespace {

static size_t at(int64_t position) { return static_cast<size_t>(position); }

/// Why this is a bound. Look at a tree backwards in time: a core that must begin its stream by cycle s gets the words
/// of its last child, d links away, only if that begins by s - 2 ramps - stage - d hops, and its sum of the others must
/// begin `words` - 1 + ramp + stage + start-up before. So a core with budget s is a core with a smaller budget and one
/// child less, and a child with a smaller budget. Give each position a weight of 0 or more. The heaviest family of
/// cores that a root with budget s can have, if every position may be taken any number of times, has a weight that this
/// recursion says exactly. A tree of the whole line is one such family, and weighs as much as the line. So as long as
/// the heaviest family is lighter than the line, s is too little. This holds for any weights; those of `improve` only
/// make it a better bound.
class Budgets {
public:
  Budgets(int n, int64_t words, const hw::Latency &latency)
      : n(n), latency(latency), child(2 * int64_t{latency.ramp} + latency.streamStage + latency.hop),
        sibling(words - 1 + latency.ramp + latency.streamStage + latency.streamStartup) {}

  /// The least budget with which the family is as heavy as the line.
  int64_t least(const std::vector<double> &weights) {
    double line = 0;
    for (double weight : weights)
      line += weight;
    weight = weights;
    here.clear();
    above.clear();
    below.clear();
    // A sum of few hundred numbers is right to many more digits than these nine.
    for (int64_t budget = 0;; ++budget) {
      add(budget);
      if (here.back()[0] >= line * (1 - 1e-9))
        return budget;
    }
  }

  /// How often each position is taken by the heaviest family that least() has found.
  std::vector<int> taken() const {
    std::vector<int> counts(at(n), 0);
    count(static_cast<int64_t>(here.size()) - 1, 0, counts);
    return counts;
  }

private:
  double others(int64_t budget, int x) const { // of a core, without its last child
    return budget >= sibling ? here[at(budget - sibling)][at(x)] : weight[at(x)];
  }
  bool mayHaveChild(int64_t budget) const {
    return budget - child >= latency.transferIssue &&
           budget >= int64_t{latency.streamStartup} + latency.ramp + latency.streamStage;
  }

  void add(int64_t budget) {
    std::vector<double> now(at(n)), up(at(n)), down(at(n));
    for (int x = 0; x < n; ++x) {
      double most = 0;
      if (mayHaveChild(budget)) {
        const int64_t rest = budget - child; // at the next position
        most = std::max(x + 1 < n ? above[at(rest)][at(x + 1)] : 0, x > 0 ? below[at(rest)][at(x - 1)] : 0);
      }
      now[at(x)] = others(budget, x) + most;
    }
    up = down = now;
    if (const int64_t before = budget - latency.hop; before >= latency.transferIssue) { // one position further
      for (int x = 0; x + 1 < n; ++x)
        up[at(x)] = std::max(up[at(x)], above[at(before)][at(x + 1)]);
      for (int x = 1; x < n; ++x)
        down[at(x)] = std::max(down[at(x)], below[at(before)][at(x - 1)]);
    }
    here.push_back(std::move(now));
    above.push_back(std::move(up));
    below.push_back(std::move(down));
  }

  void count(int64_t budget, int x, std::vector<int> &counts) const {
    for (; budget >= 0 && mayHaveChild(budget) && here[at(budget)][at(x)] > others(budget, x); budget -= sibling) {
      int64_t rest = budget - child;
      const bool up = x + 1 < n && (x == 0 || above[at(rest)][at(x + 1)] >= below[at(rest)][at(x - 1)]);
      int y = up ? x + 1 : x - 1;
      for (const auto &best = up ? above : below; best[at(rest)][at(y)] > here[at(rest)][at(y)]; rest -= latency.hop)
        y += up ? 1 : -1;
      count(rest, y, counts);
    }
    ++counts[at(x)];
  }

  int n;
  const hw::Latency &latency;
  int64_t child, sibling;     // what they cost of a budget; the child at the next position
  std::vector<double> weight; // of each position
  // By budget and position: the heaviest family of a core there, of one there or further up (down) a hop a cycle less.
  std::vector<std::vector<double>> here, above, below;
};

/// Positions that the family does not take count more, those that it takes often less.
void reweigh(std::vector<double> &weights, const std::vector<int> &taken, double step) {
  for (size_t x = 0; x < weights.size(); ++x)
    weights[x] *= std::exp(step * (1 - std::min(taken[x], 4)));
}

} // namespace

int64_t reduceLowerBound(int n, int64_t words, const hw::Latency &latency) {
  if (n < 2)
    return 0;
  Budgets budgets(n, words, latency);
  // Far positions are dear: weights that shrink by a factor with each position nearer to the root.
  int64_t best = 0;
  std::vector<double> weights(at(n)), start;
  for (int k = 2; k <= 18; ++k) {
    const double factor = k == 18 ? 1 : 1 - std::exp2(-(k + 1) / 2.);
    for (int x = 0; x < n; ++x)
      weights[at(x)] = std::pow(factor, n - 1 - x);
    if (const int64_t budget = budgets.least(weights); budget > best) {
      best = budget;
      start = weights;
    }
  }
  // On long lines there is less to gain, and it takes long.
  weights = start;
  for (int round = 0; round < (n <= 32 ? 60 : 0); ++round) {
    best = std::max(best, budgets.least(weights));
    reweigh(weights, budgets.taken(), 0.2 / (1 + 0.1 * round));
  }
  return best + words - 1;
}

int64_t notedReduceBound(int n, int64_t words, const hw::Latency &latency) {
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
