// Passes of the phase `graph`.
#pragma once

#include "mlir/Pass/Pass.h"

namespace weft::graph {

/// `--graph-split-phases`: @prefill (any number of ids, position 0) and @decode (one id, any position) out of @forward,
/// which goes away. `only`: one of these two names, and the other one is not made; empty: both.
std::unique_ptr<mlir::Pass> createSplitPhasesPass(llvm::StringRef only = "");

/// `--graph-verify`: closes the phase. What it checks is listed in VerifyGraph.cpp, P1 to P7; later phases rely on it.
std::unique_ptr<mlir::Pass> createVerifyGraphPass();

/// Registers the passes by name for tools.
void registerGraphPasses();

} // namespace weft::graph
