#include "compiler/place/GeneralBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

#include "compiler/place/Geometry.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace weft::place {

static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

static bool hasElements(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getNumElements() > 0;
}

bool isMadeInKernel(Value value) {
  RankedTensorType type = tensorOf(value);
  Operation *op = value.getDefiningOp();
  if (!type) // unless it comes out of an op beside tensors, such as a loop
    return op && llvm::none_of(op->getResultTypes(), hasElements);
  if (type.getNumElements() == 0)
    return true;
  DenseElementsAttr constant;
  if (op && matchPattern(op, m_Constant(&constant)))
    return constant.isSplat();
  return isa_and_nonnull<tensor::EmptyOp, linalg::FillOp>(op);
}

LocalBuilder::LocalBuilder(Operation *op, const std::optional<OpLoops> &loops, Split split,
                           std::array<int64_t, 2> cores, DivisionOf divisionOf)
    : op(op), loops(loops), split(split), cores(cores), divisionOf(divisionOf), builder(op->getContext()) {}

int64_t LocalBuilder::localExtent(int64_t loop) const {
  int64_t extent = loops->extents[loop];
  return split.loops[0] == loop   ? ceilDiv(extent, cores[0])
         : split.loops[1] == loop ? ceilDiv(extent, cores[1])
                                  : extent;
}

Value LocalBuilder::start(int64_t loop) {
  Value &known = starts[loop];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&result.function.getBody().front());
  Location loc = op->getLoc();
  int64_t local = localExtent(loop);
  Value size = builder.create<arith::ConstantIndexOp>(loc, local);
  Value last = builder.create<arith::ConstantIndexOp>(loc, loops->extents[loop] - local);
  Value first = builder.create<arith::MulIOp>(loc, ranks[split.loops[0] == loop ? 0 : 1], size);
  return known = builder.create<arith::MinUIOp>(loc, first, last);
}

RankedTensorType LocalBuilder::localType(RankedTensorType type, ArrayRef<int64_t> loopOfDim) const {
  SmallVector<int64_t> shape;
  for (int64_t loop : loopOfDim)
    shape.push_back(localExtent(loop));
  return RankedTensorType::get(shape, type.getElementType());
}

// ---- what the kernel reads ------------------------------------------------------------------------------------

Value LocalBuilder::argument(Value value, Division held) {
  for (auto [i, input] : llvm::enumerate(result.inputs))
    if (input.value == value && input.held == held)
      return arguments[i];
  const std::optional<StoredBytes> stored = storedBytes(value, held, cores);
  auto type = stored ? stored->type : tensorOf(value);
  SmallVector<int64_t> shape;
  if (type)
    llvm::append_range(shape, type.getShape());
  for (int axis : {0, 1})
    if (held[axis] >= 0)
      shape[held[axis]] = ceilDiv(shape[held[axis]], cores[axis]);
  Type element = type                        ? type.getElementType()
                 : value.getType().isIndex() ? Type(builder.getI64Type())
                                             : value.getType();
  unsigned position = result.inputs.size();
  result.function.insertArgument(position, RankedTensorType::get(shape, element), {}, value.getLoc());
  result.inputs.push_back({value, held, stored.has_value()});
  arguments.push_back(result.function.getArgument(position));
  if (stored) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&result.function.getBody().front());
    arguments.back() = numbersOf(builder, op->getLoc(), arguments.back(), *stored);
  }
  return arguments.back();
}

void LocalBuilder::lookUpInBlocks() {
  for (auto [i, input] : llvm::enumerate(result.inputs))
    if (input.asBytes)
      lookUpInBytes(arguments[i], result.function.getArgument(i), *storedBytes(input.value, input.held, cores));
}

