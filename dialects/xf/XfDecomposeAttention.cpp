// What positions, caches and attention of `xf` mean, in linalg.
#include "dialects/xf/XfEmit.h"
#include "dialects/xf/XfPasses.h"

#include <array>
#include <tuple>

using namespace mlir;
using namespace weft::xf;

namespace {

/// Rows of one sequence: all rows, or with several sequences in the rows their share.
Value rowsOfSequence(Emit &e, Value x, int64_t batch) {
  Value rows = e.toValue(e.size(x, 0));
  return batch == 1 ? rows : e.builder.create<arith::DivUIOp>(e.loc, rows, e.index(batch));
}

/// In a body: the position of row `loopIndex(0)`, the first token of each sequence being at `position`.
Value tokenOfRow(Emit &e, Value position, Value sequence, int64_t batch) {
  Value row = e.loopIndex(0);
  if (batch != 1)
    row = e.builder.create<arith::RemUIOp>(e.loc, row, sequence);
  return e.addIndex(position, row);
}

} // namespace

Decomposed AddPositionsOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  auto batch = static_cast<int64_t>(getBatch());
  Value table = getTable(), sequence = rowsOfSequence(e, getX(), batch);
  Value first = getOffset() ? e.addIndex(getPosition(), e.index(getOffset())) : Value(getPosition());
  return SmallVector<Value>{e.elementwise(getX(), [&](OpBuilder &b, ValueRange in) {
    Value token = tokenOfRow(e, first, sequence, batch);
    return e.add(in[0], e.widen(b.create<tensor::ExtractOp>(e.loc, table, ValueRange{token, e.loopIndex(1)})));
  })};
}

namespace {

/// Cosine and sine of (position + row) · frequency, once for all heads: rows × frequencies.
std::pair<Value, Value> angles(Emit &e, RopeOp op) {
  OpBuilder &builder = e.builder;
  auto constant = [&](Attribute frequencies) -> Value {
    return builder.create<arith::ConstantOp>(e.loc, cast<TypedAttr>(frequencies));
  };
  auto batch = static_cast<int64_t>(op.getBatch());
  Value position = op.getPosition(), sequence = rowsOfSequence(e, op.getX(), batch);
  SmallVector<Value> frequencies = {constant(op.getInverseFrequencies())};
  Value isLong;
  if (op.getLongFrom()) {
    frequencies.push_back(constant(*op.getLongInverseFrequencies()));
    Value used = op.getUsed() ? Value(op.getUsed()) : e.addIndex(position, sequence);
    isLong = builder.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ugt, used, e.index(*op.getLongFrom()));
  }
  int64_t count = cast<ShapedType>(frequencies.front().getType()).getDimSize(0);
  AffineMap pair = e.map(2, {e.dim(0), e.dim(1)}), frequency = e.map(2, {e.dim(1)});
  SmallVector<AffineMap> maps(frequencies.size(), frequency);
  maps.push_back(pair);
  auto table = [&](auto function) {
    Value init = e.empty({e.size(op.getX(), 0), builder.getIndexAttr(count)});
    return e.generic(frequencies, init, maps, {}, [&](OpBuilder &b, ValueRange in) -> Value {
      Value token = tokenOfRow(e, position, sequence, batch);
      Value integer = b.create<arith::IndexCastOp>(e.loc, b.getI64Type(), token);
      Value chosen = isLong ? Value(b.create<arith::SelectOp>(e.loc, isLong, in[1], in[0])) : in[0];
      Value turned = function(b, e.mul(b.create<arith::SIToFPOp>(e.loc, b.getF64Type(), integer), chosen));
      if (op.getScale())
        turned = e.mul(turned, b.create<arith::ConstantOp>(e.loc, op.getScaleAttr()));
      auto narrow = b.create<arith::TruncFOp>(e.loc, b.getF32Type(), turned);
      narrow->setAttr(turningAttribute, b.getUnitAttr());
      return narrow;
    });
  };
  Value cosines = table([&](OpBuilder &b, Value angle) -> Value { return b.create<math::CosOp>(e.loc, angle); });
  Value sines = table([&](OpBuilder &b, Value angle) -> Value { return b.create<math::SinOp>(e.loc, angle); });
  return {cosines, sines};
}

} // namespace

