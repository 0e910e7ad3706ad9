// Sets of cores as affine sets: made from position masks, proven disjoint and covering, and expanded again.
#pragma once

#include "dialects/fabric/FabricDialect.h"

#include "mlir/IR/IntegerSet.h"

#include <vector>

namespace weft::fabric {

/// A product of positions on x and y, or the diagonal's complement relation: which cores a piece of code is for.
struct CoreMask {
  std::vector<bool> xs, ys;
  enum class Relation { Any, OnDiagonal, OffDiagonal } relation = Relation::Any;

  static CoreMask all(int64_t width, int64_t height) {
    return {std::vector<bool>(width, true), std::vector<bool>(height, true), Relation::Any};
  }
  bool contains(int64_t x, int64_t y) const {
    return xs[x] && ys[y] && (relation == Relation::Any || (x == y) == (relation == Relation::OnDiagonal));
  }
  bool empty() const;
  bool operator==(const CoreMask &) const = default;
};

/// The cores that are in both.
CoreMask intersect(const CoreMask &a, const CoreMask &b);
/// The cores of `a` that are not in `b`, as disjoint masks; none of them is empty.
llvm::SmallVector<CoreMask> subtract(const CoreMask &a, const CoreMask &b);

/// The mask as a union of affine sets of (x, y); as few as a greedy split into periodic runs gives.
llvm::SmallVector<mlir::IntegerSet> toSets(mlir::MLIRContext *context, const CoreMask &mask);

/// The value of an expression where every dimension is `point`: of one dimension, its value there.
int64_t valueAt(mlir::AffineExpr expr, int64_t point);

/// True if (x, y) lies in one of the sets.
bool contains(llvm::ArrayRef<mlir::IntegerSet> sets, int64_t x, int64_t y);

/// F2 and F3 for a step, proven: point by point of an axis where that is enough, else with the Presburger library.
mlir::LogicalResult verifyStepClasses(StepOp step, int64_t width, int64_t height);

} // namespace weft::fabric