Value LocalBuilder::operand(Value value, ArrayRef<LoopDim> dims) {
  RankedTensorType type = tensorOf(value);
  if (!type || (dims.empty() && type.getRank() > 0))
    return captured(value);
  if (isMadeInKernel(value))
    return made(value, dims);
  const bool isInside = region && mapping.contains(value);
  Division held = isInside ? heldInside(value) : divisionOf(value, dims);
  Value local = isInside ? mapping.lookup(value) : argument(value, held);
  SmallVector<OpFoldResult> offsets, sizes, strides(dims.size(), builder.getIndexAttr(1));
  bool sliced = false;
  for (auto [d, dim] : llvm::enumerate(dims)) {
    int64_t size = tensorOf(local).getDimSize(d);
    OpFoldResult offset = builder.getIndexAttr(0);
    if (isSplit(dim.loop) && held[split.loops[0] == dim.loop ? 0 : 1] != static_cast<int64_t>(d)) {
      offset = start(dim.loop);
      size = localExtent(dim.loop);
      sliced = true;
    }
    Value sum;
    for (auto [loop, factor] : llvm::enumerate(dim.factors)) {
      if (!factor || !isSplit(loop))
        continue;
      Value scaled = builder.create<arith::MulIOp>(op->getLoc(), start(loop),
                                                   builder.create<arith::ConstantIndexOp>(op->getLoc(), factor));
      sum = sum ? builder.create<arith::AddIOp>(op->getLoc(), sum, scaled) : scaled;
      size -= factor * (loops->extents[loop] - localExtent(loop));
    }
    if (sum) {
      offset = sum;
      sliced = true;
    }
    offsets.push_back(offset);
    sizes.push_back(builder.getIndexAttr(size));
  }
  if (!sliced)
    return local;
  return builder.create<tensor::ExtractSliceOp>(op->getLoc(), local, offsets, sizes, strides);
}

Value LocalBuilder::made(Value value, ArrayRef<LoopDim> dims) {
  RankedTensorType type = tensorOf(value);
  SmallVector<int64_t> shape(type.getShape());
  for (auto [d, dim] : llvm::enumerate(dims)) {
    if (dim.loop >= 0)
      shape[d] = localExtent(dim.loop);
    for (auto [loop, factor] : llvm::enumerate(dim.factors))
      if (factor && isSplit(loop))
        shape[d] -= factor * (loops->extents[loop] - localExtent(loop));
  }
  return madeAs(value, RankedTensorType::get(shape, type.getElementType()));
}

Value LocalBuilder::madeAs(Value value, RankedTensorType local) {
  Location loc = op->getLoc();
  const bool hasContents = tensorOf(value).getNumElements() > 0;
  DenseElementsAttr constant;
  if (hasContents && matchPattern(value, m_Constant(&constant)) && constant.isSplat())
    return builder.create<arith::ConstantOp>(loc, constant.resizeSplat(local));
  Value empty = builder.create<tensor::EmptyOp>(loc, local.getShape(), local.getElementType());
  auto fill = value.getDefiningOp<linalg::FillOp>();
  if (!fill || !hasContents)
    return empty;
  return builder.create<linalg::FillOp>(loc, captured(fill.value()), empty).getResult(0);
}

Value LocalBuilder::captured(Value value) {
  RankedTensorType type = tensorOf(value);
  const bool madeAgain = region && type && isMadeInKernel(value); // where one block makes it another may not see it
  if (Value known = mapping.lookupOrNull(value); known && !madeAgain)
    return known;
  Value local;
  if (!isMadeInKernel(value)) {
    local = argument(value, divisionOf(value, {}));
    if (!type) {
      local = builder.create<tensor::ExtractOp>(value.getLoc(), local, ValueRange{});
      if (value.getType().isIndex())
        local = builder.create<arith::IndexCastOp>(value.getLoc(), value.getType(), local);
    }
  } else if (type) {
    SmallVector<LoopDim> none(type.getRank());
    local = made(value, none);
  } else {
    local = scalarAbove(cast<OpResult>(value));
  }
  mapping.map(value, local);
  return local;
}

