// linalg on memrefs to loops over vectors. One scheme serves every op: parallel loops outside, a tile of rows x vectors that
// fits the registers, the reduction loops inside with the tile's accumulators as loop-carried values. A matrix product, a
// copy and a weighted sum differ only in which of these loops there are.
#include "compiler/codegen/ElementBody.h"
#include "compiler/codegen/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <map>

using namespace mlir;

namespace weft::codegen {
namespace {

/// Some columns of a tile: `lanes` of them from `offset` on.
struct Piece {
  int64_t offset = 0, lanes = 1;
};

/// An operand of the op and the loop that each of its dimensions follows.
struct Access {
  Value source;
  SmallVector<unsigned> loops;
  bool follows(unsigned loop) const { return llvm::is_contained(loops, loop); }
};

class Emitter {
public:
  Emitter(RewriterBase &b, linalg::GenericOp op, VectorShape shape) : b(b), op(op), loc(op.getLoc()), shape(shape) {}

  /// False if the op has a form that vectors do not help; nothing has been created then.
  bool analyze();
  void emit();

private:
  using Coordinates = SmallVector<Value>;
  using Tile = llvm::function_ref<void(Value column, ArrayRef<Piece> pieces)>;

  bool takesVectors(unsigned loop, bool reduces);

  Value constant(int64_t value) { return b.create<arith::ConstantIndexOp>(loc, value); }
  Value materialize(OpFoldResult value) { return getValueOrCreateConstantIndexOp(b, loc, value); }
  Value offsetBy(Value base, int64_t offset) {
    return offset == 0 ? base : b.createOrFold<arith::AddIOp>(loc, base, constant(offset));
  }
  Value roundDown(Value extent, int64_t step);
  int64_t largestExtent(unsigned dimension);
  void loop(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body);

  SmallVector<Value> indices(const Access &access, const Coordinates &at, int64_t row, Piece piece);
  Value load(unsigned operand, const Coordinates &at, int64_t row, Piece piece);
  void store(Value value, const Access &access, const Coordinates &at, int64_t row, Piece piece);

  SmallVector<Value> point(const Coordinates &at, int64_t rows, ArrayRef<Piece> pieces, ValueRange accumulators);
  SmallVector<Value> reduce(unsigned depth, Coordinates at, int64_t rows, ArrayRef<Piece> pieces, ValueRange accumulators);
  void tile(const Coordinates &at, int64_t rows, ArrayRef<Piece> pieces);
  void columns(int64_t perTile, Tile body);
  void rows(Coordinates at);
  void outer(unsigned depth, Coordinates at);

  SmallVector<Value> reduceAcross(Coordinates at, Value column, ArrayRef<Piece> pieces, ValueRange accumulators);
  Value acrossStatic(const Coordinates &at, int64_t extent);
  Value acrossDynamic(const Coordinates &at, Value extent);
  void across(const Coordinates &at);

