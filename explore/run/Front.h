// What stands in a store: the points that no other beats, why points cannot work, how far two fidelities are apart.
#pragma once

#include "explore/space/Points.h"
#include "explore/store/Store.h"

namespace weft::explore {

/// Of a row. Errors: it is damaged.
Result<std::map<std::string, double>> metricsOf(const Row &row);

/// The objectives, smaller is better; absent if one of them is.
std::optional<std::vector<double>> costsOf(const Space &space, const std::map<std::string, double> &metrics);

/// Which of `points` (an objective a column, smaller is better) no other dominates: none is at least as good in all
/// columns and better in one. Of equal points, the first.
std::vector<size_t> nonDominated(const std::vector<std::vector<double>> &points);

/// Ordinals whose points may be on the front once they are evaluated at the finer fidelity, sorted: no other is better
/// by more than both their errors in all objectives. Objectives that follow from the machine alone have no error.
/// Points that the filter cannot judge are among them.
Result<std::vector<uint64_t>> frontCandidates(const Space &space, const Evaluator &evaluator, Store &store);

struct FrontPoint {
  Row row;
  std::map<std::string, double> metrics;
};

/// A metric at the first fidelity against the next one, over the points that have both.
struct Difference {
  std::string metric, rough, fine; // fidelities
  uint64_t points = 0;
  double mean = 0, worst = 0; // of |rough / fine - 1|
};

struct Findings {
  std::map<std::string, uint64_t> rows;                       // by fidelity
  uint64_t ok = 0, refused = 0;                               // of the first fidelity
  std::vector<std::pair<std::string, uint64_t>> reasons;      // "kind: sentence" by count, of the first fidelity
  std::vector<std::pair<std::string, uint64_t>> finerReasons; // the same of finer ones
  std::map<std::string, std::vector<FrontPoint>> fronts;      // by workload, at the finest fidelity that they have
  std::vector<Difference> differences;                        // of the objectives
};
Result<Findings> findingsOf(const Space &space, Store &store);

/// In [0, 1): the same number for the same two on every machine.
double shareOf(uint64_t seed, uint64_t number);

} // namespace weft::explore
