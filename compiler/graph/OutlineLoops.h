// Loops as functions of their own, so that code generation need not look at all of a model at once.
#pragma once

#include "mlir/Pass/Pass.h"

#include <memory>

namespace weft::graph {

/// Every outermost scf.for without results becomes a private function of what it captures, constants among that made
/// anew in it. Machine code of one function with thousands of loops takes time by the square of their number.
std::unique_ptr<mlir::Pass> createOutlineLoopsPass();

} // namespace weft::graph
