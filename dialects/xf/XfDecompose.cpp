// What each `xf` op means, in linalg. A kv_cache is a pair of tensors here, joined and split by casts that fold away
// when the whole function has been decomposed.
#include "dialects/xf/XfDialect.h"

using namespace mlir;
using namespace weft::xf;

namespace {

/// Builds the linalg ops of one decomposition, all at one location.
struct Emit {
  OpBuilder &builder;
  Location loc;

  AffineExpr dim(unsigned index) { return builder.getAffineDimExpr(index); }
  AffineMap map(unsigned dims, ArrayRef<AffineExpr> results) {
    return AffineMap::get(dims, 0, results, builder.getContext());
  }
  Value index(int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); }
  Value f32(double value) {
    return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(static_cast<float>(value)));
  }
  OpFoldResult size(Value tensor, int64_t dimension) { return tensor::getMixedSize(builder, loc, tensor, dimension); }
  Value toValue(OpFoldResult size) { return getValueOrCreateConstantIndexOp(builder, loc, size); }

  Value empty(ArrayRef<OpFoldResult> sizes) {
    return builder.create<tensor::EmptyOp>(loc, sizes, builder.getF32Type());
  }
  Value filled(ArrayRef<OpFoldResult> sizes, double value) {
    return builder.create<linalg::FillOp>(loc, f32(value), empty(sizes)).getResult(0);
  }

  using Body = function_ref<Value(OpBuilder &, ValueRange)>;

  /// A linalg.generic with one result over `init`; `reduced` names the reduction dimensions.
  Value generic(ValueRange inputs, Value init, ArrayRef<AffineMap> maps, ArrayRef<unsigned> reduced, Body body) {
    SmallVector<utils::IteratorType> iterators(maps.front().getNumDims(), utils::IteratorType::parallel);
    for (unsigned dimension : reduced)
      iterators[dimension] = utils::IteratorType::reduction;
    auto op = builder.create<linalg::GenericOp>(loc, init.getType(), inputs, init, maps, iterators,
                                                [&](OpBuilder &inner, Location, ValueRange arguments) {
                                                  OpBuilder::InsertionGuard guard(builder);
                                                  builder.setInsertionPoint(inner.getInsertionBlock(),
                                                                            inner.getInsertionPoint());
                                                  Value result = body(builder, arguments);
                                                  builder.create<linalg::YieldOp>(loc, result);
                                                });
    return op.getResult(0);
  }

  // Arithmetic in a body, f32 unless the operands say otherwise.
  Value add(Value a, Value b) { return builder.create<arith::AddFOp>(loc, a, b); }
  Value sub(Value a, Value b) { return builder.create<arith::SubFOp>(loc, a, b); }
  Value mul(Value a, Value b) { return builder.create<arith::MulFOp>(loc, a, b); }
  Value div(Value a, Value b) { return builder.create<arith::DivFOp>(loc, a, b); }
  Value addIndex(Value a, Value b) { return builder.create<arith::AddIOp>(loc, a, b); }
  Value loopIndex(int64_t dimension) { return builder.create<linalg::IndexOp>(loc, dimension); }
  Value widen(Value a) {
    return a.getType().isF32() ? a : Value(builder.create<arith::ExtFOp>(loc, builder.getF32Type(), a));
  }

  /// x · wᵀ in f32.
  Value linear(Value x, Value w) {
    SmallVector<OpFoldResult> sizes = {size(x, 0), size(w, 0)};
    Value zero = filled(sizes, 0.0);
    return builder.create<linalg::MatmulTransposeBOp>(loc, zero.getType(), ValueRange{x, w}, zero).getResult(0);
  }

  /// rows × columns seen as rows × `inner`, whose product is the columns.
  Value expandColumns(Value rows, ArrayRef<int64_t> inner) {
    SmallVector<int64_t> shape = {cast<RankedTensorType>(rows.getType()).getDimSize(0)};
    SmallVector<OpFoldResult> sizes = {size(rows, 0)};
    ReassociationIndices columns;
    for (int64_t extent : inner) {
      columns.push_back(static_cast<int64_t>(shape.size()));
      shape.push_back(extent);
      sizes.push_back(builder.getIndexAttr(extent));
    }
    SmallVector<ReassociationIndices> groups = {{0}, columns};
    auto type = RankedTensorType::get(shape, builder.getF32Type());
    return builder.create<tensor::ExpandShapeOp>(loc, type, rows, groups, sizes);
  }

  /// The inverse of expandColumns.
  Value collapseColumns(Value expanded) {
    ReassociationIndices columns;
    for (int64_t i = 1; i < cast<RankedTensorType>(expanded.getType()).getRank(); ++i)
      columns.push_back(i);
    SmallVector<ReassociationIndices> groups = {{0}, columns};
    return builder.create<tensor::CollapseShapeOp>(loc, expanded, groups);
  }

  /// The cache's keys and values.
  std::pair<Value, Value> split(Value cache) {
    Type half = cast<KvCacheType>(cache.getType()).getTensorType();
    auto cast = builder.create<UnrealizedConversionCastOp>(loc, TypeRange{half, half}, cache);
    return {cast.getResult(0), cast.getResult(1)};
  }
};