Decomposed RopeOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  auto headDim = static_cast<int64_t>(getHeadDim());
  int64_t count = getInverseFrequencies().getNumElements(), heads = getX().getType().getDimSize(1) / headDim;
  int64_t rows = getX().getType().getDimSize(0);
  auto [cosines, sines] = angles(e, *this);

  // The part of each head that turns, its pairs along a dimension of their own.
  auto fixed = [&](int64_t extent) -> OpFoldResult { return builder.getIndexAttr(extent); };
  OpFoldResult zero = fixed(0), rowCount = e.size(getX(), 0);
  Value whole = e.expandColumns(getX(), {heads, headDim}), part = whole;
  SmallVector<OpFoldResult> partSizes = {rowCount, fixed(heads), fixed(2 * count)};
  if (2 * count != headDim)
    part = e.slice(whole, {zero, zero, zero}, partSizes, {rows, heads, 2 * count});
  SmallVector<int64_t> pairs = {rows, heads, 2, count};
  if (getInterleaved())
    std::swap(pairs[2], pairs[3]);
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2, 3}};
  SmallVector<OpFoldResult> pairSizes = {rowCount, fixed(heads), fixed(pairs[2]), fixed(pairs[3])};
  Value paired = builder.create<tensor::ExpandShapeOp>(e.loc, RankedTensorType::get(pairs, builder.getF32Type()), part,
                                                       groups, pairSizes);

  const int64_t sideDim = getInterleaved() ? 3 : 2;
  SmallVector<OpFoldResult> sideSizes = pairSizes;
  sideSizes[sideDim] = fixed(1);
  auto sideOffsets = [&](int64_t side) {
    SmallVector<OpFoldResult> offsets(4, zero);
    offsets[sideDim] = fixed(side);
    return offsets;
  };
  Value first = e.slice(paired, sideOffsets(0), sideSizes, {rows, heads, count});
  Value second = e.slice(paired, sideOffsets(1), sideSizes, {rows, heads, count});
  AffineMap all = builder.getMultiDimIdentityMap(3), angle = e.map(3, {e.dim(0), e.dim(2)});
  auto turn = [&](Emit::Body body) {
    return e.generic({first, second, cosines, sines}, e.empty({rowCount, fixed(heads), fixed(count)}),
                     {all, all, angle, angle, all}, {}, body);
  };
  Value newFirst = turn([&](OpBuilder &, ValueRange in) { return e.sub(e.mul(in[0], in[2]), e.mul(in[1], in[3])); });
  Value newSecond = turn([&](OpBuilder &, ValueRange in) { return e.add(e.mul(in[1], in[2]), e.mul(in[0], in[3])); });

  Value turned = e.insert(newFirst, e.empty(pairSizes), sideOffsets(0), sideSizes);
  turned = e.insert(newSecond, turned, sideOffsets(1), sideSizes);
  turned = builder.create<tensor::CollapseShapeOp>(e.loc, turned, groups);
  if (part != whole)
    turned = e.insert(turned, whole, {zero, zero, zero}, partSizes);
  return SmallVector<Value>{e.collapseColumns(turned)};
}

Decomposed KvAppendOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  KvCacheType type = getCache().getType();
  auto [keys, values] = e.split(getCache());
  auto append = [&](Value tensor, Value rows) -> Value {
    int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(2);
    OpFoldResult zero = builder.getIndexAttr(0);
    return e.insert(e.expandColumns(rows, {type.getKvHeads(), size}), tensor, {getPosition(), zero, zero},
                    {e.size(rows, 0), builder.getIndexAttr(type.getKvHeads()), builder.getIndexAttr(size)});
  };
  Value newKeys = append(keys, getK()), newValues = append(values, getV());
  auto joined = builder.create<UnrealizedConversionCastOp>(e.loc, TypeRange{type}, ValueRange{newKeys, newValues});
  return SmallVector<Value>{joined.getResult(0)};
}

