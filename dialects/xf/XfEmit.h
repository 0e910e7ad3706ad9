// What decompositions of `xf` ops are written with. Internal to dialects/xf.
#pragma once

#include "dialects/xf/XfDialect.h"

#include <limits>
#include <numbers>
#include <utility>

namespace weft::xf {

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
    auto op = builder.create<linalg::GenericOp>(
        loc, init.getType(), inputs, init, maps, iterators, [&](OpBuilder &inner, Location, ValueRange arguments) {
          OpBuilder::InsertionGuard guard(builder);
          builder.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
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
    auto type = llvm::cast<KvCacheType>(cache.getType());
    auto cast = builder.create<UnrealizedConversionCastOp>(
        loc, TypeRange{type.getTensorType(), type.getValueTensorType()}, cache);
    return {cast.getResult(0), cast.getResult(1)};
  }

  /// `sizes` of `tensor` from `offsets` on, as `shape`, which may leave out sizes of 1.
  Value slice(Value tensor, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> shape) {
    SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
    auto type = RankedTensorType::get(shape, cast<RankedTensorType>(tensor.getType()).getElementType());
    return builder.create<tensor::ExtractSliceOp>(loc, type, tensor, offsets, sizes, strides);
  }
  Value insert(Value part, Value tensor, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) {
    SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
    return builder.create<tensor::InsertSliceOp>(loc, part, tensor, offsets, sizes, strides);
  }

  Value gatedMlp(Activation activation, Value x, Value gate, Value up, Value down);

  /// The activation of an f32.
  Value bend(Activation activation, Value a);

  /// `body` of the elements at one place of tensors of one shape.
  Value elementwise(ValueRange inputs, Body body) {
    auto type = cast<RankedTensorType>(inputs.front().getType());
    AffineMap all = builder.getMultiDimIdentityMap(type.getRank());
    SmallVector<AffineMap> maps(inputs.size() + 1, all);
    SmallVector<OpFoldResult> sizes;
    for (int64_t i = 0; i < type.getRank(); ++i)
      sizes.push_back(size(inputs.front(), i));
    return generic(inputs, empty(sizes), maps, {}, body);
  }
};

using Decomposed = FailureOr<SmallVector<Value>>;

} // namespace weft::xf
