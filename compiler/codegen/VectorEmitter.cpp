// The loops around a tile, and tiles whose vector loop is parallel.
#include "compiler/codegen/VectorEmitter.h"

#include "llvm/Support/SaveAndRestore.h"

#include <map>

using namespace mlir;

namespace weft::codegen {

// ---- which loop runs over lanes -------------------------------------------------------------------------------

/// A dot product of up to this many elements takes longer to add up across lanes than to load its operands with a
/// stride, an element at a time, and to have many of them in the lanes.
static constexpr int64_t shortReduction = 4 * rowLanes;
/// A reduction loop of up to this many steps is written out.
static constexpr int64_t shortLoop = 4;

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
    rows(at);
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
  RegisterTile high = chooseTile(shape, request());
  if (!rowLoop)
    return emitColumns(high);
  Value extent = materialize(extents[*rowLoop]), blocked = constant(0);
  if (high.rows > 1) {
    blocked = roundDown(extent, high.rows);
    loop(constant(0), blocked, high.rows, [&](Value row) {
      at[*rowLoop] = row;
      emitColumns(high);
    });
  }
  loop(blocked, extent, 1, [&](Value row) {
    at[*rowLoop] = row;
    emitColumns(chooseRowTile(shape, request()));
  });
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

// ---- the vector loop is parallel ------------------------------------------------------------------------------

/// The body at one point of the reduction loops for all rows and pieces: values by row, piece, output. Old output
/// values come from `accumulators` in the same order, or from memory if there are none.
SmallVector<Value> Emitter::point(const Coordinates &at, int64_t rows, ArrayRef<Piece> pieces,
                                  ValueRange accumulators) {
  std::map<std::tuple<size_t, int64_t, size_t>, Value> loaded; // a weight vector serves all rows
  size_t inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  auto operand = [&](size_t i, int64_t row, size_t p) {
    bool byRow = rowLoop && accesses[i].follows(*rowLoop), byPiece = accesses[i].follows(vectorLoop);
    Value &value = loaded[{i, byRow ? row : 0, byPiece ? p : 0}];
    if (!value)
      value = load(i, at, row, pieces[p]);
    return value;
  };
  // Vectors first, then what they are multiplied with, then the arithmetic vector by vector: in this order the compiler
  // finds registers for tiles that take the whole file.
  for (bool vectors : {true, false})
    for (size_t i = 0; i < inputs; ++i)
      if (accesses[i].follows(vectorLoop) == vectors && !op.getBody()->getArgument(i).use_empty())
        for (int64_t row = 0; row < rows; ++row)
          for (size_t p = 0; p < pieces.size(); ++p)
            operand(i, row, p);
  SmallVector<Value> results(rows * pieces.size() * outputs);
  for (auto [p, piece] : llvm::enumerate(pieces))
    for (int64_t row = 0; row < rows; ++row) {
      size_t first = (row * pieces.size() + p) * outputs;
      SmallVector<Value> arguments;
      for (size_t i = 0; i < accesses.size(); ++i) {
        if (i >= inputs && !accumulators.empty())
          arguments.push_back(accumulators[first + (i - inputs)]);
        else if (op.getBody()->getArgument(i).use_empty())
          arguments.push_back(op.getBody()->getArgument(i)); // never looked at
        else
          arguments.push_back(operand(i, row, p));
      }
      auto index = [&](unsigned loop) { return indexOf(loop, at, row, piece); };
      llvm::copy(evaluateBody(b, op, arguments, piece.lanes, index), results.begin() + first);
    }
  return results;
}

SmallVector<Value> Emitter::reduceSteps(unsigned depth, Coordinates at, const RegisterTile &tile,
                                        ArrayRef<Piece> pieces, ValueRange accumulators, Value from, Value to,
                                        int64_t step) {
  auto created = b.create<scf::ForOp>(loc, from, to, constant(step), accumulators);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(created.getBody());
  SmallVector<Value> values(created.getRegionIterArgs());
  for (int64_t i = 0; i < step; ++i) {
    at[reductionLoops[depth]] = offsetBy(created.getInductionVar(), i);
    values = reduce(depth + 1, at, tile, pieces, values);
  }
  b.create<scf::YieldOp>(loc, values);
  return created.getResults();
}

SmallVector<Value> Emitter::reduce(unsigned depth, Coordinates at, const RegisterTile &tile, ArrayRef<Piece> pieces,
                                   ValueRange accumulators) {
  if (depth == reductionLoops.size())
    return point(at, tile.rows, pieces, accumulators);
  OpFoldResult extent = extents[reductionLoops[depth]];
  std::optional<int64_t> fixed = getConstantIntValue(extent);
  bool innermost = depth + 1 == reductionLoops.size();
  if (!innermost || tile.unroll == 1 || !fixed || *fixed < tile.unroll)
    return reduceSteps(depth, at, tile, pieces, accumulators, constant(0), materialize(extent), 1);
  if (*fixed <= shortLoop) {
    SmallVector<Value> values(accumulators);
    for (int64_t i = 0; i < *fixed; ++i) {
      at[reductionLoops[depth]] = constant(i);
      values = point(at, tile.rows, pieces, values);
    }
    return values;
  }
  int64_t whole = *fixed / tile.unroll * tile.unroll;
  SmallVector<Value> values =
      reduceSteps(depth, at, tile, pieces, accumulators, constant(0), constant(whole), tile.unroll);
  if (whole == *fixed)
    return values;
  return reduceSteps(depth, at, tile, pieces, values, constant(whole), constant(*fixed), 1);
}

/// The part of `access` that a tile at `at` works on: what lies in it is then at a fixed distance from its first
/// element.
Access Emitter::partOf(const Access &access, const Coordinates &at, const RegisterTile &tile, ArrayRef<Piece> pieces) {
  if (!isa<MemRefType>(access.source.getType()) || access.loops.empty())
    return access;
  SmallVector<OpFoldResult> offsets, sizes, strides(access.loops.size(), b.getIndexAttr(1));
  for (unsigned loop : access.loops) {
    bool reduces = llvm::is_contained(reductionLoops, loop);
    int64_t lanes = pieces.back().offset + pieces.back().lanes;
    offsets.push_back(reduces ? OpFoldResult(b.getIndexAttr(0)) : getAsOpFoldResult(at[loop]));
    sizes.push_back(reduces ? extents[loop]
                            : b.getIndexAttr(loop == vectorLoop ? lanes
                                             : loop == rowLoop  ? tile.rows
                                                                : 1));
  }
  return {b.create<memref::SubViewOp>(loc, access.source, offsets, sizes, strides), access.loops};
}

void Emitter::tile(const Coordinates &whole, const RegisterTile &tile, ArrayRef<Piece> pieces) {
  SmallVector<Access> parts;
  for (const Access &access : accesses)
    parts.push_back(partOf(access, whole, tile, pieces));
  llvm::SaveAndRestore restoreAccesses(accesses, std::move(parts));
  llvm::SaveAndRestore restoreOrigin(origin, whole);
  const Coordinates at(whole.size(), constant(0));
  unsigned inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  auto forEach = [&](llvm::function_ref<void(int64_t, Piece, unsigned)> visit) {
    for (int64_t row = 0; row < tile.rows; ++row)
      for (Piece piece : pieces)
        for (unsigned output = 0; output < outputs; ++output)
          visit(row, piece, output);
  };
  SmallVector<Value> values;
  if (reductionLoops.empty()) {
    values = point(at, tile.rows, pieces, {});
  } else {
    forEach(
        [&](int64_t row, Piece piece, unsigned output) { values.push_back(load(inputs + output, at, row, piece)); });
    values = reduce(0, at, tile, pieces, values);
  }
  size_t next = 0;
  forEach([&](int64_t row, Piece piece, unsigned output) {
    store(values[next++], accesses[inputs + output], at, row, piece);
  });
}

} // namespace weft::codegen
