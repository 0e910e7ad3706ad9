// The finest fidelity of a search: what the compiler makes of a point's model, run for its times.
#pragma once

#include "explore/workloads/ModelEvaluator.h"
#include "tools/Tool.h"

namespace weft::tools {

/// `tool` outlives it.
explore::RunCompiled compiledBy(const Tool &tool);

} // namespace weft::tools