namespace {

/// Softmax over tokens of scores, then the mean of values with these weights. The first `lead` loops are those of a
/// query (sequence, row, kv head, query head of the group), then come token and column.
struct Mix {
  Emit &e;
  SmallVector<OpFoldResult> lead; // their sizes
  OpFoldResult tokens, valueDim;
  Value q, k, v;
  AffineMap qMap, kMap, vMap; // over lead, token, column
  double scale;
  std::optional<double> softcap;
  Value bias; // null, or added to scores
  AffineMap biasMap = {};

  AffineExpr token() { return e.dim(lead.size()); }
  AffineExpr column() { return e.dim(lead.size() + 1); }

  /// `visible`: in a body over lead and token, whether the query sees the token; null: it sees all.
  Value run(function_ref<Value(OpBuilder &)> visible) {
    SmallVector<AffineExpr> queries;
    for (unsigned i = 0; i < lead.size(); ++i)
      queries.push_back(e.dim(i));
    SmallVector<AffineExpr> withToken = queries, withColumn = queries;
    withToken.push_back(token());
    withColumn.push_back(column());
    const unsigned tokenDim = lead.size(), dims = lead.size() + 2;
    SmallVector<OpFoldResult> perToken = lead, perColumn = lead;
    perToken.push_back(tokens);
    perColumn.push_back(valueDim);

    auto multiplyAdd = [&](OpBuilder &, ValueRange in) { return e.add(in[2], e.mul(in[0], in[1])); };
    Value products =
        e.generic({q, k}, e.filled(perToken, 0.0), {qMap, kMap, e.map(dims, withToken)}, {tokenDim + 1}, multiplyAdd);
    AffineMap all = e.builder.getMultiDimIdentityMap(lead.size() + 1), query = e.map(lead.size() + 1, queries);
    Value factor = e.f32(scale), hidden = e.f32(-std::numeric_limits<double>::infinity());
    SmallVector<Value> inputs = {products};
    SmallVector<AffineMap> maps = {all, all};
    if (bias) {
      inputs.push_back(bias);
      maps.insert(maps.begin() + 1, biasMap);
    }
    Value scores = e.generic(inputs, e.empty(perToken), maps, {}, [&](OpBuilder &b, ValueRange in) -> Value {
      Value seen = visible ? visible(b) : Value(); // first, so that its ops come first
      Value score = e.mul(in[0], factor);
      if (softcap)
        score = e.mul(b.create<math::TanhOp>(e.loc, e.div(score, e.f32(*softcap))), e.f32(*softcap));
      if (bias)
        score = e.add(score, in[1]);
      return seen ? Value(b.create<arith::SelectOp>(e.loc, seen, score, hidden)) : score;
    });
    Value largest = e.generic(
        scores, e.filled(lead, -std::numeric_limits<double>::infinity()), {all, query}, {tokenDim},
        [&](OpBuilder &b, ValueRange in) -> Value { return b.create<arith::MaximumFOp>(e.loc, in[0], in[1]); });
    Value weights = e.generic(
        {scores, largest}, e.empty(perToken), {all, query, all}, {},
        [&](OpBuilder &b, ValueRange in) -> Value { return b.create<math::ExpOp>(e.loc, e.sub(in[0], in[1])); });
    Value sums = e.generic(weights, e.filled(lead, 0.0), {all, query}, {tokenDim},
                           [&](OpBuilder &, ValueRange in) { return e.add(in[0], in[1]); });
    Value mixed = e.generic({weights, v}, e.filled(perColumn, 0.0),
                            {e.map(dims, withToken), vMap, e.map(dims, withColumn)}, {tokenDim}, multiplyAdd);
    // Here the last dimension is the column.
    return e.generic({mixed, sums}, e.empty(perColumn), {all, query, all}, {},
                     [&](OpBuilder &, ValueRange in) { return e.div(in[0], in[1]); });
  }
};

std::optional<double> toDouble(std::optional<APFloat> value) {
  return value ? std::optional(value->convertToDouble()) : std::nullopt;
}

/// In a body: whether a query at token `own` sees token `token`.
Value causal(Emit &e, OpBuilder &b, Value token, Value own, std::optional<uint64_t> window) {
  Value seen = b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ule, token, own);
  if (!window)
    return seen;
  Value end = e.addIndex(token, e.index(static_cast<int64_t>(*window)));
  Value near = b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ugt, end, own);
  return b.create<arith::AndIOp>(e.loc, seen, near);
}