  RewriterBase &b;
  linalg::GenericOp op;
  Location loc;
  VectorShape shape;
  SmallVector<OpFoldResult> extents;
  SmallVector<Access> accesses; // inputs, then outputs
  SmallVector<unsigned> outerLoops, reductionLoops;
  unsigned vectorLoop = 0;
  std::optional<unsigned> rowLoop;
  std::optional<Combiner> combiner; // set if the vector loop is a reduction
};

bool hasUnitStride(Value memref) {
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
    if ((output && reduces) || access.loops.back() != loop || llvm::count(access.loops, loop) != 1 || !hasUnitStride(access.source))
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
  // `step` is a power of two and the extent is not negative.
  return b.create<arith::AndIOp>(loc, extent, constant(-step));
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
  auto emitColumns = [&](int64_t height, int64_t perTile) {
    columns(perTile, [&](Value column, ArrayRef<Piece> pieces) {
      at[vectorLoop] = column;
      tile(at, height, pieces);
    });
  };
  if (reductionLoops.empty())
    return emitColumns(1, 1);
  // Half of the registers accumulate; the rest holds what is being multiplied.
  int64_t accumulators = shape.registers / 2;
  if (!rowLoop)
    return emitColumns(1, accumulators);
  int64_t high = std::min<int64_t>(accumulators / 2, llvm::bit_floor<uint64_t>(largestExtent(*rowLoop)));
  Value extent = materialize(extents[*rowLoop]), blocked = roundDown(extent, high);
  if (high == 1)
    blocked = constant(0);
  else
    loop(constant(0), blocked, high, [&](Value row) {
      at[*rowLoop] = row;
      emitColumns(high, accumulators / high);
    });
  loop(blocked, extent, 1, [&](Value row) {
    at[*rowLoop] = row;
    emitColumns(1, accumulators);
  });
}

/// Calls `body` for tiles of up to `perTile` vectors that together cover the vector loop.
void Emitter::columns(int64_t perTile, Tile body) {
  int64_t lanes = shape.lanes;
  std::optional<int64_t> fixed = getConstantIntValue(extents[vectorLoop]);
  if (!fixed) {
    Value extent = materialize(extents[vectorLoop]), whole = roundDown(extent, lanes);
    loop(constant(0), whole, lanes, [&](Value column) { body(column, Piece{0, lanes}); });
    loop(whole, extent, 1, [&](Value column) { body(column, Piece{0, 1}); });
    return;
  }
  SmallVector<Piece> full;
  for (int64_t i = 0; i < perTile; ++i)
    full.push_back({i * lanes, lanes});
  int64_t step = perTile * lanes, whole = *fixed / step * step;
  if (whole == step)
    body(constant(0), full);
  else if (whole > 0)
    loop(constant(0), constant(whole), step, [&](Value column) { body(column, full); });
  // What is left, in vectors of halving length.
  SmallVector<Piece> rest;
  for (int64_t offset = whole, width = lanes; offset < *fixed; offset += width) {
    while (width > *fixed - offset)
      width /= 2;
    rest.push_back({offset, width});
  }
  for (ArrayRef<Piece> left = rest; !left.empty(); left = left.drop_front(std::min<size_t>(perTile, left.size())))
    body(constant(0), left.take_front(perTile));
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

/// The body at one point of the reduction loops for all rows and pieces: values by row, piece, output. Old output values come
/// from `accumulators` in the same order, or from memory if there are none.
SmallVector<Value> Emitter::point(const Coordinates &at, int64_t rows, ArrayRef<Piece> pieces, ValueRange accumulators) {
  std::map<std::tuple<size_t, int64_t, size_t>, Value> loaded; // a weight vector serves all rows
  size_t inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  SmallVector<Value> results;
  for (int64_t row = 0; row < rows; ++row)
    for (auto [p, piece] : llvm::enumerate(pieces)) {
      SmallVector<Value> arguments;
      for (size_t i = 0; i < accesses.size(); ++i) {
        if (i >= inputs && !accumulators.empty()) {
          arguments.push_back(accumulators[(row * pieces.size() + p) * outputs + (i - inputs)]);
          continue;
        }
        if (op.getBody()->getArgument(i).use_empty()) {
          arguments.push_back(op.getBody()->getArgument(i)); // never looked at
          continue;
        }
        bool byRow = rowLoop && accesses[i].follows(*rowLoop), byPiece = accesses[i].follows(vectorLoop);
        Value &value = loaded[{i, byRow ? row : 0, byPiece ? p : 0}];
        if (!value)
          value = load(i, at, row, piece);
        arguments.push_back(value);
      }
      llvm::append_range(results, evaluateBody(b, op, arguments, piece.lanes));
    }
  return results;
}

SmallVector<Value> Emitter::reduce(unsigned depth, Coordinates at, int64_t rows, ArrayRef<Piece> pieces, ValueRange accumulators) {
  if (depth == reductionLoops.size())
    return point(at, rows, pieces, accumulators);
  unsigned dimension = reductionLoops[depth];
  auto created = b.create<scf::ForOp>(loc, constant(0), materialize(extents[dimension]), constant(1), accumulators);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(created.getBody());
  at[dimension] = created.getInductionVar();
  b.create<scf::YieldOp>(loc, reduce(depth + 1, at, rows, pieces, created.getRegionIterArgs()));
  return created.getResults();
}

void Emitter::tile(const Coordinates &at, int64_t rows, ArrayRef<Piece> pieces) {
  unsigned inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  auto forEach = [&](llvm::function_ref<void(int64_t, Piece, unsigned)> visit) {
    for (int64_t row = 0; row < rows; ++row)
      for (Piece piece : pieces)
        for (unsigned output = 0; output < outputs; ++output)
          visit(row, piece, output);
  };
  SmallVector<Value> values;
  if (reductionLoops.empty()) {
    values = point(at, rows, pieces, {});
  } else {
    forEach([&](int64_t row, Piece piece, unsigned output) { values.push_back(load(inputs + output, at, row, piece)); });
    values = reduce(0, at, rows, pieces, values);
  }
  size_t next = 0;
  forEach([&](int64_t row, Piece piece, unsigned output) { store(values[next++], accesses[inputs + output], at, row, piece); });
}

// ---- the vector loop is the reduction -------------------------------------------------------------------------

/// One step of each accumulator: accumulator i takes piece i.
SmallVector<Value> Emitter::reduceAcross(Coordinates at, Value column, ArrayRef<Piece> pieces, ValueRange accumulators) {
  at[vectorLoop] = column;
  SmallVector<Value> results;
  for (auto [piece, accumulator] : llvm::zip_equal(pieces, accumulators)) {
    SmallVector<Value> arguments;
    for (unsigned i = 0, e = op.getNumDpsInputs(); i < e; ++i)
      arguments.push_back(load(i, at, 0, piece));
    arguments.push_back(accumulator);
    results.push_back(evaluateBody(b, op, arguments, piece.lanes).front());
  }
  return results;
}

/// All of a fixed extent: up to four vectors side by side, then what is left, each reduced on its own.
Value Emitter::acrossStatic(const Coordinates &at, int64_t extent) {
  int64_t lanes = shape.lanes, beside = std::min<int64_t>(4, extent / lanes);
  Value total;
  auto join = [&](Value part) { total = total ? combine(b, loc, *combiner, total, part) : part; };
  auto start = [&](int64_t width) -> Value {
    Type element = b.getF32Type();
    return neutral(b, loc, *combiner, width == 1 ? element : VectorType::get({width}, element));
  };
  int64_t done = 0;
  if (beside > 0) {
    SmallVector<Piece> pieces;
    for (int64_t i = 0; i < beside; ++i)
      pieces.push_back({i * lanes, lanes});
    int64_t step = beside * lanes;
    done = extent / step * step;
    SmallVector<Value> accumulators(beside, start(lanes));
    auto created = b.create<scf::ForOp>(loc, constant(0), constant(done), constant(step), accumulators);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(created.getBody());
      b.create<scf::YieldOp>(loc, reduceAcross(at, created.getInductionVar(), pieces, created.getRegionIterArgs()));
    }
    Value sum = created.getResult(0);
    for (int64_t i = 1; i < beside; ++i)
      sum = combine(b, loc, *combiner, sum, created.getResult(i));
    join(combineLanes(b, loc, *combiner, sum));
  }
  for (int64_t width = lanes; done < extent; done += width) {
    while (width > extent - done)
      width /= 2;
    Value part = reduceAcross(at, constant(0), Piece{done, width}, start(width)).front();
    join(combineLanes(b, loc, *combiner, part));
  }
  return total;
}

Value Emitter::acrossDynamic(const Coordinates &at, Value extent) {
  Value whole = roundDown(extent, shape.lanes);
  auto partial = [&](Value from, Value to, int64_t lanes) -> Value {
    Type element = b.getF32Type();
    Value start = neutral(b, loc, *combiner, lanes == 1 ? element : VectorType::get({lanes}, element));
    auto created = b.create<scf::ForOp>(loc, from, to, constant(lanes), start);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(created.getBody());
    b.create<scf::YieldOp>(loc, reduceAcross(at, created.getInductionVar(), Piece{0, lanes}, created.getRegionIterArgs()));
    return created.getResult(0);
  };
  Value vectors = combineLanes(b, loc, *combiner, partial(constant(0), whole, shape.lanes));
  return combine(b, loc, *combiner, vectors, partial(whole, extent, 1));
}

void Emitter::across(const Coordinates &at) {
  unsigned output = op.getNumDpsInputs();
  Value before = load(output, at, 0, {});
  std::optional<int64_t> fixed = getConstantIntValue(extents[vectorLoop]);
  Value total = fixed ? acrossStatic(at, *fixed) : acrossDynamic(at, materialize(extents[vectorLoop]));
  store(combine(b, loc, *combiner, before, total), accesses[output], at, 0, {});
}

// ---- the pass -------------------------------------------------------------------------------------------------

struct VectorizeKernels : PassWrapper<VectorizeKernels, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VectorizeKernels)