/// A scalar that stands above the op reads tensors whole, while `mapping` may have the core's blocks of the same ones.
Value LocalBuilder::scalarAbove(OpResult value) {
  const bool isFirst = !std::exchange(isAbove, true);
  if (isFirst)
    std::swap(mapping, above);
  Value local = mapping.lookupOrNull(value);
  if (!local) {
    SmallVector<Value> results = clone(value.getOwner());
    mapping.map(value.getOwner()->getResults(), results);
    local = results[value.getResultNumber()];
  }
  if (isFirst) {
    std::swap(mapping, above);
    isAbove = false;
  }
  return local;
}

void LocalBuilder::mapCaptures(Operation *source) {
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(source->getRegions(), above);
  for (Value value : above)
    captured(value);
}

SmallVector<Value> LocalBuilder::clone(Operation *source) {
  for (Value value : source->getOperands())
    captured(value);
  mapCaptures(source);
  return llvm::to_vector_of<Value>(builder.clone(*source, mapping)->getResults());
}

// ---- what it computes -----------------------------------------------------------------------------------------

/// Indices into a captured tensor whose block the core holds become those in the block.
void LocalBuilder::readOwnBlock(linalg::GenericOp copy, const LoopCapture &capture, Division held,
                                llvm::SmallPtrSetImpl<Operation *> &ownIndices) {
  Value block = mapping.lookup(capture.value);
  SmallVector<tensor::ExtractOp> reads;
  copy.walk([&](tensor::ExtractOp read) {
    if (read.getTensor() == block)
      reads.push_back(read);
  });
  for (tensor::ExtractOp read : reads)
    for (int axis : {0, 1}) {
      int64_t d = held[axis];
      if (d < 0)
        continue;
      int64_t loop = capture.dims[d].loop;
      Location loc = read.getLoc();
      builder.setInsertionPoint(read);
      unsigned position = 1 + static_cast<unsigned>(d);
      if (loop != loops->lookup) {
        auto own = builder.create<linalg::IndexOp>(loc, loop);
        ownIndices.insert(own);
        read->setOperand(position, own);
        continue;
      }
      // A row of another core reads as zero; so does one that a lower rank has, too.
      Value row = read->getOperand(position), size = builder.create<arith::ConstantIndexOp>(loc, localExtent(loop));
      Value least = builder.create<arith::MulIOp>(loc, ranks[axis], size);
      Value inBlock = builder.create<arith::SubIOp>(loc, row, start(loop));
      Value last = builder.create<arith::ConstantIndexOp>(loc, localExtent(loop) - 1);
      Value mine =
          builder.create<arith::AndIOp>(loc, builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::uge, row, least),
                                        builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ule, inBlock, last));
      read->setOperand(position, builder.create<arith::MinUIOp>(loc, inBlock, last));
      builder.setInsertionPointAfter(read);
      Value zero = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(read.getType()));
      auto chosen = builder.create<arith::SelectOp>(loc, mine, read, zero);
      read.getResult().replaceAllUsesExcept(chosen, chosen);
    }
}