using Decomposed = FailureOr<SmallVector<Value>>;

} // namespace

Decomposed EmbeddingOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value table = getTable();
  Value init = e.empty({e.size(getIds(), 0), e.size(table, 1)});
  AffineMap ids = e.map(2, {e.dim(0)}), out = e.map(2, {e.dim(0), e.dim(1)});
  return SmallVector<Value>{e.generic(getIds(), init, {ids, out}, {}, [&](OpBuilder &b, ValueRange in) {
    Value row = b.create<arith::IndexCastOp>(e.loc, b.getIndexType(), in[0]);
    return e.widen(b.create<tensor::ExtractOp>(e.loc, table, ValueRange{row, e.loopIndex(1)}));
  })};
}

Decomposed LinearOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  return SmallVector<Value>{e.linear(getX(), getW())};
}

Decomposed RmsNormOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value x = getX();
  AffineMap all = e.map(2, {e.dim(0), e.dim(1)}), row = e.map(2, {e.dim(0)}), column = e.map(2, {e.dim(1)});
  Value squares =
      e.generic(x, e.filled({e.size(x, 0)}, 0.0), {all, row}, {1},
                [&](OpBuilder &, ValueRange in) { return e.add(in[1], e.mul(in[0], in[0])); });
  Value count = e.f32(static_cast<double>(getX().getType().getDimSize(1)));
  Value epsilon = e.f32(getEpsilon().convertToDouble());
  Value init = e.empty({e.size(x, 0), e.size(x, 1)});
  return SmallVector<Value>{e.generic({x, squares, getGamma()}, init, {all, row, column, all}, {},
                                      [&](OpBuilder &b, ValueRange in) {
                                        Value mean = e.div(in[1], count);
                                        Value scale = b.create<math::RsqrtOp>(e.loc, e.add(mean, epsilon));
                                        return e.mul(e.mul(in[0], scale), e.widen(in[2]));
                                      })};
}

