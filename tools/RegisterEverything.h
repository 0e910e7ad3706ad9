// All of Weft's dialects and passes, and those of upstream that go with them, for the tools that read MLIR text.
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace weft {

/// Fills `registry` and registers the passes by name. Only what Weft uses: registering all of MLIR costs minutes of
/// build time.
void registerEverything(mlir::DialectRegistry &registry);

} // namespace weft
