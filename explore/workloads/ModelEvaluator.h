// The models of cost that searches ask: closed forms, and the mesh engine on the same programs.
#pragma once

#include "explore/Evaluate.h"

#include <memory>

namespace weft::explore {

/// Phases of models and kernels of compiler/algorithms, at fidelities Analytic and Engine.
std::unique_ptr<Evaluator> makeModelEvaluator();

} // namespace weft::explore
