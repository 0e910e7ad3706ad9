// Reductions that cores share: what one core makes of its part, and what becomes of all of them.
#include "compiler/place/GeneralPlacer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

// ---- on one core ------------------------------------------------------------------------------------------------

/// Zeros, or what else changes nothing, but for the sum of rank 0. `init` is nothing if all begin so, and what is
/// gathered is begun with.
Value LocalBuilder::firstOf(Value init, Value local, Operation *combiner) {
  auto type = cast<RankedTensorType>(local.getType());
  Location loc = op->getLoc();
  auto neutral = builder.create<arith::ConstantOp>(loc, *arith::getNeutralElement(combiner));
  Value empty = builder.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
  Value none = builder.create<linalg::FillOp>(loc, neutral.getResult(), empty).getResult(0);
  int axis = split.axisOf(*loops, OpLoops::Kind::Sum);
  if (axis < 0)
    return none;
  if (auto fill = init.getDefiningOp<linalg::FillOp>(); fill && matchPattern(fill.value(), m_AnyZeroFloat()))
    return local;
  Value first = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, ranks[axis],
                                              builder.create<arith::ConstantIndexOp>(loc, 0));
  return builder.create<arith::SelectOp>(loc, first, local, none);
}

Value LocalBuilder::amongCores(Value local) {
  auto type = cast<RankedTensorType>(local.getType());
  SmallVector<int64_t> shape = {1};
  llvm::append_range(shape, type.getShape());
  SmallVector<ReassociationIndices> groups(type.getRank());
  for (int64_t d = 0; d < type.getRank(); ++d)
    groups[d] = d == 0 ? ReassociationIndices{0, 1} : ReassociationIndices{d + 1};
  return builder.create<tensor::ExpandShapeOp>(op->getLoc(), RankedTensorType::get(shape, type.getElementType()), local,
                                               groups);
}

/// The op on what follows the first `skipped` iterations of `loop`.
static linalg::GenericOp withoutFirst(OpBuilder &b, linalg::GenericOp op, ArrayRef<SmallVector<LoopDim, 4>> operands,
                                      int64_t loop, int64_t skipped) {
  auto copy = cast<linalg::GenericOp>(b.clone(*op));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(copy);
  for (OpOperand *input : copy.getDpsInputOperands()) {
    auto type = dyn_cast<RankedTensorType>(input->get().getType());
    if (!type)
      continue;
    SmallVector<OpFoldResult> offsets, sizes, strides(type.getRank(), b.getIndexAttr(1));
    bool slices = false;
    for (auto [d, dim] : llvm::enumerate(operands[input->getOperandNumber()])) {
      int64_t away = dim.loop == loop ? skipped : dim.factors.empty() ? 0 : dim.factors[loop] * skipped;
      offsets.push_back(b.getIndexAttr(away));
      sizes.push_back(b.getIndexAttr(type.getDimSize(d) - away));
      slices |= away > 0;
    }
    if (slices)
      input->set(b.create<tensor::ExtractSliceOp>(op.getLoc(), input->get(), offsets, sizes, strides));
  }
  copy.walk([&](linalg::IndexOp index) {
    if (static_cast<int64_t>(index.getDim()) != loop)
      return;
    b.setInsertionPointAfter(index);
    Value count = b.create<arith::ConstantIndexOp>(index.getLoc(), skipped);
    auto sum = b.create<arith::AddIOp>(index.getLoc(), index, count);
    index.getResult().replaceAllUsesExcept(sum, sum);
  });
  return copy;
}

