// Control flow on a core's own blocks: the ops inside become local ones, one after the other.
#include "compiler/place/GeneralKernel.h"
#include "compiler/place/Geometry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace weft::place {

static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

// ---- values inside ----------------------------------------------------------------------------------------------

ArrayRef<LoopDim> LocalBuilder::dimsInside(Value value) const {
  auto found = region->inside.find(value);
  return found == region->inside.end() ? ArrayRef<LoopDim>() : ArrayRef<LoopDim>(found->second);
}

Division LocalBuilder::heldInside(Value value) const {
  Division held = whole;
  for (auto [d, dim] : llvm::enumerate(dimsInside(value)))
    for (int axis : {0, 1})
      if (dim.loop >= 0 && dim.loop == regionSplit.loops[axis])
        held[axis] = static_cast<int64_t>(d);
  return held;
}

RankedTensorType LocalBuilder::typeInside(RankedTensorType type, Division held) const {
  SmallVector<int64_t> shape(type.getShape());
  for (int axis : {0, 1})
    if (held[axis] >= 0)
      shape[held[axis]] = ceilDiv(shape[held[axis]], cores[axis]);
  return RankedTensorType::get(shape, type.getElementType());
}

/// `value`, as ops of the regions' own frame see it: one that is made in the kernel like `likeThis`.
Value LocalBuilder::insideOf(Value value, Value likeThis) {
  RankedTensorType type = tensorOf(value);
  if (!type)
    return captured(value);
  SmallVector<LoopDim> dims(dimsInside(isMadeInKernel(value) ? likeThis : value));
  dims.resize(type.getRank());
  return operand(value, dims);
}

std::pair<Value, Value> LocalBuilder::ownIndex(Value tensor, int64_t d, OpFoldResult index) {
  Location loc = op->getLoc();
  auto constant = [&](int64_t value) -> Value { return builder.create<arith::ConstantIndexOp>(loc, value); };
  auto given = dyn_cast<Value>(index);
  Division held = region ? heldInside(tensor) : whole;
  int axis = held[0] == d ? 0 : held[1] == d ? 1 : -1;
  if (auto counter = ownCounters.find(given);
      axis >= 0 && counter != ownCounters.end() && region->counters.lookup(given) == regionSplit.loops[axis])
    return {counter->second, {}};
  Value global = given ? captured(given) : constant(*getConstantIntValue(index));
  if (axis < 0)
    return {global, {}};
  int64_t extent = tensorOf(tensor).getDimSize(d), local = ceilDiv(extent, cores[axis]);
  Value first = builder.create<arith::MinUIOp>(loc, builder.create<arith::MulIOp>(loc, ranks[axis], constant(local)),
                                               constant(extent - local));
  Value own = builder.create<arith::SubIOp>(loc, global, first);
  return {own, builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, own, constant(local))};
}

Value LocalBuilder::nearestOwn(Value tensor, int64_t d, OpFoldResult index) {
  auto [own, mine] = ownIndex(tensor, d, index);
  return mine ? inBlock(tensor, d, own) : own;
}

Value LocalBuilder::inBlock(Value tensor, int64_t d, Value own) {
  int64_t local = typeInside(tensorOf(tensor), heldInside(tensor)).getDimSize(d);
  Value last = builder.create<arith::ConstantIndexOp>(op->getLoc(), local - 1);
  return builder.create<arith::MinUIOp>(op->getLoc(), own, last);
}

// ---- ops inside -------------------------------------------------------------------------------------------------

/// Where a write goes that is the owner's alone: `mine` is null where each core is one. A core that is none writes what
/// is there again, at the nearest index that it has. A branch would have two tensors for bufferization to follow, and a
/// chain of branches the power of that.
std::pair<Value, Value> LocalBuilder::ownPlace(Value tensor, int64_t d, OpFoldResult index, Value mine) {
  auto [own, isOwn] = ownIndex(tensor, d, index);
  return isOwn ? std::pair(inBlock(tensor, d, own), both(mine, isOwn)) : std::pair(own, mine);
}

Value LocalBuilder::both(Value a, Value b) {
  return a && b ? builder.create<arith::AndIOp>(op->getLoc(), a, b).getResult() : a ? a : b;
}

