// The loops around a tile, and its loads and stores.
#include "compiler/codegen/VectorEmitter.h"

#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace weft::codegen {

// ---- which loop runs over lanes -------------------------------------------------------------------------------

/// A dot product of up to this many elements takes longer to add up across lanes than to load its operands with a
/// stride, an element at a time, and to have many of them in the lanes.
static constexpr int64_t shortReduction = 4 * rowLanes;

static std::optional<SmallVector<int64_t>> stridesOf(Value memref) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(cast<MemRefType>(memref.getType()), strides, offset)))
    return std::nullopt;
  return strides;
}

/// Elements from one lane to the next.
static int64_t elementStride(const Access &access, unsigned loop) {
  auto strides = stridesOf(access.source);
  return strides ? (*strides)[llvm::find(access.loops, loop) - access.loops.begin()] : ShapedType::kDynamic;
}

LaneStride Emitter::strideOf(const Access &access, unsigned loop) {
  auto strides = stridesOf(access.source);
  if (!strides || llvm::count(access.loops, loop) != 1)
    return LaneStride::None;
  if (access.loops.back() == loop && strides->back() == 1)
    return LaneStride::Unit;
  return llvm::is_contained(*strides, ShapedType::kDynamic) ? LaneStride::None : LaneStride::Fixed;
}

LaneStride Emitter::takesVectors(unsigned loop, bool reduces) {
  LaneStride worst = LaneStride::Unit;
  for (auto [i, access] : llvm::enumerate(accesses)) {
    bool output = static_cast<int64_t>(i) >= op.getNumDpsInputs();
    if (!access.follows(loop)) {
      if (output && !reduces)
        return LaneStride::None;
      continue;
    }
    worst = output && reduces ? LaneStride::None : std::min(worst, strideOf(access, loop));
  }
  return worst;
}

/// Whether lanes at a distance beat those side by side (`unit`) and sums along a row. It depends on the op alone, so
/// that the order of a sum is the same for every target.
bool Emitter::prefersStrides(std::optional<unsigned> unit, unsigned strided) {
  if (!unit)
    return llvm::all_of(reductionLoops, [&](unsigned loop) { return largestExtent(loop) <= shortReduction; });
  // Loads and stores an element at a time pay where the arithmetic is long and rows are short.
  bool isLong = llvm::any_of(op.getBody()->without_terminator(), isLongFunction);
  return reductionLoops.empty() && isLong && largestExtent(*unit) < rowLanes;
}

std::optional<unsigned> Emitter::chooseVectorLoop(ArrayRef<unsigned> parallel) {
  std::optional<unsigned> unit, strided;
  auto rank = [&](unsigned loop) {
    auto isStrided = [&](const Access &access) {
      return access.follows(loop) && strideOf(access, loop) != LaneStride::Unit;
    };
    return std::pair(-llvm::count_if(accesses, isStrided), largestExtent(loop));
  };
  for (unsigned loop : parallel) {
    LaneStride stride = takesVectors(loop, false);
    if (stride == LaneStride::Unit)
      unit = loop; // the last one
    else if (stride == LaneStride::Fixed && largestExtent(loop) >= rowLanes &&
             (!strided || rank(loop) > rank(*strided)))
      strided = loop; // the one with the fewest strided operands, the longest of those
  }
  return strided && prefersStrides(unit, *strided) ? strided : unit;
}

/// The loop whose iterations share the most loaded vectors: one that the fewest vector operands follow, the longest of
/// those, the last of equals.
void Emitter::chooseRowLoop(ArrayRef<unsigned> parallel) {
  auto loads = [&](unsigned loop) {
    return llvm::count_if(ArrayRef(accesses).take_front(op.getNumDpsInputs()),
                          [&](const Access &access) { return access.follows(vectorLoop) && access.follows(loop); });
  };
  auto rank = [&](unsigned loop) { return std::pair(-loads(loop), largestExtent(loop)); };
  for (unsigned loop : parallel)
    if (loop != vectorLoop && (!rowLoop || rank(loop) >= rank(*rowLoop)))
      rowLoop = loop;
}

