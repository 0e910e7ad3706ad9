// The loops around a tile, and tiles whose vector loop is parallel.
#include "compiler/codegen/VectorEmitter.h"

#include <map>

using namespace mlir;

namespace weft::codegen {

static bool hasUnitStride(Value memref) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  return succeeded(getStridesAndOffset(cast<MemRefType>(memref.getType()), strides, offset)) && strides.back() == 1;
}

bool Emitter::takesVectors(unsigned loop, bool reduces) {
  for (auto [i, access] : llvm::enumerate(accesses)) {
    bool output = static_cast<int64_t>(i) >= op.getNumDpsInputs();
    if (!access.follows(loop)) {
      if (output && !reduces)
        return false;
      continue;
    }
    if ((output && reduces) || access.loops.back() != loop || llvm::count(access.loops, loop) != 1 ||
        !hasUnitStride(access.source))
      return false;
  }
  return true;
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
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  op.getReductionDims(reductionLoops);
  auto isCandidate = [&](unsigned loop) { return takesVectors(loop, false); };
  if (auto found = llvm::find_if(llvm::reverse(parallel), isCandidate); found != parallel.rend()) {
    vectorLoop = *found;
    if (!reductionLoops.empty())
      for (unsigned loop : parallel)
        if (loop != vectorLoop)
          rowLoop = loop; // the last one
  } else {
    combiner = findCombiner(op);
    if (!combiner || reductionLoops.size() != 1 || !takesVectors(reductionLoops.front(), true))
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
  if (std::optional<int64_t> fixed = getConstantIntValue(extents[dimension]))
    return *fixed;
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
    Value extent = materialize(extents[vectorLoop]), whole = roundDown(extent, lanes);
    loop(constant(0), whole, lanes, [&](Value column) { body(column, Piece{0, lanes}); });
    loop(whole, extent, 1, [&](Value column) { body(column, Piece{0, 1}); });
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

Value Emitter::load(unsigned operand, const Coordinates &at, int64_t row, Piece piece) {
  const Access &access = accesses[operand];
  auto type = dyn_cast<MemRefType>(access.source.getType());
  if (!type)
    return access.source; // a scalar operand
  SmallVector<Value> where = indices(access, at, row, piece);
  if (piece.lanes == 1 || !access.follows(vectorLoop))
    return b.create<memref::LoadOp>(loc, access.source, where);
  return b.create<vector::LoadOp>(loc, VectorType::get({piece.lanes}, type.getElementType()), access.source, where);
}

void Emitter::store(Value value, const Access &access, const Coordinates &at, int64_t row, Piece piece) {
  SmallVector<Value> where = indices(access, at, row, piece);
  if (isa<VectorType>(value.getType()))
    b.create<vector::StoreOp>(loc, value, access.source, where);
  else
    b.create<memref::StoreOp>(loc, value, access.source, where);
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
      llvm::copy(evaluateBody(b, op, arguments, piece.lanes), results.begin() + first);
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
  int64_t whole = *fixed / tile.unroll * tile.unroll;
  SmallVector<Value> values =
      reduceSteps(depth, at, tile, pieces, accumulators, constant(0), constant(whole), tile.unroll);
  if (whole == *fixed)
    return values;
  return reduceSteps(depth, at, tile, pieces, values, constant(whole), constant(*fixed), 1);
}

void Emitter::tile(const Coordinates &at, const RegisterTile &tile, ArrayRef<Piece> pieces) {
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
