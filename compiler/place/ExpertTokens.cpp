#include "compiler/place/ExpertTokens.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::place {
namespace {

/// Tokens that are looked at; more say little more about a mean.
constexpr size_t mostTokens = 512;

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same numbers on every machine.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return std::ldexp(static_cast<double>(next() >> 11), -53); }
};

/// Systematic sampling in random order: topK different experts, each with its share as probability (Madow, 1949).
std::vector<int> draw(const std::vector<double> &share, int64_t topK, Random &random) {
  std::vector<int> order(share.size());
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.next() % i]);
  std::vector<int> chosen;
  double next = random.uniform(), sum = 0;
  for (int expert : order) {
    sum += share[expert];
    if (static_cast<int64_t>(chosen.size()) < topK && sum > next) {
      chosen.push_back(expert);
      next += 1;
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// Whole blocks from all over the samples, at most as many tokens as are looked at.
std::vector<std::vector<int>> someOf(const std::vector<std::vector<int>> &samples, size_t block) {
  if (samples.size() <= mostTokens)
    return samples;
  std::vector<std::vector<int>> result;
  const size_t blocks = samples.size() / block, wanted = std::clamp<size_t>(mostTokens / block, 1, blocks);
  for (size_t i = 0; i < wanted; ++i) {
    auto first = samples.begin() + static_cast<std::ptrdiff_t>(i * blocks / wanted * block);
    result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(block));
  }
  return result;
}

} // namespace

std::vector<double> sharesOf(const ExpertShape &shape, const ExpertLoad &load) {
  if (!load.share.empty())
    return load.share;
  std::vector<double> share(shape.experts, 0);
  for (const auto &token : load.samples)
    for (int expert : token)
      share[expert] += 1.0 / static_cast<double>(load.samples.size());
  if (load.samples.empty())
    share.assign(shape.experts, static_cast<double>(shape.topK) / static_cast<double>(shape.experts));
  return share;
}

ExpertTokens ExpertTokens::of(const ExpertShape &shape, const ExpertLoad &load, int64_t block) {
  ExpertTokens result;
  result.block = std::max<int64_t>(1, block);
  if (!load.samples.empty()) {
    result.tokens = someOf(load.samples, std::min(load.samples.size(), static_cast<size_t>(result.block)));
    for (auto &token : result.tokens)
      std::sort(token.begin(), token.end());
    return result;
  }
  const std::vector<double> share = sharesOf(shape, load);
  result.drawn = true;
  Random random{static_cast<uint64_t>(shape.experts)};
  for (size_t i = 0; i < mostTokens; ++i)
    result.tokens.push_back(draw(share, shape.topK, random));
  return result;
}

namespace {

/// The regions of each expert, ascending.
struct RegionLists {
  std::vector<int> first, regions; // of expert e: regions[first[e]] up to regions[first[e + 1]]

  RegionLists(const ExpertPlan &plan, int64_t experts) : first(experts + 1, 0) {
    for (int expert : plan.expert)
      if (expert >= 0)
        ++first[expert + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    regions.resize(first.back());
    std::vector<int> next(first.begin(), first.end() - 1);
    for (size_t place = 0; place < plan.expert.size(); ++place)
      if (int expert = plan.expert[place]; expert >= 0)
        regions[next[expert]++] = static_cast<int>(place / plan.slots);
  }

  void assign(const std::vector<int> &token, std::vector<int64_t> &pairs) const {
    for (int expert : token) {
      int best = -1;
      for (int i = first[expert]; i < first[expert + 1]; ++i)
        if (best < 0 || pairs[regions[i]] < pairs[best])
          best = regions[i];
      if (best >= 0)
        ++pairs[best];
    }
  }
};

double busiest(const RegionLists &lists, const ExpertPlan &plan, const ExpertTokens &tokens, size_t block) {
  std::vector<int64_t> pairs(plan.regions);
  int64_t sum = 0;
  for (size_t first = 0; first < tokens.tokens.size(); first += block) {
    std::fill(pairs.begin(), pairs.end(), 0);
    for (size_t i = first; i < std::min(first + block, tokens.tokens.size()); ++i)
      lists.assign(tokens.tokens[i], pairs);
    sum += *std::max_element(pairs.begin(), pairs.end());
  }
  return static_cast<double>(sum) / static_cast<double>(tokens.tokens.size());
}

} // namespace

BusiestPairs busiestPairs(const ExpertPlan &plan, int64_t experts, const ExpertTokens &tokens) {
  const RegionLists lists(plan, experts);
  BusiestPairs result;
  result.alone = busiest(lists, plan, tokens, 1);
  result.inBlocks = tokens.block == 1 ? result.alone : busiest(lists, plan, tokens, static_cast<size_t>(tokens.block));
  return result;
}

} // namespace weft::place
