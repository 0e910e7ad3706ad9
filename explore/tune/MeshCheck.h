// Whether a program of compiler/algorithms computes what it should: run with data and compared with double precision.
// Internal to explore/tune.
#pragma once

#include "compiler/algorithms/Request.h"
#include "explore/tune/Subject.h"

namespace weft::explore {

/// The same algorithm and settings for f32 on a mesh of at most this many cores a side, with tiles about as large;
/// numbers of groups shrink with the line.
inline constexpr uint32_t mostCheckedSide = 12;
algorithms::Request checkedRequest(const algorithms::Request &request);

/// `request` is of f32. Layers, whose programs have no data, are checked by their sums. Errors: ours.
Result<Verdict> checkAlgorithm(const algorithms::Request &request, const hw::Hardware &hardware);

} // namespace weft::explore
