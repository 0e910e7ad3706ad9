#include "kernels/VectorControl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <algorithm>

using namespace mlir;

namespace weft::kernels {
namespace {

/// One loop of a structured op. A dynamic one runs over the rows in use, `extent` at most.
struct Loop {
  int64_t extent = 1;
  bool isRows = false;
};

RowLinear operator+(const RowLinear &a, const RowLinear &b) { return {a.base + b.base, a.perRow + b.perRow}; }
VectorControl operator+(const VectorControl &a, const VectorControl &b) {
  return {a.vectors + b.vectors, a.descriptors + b.descriptors};
}

/// `count` once for each iteration. Linear in the rows in use: of two loops over rows the inner one counts as whole.
RowLinear repeated(const RowLinear &count, const Loop &loop) {
  if (!loop.isRows)
    return {count.base * loop.extent, count.perRow * loop.extent};
  return {0, count.base + count.perRow * loop.extent};
}
RowLinear repeated(RowLinear count, ArrayRef<Loop> loops) {
  for (const Loop &loop : loops)
    count = repeated(count, loop);
  return count;
}

Value rootOf(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (auto view = dyn_cast<memref::SubViewOp>(op))
      memref = view.getSource();
    else if (auto cast = dyn_cast<memref::ReinterpretCastOp>(op))
      memref = cast.getSource();
    else
      break;
  }
  return memref;
}

/// The most that a dynamic dimension of the view can be: what its buffer has beside the static ones.
int64_t mostRows(Value memref) {
  int64_t elements = cast<MemRefType>(rootOf(memref).getType()).getNumElements();
  for (int64_t extent : cast<MemRefType>(memref.getType()).getShape())
    if (!ShapedType::isDynamic(extent))
      elements /= std::max<int64_t>(extent, 1);
  return std::max<int64_t>(elements, 1);
}

SmallVector<Loop> loopsOf(linalg::LinalgOp op) {
  SmallVector<Loop> loops(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      continue;
    for (auto [i, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      Loop &loop = loops[dim.getPosition()];
      if (type.isDynamicDim(i))
        loop = {loop.isRows ? std::min(loop.extent, mostRows(operand.get())) : mostRows(operand.get()), true};
      else
        loop = {type.getDimSize(i), false};
    }
  }
  return loops;
}

/// The block's operations on elements that are vector instructions. Widening is part of a read, narrowing of a write.
struct Body {
  int64_t elementwise = 0;
  SmallVector<math::FmaOp> fused;
};
Body bodyOf(linalg::LinalgOp op) {
  Body body;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto fma = dyn_cast<math::FmaOp>(inner))
      body.fused.push_back(fma);
    else if (!isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::SIToFPOp, arith::DivFOp,
                  math::SqrtOp, math::RsqrtOp, math::ExpOp, math::ErfOp, math::TanhOp>(inner))
      ++body.elementwise;
  }
  return body;
}

/// The loops that a factor of a multiply-add has; none if it is a constant.
llvm::SmallBitVector loopsOfFactor(linalg::LinalgOp op, Value factor) {
  llvm::SmallBitVector loops(op.getNumLoops());
  while (Operation *widened = factor.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::SIToFPOp>(widened)) {
      if (!isa<arith::ConstantOp>(widened))
        loops.set();
      return loops;
    }
    factor = widened->getOperand(0);
  }
  auto argument = dyn_cast<BlockArgument>(factor);
  if (!argument || argument.getOwner() != op.getBlock())
    return loops;
  AffineMap map = op.getMatchingIndexingMap(op.getMatchingOpOperand(argument));
  for (unsigned i = 0; i < loops.size(); ++i)
    if (map.isFunctionOfDim(i))
      loops.set(i);
  return loops;
}

/// A loop of vector instructions, one for each iteration of all loops but those in `along`.
VectorControl loopOfVectors(ArrayRef<Loop> loops, const llvm::SmallBitVector &along) {
  SmallVector<Loop> outer;
  for (auto [i, loop] : llvm::enumerate(loops))
    if (!along.test(i))
      outer.push_back(loop);
  VectorControl control{.vectors = repeated({1, 0}, outer), .descriptors = {}};
  if (auto longest = llvm::max_element(outer, [](const Loop &a, const Loop &b) { return a.extent < b.extent; });
      longest != outer.end())
    outer.erase(longest);
  control.descriptors = repeated({1, 0}, outer);
  return control;
}

/// Vectors along the loops of which `one` is the longest choice: fewest vectors.
VectorControl fewest(ArrayRef<Loop> loops, ArrayRef<llvm::SmallBitVector> choices) {
  auto length = [&](const llvm::SmallBitVector &along) {
    int64_t result = 1;
    for (unsigned i : along.set_bits())
      result *= loops[i].extent;
    return result;
  };
  return loopOfVectors(
      loops, *llvm::max_element(choices, [&](const auto &a, const auto &b) { return length(a) < length(b); }));
}

VectorControl controlOf(linalg::LinalgOp op) {
  SmallVector<Loop> loops = loopsOf(op);
  Body body = bodyOf(op);
  llvm::SmallBitVector parallel(loops.size());
  for (auto [i, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::parallel)
      parallel.set(i);
  const llvm::SmallBitVector reduced = ~parallel;

  VectorControl control;
  auto addElementwise = [&](int64_t count) { control = control + VectorControl{{count, 0}, {count, 0}}; };
  for (math::FmaOp fma : body.fused) {
    SmallVector<llvm::SmallBitVector> choices;
    for (Value factor : {fma.getA(), fma.getB()}) {
      llvm::SmallBitVector along = parallel;
      along.reset(loopsOfFactor(op, factor));
      if (along.any())
        choices.push_back(along);
    }
    if (choices.empty()) { // both factors are vectors: a product, then a sum
      addElementwise(1);
      ++body.elementwise;
    } else {
      control = control + fewest(loops, choices);
    }
  }
  if (reduced.any()) {
    // The last operation is the sum or the maximum: into a vector of outputs, or along a row into each of them.
    if (body.elementwise > 0) {
      addElementwise(body.elementwise - 1);
      SmallVector<llvm::SmallBitVector> choices = {reduced};
      if (parallel.any())
        choices.push_back(parallel);
      control = control + fewest(loops, choices);
    }
  } else if (body.elementwise > 0 || body.fused.empty()) {
    addElementwise(std::max<int64_t>(body.elementwise, 1)); // none: a move
  }
  return control;
}

VectorControl larger(const VectorControl &a, const VectorControl &b) {
  return a.vectors.base + a.vectors.perRow < b.vectors.base + b.vectors.perRow ? b : a;
}

VectorControl controlOf(Block &block);

VectorControl controlOf(scf::ForOp loop) {
  VectorControl body = controlOf(*loop.getBody());
  auto count = getConstantIntValue(loop.getUpperBound());
  Loop trips = count ? Loop{*count, false} : Loop{1, true};
  return {repeated(body.vectors, trips), repeated(body.descriptors, trips)};
}

VectorControl controlOf(Block &block) {
  VectorControl control;
  for (Operation &op : block) {
    if (auto structured = dyn_cast<linalg::LinalgOp>(op))
      control = control + controlOf(structured);
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      control = control + controlOf(loop);
    else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      VectorControl then = controlOf(*branch.thenBlock());
      control = control + (branch.elseBlock() ? larger(then, controlOf(*branch.elseBlock())) : then);
    }
  }
  return control;
}

} // namespace

VectorControl vectorControl(func::FuncOp kernel) { return controlOf(kernel.getBody().front()); }

} // namespace weft::kernels
