// Tiles whose vector loop is parallel: the reduction loops inside, with sums that they carry.
#include "compiler/codegen/VectorEmitter.h"

#include "llvm/Support/SaveAndRestore.h"

#include <map>

using namespace mlir;

namespace weft::codegen {

/// A reduction loop of up to this many steps is written out.
static constexpr int64_t shortLoop = 4;

bool Emitter::servesAllRows(unsigned input) {
  return accesses[input].follows(vectorLoop) && !(rowLoop && accesses[input].follows(*rowLoop)) &&
         !op.getBody()->getArgument(input).use_empty();
}

Emitter::Vectors Emitter::loadVectors(const Coordinates &at, ArrayRef<Piece> pieces) {
  Vectors vectors;
  for (unsigned i = 0; i < op.getNumDpsInputs(); ++i)
    for (Piece piece : servesAllRows(i) ? pieces : ArrayRef<Piece>())
      vectors.push_back(load(i, at, 0, piece));
  return vectors;
}

/// The body at one point of the reduction loops for all rows and pieces: values by row, piece, output. Old output
/// values come from `accumulators` in the same order, or from memory if there are none; `vectors` have been loaded
/// already.
SmallVector<Value> Emitter::point(const Coordinates &at, const RegisterTile &tile, ArrayRef<Piece> pieces,
                                  ValueRange accumulators, ArrayRef<Value> vectors) {
  const int64_t rows = tile.rows;
  std::map<std::tuple<size_t, int64_t, size_t>, Value> loaded; // a weight vector serves all rows
  size_t inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  if (!vectors.empty())
    for (unsigned i = 0; i < inputs; ++i)
      for (size_t p = 0; servesAllRows(i) && p < pieces.size(); ++p, vectors = vectors.drop_front())
        loaded[{i, 0, p}] = vectors.front();
  auto operand = [&](size_t i, int64_t row, size_t p) {
    bool byRow = rowLoop && accesses[i].follows(*rowLoop), byPiece = accesses[i].follows(vectorLoop);
    Value &value = loaded[{i, byRow ? row : 0, byPiece ? p : 0}];
    if (!value)
      value = load(i, at, row, pieces[p]);
    return value;
  };
  // Vectors first, then what they are multiplied with, then the arithmetic vector by vector: in this order the compiler
  // finds registers for tiles that take the whole file.
  for (bool wanted : {true, false})
    for (size_t i = 0; i < inputs && !(wanted && tile.byVector); ++i)
      if (accesses[i].follows(vectorLoop) == wanted && !op.getBody()->getArgument(i).use_empty())
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

/// The innermost reduction loop with the vectors of the next step on their way: they are carried from pass to pass, and
/// the last step loads none.
SmallVector<Value> Emitter::reduceAhead(Coordinates at, const RegisterTile &tile, ArrayRef<Piece> pieces,
                                        ValueRange accumulators, int64_t extent) {
  unsigned depth = reductionLoops.back();
  size_t sums = accumulators.size();
  auto steps = [&](Value from, int64_t count, bool isLast, SmallVector<Value> values, Vectors vectors) {
    for (int64_t i = 0; i < count; ++i) {
      Vectors next;
      if (!isLast || i + 1 < count) {
        at[depth] = offsetBy(from, i + 1);
        next = loadVectors(at, pieces);
      }
      at[depth] = offsetBy(from, i);
      values = point(at, tile, pieces, values, vectors);
      vectors = std::move(next);
    }
    return std::pair(std::move(values), std::move(vectors));
  };
  at[depth] = constant(0);
  SmallVector<Value> carried(accumulators);
  carried.append(loadVectors(at, pieces));
  int64_t looped = (extent - 1) / tile.unroll * tile.unroll;
  if (looped > 0) {
    auto created = b.create<scf::ForOp>(loc, constant(0), constant(looped), constant(tile.unroll), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(created.getBody());
    SmallVector<Value> arguments(created.getRegionIterArgs());
    auto [values, vectors] =
        steps(created.getInductionVar(), tile.unroll, false, SmallVector<Value>(ArrayRef(arguments).take_front(sums)),
              Vectors(ArrayRef(arguments).drop_front(sums)));
    values.append(vectors);
    b.create<scf::YieldOp>(loc, values);
    carried.assign(created.getResults().begin(), created.getResults().end());
  }
  return steps(constant(looped), extent - looped, true, SmallVector<Value>(ArrayRef(carried).take_front(sums)),
               Vectors(ArrayRef(carried).drop_front(sums)))
      .first;
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
    return point(at, tile, pieces, accumulators);
  OpFoldResult extent = extents[reductionLoops[depth]];
  std::optional<int64_t> fixed = getConstantIntValue(extent);
  bool innermost = depth + 1 == reductionLoops.size();
  bool masked = llvm::any_of(pieces, [](Piece piece) { return bool(piece.mask); });
  if (innermost && tile.prefetch && fixed && *fixed > 1 && !masked)
    return reduceAhead(at, tile, pieces, accumulators, *fixed);
  if (!innermost || tile.unroll == 1 || !fixed || *fixed < tile.unroll)
    return reduceSteps(depth, at, tile, pieces, accumulators, constant(0), materialize(extent), 1);
  if (*fixed <= shortLoop) {
    SmallVector<Value> values(accumulators);
    for (int64_t i = 0; i < *fixed; ++i) {
      at[reductionLoops[depth]] = constant(i);
      values = point(at, tile, pieces, values);
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
    offsets.push_back(reduces && !at[loop] ? OpFoldResult(b.getIndexAttr(0)) : getAsOpFoldResult(at[loop]));
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
    values = point(at, tile, pieces, {});
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
