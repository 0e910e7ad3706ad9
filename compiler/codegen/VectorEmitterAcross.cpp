// Reductions along a row: the vector loop is the reduction.
#include "compiler/codegen/VectorEmitter.h"

using namespace mlir;

namespace weft::codegen {

/// One step of each accumulator: accumulator i takes piece i.
SmallVector<Value> Emitter::reduceAcross(Coordinates at, Value column, ArrayRef<Piece> pieces,
                                         ValueRange accumulators) {
  at[vectorLoop] = column;
  SmallVector<Value> results;
  for (auto [piece, accumulator] : llvm::zip_equal(pieces, accumulators)) {
    SmallVector<Value> arguments;
    for (unsigned i = 0, e = op.getNumDpsInputs(); i < e; ++i)
      arguments.push_back(load(i, at, 0, piece));
    arguments.push_back(accumulator);
    auto index = [&](unsigned loop) { return indexOf(loop, at, 0, piece); };
    results.push_back(evaluateBody(b, op, arguments, piece.lanes, index).front());
  }
  return results;
}

/// All of a fixed extent: up to four vectors side by side, then what is left, each reduced on its own.
Value Emitter::acrossStatic(const Coordinates &at, int64_t extent) {
  int64_t lanes = rowLanes, beside = std::min<int64_t>(4, extent / lanes);
  Value total;
  auto join = [&](Value part) { total = total ? combine(b, loc, *combiner, total, part) : part; };
  auto start = [&](int64_t width) -> Value {
    Type element = op.getRegionOutputArgs().front().getType();
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
  Value whole = roundDown(extent, rowLanes);
  auto partial = [&](Value from, Value to, int64_t lanes) -> Value {
    Type element = op.getRegionOutputArgs().front().getType();
    Value start = neutral(b, loc, *combiner, lanes == 1 ? element : VectorType::get({lanes}, element));
    auto created = b.create<scf::ForOp>(loc, from, to, constant(lanes), start);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(created.getBody());
    b.create<scf::YieldOp>(loc,
                           reduceAcross(at, created.getInductionVar(), Piece{0, lanes}, created.getRegionIterArgs()));
    return created.getResult(0);
  };
  Value vectors = combineLanes(b, loc, *combiner, partial(constant(0), whole, rowLanes));
  return combine(b, loc, *combiner, vectors, partial(whole, extent, 1));
}

void Emitter::across(const Coordinates &at) {
  unsigned output = op.getNumDpsInputs();
  Value before = load(output, at, 0, {});
  std::optional<int64_t> fixed = getConstantIntValue(extents[vectorLoop]);
  Value total = fixed ? acrossStatic(at, *fixed) : acrossDynamic(at, materialize(extents[vectorLoop]));
  store(combine(b, loc, *combiner, before, total), accesses[output], at, 0, {});
}

} // namespace weft::codegen
