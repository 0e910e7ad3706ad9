#include "explore/run/Front.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <tuple>

namespace weft::explore {

Result<std::map<std::string, double>> metricsOf(const Row &row) {
  std::map<std::string, double> out;
  const auto json = nlohmann::json::parse(row.results, nullptr, false);
  if (!json.is_object())
    return userError(fmt::format("point {} has results that are no JSON object; the file is damaged", row.ordinal));
  for (const auto &[name, value] : json.items())
    if (value.is_number())
      out[name] = value.get<double>();
  return out;
}

std::optional<std::vector<double>> costsOf(const Space &space, const std::map<std::string, double> &metrics) {
  std::vector<double> costs;
  for (const Objective &objective : space.objectives) {
    auto found = metrics.find(objective.metric);
    if (found == metrics.end())
      return std::nullopt;
    costs.push_back(objective.isMaximised ? -found->second : found->second);
  }
  return costs;
}

namespace {

/// At least as good everywhere and better somewhere.
bool dominates(const std::vector<double> &a, const std::vector<double> &b) {
  bool isBetter = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i])
      return false;
    isBetter |= a[i] < b[i];
  }
  return isBetter;
}

std::string workloadOf(const Row &row) {
  const auto json = nlohmann::json::parse(row.inputs, nullptr, false);
  const bool says = json.is_object() && json.contains("workload") && json["workload"].is_string();
  return says ? json["workload"].get<std::string>() : "";
}

struct Group {
  std::vector<Row> rows;
  std::vector<std::vector<double>> costs;
};

/// What worked at `fidelity`, by workload; of the points in `unseen` what worked at the space's first one.
Result<std::map<std::string, Group>> groupsOf(const Space &space, Store &store, Fidelity fidelity,
                                              const std::set<uint64_t> &unseen = {}) {
  std::map<std::string, Group> groups;
  auto read = store.forEach([&](const Row &row) -> Result<void> {
    const bool standsIn = row.fidelity == nameOf(space.filter) && unseen.contains(row.ordinal);
    if ((row.fidelity != nameOf(fidelity) && !standsIn) || row.status != "ok")
      return success();
    auto metrics = metricsOf(row);
    if (!metrics)
      return metrics.takeError();
    if (auto costs = costsOf(space, *metrics)) {
      Group &group = groups[workloadOf(row)];
      group.rows.push_back(row);
      group.costs.push_back(*std::move(costs));
    }
    return success();
  });
  if (!read)
    return read.takeError();
  return groups;
}

} // namespace

double shareOf(uint64_t seed, uint64_t number) {
  uint64_t x = seed * 0x9E3779B97F4A7C15 + number; // SplitMix64 (Steele, Lea, Flood 2014), as a hash
  for (int round = 0; round < 2; ++round) {
    x += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    x ^= x >> 31;
  }
  return double(x >> 11) * 0x1p-53;
}

std::vector<size_t> nonDominated(const std::vector<std::vector<double>> &points) {
  std::vector<size_t> order(points.size()), front;
  std::iota(order.begin(), order.end(), size_t(0));
  // Once sorted, nothing is dominated by what comes after it.
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::tie(points[a], a) < std::tie(points[b], b); });
  for (size_t i : order)
    if (std::none_of(front.begin(), front.end(),
                     [&](size_t j) { return points[j] == points[i] || dominates(points[j], points[i]); }))
      front.push_back(i);
  std::sort(front.begin(), front.end());
  return front;
}

/// Refused for what the fidelity cannot tell, not for what the point is.
static bool isUnjudged(const Row &row) {
  return row.status == "refused" && (row.reasonKind == "form" || row.reasonKind == "no figure");
}