Value LocalBuilder::writeElement(tensor::InsertOp write) {
  Value scalar = captured(write.getScalar()), dest = insideOf(write.getDest(), write.getResult()), mine;
  SmallVector<Value> indices;
  for (auto [d, index] : llvm::enumerate(write.getIndices())) {
    indices.emplace_back();
    std::tie(indices.back(), mine) = ownPlace(write.getResult(), static_cast<int64_t>(d), index, mine);
  }
  if (mine)
    scalar = builder.create<arith::SelectOp>(write.getLoc(), mine, scalar,
                                             builder.create<tensor::ExtractOp>(write.getLoc(), dest, indices));
  return builder.create<tensor::InsertOp>(write.getLoc(), scalar, dest, indices);
}

/// Of a slice with one index of each divided dimension that it is a part of.
Value LocalBuilder::insertOwnRow(tensor::InsertSliceOp slice) {
  Value source = operand(slice.getSource(), loops->operands[0]), dest = operand(slice.getDest(), loops->operands[1]);
  SmallVector<OpFoldResult> offsets, sizes = slice.getMixedSizes();
  Value mine;
  for (auto [d, offset] : llvm::enumerate(slice.getMixedOffsets())) {
    if (isSplit(d) && getConstantIntValue(sizes[d]) == loops->extents[d]) {
      offsets.push_back(builder.getIndexAttr(0));
      sizes[d] = builder.getIndexAttr(localExtent(d));
      continue;
    }
    Value own;
    std::tie(own, mine) = ownPlace(slice.getResult(), static_cast<int64_t>(d), offset, mine);
    offsets.push_back(own);
  }
  Location loc = slice.getLoc();
  if (mine) {
    Value old =
        builder.create<tensor::ExtractSliceOp>(loc, tensorOf(source), dest, offsets, sizes, slice.getMixedStrides());
    source = builder.create<arith::SelectOp>(loc, mine, source, old);
  }
  return builder.create<tensor::InsertSliceOp>(loc, source, dest, offsets, sizes, slice.getMixedStrides());
}

SmallVector<Value> LocalBuilder::localiseBlock(Block &block, ValueRange likeThese) {
  for (Operation &inner : block.without_terminator())
    if (!llvm::all_of(inner.getResults(), [](Value value) { return tensorOf(value) && isMadeInKernel(value); }))
      mapping.map(inner.getResults(), localiseInside(&inner));
  SmallVector<Value> given;
  ValueRange yielded = block.getTerminator()->getOperands().take_back(likeThese.size());
  for (auto [value, like] : llvm::zip_equal(yielded, likeThese))
    given.push_back(insideOf(value, like));
  return given;
}

SmallVector<Value> LocalBuilder::localiseFor(scf::ForOp loop) {
  Location loc = loop.getLoc();
  SmallVector<Value> inits;
  for (auto [init, argument] : llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs()))
    inits.push_back(insideOf(init, argument));
  Value low = captured(loop.getLowerBound()), high = captured(loop.getUpperBound()), step = captured(loop.getStep());
  Value counter = loop.getInductionVar();
  auto found = region->counters.find(counter);
  bool divided = found != region->counters.end() && isSplit(found->second);
  if (divided)
    high = builder.create<arith::ConstantIndexOp>(loc, localExtent(found->second));
  auto copy = builder.create<scf::ForOp>(loc, low, high, step, inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(copy.getBody());
  Value global = copy.getInductionVar();
  if (divided) {
    ownCounters[counter] = global;
    global = builder.create<arith::AddIOp>(loc, global, start(found->second));
  }
  mapping.map(counter, global);
  mapping.map(loop.getRegionIterArgs(), copy.getRegionIterArgs());
  SmallVector<Value> given = localiseBlock(*loop.getBody(), loop.getRegionIterArgs());
  if (!given.empty())
    builder.create<scf::YieldOp>(loc, given);
  return llvm::to_vector_of<Value>(copy.getResults());
}

SmallVector<Type> LocalBuilder::typesInside(ValueRange values) const {
  SmallVector<Type> types;
  for (Value value : values)
    types.push_back(tensorOf(value) ? Type(typeInside(tensorOf(value), heldInside(value))) : value.getType());
  return types;
}

SmallVector<Value> LocalBuilder::localiseIf(scf::IfOp branch) {
  Location loc = branch.getLoc();
  auto copy = builder.create<scf::IfOp>(loc, typesInside(branch.getResults()), captured(branch.getCondition()),
                                        /*addThenBlock=*/true, /*addElseBlock=*/branch.elseBlock() != nullptr);
  OpBuilder::InsertionGuard guard(builder);
  for (auto [from, to] :
       {std::pair(branch.thenBlock(), copy.thenBlock()), std::pair(branch.elseBlock(), copy.elseBlock())}) {
    if (!from)
      continue;
    builder.setInsertionPointToStart(to);
    SmallVector<Value> given = localiseBlock(*from, branch.getResults());
    if (!given.empty()) // else it is there
      builder.create<scf::YieldOp>(loc, given);
  }
  return llvm::to_vector_of<Value>(copy.getResults());
}

