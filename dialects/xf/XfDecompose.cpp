// What each `xf` op means, in linalg. A kv_cache is a pair of tensors here, joined and split by casts that fold away
// when the whole function has been decomposed.
#include "dialects/xf/XfEmit.h"

using namespace mlir;
using namespace weft::xf;

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
  Value product = e.linear(getX(), getW());
  if (!getBias())
    return SmallVector<Value>{product};
  AffineMap all = e.map(2, {e.dim(0), e.dim(1)}), column = e.map(2, {e.dim(1)});
  Value init = e.empty({e.size(product, 0), e.size(product, 1)});
  return SmallVector<Value>{e.generic({product, getBias()}, init, {all, column, all}, {},
                                      [&](OpBuilder &, ValueRange in) { return e.add(in[0], e.widen(in[1])); })};
}

Decomposed HeadLinearOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  ArrayRef<int64_t> shape = getW().getType().getShape(); // heads, out, in
  Value x = e.expandColumns(getX(), {shape[0], shape[2]});
  AffineExpr r = e.dim(0), h = e.dim(1), out = e.dim(2), in = e.dim(3);
  SmallVector<OpFoldResult> sizes = {e.size(getX(), 0), builder.getIndexAttr(shape[0]), builder.getIndexAttr(shape[1])};
  Value product = e.generic({x, getW()}, e.filled(sizes, 0.0),
                            {e.map(4, {r, h, in}), e.map(4, {h, out, in}), e.map(4, {r, h, out})}, {3},
                            [&](OpBuilder &, ValueRange v) { return e.add(v[2], e.mul(v[0], e.widen(v[1]))); });
  return SmallVector<Value>{e.collapseColumns(product)};
}

Decomposed JoinHeadsOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  auto heads = static_cast<int64_t>(getHeads());
  int64_t left = getA().getType().getDimSize(1) / heads, right = getB().getType().getDimSize(1) / heads;
  OpFoldResult zero = builder.getIndexAttr(0), rows = e.size(getA(), 0), all = builder.getIndexAttr(heads);
  OpFoldResult first = builder.getIndexAttr(left), second = builder.getIndexAttr(right);
  Value joined = e.empty({rows, all, builder.getIndexAttr(left + right)});
  joined = e.insert(e.expandColumns(getA(), {heads, left}), joined, {zero, zero, zero}, {rows, all, first});
  joined = e.insert(e.expandColumns(getB(), {heads, right}), joined, {zero, zero, first}, {rows, all, second});
  return SmallVector<Value>{e.collapseColumns(joined)};
}

namespace {

/// Rows seen as groups of `size` columns, each normed for itself. One group a row stays rank 2.
struct Groups {
  Groups(Emit &e, Value x, int64_t size) : e(e), size(size) {
    int64_t columns = cast<RankedTensorType>(x.getType()).getDimSize(1);
    expanded = columns != size;
    values = expanded ? e.expandColumns(x, {columns / size, size}) : x;
    for (unsigned i = 0; i < (expanded ? 2 : 1); ++i) {
      lead.push_back(e.dim(i));
      leadSizes.push_back(e.size(values, i));
    }
    unsigned dims = lead.size() + 1;
    all = e.builder.getMultiDimIdentityMap(dims);
    group = e.map(dims, lead);
    column = e.map(dims, {e.dim(dims - 1)});
  }
  /// The sum over a group of `term`.
  Value sum(ValueRange inputs, ArrayRef<AffineMap> inputMaps, function_ref<Value(ValueRange)> term) {
    SmallVector<AffineMap> maps(inputMaps);
    maps.push_back(group);
    return e.generic(inputs, e.filled(leadSizes, 0.0), maps, {static_cast<unsigned>(lead.size())},
                     [&](OpBuilder &, ValueRange in) { return e.add(in.back(), term(in)); });
  }
  Value map(ValueRange inputs, ArrayRef<AffineMap> inputMaps, Emit::Body body) {
    SmallVector<AffineMap> maps(inputMaps);
    maps.push_back(all);
    SmallVector<OpFoldResult> sizes = leadSizes;
    sizes.push_back(e.builder.getIndexAttr(size));
    Value result = e.generic(inputs, e.empty(sizes), maps, {}, body);
    return expanded ? e.collapseColumns(result) : result;
  }

  Emit &e;
  int64_t size;
  bool expanded = false;
  Value values;
  SmallVector<AffineExpr> lead;
  SmallVector<OpFoldResult> leadSizes;
  AffineMap all, group, column;
};

} // namespace