/// The results of `full`, but for what a lower rank has, too, where the last blocks of a reduction overlap: one rank
/// leaves out some iterations, those after it all. Each of the two forms has fixed extents, so that both become
/// vectors.
SmallVector<Value> LocalBuilder::leaveOutShared(linalg::GenericOp full) {
  int axis = std::max(split.axisOf(*loops, OpLoops::Kind::Sum), split.axisOf(*loops, OpLoops::Kind::Reduction));
  int64_t loop = axis < 0 ? -1 : split.loops[axis];
  if (loop < 0 || loop == loops->lookup || loops->extents[loop] % cores[axis] == 0)
    return llvm::to_vector_of<Value>(full->getResults());
  Location loc = full.getLoc();
  int64_t local = localExtent(loop),
          last = (loops->extents[loop] - 1) / local; // the last rank with iterations of its own
  int64_t shared = last * local - (loops->extents[loop] - local);
  auto rankIs = [&](arith::CmpIPredicate predicate, int64_t rank) -> Value {
    return builder.create<arith::CmpIOp>(loc, predicate, ranks[axis],
                                         builder.create<arith::ConstantIndexOp>(loc, rank));
  };
  auto yield = [&](Operation *op) { builder.create<scf::YieldOp>(loc, op->getResults()); };
  auto outer = builder.create<scf::IfOp>(loc, full->getResultTypes(), rankIs(arith::CmpIPredicate::ult, last),
                                         /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(outer.thenBlock());
  yield(builder.clone(*full));
  builder.setInsertionPointToStart(outer.elseBlock());
  auto inner =
      builder.create<scf::IfOp>(loc, full->getResultTypes(), rankIs(arith::CmpIPredicate::eq, last), true, true);
  yield(inner);
  builder.setInsertionPointToStart(inner.thenBlock());
  yield(withoutFirst(builder, full, loops->operands, loop, shared));
  builder.setInsertionPointToStart(inner.elseBlock());
  builder.create<scf::YieldOp>(loc, full.getDpsInits());
  full.erase();
  return llvm::to_vector_of<Value>(outer->getResults());
}

// ---- on all of them ---------------------------------------------------------------------------------------------

/// Of a value that each core on `axis` has one of: the whole, cores x value.
std::pair<RankedTensorType, Division> GeneralPlacer::amongCores(RankedTensorType type, Division division, int axis) {
  SmallVector<int64_t> shape = {cores(axis)};
  llvm::append_range(shape, type.getShape());
  for (int64_t &dimension : division)
    dimension = dimension < 0 ? -1 : dimension + 1;
  division[axis] = 0;
  return {RankedTensorType::get(shape, type.getElementType()), division};
}

/// Reduces what cores on an axis have made of their parts, beginning with what the op begins with.
LogicalResult GeneralPlacer::reduceAmongCores(OpResult result, Value form, Division division) {
  auto op = cast<linalg::GenericOp>(result.getOwner());
  auto type = cast<RankedTensorType>(result.getType());
  OpBuilder b(op); // before the op, where placement has passed
  // Stands for the results of all cores, which are no value of the program.
  SmallVector<int64_t> shape(cast<RankedTensorType>(form.getType()).getShape());
  auto partsType = RankedTensorType::get(shape, type.getElementType());
  Value parts = b.create<UnrealizedConversionCastOp>(op.getLoc(), TypeRange(partsType), ValueRange()).getResult(0);
  values[parts].forms.emplace_back(division, form);
  auto rank = static_cast<unsigned>(partsType.getRank());
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators[0] = utils::IteratorType::reduction;
  AffineMap all = b.getMultiDimIdentityMap(rank);
  Operation *combiner = combinersOf(op)[result.getResultNumber()];
  Value before = op.getRegionOutputArgs()[result.getResultNumber()];
  auto again = b.create<linalg::GenericOp>(
      op.getLoc(), type, parts, op.getDpsInits()[result.getResultNumber()], ArrayRef{all, all.dropResult(0)}, iterators,
      [&](OpBuilder &nested, Location at, ValueRange elements) {
        IRMapping mapping;
        for (Value operand : combiner->getOperands())
          mapping.map(operand, elements[operand == before ? 1 : 0]);
        nested.create<linalg::YieldOp>(at, nested.clone(*combiner, mapping)->getResult(0));
      });
  Split split;
  for (int axis : {0, 1})
    if (division[axis] > 0)
      split.loops[axis] = division[axis];
  if (failed(placeKernel(again, {}, split)))
    return failure();
  Placed made = values[again.getResult(0)]; // a copy: the map may grow
  values[result] = std::move(made);
  return success();
}

} // namespace weft::place