bool Emitter::analyze() {
  if (!isLanewise(op))
    return false;
  for (OpOperand &operand : op->getOpOperands()) {
    Access access{operand.get(), {}};
    for (AffineExpr expression : op.getMatchingIndexingMap(&operand).getResults()) {
      auto dimension = dyn_cast<AffineDimExpr>(expression);
      if (!dimension)
        return false;
      access.loops.push_back(dimension.getPosition());
    }
    accesses.push_back(std::move(access));
  }
  ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  op.getReductionDims(reductionLoops);
  if (auto found = chooseVectorLoop(parallel)) {
    vectorLoop = *found;
    if (!reductionLoops.empty())
      chooseRowLoop(parallel);
  } else {
    combiner = findCombiner(op);
    if (!combiner || reductionLoops.size() != 1 || takesVectors(reductionLoops.front(), true) != LaneStride::Unit)
      return false;
    vectorLoop = reductionLoops.front();
  }
  for (unsigned loop : parallel)
    if (loop != vectorLoop && loop != rowLoop)
      outerLoops.push_back(loop);
  return true;
}

void Emitter::emit() {
  for (const Range &range : cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(b, loc))
    extents.push_back(range.size);
  outer(0, Coordinates(extents.size()));
}

// ---- loops ----------------------------------------------------------------------------------------------------

Value Emitter::roundDown(Value extent, int64_t step) {
  // The extent is not negative.
  if (llvm::isPowerOf2_64(step))
    return b.create<arith::AndIOp>(loc, extent, constant(-step));
  return b.create<arith::SubIOp>(loc, extent, b.create<arith::RemUIOp>(loc, extent, constant(step)));
}

/// What roundDown leaves, in a form that shows that it is less than `step`.
Value Emitter::remainderOf(Value extent, int64_t step) {
  if (llvm::isPowerOf2_64(step))
    return b.create<arith::AndIOp>(loc, extent, constant(step - 1));
  return b.create<arith::RemUIOp>(loc, extent, constant(step));
}

