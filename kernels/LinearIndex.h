// An index of a structured op as a sum of multiples of its loops.
#pragma once

#include "mlir/IR/AffineExpr.h"

#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace weft::kernels {

struct LinearIndex {
  llvm::SmallVector<int64_t> factors; // of each loop
  int64_t origin = 0;
};

/// Nothing if `index`, over `loops` loops, is no such sum: floor and mod are not.
std::optional<LinearIndex> linearIndex(mlir::AffineExpr index, unsigned loops);

} // namespace weft::kernels