Decomposed RmsNormOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Groups groups(e, getX(), getGamma().getType().getDimSize(0));
  Value squares = groups.sum(groups.values, groups.all, [&](ValueRange in) { return e.mul(in[0], in[0]); });
  Value count = e.f32(static_cast<double>(groups.size));
  Value epsilon = e.f32(getEpsilon().convertToDouble());
  Value offset = getOffset() ? e.f32(getOffset()->convertToDouble()) : Value();
  return SmallVector<Value>{groups.map({groups.values, squares, getGamma()}, {groups.all, groups.group, groups.column},
                                       [&](OpBuilder &b, ValueRange in) {
                                         Value mean = e.div(in[1], count);
                                         Value scale = b.create<math::RsqrtOp>(e.loc, e.add(mean, epsilon));
                                         Value gamma = e.widen(in[2]);
                                         if (offset)
                                           gamma = e.add(gamma, offset);
                                         return e.mul(e.mul(in[0], scale), gamma);
                                       })};
}

Decomposed LayerNormOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Groups groups(e, getX(), getGamma() ? getGamma().getType().getDimSize(0) : getX().getType().getDimSize(1));
  Value count = e.f32(static_cast<double>(groups.size));
  Value epsilon = e.f32(getEpsilon().convertToDouble());
  Value sums = groups.sum(groups.values, groups.all, [](ValueRange in) { return in[0]; });
  auto centred = [&](ValueRange in) { return e.sub(in[0], e.div(in[1], count)); };
  Value squares = groups.sum({groups.values, sums}, {groups.all, groups.group}, [&](ValueRange in) {
    Value difference = centred(in);
    return e.mul(difference, difference);
  });
  SmallVector<Value> inputs = {groups.values, sums, squares};
  SmallVector<AffineMap> maps = {groups.all, groups.group, groups.group};
  for (Value vector : {Value(getGamma()), Value(getBeta())})
    if (vector) {
      inputs.push_back(vector);
      maps.push_back(groups.column);
    }
  return SmallVector<Value>{groups.map(inputs, maps, [&](OpBuilder &b, ValueRange in) {
    Value scale = b.create<math::RsqrtOp>(e.loc, e.add(e.div(in[2], count), epsilon));
    Value normed = e.mul(centred(in), scale);
    if (getGamma())
      normed = e.mul(normed, e.widen(in[3]));
    return getBeta() ? e.add(normed, e.widen(in[4])) : normed;
  })};
}

Value Emit::bend(Activation activation, Value a) {
  auto logistic = [&](Value x) { // 1 + exp(-x), what silu and its kin divide by
    Value power = builder.create<math::ExpOp>(loc, builder.create<arith::NegFOp>(loc, x));
    return add(f32(1.0), power);
  };
  switch (activation) {
  case Activation::Silu:
    return div(a, logistic(a));
  case Activation::QuickGelu:
    return div(a, logistic(mul(a, f32(1.702))));
  case Activation::Sigmoid:
    return div(f32(1.0), logistic(a));
  case Activation::Gelu: {
    Value error = builder.create<math::ErfOp>(loc, mul(a, f32(1.0 / std::numbers::sqrt2)));
    return mul(mul(f32(0.5), a), add(f32(1.0), error));
  }
  case Activation::GeluTanh: {
    Value cube = mul(mul(a, a), mul(a, f32(0.044715)));
    Value bent =
        builder.create<math::TanhOp>(loc, mul(f32(std::numbers::sqrt2 * std::numbers::inv_sqrtpi), add(a, cube)));
    return mul(mul(f32(0.5), a), add(f32(1.0), bent));
  }
  case Activation::Relu:
    return builder.create<arith::MaximumFOp>(loc, a, f32(0.0));
  case Activation::ReluSquared: {
    Value positive = builder.create<arith::MaximumFOp>(loc, a, f32(0.0));
    return mul(positive, positive);
  }
  case Activation::Tanh:
    return builder.create<math::TanhOp>(loc, a);
  }
  llvm_unreachable("an activation of XfDialect.td");
}

Decomposed GatedMlpOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  return SmallVector<Value>{e.gatedMlp(getActivation(), getX(), getGate(), getUp(), getDown())};
}

Value Emit::gatedMlp(Activation activation, Value x, Value gate, Value up, Value down) {
  Value product = elementwise({linear(x, gate), linear(x, up)},
                              [&](OpBuilder &, ValueRange in) { return mul(bend(activation, in[0]), in[1]); });
  return linear(product, down);
}

Decomposed ActivationOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  return SmallVector<Value>{
      e.elementwise(getX(), [&](OpBuilder &, ValueRange in) { return e.bend(getActivation(), in[0]); })};
}

Decomposed ScaleOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value factor = e.f32(getFactor().convertToDouble());
  return SmallVector<Value>{e.elementwise(getX(), [&](OpBuilder &, ValueRange in) { return e.mul(in[0], factor); })};
}

Decomposed MulOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Value init = e.empty({e.size(getA(), 0), e.size(getA(), 1)});
  return SmallVector<Value>{
      builder.create<linalg::MulOp>(e.loc, init.getType(), ValueRange{getA(), getB()}, init).getResult(0)};
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