void Emitter::loop(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body) {
  auto created = b.create<scf::ForOp>(loc, from, to, constant(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(created.getBody());
  body(created.getInductionVar());
}

void Emitter::outer(unsigned depth, Coordinates at) {
  if (depth < outerLoops.size()) {
    unsigned dimension = outerLoops[depth];
    loop(constant(0), materialize(extents[dimension]), 1, [&](Value i) {
      at[dimension] = i;
      outer(depth + 1, at);
    });
    return;
  }
  if (combiner)
    across(at);
  else
    depthBlocks(at);
}

/// Parts of a long sum, one after the other: all tiles add up a part before any goes on with the next one. Sums are
/// kept in memory in between as they are in registers, so that no result depends on it.
void Emitter::depthBlocks(Coordinates at) {
  int64_t size = tuning.depthBlock;
  std::optional<int64_t> whole =
      reductionLoops.size() == 1 ? getConstantIntValue(extents[reductionLoops.front()]) : std::nullopt;
  bool isIndexed = op.getBody()->walk([](linalg::IndexOp) { return WalkResult::interrupt(); }).wasInterrupted();
  if (size == 0 || !whole || *whole <= size || *whole % size != 0 || isIndexed)
    return rows(at);
  unsigned depth = reductionLoops.front();
  llvm::SaveAndRestore restore(extents[depth], OpFoldResult(b.getIndexAttr(size)));
  loop(constant(0), constant(*whole), size, [&](Value from) {
    at[depth] = from;
    rows(at);
  });
}

/// The extent of a loop if it is fixed, else that of the buffer of which the op works on the first part.
int64_t Emitter::largestExtent(unsigned dimension) {
  if (!ShapedType::isDynamic(ranges[dimension]))
    return ranges[dimension];
  for (const Access &access : accesses)
    if (auto part = access.source.getDefiningOp<memref::SubViewOp>(); part && part.getDroppedDims().none())
      for (auto [position, followed] : llvm::enumerate(access.loops))
        if (followed == dimension && !part.getSourceType().isDynamicDim(position))
          return part.getSourceType().getDimSize(position);
  return std::numeric_limits<int64_t>::max();
}

void Emitter::rows(Coordinates at) {
  auto emitColumns = [&](const RegisterTile &shape) {
    columns(shape, [&](Value column, ArrayRef<Piece> pieces) {
      at[vectorLoop] = column;
      tile(at, shape, pieces);
    });
  };
  const TileRequest wanted = request();
  RegisterTile high = tuneTile(chooseTile(shape, wanted), shape, wanted, tuning, wanted.rows);
  if (!rowLoop)
    return emitColumns(high);
  Value extent = materialize(extents[*rowLoop]), done = constant(0);
  auto emitRows = [&](const RegisterTile &shape, Value to) {
    loop(done, to, shape.rows, [&](Value row) {
      at[*rowLoop] = row;
      emitColumns(shape);
    });
    done = to;
  };
  if (high.rows > 1)
    emitRows(high, roundDown(extent, high.rows));
  for (int64_t half = high.rows / 2; tuning.halvesTail && half > 1; half /= 2) {
    RegisterTile low = high;
    low.rows = half;
    Value left = b.create<arith::SubIOp>(loc, extent, done);
    emitRows(low, b.createOrFold<arith::AddIOp>(loc, done, roundDown(left, half)));
  }
  RegisterTile single = chooseRowTile(shape, wanted);
  // Where there is but one row, tiles of one are what the kernel is made of.
  emitRows(high.rows == 1 ? tuneTile(single, shape, wanted, tuning, 1) : single, extent);
}

/// Columns [from, to) in as few vectors as the target allows. Where a register has one length: of halving length. Else
/// of one length, so that no instruction changes it; the last two may overlap, which is harmless within one tile.
SmallVector<Piece> Emitter::remainder(int64_t from, int64_t to, int64_t lanes) {
  SmallVector<Piece> pieces;
  if (shape.grouping > 1) {
    int64_t count = llvm::divideCeil(to - from, lanes), width = count ? llvm::divideCeil(to - from, count) : 0;
    for (int64_t i = 0; i < count; ++i)
      pieces.push_back({std::min(from + i * width, to - width), width});
    return pieces;
  }
  for (int64_t offset = from, width = lanes; offset < to; offset += width) {
    while (width > to - offset)
      width /= 2;
    pieces.push_back({offset, width});
  }
  return pieces;
}

/// Calls `body` for tiles that together cover the vector loop.
void Emitter::columns(const RegisterTile &shape, Tile body) {
  int64_t lanes = shape.lanes;
  std::optional<int64_t> fixed = getConstantIntValue(extents[vectorLoop]);
  if (!fixed) {
    Value extent = materialize(extents[vectorLoop]);
    auto masked = [&](Value column, Value count) {
      Value mask = b.create<vector::CreateMaskOp>(loc, VectorType::get({lanes}, b.getI1Type()), count);
      body(column, Piece{0, lanes, mask});
    };
    if (lanes > 1 && largestExtent(vectorLoop) <= lanes && this->shape.grouping > 1)
      return masked(constant(0), b.create<arith::MinUIOp>(loc, extent, constant(lanes)));
    Value whole = roundDown(extent, lanes);
    loop(constant(0), whole, lanes, [&](Value column) { body(column, Piece{0, lanes}); });
    if (lanes == 1)
      return;
    // What is left over, as one vector of which lanes beyond the extent touch nothing; a loop of one step or none.
    loop(whole, extent, lanes, [&](Value column) { masked(column, remainderOf(extent, lanes)); });
    return;
  }
  SmallVector<Piece> full;
  for (int64_t i = 0; i < shape.vectors; ++i)
    full.push_back({i * lanes, lanes});
  int64_t step = shape.vectors * lanes, whole = *fixed / step * step;
  if (whole == step)
    body(constant(0), full);
  else if (whole > 0)
    loop(constant(0), constant(whole), step, [&](Value column) { body(column, full); });
  SmallVector<Piece> rest = remainder(whole, *fixed, lanes);
  for (ArrayRef<Piece> left = rest; !left.empty(); left = left.drop_front(std::min<size_t>(shape.vectors, left.size())))
    body(constant(0), left.take_front(shape.vectors));
}

// ---- memory ---------------------------------------------------------------------------------------------------

SmallVector<Value> Emitter::indices(const Access &access, const Coordinates &at, int64_t row, Piece piece) {
  SmallVector<Value> result;
  for (unsigned dimension : access.loops) {
    int64_t offset = dimension == vectorLoop ? piece.offset : rowLoop && dimension == *rowLoop ? row : 0;
    result.push_back(offsetBy(at[dimension], offset));
  }
  return result;
}

/// All from the first element of `memref` on as one dimension: upstream's gather and scatter want unit stride.
static Value flat(OpBuilder &b, Location loc, Value memref) {
  auto metadata = b.create<memref::ExtractStridedMetadataOp>(loc, memref);
  auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, 1);
  auto type = MemRefType::get(ShapedType::kDynamic, cast<MemRefType>(memref.getType()).getElementType(), layout);
  OpFoldResult one = b.getIndexAttr(1);
  return b.create<memref::ReinterpretCastOp>(loc, type, metadata.getBaseBuffer(), OpFoldResult(metadata.getOffset()),
                                             one, one);
}

/// Elements from the first of `access` to the one at `where`; the strides of all that it follows are fixed or not used.
Value Emitter::distance(const Access &access, ArrayRef<Value> where) {
  SmallVector<int64_t> strides = *stridesOf(access.source);
  Value sum = constant(0);
  for (auto [index, stride] : llvm::zip_equal(where, strides))
    if (getConstantIntValue(index) != 0)
      sum = b.createOrFold<arith::AddIOp>(loc, sum, b.createOrFold<arith::MulIOp>(loc, index, constant(stride)));
  return sum;
}

/// Where the lanes of a strided access lie, in elements from the first.
Value Emitter::laneOffsets(const Access &access, int64_t lanes) {
  int64_t stride = elementStride(access, vectorLoop);
  SmallVector<Attribute> offsets;
  for (int64_t lane = 0; lane < lanes; ++lane)
    offsets.push_back(b.getIndexAttr(lane * stride));
  auto type = VectorType::get({lanes}, b.getIndexType());
  return b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, offsets));
}

