// The rules of the general path: an op as loops, and which dimension of each operand and result follows which loop.
#pragma once

#include "mlir/IR/Operation.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
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

  // -- of control flow
  /// Which loops the dimensions of the tensors inside follow, and the loop of counters whose iterations are divided.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<LoopDim, 4>> inside;
  llvm::DenseMap<mlir::Value, int64_t> counters;
  /// What an op inside does in all, and the loops that divide it.
  struct Work {
    double trips;
    llvm::SmallVector<int64_t, 2> loops;
  };
  llvm::SmallVector<Work, 0> work;

  /// The dimension of result `i` that follows a parallel loop; -1: none.
  int64_t dimensionOf(size_t i, int64_t loop) const {
    const auto *found = llvm::find(results[i], loop);
    bool follows = loop >= 0 && kinds[loop] == Kind::Parallel && found != results[i].end();
    return follows ? found - results[i].begin() : -1;
  }
  /// Times that the op's body runs on a core, which does `share` of a loop.
  double trips(llvm::function_ref<double(int64_t loop)> share) const;
  double trips() const {
    return trips([](int64_t) { return 1.0; });
  }
};

/// The op of a reduction's body that takes the result so far, for each result; none: it is no such reduction.
llvm::SmallVector<mlir::Operation *, 1> combinersOf(mlir::Operation *op);

/// Nothing: there is no rule for the op.
std::optional<OpLoops> loopsOf(mlir::Operation *op);
/// The same for scf.for, scf.if and scf.while (GeneralRegions.cpp).
std::optional<OpLoops> loopsOfRegions(mlir::Operation *op);

} // namespace weft::place