/// Adds the first iteration's index to the indices of divided loops.
SmallVector<Value> LocalBuilder::localiseGeneric() {
  auto generic = cast<linalg::GenericOp>(op);
  SmallVector<Value> operands;
  for (auto [value, dims] : llvm::zip(generic->getOperands(), loops->operands))
    operands.push_back(operand(value, dims));
  const bool reduces = split.axisOf(*loops, OpLoops::Kind::Reduction) >= 0;
  if (reduces || (split.axisOf(*loops, OpLoops::Kind::Sum) >= 0 && loops->lookup < 0))
    for (auto [i, combiner] : llvm::enumerate(combinersOf(generic))) {
      Value &init = operands[generic.getNumDpsInputs() + i];
      init = firstOf(generic.getDpsInits()[i], init, combiner);
    }
  SmallVector<std::pair<const LoopCapture *, Division>> captures;
  for (const LoopCapture &capture : loops->captures) {
    const bool isInside = region && mapping.contains(capture.value);
    if (isMadeInKernel(capture.value) || (mapping.contains(capture.value) && !isInside))
      continue;
    Division held = isInside ? heldInside(capture.value) : divisionOf(capture.value, capture.dims);
    if (!isInside)
      mapping.map(capture.value, argument(capture.value, held));
    captures.emplace_back(&capture, held);
  }
  mapCaptures(generic);
  for (int64_t loop : split.loops)
    if (loop >= 0)
      start(loop);
  auto copy = cast<linalg::GenericOp>(builder.clone(*generic, mapping));
  // One value may be held in two ways, for two operands or for the body: the mapping has only what the body reads.
  copy->setOperands(operands);
  for (auto [i, outcome] : llvm::enumerate(copy->getResults()))
    outcome.setType(localType(cast<RankedTensorType>(outcome.getType()), loops->results[i]));
  OpBuilder::InsertionGuard guard(builder);
  llvm::SmallPtrSet<Operation *, 8> ownIndices; // of what the core has its block of
  for (auto &[capture, held] : captures)
    readOwnBlock(copy, *capture, held, ownIndices);
  copy.walk([&](linalg::IndexOp index) {
    auto loop = static_cast<int64_t>(index.getDim());
    if (!isSplit(loop) || ownIndices.contains(index))
      return;
    builder.setInsertionPointAfter(index);
    auto sum = builder.create<arith::AddIOp>(index.getLoc(), index, start(loop));
    index.getResult().replaceAllUsesExcept(sum, sum);
  });
  builder.setInsertionPointAfter(copy);
  SmallVector<Value> results = leaveOutShared(copy);
  for (Value &result : results)
    if (reduces)
      result = amongCores(result);
  return results;
}

/// Of a slice that is written, what lies in the core's block: row after row along the divided dimensions of which it is
/// a part.
Value LocalBuilder::insertOwn(tensor::InsertSliceOp slice) {
  Location loc = slice.getLoc();
  Value source = operand(slice.getSource(), loops->operands[0]), dest = operand(slice.getDest(), loops->operands[1]);
  RankedTensorType sourceType = tensorOf(source), type = localType(tensorOf(slice.getResult()), loops->results[0]);
  auto constant = [&](int64_t value) -> Value { return builder.create<arith::ConstantIndexOp>(loc, value); };
  auto isPart = [&](int64_t d) {
    return isSplit(d) && *getConstantIntValue(slice.getMixedSizes()[d]) != loops->extents[d];
  };
  SmallVector<Value> offsets;
  for (OpFoldResult offset : slice.getMixedOffsets())
    offsets.push_back(isa<Value>(offset) ? captured(cast<Value>(offset)) : constant(*getConstantIntValue(offset)));
  // One loop over all rows of the slice that are the core's.
  DenseMap<int64_t, std::pair<Value, Value>> own; // by dimension: the first, and how many
  Value count = constant(1), zero = constant(0);
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!isPart(d))
      continue;
    Value begin = start(d), end = builder.create<arith::AddIOp>(loc, begin, constant(type.getDimSize(d)));
    Value size = constant(*getConstantIntValue(slice.getMixedSizes()[d]));
    Value low = builder.create<arith::MaxSIOp>(loc, offsets[d], begin);
    Value high = builder.create<arith::MinSIOp>(loc, builder.create<arith::AddIOp>(loc, offsets[d], size), end);
    Value rows = builder.create<arith::MaxSIOp>(loc, builder.create<arith::SubIOp>(loc, high, low), zero);
    own[d] = {low, rows};
    count = builder.create<arith::MulIOp>(loc, count, rows);
  }
  auto loop = builder.create<scf::ForOp>(loc, zero, count, constant(1), dest);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  OpFoldResult none = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> from(sourceType.getRank(), none), fromSizes, to, toSizes, ones(type.getRank(), one);
  SmallVector<int64_t> part(sourceType.getShape());
  for (int64_t extent : part)
    fromSizes.push_back(builder.getIndexAttr(extent));
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  Value rest = loop.getInductionVar();
  for (int64_t d = 0, next = 0; d < type.getRank(); next += !dropped[d], ++d) {
    int64_t size = *getConstantIntValue(slice.getMixedSizes()[d]);
    if (!isPart(d)) {
      to.push_back(size == loops->extents[d] ? none : OpFoldResult(offsets[d]));
      toSizes.push_back(builder.getIndexAttr(isSplit(d) ? type.getDimSize(d) : size));
      continue;
    }
    auto [low, rows] = own[d];
    Value row = builder.create<arith::AddIOp>(loc, low, builder.create<arith::RemUIOp>(loc, rest, rows));
    rest = builder.create<arith::DivUIOp>(loc, rest, rows);
    to.push_back(builder.create<arith::SubIOp>(loc, row, start(d)).getResult());
    toSizes.push_back(one);
    if (dropped[d])
      continue;
    from[next] = builder.create<arith::SubIOp>(loc, row, offsets[d]).getResult();
    fromSizes[next] = one;
    part[next] = 1;
  }
  SmallVector<OpFoldResult> fromOnes(from.size(), one);
  auto partType = RankedTensorType::get(part, type.getElementType());
  Value rows = builder.create<tensor::ExtractSliceOp>(loc, partType, source, from, fromSizes, fromOnes);
  Value written = builder.create<tensor::InsertSliceOp>(loc, rows, loop.getRegionIterArg(0), to, toSizes, ones);
  builder.create<scf::YieldOp>(loc, written);
  return loop.getResult(0);
}