Value Emitter::allLanes(int64_t lanes) {
  auto type = VectorType::get({lanes}, b.getI1Type());
  return b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, true));
}

/// The index of a loop, which inside a tile counts from the tile's origin, as i32: one for each lane of the loop over
/// lanes.
Value Emitter::indexOf(unsigned loop, const Coordinates &at, int64_t row, Piece piece) {
  bool isTiled = !origin.empty() && !llvm::is_contained(reductionLoops, loop);
  int64_t offset = loop == vectorLoop ? piece.offset : rowLoop && loop == *rowLoop ? row : 0;
  Value first = offsetBy(isTiled ? origin[loop] : at[loop], offset);
  Value index = b.create<arith::IndexCastOp>(loc, b.getI32Type(), first);
  if (loop != vectorLoop || piece.lanes == 1)
    return index;
  auto type = VectorType::get({piece.lanes}, b.getI32Type());
  auto steps = llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(piece.lanes)));
  Value each = b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, ArrayRef<int32_t>(steps)));
  return b.create<arith::AddIOp>(loc, b.create<vector::BroadcastOp>(loc, type, index), each);
}

Value Emitter::load(unsigned operand, const Coordinates &at, int64_t row, Piece piece) {
  const Access &access = accesses[operand];
  auto type = dyn_cast<MemRefType>(access.source.getType());
  if (!type)
    return access.source; // a scalar operand
  SmallVector<Value> where = indices(access, at, row, piece);
  if (piece.lanes == 1 || !access.follows(vectorLoop))
    return b.create<memref::LoadOp>(loc, access.source, where);
  auto vector = VectorType::get({piece.lanes}, type.getElementType());
  bool strided = strideOf(access, vectorLoop) == LaneStride::Fixed;
  if (!strided && !piece.mask)
    return b.create<vector::LoadOp>(loc, vector, access.source, where);
  Value none = b.create<arith::ConstantOp>(loc, b.getZeroAttr(vector));
  if (!strided)
    return b.create<vector::MaskedLoadOp>(loc, vector, access.source, where, piece.mask, none);
  return b.create<vector::GatherOp>(loc, vector, flat(b, loc, access.source), distance(access, where),
                                    laneOffsets(access, piece.lanes), piece.mask ? piece.mask : allLanes(piece.lanes),
                                    none);
}

void Emitter::store(Value value, const Access &access, const Coordinates &at, int64_t row, Piece piece) {
  SmallVector<Value> where = indices(access, at, row, piece);
  if (!isa<VectorType>(value.getType()))
    b.create<memref::StoreOp>(loc, value, access.source, where);
  else if (strideOf(access, vectorLoop) == LaneStride::Fixed)
    b.create<vector::ScatterOp>(loc, flat(b, loc, access.source), distance(access, where),
                                laneOffsets(access, piece.lanes), piece.mask ? piece.mask : allLanes(piece.lanes),
                                value);
  else if (piece.mask)
    b.create<vector::MaskedStoreOp>(loc, access.source, where, piece.mask, value);
  else
    b.create<vector::StoreOp>(loc, value, access.source, where);
}

} // namespace weft::codegen
