// Whether a program of compiler/algorithms computes what it should: run with data and compared with double precision.
// Internal to explore/tune.
#pragma once

#include "compiler/algorithms/Request.h"
#include "explore/tune/Subject.h"

namespace weft::explore {

/// The same algorithm and settings for f32 on a mesh of at most this many cores a side, with tiles about as large;
/// numbers of groups shrink with the line.
inline constexpr uint32_t mostCheckedSide = 12;
///
/// The program of a layer times what its parts take and has no data. In its place its sums along either axis run, as
/// its settings spread them, and for a prompt's a product as eight of its nine are made; what a core does alone has no
/// choices.
std::vector<algorithms::Request> checkedRequests(const algorithms::Request &request);

/// All of checkedRequests(); what ran is in the verdict. Errors: ours.
Result<Verdict> checkChoices(const algorithms::Request &request, const hw::Hardware &hardware);
/// `request` is of f32 and no layer. Errors: ours.
Result<Verdict> checkAlgorithm(const algorithms::Request &request, const hw::Hardware &hardware);

} // namespace weft::explore
