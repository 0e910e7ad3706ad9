// A line of cores in place of the mesh, where lines do the same and never meet.
#pragma once

#include "compiler/algorithms/Request.h"

namespace weft::algorithms {

/// What one line of cores of `request` does: a row of a shift, a column of a GEMV, a line of a sum or a broadcast along
/// one axis. Its cycles and its means over cores are those of the whole mesh: each line runs the same program, no
/// message leaves one, and all cross the same die boundaries. `request` itself where lines meet.
Request oneLine(const Request &request);

} // namespace weft::algorithms