/// `rows` as sequences × tokens × `inner`, all sizes known.
Value asSequences(Emit &e, Value rows, int64_t batch, ArrayRef<int64_t> inner) {
  auto type = cast<RankedTensorType>(rows.getType());
  SmallVector<int64_t> shape = {batch, type.getDimSize(0) / batch};
  ReassociationIndices columns;
  for (int64_t extent : inner) {
    columns.push_back(static_cast<int64_t>(shape.size()));
    shape.push_back(extent);
  }
  SmallVector<ReassociationIndices> groups = {{0, 1}, columns};
  return e.builder.create<tensor::ExpandShapeOp>(e.loc, RankedTensorType::get(shape, type.getElementType()), rows,
                                                 groups);
}

/// The bias of an `attend` without its sizes of 1, and where the loops of a score (sequence, row, kv head, query head
/// of the group, token) find it. Its heads become kv heads × group.
std::pair<Value, AffineMap> biasOf(Emit &e, AttendOp op) {
  OpBuilder &builder = e.builder;
  const auto kvHeads = static_cast<int64_t>(op.getKvHeads());
  const std::array<SmallVector<unsigned, 2>, 4> loops = {{{0}, {2, 3}, {1}, {4}}}; // of the bias's dimensions
  ArrayRef<int64_t> shape = op.getBias().getType().getShape();
  SmallVector<int64_t> kept, expanded;
  SmallVector<ReassociationIndices> groups;
  SmallVector<AffineExpr> results;
  for (size_t i = 0; i < loops.size(); ++i) {
    if (shape[i] == 1 && i != 3)
      continue;
    kept.push_back(shape[i]);
    ReassociationIndices &group = groups.emplace_back();
    SmallVector<int64_t, 2> sizes = {shape[i]};
    if (loops[i].size() == 2)
      sizes = {kvHeads, shape[i] / kvHeads};
    for (auto [loop, size] : llvm::zip_equal(loops[i], sizes)) {
      group.push_back(static_cast<int64_t>(expanded.size()));
      expanded.push_back(size);
      results.push_back(e.dim(loop));
    }
  }
  SmallVector<OpFoldResult> offsets(4, builder.getIndexAttr(0));
  Value bias = e.slice(op.getBias(), offsets, getAsIndexOpFoldResult(builder.getContext(), shape), kept);
  if (expanded.size() != kept.size())
    bias = builder.create<tensor::ExpandShapeOp>(e.loc, RankedTensorType::get(expanded, builder.getF32Type()), bias,
                                                 groups);
  return {bias, e.map(5, results)};
}

} // namespace