SmallVector<Value> LocalBuilder::localise() {
  const bool readsOwn = region && isa<tensor::ExtractSliceOp>(op); // perhaps of a dimension that it has not
  if (!loops || !(split.any() || readsOwn))
    return clone(op);
  Location loc = op->getLoc();
  auto in = [&](unsigned i) { return operand(op->getOperand(i), loops->operands[i]); };
  auto resultType = [&] { return localType(tensorOf(op->getResult(0)), loops->results[0]); };
  auto fold = [&](ArrayRef<OpFoldResult> values) {
    SmallVector<OpFoldResult> folded;
    for (OpFoldResult value : values)
      folded.push_back(isa<Value>(value) ? OpFoldResult(captured(cast<Value>(value))) : value);
    return folded;
  };
  return llvm::TypeSwitch<Operation *, SmallVector<Value>>(op)
      .Case([&](linalg::GenericOp) { return localiseGeneric(); })
      .Case([&](tensor::ExtractSliceOp slice) -> SmallVector<Value> {
        SmallVector<OpFoldResult> sizes;
        llvm::SmallBitVector dropped = slice.getDroppedDims();
        int64_t next = 0;
        for (auto [d, size] : llvm::enumerate(slice.getMixedSizes()))
          sizes.push_back(dropped[d] ? size : builder.getIndexAttr(localExtent(next++)));
        SmallVector<OpFoldResult> offsets = fold(slice.getMixedOffsets());
        const Division held = region ? heldInside(slice.getSource()) : whole;
        for (int64_t d : held)
          if (d >= 0 && slice.getSourceType().getDimSize(d) > 1 && getConstantIntValue(slice.getMixedSizes()[d]) == 1)
            offsets[d] = nearestOwn(slice.getSource(), d, slice.getMixedOffsets()[d]);
        return {builder.create<tensor::ExtractSliceOp>(loc, resultType(), in(0), offsets, sizes,
                                                       fold(slice.getMixedStrides()))};
      })
      .Case([&](tensor::InsertSliceOp slice) -> SmallVector<Value> {
        bool isPart = false, isRow = region.has_value();
        for (auto [d, size] : llvm::enumerate(slice.getMixedSizes()))
          if (isSplit(d) && getConstantIntValue(size) != slice.getDestType().getDimSize(d)) {
            isPart = true;
            isRow &= getConstantIntValue(size) == 1;
          }
        if (isPart)
          return {!hasElements(slice.getSourceType()) ? in(1) : isRow ? insertOwnRow(slice) : insertOwn(slice)};
        SmallVector<OpFoldResult> sizes;
        for (auto [d, size] : llvm::enumerate(fold(slice.getMixedSizes())))
          sizes.push_back(isSplit(d) ? OpFoldResult(builder.getIndexAttr(localExtent(d))) : size);
        return {builder.create<tensor::InsertSliceOp>(loc, in(0), in(1), fold(slice.getMixedOffsets()), sizes,
                                                      fold(slice.getMixedStrides()))};
      })
      .Case([&](tensor::PadOp pad) -> SmallVector<Value> {
        return {builder.create<tensor::PadOp>(loc, resultType(), in(0), fold(pad.getMixedLowPad()),
                                              fold(pad.getMixedHighPad()), captured(pad.getConstantPaddingValue()))};
      })
      .Case([&](tensor::ConcatOp concat) -> SmallVector<Value> {
        SmallVector<Value> parts;
        for (unsigned i = 0; i < concat->getNumOperands(); ++i)
          parts.push_back(in(i));
        return {builder.create<tensor::ConcatOp>(loc, concat.getDim(), parts)};
      })
      .Case([&](tensor::GenerateOp generate) -> SmallVector<Value> {
        mapCaptures(generate);
        for (int64_t loop : split.loops)
          if (loop >= 0)
            start(loop);
        auto copy = cast<tensor::GenerateOp>(builder.clone(*generate, mapping));
        copy.getResult().setType(resultType());
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(&copy.getBody().front());
        for (BlockArgument index : copy.getBody().getArguments())
          if (isSplit(index.getArgNumber())) {
            auto sum = builder.create<arith::AddIOp>(loc, index, start(index.getArgNumber()));
            index.replaceAllUsesExcept(sum, sum);
          }
        return {copy.getResult()};
      })
      .Case<scf::ForOp, scf::IfOp, scf::WhileOp>([&](Operation *) { return localiseRegions(); })
      .Default([&](Operation *) { return clone(op); });
}