SmallVector<Value> LocalBuilder::localiseWhile(scf::WhileOp loop) {
  Location loc = loop.getLoc();
  SmallVector<Value> inits;
  for (auto [init, argument] : llvm::zip_equal(loop.getInits(), loop.getBeforeArguments()))
    inits.push_back(insideOf(init, argument));
  auto copy = builder.create<scf::WhileOp>(loc, typesInside(loop.getResults()), inits);
  OpBuilder::InsertionGuard guard(builder);
  auto open = [&](Region &region, Block *from) {
    SmallVector<Type> types = typesInside(from->getArguments());
    Block *to = builder.createBlock(&region, {}, types, SmallVector<Location>(types.size(), loc));
    mapping.map(from->getArguments(), to->getArguments());
  };
  open(copy.getBefore(), loop.getBeforeBody());
  SmallVector<Value> passed = localiseBlock(*loop.getBeforeBody(), loop.getAfterArguments());
  builder.create<scf::ConditionOp>(loc, captured(loop.getConditionOp().getCondition()), passed);
  open(copy.getAfter(), loop.getAfterBody());
  builder.create<scf::YieldOp>(loc, localiseBlock(*loop.getAfterBody(), loop.getBeforeArguments()));
  return llvm::to_vector_of<Value>(copy.getResults());
}

/// An op that has loops of its own, which follow those of the regions.
SmallVector<Value> LocalBuilder::localiseLoops(Operation *inner, const OpLoops &own) {
  Split ownSplit;
  for (auto [d, dim] : llvm::enumerate(dimsInside(inner->getResult(0))))
    for (int axis : {0, 1})
      if (dim.loop >= 0 && dim.loop == regionSplit.loops[axis])
        ownSplit.loops[axis] = own.results[0][d];
  auto savedOp = std::exchange(op, inner);
  auto savedLoops = std::exchange(loops, own);
  auto savedSplit = std::exchange(split, ownSplit);
  auto savedStarts = std::exchange(starts, llvm::DenseMap<int64_t, Value>());
  SmallVector<Value> results = localise();
  op = savedOp;
  loops = savedLoops;
  split = savedSplit;
  starts = savedStarts;
  return results;
}

SmallVector<Value> LocalBuilder::localiseInside(Operation *inner) {
  auto reshaped = [&](auto reshape) -> SmallVector<Value> {
    RankedTensorType type = typeInside(tensorOf(reshape.getResult()), heldInside(reshape.getResult()));
    if (isMadeInKernel(reshape.getSrc())) // whose dimensions are those of nothing else
      return {madeAs(reshape.getSrc(), type)};
    Value source = insideOf(reshape.getSrc(), reshape.getSrc());
    return {builder.create<decltype(reshape)>(reshape.getLoc(), type, source, reshape.getReassociationIndices())};
  };
  return llvm::TypeSwitch<Operation *, SmallVector<Value>>(inner)
      .Case([&](scf::ForOp loop) { return localiseFor(loop); })
      .Case([&](scf::IfOp branch) { return localiseIf(branch); })
      .Case([&](scf::WhileOp loop) { return localiseWhile(loop); })
      .Case([&](tensor::InsertOp write) -> SmallVector<Value> { return {writeElement(write)}; })
      .Case([&](tensor::ExtractOp read) -> SmallVector<Value> {
        SmallVector<Value> indices;
        for (auto [d, index] : llvm::enumerate(read.getIndices()))
          indices.push_back(nearestOwn(read.getTensor(), static_cast<int64_t>(d), index));
        return {
            builder.create<tensor::ExtractOp>(read.getLoc(), insideOf(read.getTensor(), read.getTensor()), indices)};
      })
      .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(reshaped)
      .Default([&](Operation *) {
        std::optional<OpLoops> own = loopsOf(inner);
        return own ? localiseLoops(inner, *own) : clone(inner);
      });
}

SmallVector<Value> LocalBuilder::localiseRegions() {
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(op->getRegions(), above);
  for (Value value : above) {
    if (!isMadeInKernel(value) && tensorOf(value))
      mapping.map(value, operand(value, loops->inside.lookup(value)));
    else if (!tensorOf(value))
      captured(value);
    else if (auto fill = value.getDefiningOp<linalg::FillOp>())
      captured(fill.value());
  }
  region = loops;
  regionSplit = split;
  return localiseInside(op);
}

} // namespace weft::place
