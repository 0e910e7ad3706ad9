// A graph that also says which experts its routers choose.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace weft::graph {

/// Appends a result to `function` for each of its xf.moe ops, in order: tokens × experts, f32, 1 where the router
/// chooses the expert. Returns how many.
size_t observeExperts(mlir::ModuleOp module, const std::string &function);

} // namespace weft::graph