Decomposed RopeOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  auto headDim = static_cast<int64_t>(getHeadDim());
  int64_t half = headDim / 2, heads = getX().getType().getDimSize(1) / headDim;
  Value position = getPosition();
  Value frequencies = builder.create<arith::ConstantOp>(e.loc, cast<TypedAttr>(getInverseFrequencies()));

  // Cosine and sine of (position + row) * frequency, once for all heads.
  AffineMap pair = e.map(2, {e.dim(0), e.dim(1)}), frequency = e.map(2, {e.dim(1)});
  auto table = [&](auto function) {
    return e.generic(frequencies, e.empty({e.size(getX(), 0), builder.getIndexAttr(half)}), {frequency, pair}, {},
                     [&](OpBuilder &b, ValueRange in) -> Value {
                       Value token = e.addIndex(position, e.loopIndex(0));
                       Value integer = b.create<arith::IndexCastOp>(e.loc, b.getI64Type(), token);
                       Value angle = e.mul(b.create<arith::SIToFPOp>(e.loc, b.getF64Type(), integer), in[0]);
                       return b.create<arith::TruncFOp>(e.loc, b.getF32Type(), function(b, angle));
                     });
  };
  Value cosines = table([&](OpBuilder &b, Value angle) -> Value { return b.create<math::CosOp>(e.loc, angle); });
  Value sines = table([&](OpBuilder &b, Value angle) -> Value { return b.create<math::SinOp>(e.loc, angle); });

  // row, head, half, pair: the first half becomes x·cos - partner·sin, the second x·cos + partner·sin.
  Value x = e.expandColumns(getX(), {heads, 2, half});
  AffineMap all = e.map(4, {e.dim(0), e.dim(1), e.dim(2), e.dim(3)}), angle = e.map(4, {e.dim(0), e.dim(3)});
  Value init = e.empty({e.size(x, 0), builder.getIndexAttr(heads), builder.getIndexAttr(2), builder.getIndexAttr(half)});
  Value one = e.index(1), zero = e.index(0);
  Value turned = e.generic({x, cosines, sines}, init, {all, angle, angle, all}, {}, [&](OpBuilder &b, ValueRange in) {
    Value side = e.loopIndex(2);
    Value other = b.create<arith::SubIOp>(e.loc, one, side);
    Value partner =
        b.create<tensor::ExtractOp>(e.loc, x, ValueRange{e.loopIndex(0), e.loopIndex(1), other, e.loopIndex(3)});
    Value first = b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::eq, side, zero);
    Value straight = e.mul(in[0], in[1]), crossed = e.mul(partner, in[2]);
    return Value(b.create<arith::SelectOp>(e.loc, first, e.sub(straight, crossed), e.add(straight, crossed)));
  });
  return SmallVector<Value>{e.collapseColumns(turned)};
}

Decomposed KvAppendOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  KvCacheType type = getCache().getType();
  auto [keys, values] = e.split(getCache());
  auto append = [&](Value tensor, Value rows) -> Value {
    Value expanded = e.expandColumns(rows, {type.getKvHeads(), type.getHeadDim()});
    OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
    SmallVector<OpFoldResult> offsets = {getPosition(), zero, zero}, strides(3, one);
    SmallVector<OpFoldResult> sizes = {e.size(rows, 0), builder.getIndexAttr(type.getKvHeads()),
                                       builder.getIndexAttr(type.getHeadDim())};
    return builder.create<tensor::InsertSliceOp>(e.loc, expanded, tensor, offsets, sizes, strides);
  };
  Value newKeys = append(keys, getK()), newValues = append(values, getV());
  auto joined = builder.create<UnrealizedConversionCastOp>(e.loc, TypeRange{type}, ValueRange{newKeys, newValues});
  return SmallVector<Value>{joined.getResult(0)};
}

