// Multi-objective evolutionary search: which points to try next follows from those that were tried.
#pragma once

#include "explore/run/Run.h"

#include <unordered_map>

namespace weft::explore {

/// Smaller is better, for each objective; of what was refused one large number each.
using Costs = std::vector<double>;

/// What the search asks for: the costs of points by ordinal, or nothing when it is to end.
using CostsOf = std::function<std::optional<std::vector<Costs>>(uint64_t first, uint64_t count)>;

/// NSGA-II (Deb et al. 2002, by pagmo) for the workload `workload` of a space of that method: gives `points` their
/// coordinates, a generation after the other, and asks for their costs. The same for the same seed. An error is one of
/// ours; it returns when `costsOf` has nothing.
Result<void> evolve(const Space &space, Points &points, size_t workload, const CostsOf &costsOf);

} // namespace weft::explore