Decomposed AttentionOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  KvCacheType type = getCache().getType();
  int64_t kvHeads = type.getKvHeads(), group = static_cast<int64_t>(getHeads()) / kvHeads, headDim = type.getHeadDim();
  auto [keys, values] = e.split(getCache());
  Value position = getPosition();

  // Of the cache only the tokens that exist: position + rows.
  OpFoldResult rows = e.size(getQ(), 0);
  Value tokens = e.addIndex(position, e.toValue(rows));
  OpFoldResult zero = builder.getIndexAttr(0);
  auto filled = [&](Value tensor) {
    int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(2);
    return e.slice(tensor, {zero, zero, zero}, {tokens, builder.getIndexAttr(kvHeads), builder.getIndexAttr(size)},
                   {ShapedType::kDynamic, kvHeads, size});
  };
  Value k = filled(keys), v = filled(values);
  Value q = e.expandColumns(getQ(), {kvHeads, group, headDim});

  // Dimensions: r row, h kv head, g query head of the group, t token, c column.
  AffineExpr r = e.dim(0), h = e.dim(1), g = e.dim(2), t = e.dim(3), c = e.dim(4);
  Mix mix{.e = e,
          .lead = {rows, builder.getIndexAttr(kvHeads), builder.getIndexAttr(group)},
          .tokens = tokens,
          .valueDim = builder.getIndexAttr(type.getValueDim()),
          .q = q,
          .k = k,
          .v = v,
          .qMap = e.map(5, {r, h, g, c}),
          .kMap = e.map(5, {t, h, c}),
          .vMap = e.map(5, {t, h, c}),
          .scale = getScale().convertToDouble(),
          .softcap = toDouble(getSoftcap()),
          .bias = {}};
  Value result = mix.run([&](OpBuilder &b) {
    Value own = e.addIndex(position, e.loopIndex(0));
    return causal(e, b, e.loopIndex(3), own, getWindow());
  });
  return SmallVector<Value>{e.collapseColumns(result)};
}

Decomposed AttendOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  auto batch = static_cast<int64_t>(getBatch()), kvHeads = static_cast<int64_t>(getKvHeads());
  int64_t group = static_cast<int64_t>(getHeads()) / kvHeads;
  int64_t headDim = getK().getType().getDimSize(1) / kvHeads, valueDim = getV().getType().getDimSize(1) / kvHeads;
  int64_t rows = getQ().getType().getDimSize(0) / batch, tokens = getK().getType().getDimSize(0) / batch;

  // Dimensions: b sequence, r row, h kv head, g query head of the group, t token, c column.
  AffineExpr s = e.dim(0), r = e.dim(1), h = e.dim(2), g = e.dim(3), t = e.dim(4), c = e.dim(5);
  auto fixed = [&](int64_t extent) -> OpFoldResult { return builder.getIndexAttr(extent); };
  Mix mix{.e = e,
          .lead = {fixed(batch), fixed(rows), fixed(kvHeads), fixed(group)},
          .tokens = fixed(tokens),
          .valueDim = fixed(valueDim),
          .q = asSequences(e, getQ(), batch, {kvHeads, group, headDim}),
          .k = asSequences(e, getK(), batch, {kvHeads, headDim}),
          .v = asSequences(e, getV(), batch, {kvHeads, valueDim}),
          .qMap = e.map(6, {s, r, h, g, c}),
          .kMap = e.map(6, {s, t, h, c}),
          .vMap = e.map(6, {s, t, h, c}),
          .scale = getScale().convertToDouble(),
          .softcap = toDouble(getSoftcap()),
          .bias = {}};
  if (getBias())
    std::tie(mix.bias, mix.biasMap) = biasOf(e, *this);
  Value result;
  if (getCausal())
    result = mix.run([&](OpBuilder &b) {
      Value own = e.addIndex(e.loopIndex(1), e.index(tokens - rows));
      return causal(e, b, e.loopIndex(4), own, getWindow());
    });
  else
    result = mix.run(nullptr);
  SmallVector<ReassociationIndices> groups = {{0, 1}, {2, 3, 4}};
  return SmallVector<Value>{builder.create<tensor::CollapseShapeOp>(e.loc, result, groups)};
}
