// The models of cost that searches ask: closed forms, the mesh engine on the same programs, and what a compiler makes
// of a model.
#pragma once

#include "explore/Evaluate.h"

#include <functional>
#include <memory>

namespace weft::explore {

/// A launch of a compiled model, on all of the point's mesh. In cycles; the parts are means over the cores that took
/// part.
struct CompiledRun {
  double cycles = 0, compute = 0, communicate = 0, wait = 0;
  double wordHops = 0;
  double sramUsedBytes = 0; // of the fullest core
};
/// Compiles the point's model for its machine and runs its phase once. Errors of the user say why it cannot be.
using RunCompiled = std::function<Result<CompiledRun>(const Point &)>;

/// Phases of models and kernels of compiler/algorithms, at fidelities Analytic and Engine; models at Compiled, too,
/// where there is a compiler.
std::unique_ptr<Evaluator> makeModelEvaluator(RunCompiled compiled = {});

} // namespace weft::explore