LocalFunction LocalBuilder::build() {
  MLIRContext *context = op->getContext();
  result.module = ModuleOp::create(op->getLoc());
  builder.setInsertionPointToEnd(result.module->getBody());
  SmallVector<Type> rankTypes(split.any() ? 2 : 0, IndexType::get(context));
  result.function = builder.create<func::FuncOp>(op->getLoc(), "kernel", builder.getFunctionType(rankTypes, {}));
  Block *body = result.function.addEntryBlock();
  for (auto [rank, given] : llvm::zip(ranks, body->getArguments()))
    rank = given;
  builder.setInsertionPointToEnd(body);
  SmallVector<Value> returned;
  for (Value local : localise()) {
    RankedTensorType type = tensorOf(local);
    if (type && type.getNumElements() == 0)
      continue;
    if (!type) {
      if (local.getType().isIndex())
        local = builder.create<arith::IndexCastOp>(op->getLoc(), builder.getI64Type(), local);
      local = builder.create<tensor::FromElementsOp>(op->getLoc(), RankedTensorType::get({}, local.getType()), local);
    }
    returned.push_back(local);
  }
  builder.create<func::ReturnOp>(op->getLoc(), returned);
  lookUpInBlocks();
  result.function.setType(
      builder.getFunctionType(body->getArgumentTypes(), llvm::to_vector(ValueRange(returned).getTypes())));
  return std::move(result);
}

} // namespace weft::place