Result<std::vector<uint64_t>> frontCandidates(const Space &space, const Evaluator &evaluator, Store &store) {
  auto groups = groupsOf(space, store, space.filter);
  if (!groups)
    return groups.takeError();
  const double error = evaluator.errorBound(space.filter);
  const auto exact = evaluator.figures(space.base);
  std::vector<double> errors;
  for (const Objective &objective : space.objectives)
    errors.push_back(exact.contains(objective.metric) ? 0 : error);
  // Of points of the front it is enough to ask: whoever is beaten for sure is so by one of them.
  auto surelyBeats = [&](const std::vector<double> &a, const std::vector<double> &b) {
    bool isBetter = false;
    for (size_t i = 0; i < a.size(); ++i) {
      const double worstOfA = a[i] + std::abs(a[i]) * errors[i], bestOfB = b[i] - std::abs(b[i]) * errors[i];
      if (worstOfA > bestOfB)
        return false;
      isBetter |= worstOfA < bestOfB;
    }
    return isBetter;
  };
  std::vector<uint64_t> ordinals;
  auto unjudged = store.forEach([&](const Row &row) -> Result<void> {
    if (row.fidelity == nameOf(space.filter) && isUnjudged(row))
      ordinals.push_back(row.ordinal);
    return success();
  });
  if (!unjudged)
    return unjudged.takeError();
  for (const auto &[workload, group] : *groups) {
    const std::vector<size_t> front = nonDominated(group.costs);
    for (size_t i = 0; i < group.rows.size(); ++i)
      if (std::none_of(front.begin(), front.end(),
                       [&](size_t j) { return surelyBeats(group.costs[j], group.costs[i]); }))
        ordinals.push_back(group.rows[i].ordinal);
  }
  std::sort(ordinals.begin(), ordinals.end());
  return ordinals;
}

namespace {

/// Pairs of rows of one point, by ordinal.
std::vector<Difference>
differencesOf(const Space &space,
              const std::map<uint64_t, std::map<std::string, std::map<std::string, double>>> &points) {
  std::vector<Difference> out;
  const std::string rough(nameOf(space.filter));
  for (const Objective &objective : space.objectives)
    for (Fidelity fine : {Fidelity::Engine, Fidelity::Compiled}) {
      Difference difference{objective.metric, rough, std::string(nameOf(fine))};
      for (const auto &[ordinal, byFidelity] : points) {
        auto first = byFidelity.find(rough), second = byFidelity.find(difference.fine);
        if (fine <= space.filter || first == byFidelity.end() || second == byFidelity.end())
          continue;
        auto a = first->second.find(objective.metric), b = second->second.find(objective.metric);
        if (a == first->second.end() || b == second->second.end() || b->second == 0)
          continue;
        const double apart = std::abs(a->second / b->second - 1);
        ++difference.points;
        difference.mean += apart;
        difference.worst = std::max(difference.worst, apart);
      }
      if (difference.points == 0)
        continue;
      difference.mean /= double(difference.points);
      out.push_back(std::move(difference));
    }
  return out;
}

} // namespace

Result<Findings> findingsOf(const Space &space, Store &store) {
  Findings findings;
  std::map<std::string, uint64_t> reasons, finerReasons;
  std::set<uint64_t> unseen; // at the finer fidelity
  std::map<uint64_t, std::map<std::string, std::map<std::string, double>>> points;
  auto read = store.forEach([&](const Row &row) -> Result<void> {
    ++findings.rows[row.fidelity];
    const bool isFirst = row.fidelity == nameOf(space.filter);
    if (isFirst)
      ++(row.status == "ok" ? findings.ok : findings.refused);
    if (isFirst && row.status != "ok")
      ++reasons[row.reasonKind];
    if (!isFirst && row.status != "ok")
      ++finerReasons[row.reasonKind];
    if (!isFirst && row.reasonKind == tooSlow)
      unseen.insert(row.ordinal);
    if (row.status != "ok")
      return success();
    // Differences need the points that have two rows; of the first fidelity alone there may be millions.
    if (!isFirst)
      if (auto metrics = metricsOf(row))
        points[row.ordinal][row.fidelity] = *std::move(metrics);
    return success();
  });
  if (read)
    read = store.forEach([&](const Row &row) -> Result<void> {
      if (auto found = points.find(row.ordinal);
          row.status == "ok" && row.fidelity == nameOf(space.filter) && found != points.end())
        if (auto metrics = metricsOf(row))
          found->second[row.fidelity] = *std::move(metrics);
      return success();
    });
  if (!read)
    return read.takeError();
  findings.differences = differencesOf(space, points);
  findings.reasons.assign(reasons.begin(), reasons.end());
  findings.finerReasons.assign(finerReasons.begin(), finerReasons.end());
  std::sort(findings.reasons.begin(), findings.reasons.end(),
            [](auto &a, auto &b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
  auto groups = groupsOf(space, store, space.front.value_or(space.filter), unseen);
  if (!groups)
    return groups.takeError();
  for (const auto &[workload, group] : *groups)
    for (size_t i : nonDominated(group.costs)) {
      auto metrics = metricsOf(group.rows[i]);
      if (!metrics)
        return metrics.takeError();
      findings.fronts[workload].push_back({group.rows[i], *std::move(metrics)});
    }
  return findings;
}

} // namespace weft::explore
