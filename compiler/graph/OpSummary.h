// What a graph is made of: ops of xf, which keep what the mesh's own kernels look for, and everything else.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weft::graph {

struct OpSummary {
  std::map<std::string, int64_t> transformer; // ops of xf but for weights, by name without the dialect
  std::vector<std::string> generic;           // the model's own names of the other ops that compute, in their order
};

/// Ops that only reshape, slice or fill are not counted.
OpSummary summarizeOps(mlir::ModuleOp module);

} // namespace weft::graph
