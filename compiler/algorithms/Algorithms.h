// Programs for GEMM, GEMV and collectives, by name.
#pragma once

#include "compiler/algorithms/Request.h"

namespace weft::algorithms {

/// The program for `request` on `hardware`. Errors name what does not fit, with the numbers: a mesh larger than the
/// machine, K or groups that do not fit the cores, too few colours, too little SRAM, an unknown algorithm or setting.
Result<Generated> generate(const Request &request, const hw::Hardware &hardware);

/// Whether extents and mesh make sense and fit the machine: the first of these errors.
Result<void> checkRequest(const Request &request, const hw::Hardware &hardware);

/// The repetitions that show what one of them adds, by kind: a number that the user did not give.
uint32_t defaultRepeats(Kind kind);

/// Names of the algorithms of a kind.
std::vector<std::string> algorithmNames(Kind kind);
/// A line for each algorithm of a kind: name, what it does, settings.
std::string describeAlgorithms(Kind kind);

} // namespace weft::algorithms