  VectorizeKernels() = default;
  explicit VectorizeKernels(VectorShape shape) {
    lanes = shape.lanes;
    registers = shape.registers;
  }
  VectorizeKernels(const VectorizeKernels &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "weft-vectorize-kernels"; }
  StringRef getDescription() const final { return "Lower linalg on memrefs to loops over vectors held in registers"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  }

  void runOnOperation() final {
    if (lanes == 0 || !llvm::isPowerOf2_32(lanes) || registers < 4 || !llvm::isPowerOf2_32(registers)) {
      getOperation().emitError("vectors need a power of two of lanes and of registers, at least 4 registers; got ")
          << lanes << " lanes and " << registers << " registers";
      return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops)
      if (failed(lower(rewriter, op)))
        return signalPassFailure();
  }

  LogicalResult lower(IRRewriter &rewriter, linalg::LinalgOp op) {
    if (!op.hasPureBufferSemantics())
      return op.emitOpError("works on tensors; kernels are written on memrefs");
    rewriter.setInsertionPoint(op);
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    if (!generic) {
      FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
      if (failed(made))
        return op.emitOpError("has no generic form");
      generic = *made;
      rewriter.setInsertionPoint(generic);
    }
    Emitter emitter(rewriter, generic, {lanes, registers});
    if (emitter.analyze())
      emitter.emit();
    else if (failed(linalg::linalgOpToLoops(rewriter, generic)))
      return generic.emitOpError("cannot be written as loops");
    rewriter.eraseOp(generic);
    return success();
  }

  Option<unsigned> lanes{*this, "lanes", llvm::cl::desc("f32 lanes of a vector value"), llvm::cl::init(8)};
  Option<unsigned> registers{*this, "registers", llvm::cl::desc("vector values that fit the register file"), llvm::cl::init(16)};
};

} // namespace

std::unique_ptr<Pass> createVectorizeKernelsPass(VectorShape shape) { return std::make_unique<VectorizeKernels>(shape); }

} // namespace weft::codegen
