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

/// A tensor that the op's body reads at indices of its own making, and which loops those are.
struct LoopCapture {
  mlir::Value value;
  llvm::SmallVector<LoopDim, 4> dims;
};

struct OpLoops {
  /// Sum: of f32, which an all-reduce adds up. Reduction: of anything else; the cores' results are gathered and
  /// reduced. Fixed: cannot be divided.
  enum class Kind { Parallel, Sum, Reduction, Fixed };
  llvm::SmallVector<int64_t, 6> extents;
  llvm::SmallVector<Kind, 6> kinds;
  llvm::SmallVector<llvm::SmallVector<LoopDim, 4>, 4> operands; // of the op's operands; empty: whole, or no tensor
  llvm::SmallVector<llvm::SmallVector<int64_t, 4>, 2> results;  // the loop of each dimension
  llvm::SmallVector<LoopCapture, 1> captures;
  /// A loop that the op does not have: over the rows of a table in which it looks up one for each element. Divided,
  /// each core has the values of its own rows and zeros, and the sum is the whole. -1: none.
  int64_t lookup = -1;

  /// Times that the op's body runs, when a core does `local` of the loops.
  double trips() const;
};

/// The op of a reduction's body that takes the result so far, for each result; none: it is no such reduction.
llvm::SmallVector<mlir::Operation *, 1> combinersOf(mlir::Operation *op);

/// Nothing: there is no rule for the op.
std::optional<OpLoops> loopsOf(mlir::Operation *op);

} // namespace weft::place
