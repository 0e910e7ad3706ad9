// What weft explore knows of GEMMs, GEMVs and collectives: `weft kernel` for each point.
#pragma once

#include "explore/Evaluate.h"
#include "tools/Tool.h"

#include <memory>

namespace weft::tools {

/// Of workloads with a kernel, at fidelity Engine. `tool` outlives it.
std::unique_ptr<explore::Evaluator> makeKernelEvaluator(const Tool &tool);

} // namespace weft::tools