Decomposed AttentionOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  KvCacheType type = getCache().getType();
  int64_t kvHeads = type.getKvHeads(), group = static_cast<int64_t>(getHeads()) / kvHeads, headDim = type.getHeadDim();
  auto [keys, values] = e.split(getCache());
  Value position = getPosition(), scale = e.f32(getScale().convertToDouble());

  // Of the cache only the tokens that exist: position + rows.
  OpFoldResult rows = e.size(getQ(), 0);
  Value tokens = e.addIndex(position, e.toValue(rows));
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets(3, zero), strides(3, one);
  SmallVector<OpFoldResult> filled = {tokens, builder.getIndexAttr(kvHeads), builder.getIndexAttr(headDim)};
  Value k = builder.create<tensor::ExtractSliceOp>(e.loc, keys, offsets, filled, strides);
  Value v = builder.create<tensor::ExtractSliceOp>(e.loc, values, offsets, filled, strides);
  Value q = e.expandColumns(getQ(), {kvHeads, group, headDim});

  // Dimensions: r row, h kv head, g query head of the group, t token, c column.
  AffineExpr r = e.dim(0), h = e.dim(1), g = e.dim(2), t = e.dim(3), c = e.dim(4);
  SmallVector<OpFoldResult> perHead = {rows, builder.getIndexAttr(kvHeads), builder.getIndexAttr(group)};
  SmallVector<OpFoldResult> perToken = perHead, perColumn = perHead;
  perToken.push_back(tokens);
  perColumn.push_back(builder.getIndexAttr(headDim));

  Value products = e.generic({q, k}, e.filled(perToken, 0.0),
                             {e.map(5, {r, h, g, c}), e.map(5, {t, h, c}), e.map(5, {r, h, g, t})}, {4},
                             [&](OpBuilder &, ValueRange in) { return e.add(in[2], e.mul(in[0], in[1])); });
  AffineMap scoreMap = e.map(4, {r, h, g, t}), headMap = e.map(4, {r, h, g});
  Value hidden = e.f32(-std::numeric_limits<double>::infinity());
  Value scores =
      e.generic(products, e.empty(perToken), {scoreMap, scoreMap}, {}, [&](OpBuilder &b, ValueRange in) -> Value {
        Value last = e.addIndex(position, e.loopIndex(0));
        Value seen = b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ule, e.loopIndex(3), last);
        return b.create<arith::SelectOp>(e.loc, seen, e.mul(in[0], scale), hidden);
      });
  Value largest =
      e.generic(scores, e.filled(perHead, -std::numeric_limits<double>::infinity()), {scoreMap, headMap}, {3},
                [&](OpBuilder &b, ValueRange in) -> Value { return b.create<arith::MaximumFOp>(e.loc, in[0], in[1]); });
  Value weights = e.generic({scores, largest}, e.empty(perToken), {scoreMap, headMap, scoreMap}, {},
                            [&](OpBuilder &b, ValueRange in) -> Value {
                              return b.create<math::ExpOp>(e.loc, e.sub(in[0], in[1]));
                            });
  Value sums = e.generic(weights, e.filled(perHead, 0.0), {scoreMap, headMap}, {3},
                         [&](OpBuilder &, ValueRange in) { return e.add(in[0], in[1]); });
  Value mixed = e.generic({weights, v}, e.filled(perColumn, 0.0),
                          {e.map(5, {r, h, g, t}), e.map(5, {t, h, c}), e.map(5, {r, h, g, c})}, {3},
                          [&](OpBuilder &, ValueRange in) { return e.add(in[2], e.mul(in[0], in[1])); });
  // Here dimension 3 is the column.
  Value result = e.generic({mixed, sums}, e.empty(perColumn), {scoreMap, headMap, scoreMap}, {},
                           [&](OpBuilder &, ValueRange in) { return e.div(in[0], in[1]); });
  return SmallVector<Value>{e.collapseColumns(result)};
}

Decomposed GatedMlpOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value gate = e.linear(getX(), getGate()), up = e.linear(getX(), getUp());
  Value one = e.f32(1.0);
  AffineMap all = e.map(2, {e.dim(0), e.dim(1)});
  Value product = e.generic({gate, up}, e.empty({e.size(gate, 0), e.size(gate, 1)}), {all, all, all}, {},
                            [&](OpBuilder &b, ValueRange in) {
                              Value inverse = b.create<math::ExpOp>(e.loc, b.create<arith::NegFOp>(e.loc, in[0]));
                              return e.mul(e.div(in[0], e.add(one, inverse)), in[1]);
                            });
  return SmallVector<Value>{e.linear(product, getDown())};
}

Decomposed AddOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value init = e.empty({e.size(getA(), 0), e.size(getA(), 1)});
  return SmallVector<Value>{
      builder.create<linalg::AddOp>(e.loc, init.getType(), ValueRange{getA(), getB()}, init).getResult(0)};
}

Decomposed LastRowOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value last = builder.create<arith::SubIOp>(e.loc, e.toValue(e.size(getX(), 0)), e.index(1));
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets = {last, zero}, sizes = {one, e.size(getX(), 1)}, strides = {one, one};
  return SmallVector<Value>{
      builder.create<tensor::ExtractSliceOp>(e.loc, getResult().getType(), getX(), offsets, sizes, strides)};
}
