// The rules of the general path: an op as loops, and which dimension of each operand and result follows which loop.
#pragma once

#include "mlir/IR/Operation.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace weft::place {

/// One dimension of an operand: the index there is that of `loop`, or if `loop` is -1 a sum of loops times `factors`
/// and something constant.
struct LoopDim {
  int64_t loop = -1;
  llvm::SmallVector<int64_t, 4> factors; // by loop; empty: depends on none
};

struct OpLoops {
  enum class Kind { Parallel, Sum, Fixed }; // Fixed: cannot be divided
  llvm::SmallVector<int64_t, 6> extents;
  llvm::SmallVector<Kind, 6> kinds;
  llvm::SmallVector<llvm::SmallVector<LoopDim, 4>, 4> operands; // of the op's operands; empty: whole, or no tensor
  llvm::SmallVector<llvm::SmallVector<int64_t, 4>, 2> results;  // the loop of each dimension

  /// Times that the op's body runs, when a core does `local` of the loops.
  double trips() const;
};

/// Nothing: there is no rule for the op.
std::optional<OpLoops> loopsOf(mlir::Operation *op);

} // namespace weft::place
