// Blocks that move elements and contract tensors.
#include "compiler/frontend/onnx/graph/Blocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

#include <numeric>
#include <stdexcept>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Iterator = utils::IteratorType;

SmallVector<OpFoldResult> attributes(OpBuilder &b, ArrayRef<int64_t> numbers) {
  return getAsIndexOpFoldResult(b.getContext(), numbers);
}

/// Groups of `wide`'s dimensions whose product is each of `narrow`'s; none: there are no such groups.
std::optional<SmallVector<ReassociationIndices>> groupsOf(ArrayRef<int64_t> wide, ArrayRef<int64_t> narrow) {
  SmallVector<ReassociationIndices> groups;
  size_t next = 0;
  for (size_t i = 0; i < narrow.size(); ++i) {
    ReassociationIndices group;
    int64_t product = 1;
    do {
      if (next == wide.size())
        return std::nullopt;
      product *= wide[next];
      group.push_back(static_cast<int64_t>(next++));
    } while (product < narrow[i]);
    if (product != narrow[i])
      return std::nullopt;
    // Ones behind a group belong to it, unless the next of `narrow` is one itself.
    while (next < wide.size() && wide[next] == 1 &&
           (i + 1 == narrow.size() || (narrow[i + 1] != 1 && wide.size() - next > narrow.size() - i - 1)))
      group.push_back(static_cast<int64_t>(next++));
    groups.push_back(std::move(group));
  }
  if (next != wide.size())
    return std::nullopt;
  return groups;
}

bool isAllOnes(ArrayRef<int64_t> shape) {
  return llvm::all_of(shape, [](int64_t size) { return size == 1; });
}

} // namespace

Tensor Blocks::reshape(Tensor x, ArrayRef<int64_t> shape) {
  if (x.shape() == shape)
    return x;
  if (x.elements() != elementsOf(shape))
    throw std::logic_error("a reshape to another number of elements"); // would never end
  auto type = RankedTensorType::get(shape, storageType(b.getContext(), x.type));
  if (elementsOf(shape) == 0)
    return empty(x.type, shape);
  if (shape.empty() || (x.rank() > static_cast<int64_t>(shape.size()))) {
    auto groups = shape.empty() ? std::optional(SmallVector<ReassociationIndices>()) : groupsOf(x.shape(), shape);
    if (groups)
      return {b.create<tensor::CollapseShapeOp>(loc, type, x.value, *groups), x.type};
  }
  if (x.rank() == 0 || x.rank() < static_cast<int64_t>(shape.size())) {
    auto groups = x.rank() == 0 ? std::optional(SmallVector<ReassociationIndices>()) : groupsOf(shape, x.shape());
    if (groups && (x.rank() != 0 || isAllOnes(shape)))
      return {b.create<tensor::ExpandShapeOp>(loc, type, x.value, *groups), x.type};
  }
  return reshape(reshape(x, {x.elements()}), shape);
}

Tensor Blocks::transpose(Tensor x, ArrayRef<int64_t> order) {
  if (llvm::is_sorted(order))
    return x;
  Sizes shape;
  for (int64_t from : order)
    shape.push_back(x.size(from));
  if (elementsOf(shape) == 0)
    return empty(x.type, shape);
  auto op = b.create<linalg::TransposeOp>(loc, x.value, empty(x.type, shape).value, order);
  return {op->getResult(0), x.type};
}

Tensor Blocks::slice(Tensor x, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  if (x.shape() == sizes && (strides.empty() || isAllOnes(strides)))
    return x;
  if (elementsOf(sizes) == 0)
    return empty(x.type, sizes);
  Sizes steps(strides.begin(), strides.end());
  steps.resize(sizes.size(), 1);
  return {b.create<tensor::ExtractSliceOp>(loc, x.value, attributes(b, offsets), attributes(b, sizes),
                                           attributes(b, steps)),
          x.type};
}

Tensor Blocks::sliceAxis(Tensor x, int64_t axis, int64_t offset, int64_t size) {
  Sizes offsets(static_cast<size_t>(x.rank()), 0), sizes(x.shape());
  offsets[static_cast<size_t>(axis)] = offset;
  sizes[static_cast<size_t>(axis)] = size;
  return slice(x, offsets, sizes);
}

Tensor Blocks::insert(Tensor part, Tensor whole, ArrayRef<int64_t> offsets) {
  if (part.elements() == 0)
    return whole;
  if (part.shape() == whole.shape())
    return part;
  return {b.create<tensor::InsertSliceOp>(loc, part.value, whole.value, attributes(b, offsets),
                                          attributes(b, part.shape()),
                                          attributes(b, Sizes(static_cast<size_t>(part.rank()), 1))),
          part.type};
}

Tensor Blocks::concat(ArrayRef<Tensor> parts, int64_t axis) {
  Sizes shape(parts[0].shape()), offsets(shape.size(), 0);
  const auto along = static_cast<size_t>(axis);
  shape[along] = 0;
  for (const Tensor &part : parts)
    shape[along] += part.size(axis);
  Tensor whole = empty(parts[0].type, shape);
  for (const Tensor &part : parts) {
    whole = insert(part, whole, offsets);
    offsets[along] += part.size(axis);
  }
  return whole;
}

Tensor Blocks::pad(Tensor x, ArrayRef<int64_t> low, ArrayRef<int64_t> high, double number) {
  Sizes shape, offsets, starts, sizes;
  for (auto [size, before, after] : llvm::zip(x.shape(), low, high)) {
    shape.push_back(size + before + after);
    // A negative pad cuts off.
    offsets.push_back(std::max<int64_t>(before, 0));
    starts.push_back(std::max<int64_t>(-before, 0));
    sizes.push_back(size + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0));
  }
  Tensor part = slice(x, starts, sizes);
  if (shape == part.shape())
    return part;
  Value fill = constantScalar(b, loc, x.type, number).value;
  Value whole = b.create<linalg::FillOp>(loc, fill, empty(x.type, shape).value).getResult(0);
  return insert(part, {whole, x.type}, offsets);
}

Tensor Blocks::broadcast(Tensor x, ArrayRef<int64_t> shape) {
  if (x.shape() == shape)
    return x;
  if (elementsOf(shape) == 0)
    return empty(x.type, shape);
  // The second operand only gives the shape; it is never read.
  Tensor like = empty(x.type, shape);
  SmallVector<AffineExpr> results;
  Sizes kept;
  const size_t lead = shape.size() - static_cast<size_t>(x.rank());
  for (size_t i = 0; i < static_cast<size_t>(x.rank()); ++i)
    if (x.shape()[i] == shape[lead + i]) {
      kept.push_back(x.shape()[i]);
      results.push_back(b.getAffineDimExpr(static_cast<unsigned>(lead + i)));
    }
  const auto rank = static_cast<unsigned>(shape.size());
  AffineMap maps[] = {AffineMap::get(rank, 0, results, b.getContext()), b.getMultiDimIdentityMap(rank)};
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  auto op = b.create<linalg::GenericOp>(
      loc, like.value.getType(), reshape(x, kept).value, like.value, maps, iterators,
      [](OpBuilder &inner, Location at, ValueRange arguments) { inner.create<linalg::YieldOp>(at, arguments[0]); });
  return {op.getResult(0), x.type};
}

Tensor Blocks::unsqueeze(Tensor x, int64_t axis) {
  Sizes shape(x.shape());
  shape.insert(shape.begin() + axis, 1);
  return reshape(x, shape);
}

Tensor Blocks::generate(ElementType out, ArrayRef<int64_t> shape, Body body) {
  Tensor init = empty(out, shape);
  if (elementsOf(shape) == 0)
    return init;
  const auto rank = static_cast<unsigned>(shape.size());
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  auto op =
      b.create<linalg::GenericOp>(loc, init.value.getType(), ValueRange(), init.value, b.getMultiDimIdentityMap(rank),
                                  iterators, [&](OpBuilder &inner, Location at, ValueRange) {
                                    SmallVector<Scalar> indices;
                                    for (unsigned i = 0; i < rank; ++i) {
                                      Value here = inner.create<linalg::IndexOp>(at, i);
                                      indices.push_back({inner.create<arith::IndexCastOp>(at, inner.getI64Type(), here),
                                                         ElementType::Int64, &inner, at});
                                    }
                                    inner.create<linalg::YieldOp>(at, cast(body(indices), out).value);
                                  });
  return {op.getResult(0), out};
}

Scalar Blocks::at(Tensor x, ArrayRef<Scalar> indices) {
  SmallVector<Value> values;
  for (const Scalar &one : indices)
    values.push_back(b.create<arith::IndexCastOp>(loc, b.getIndexType(), one.value));
  return {b.create<tensor::ExtractOp>(loc, x.value, values), x.type, &b, loc};
}

Scalar Blocks::wrapIndex(Scalar index, int64_t size) {
  Scalar wide = cast(index, ElementType::Int64), zero = integer(0);
  wide = select(wide < zero, wide + integer(size), wide);
  return minimum(maximum(wide, zero), integer(std::max<int64_t>(size - 1, 0)));
}

Tensor Blocks::contract(ArrayRef<Tensor> operands, ArrayRef<Sizes> labels, ArrayRef<int64_t> outLabels,
                        ElementType accumulate) {
  // Loops: those of the result in its order, then those that are summed over.
  Sizes order(outLabels.begin(), outLabels.end());
  for (const Sizes &own : labels)
    for (int64_t label : own)
      if (!llvm::is_contained(order, label))
        order.push_back(label);
  auto loopOf = [&](int64_t label) { return static_cast<unsigned>(llvm::find(order, label) - order.begin()); };
  const auto loops = static_cast<unsigned>(order.size());
  Sizes extents(loops, 1), outShape;
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (auto [operand, own] : llvm::zip(operands, labels)) {
    SmallVector<AffineExpr> results;
    for (auto [label, size] : llvm::zip(own, operand.shape())) {
      extents[loopOf(label)] = size;
      results.push_back(b.getAffineDimExpr(loopOf(label)));
    }
    maps.push_back(AffineMap::get(loops, 0, results, b.getContext()));
    inputs.push_back(operand.value);
  }
  SmallVector<AffineExpr> results;
  for (int64_t label : outLabels) {
    outShape.push_back(extents[loopOf(label)]);
    results.push_back(b.getAffineDimExpr(loopOf(label)));
  }
  maps.push_back(AffineMap::get(loops, 0, results, b.getContext()));
  Value zero = constantScalar(b, loc, accumulate, 0).value;
  Value init = b.create<linalg::FillOp>(loc, zero, empty(accumulate, outShape).value).getResult(0);
  if (elementsOf(extents) == 0)
    return {init, accumulate};
  SmallVector<Iterator> iterators(loops, Iterator::reduction);
  std::fill(iterators.begin(), iterators.begin() + static_cast<int64_t>(outLabels.size()), Iterator::parallel);
  auto op = b.create<linalg::GenericOp>(
      loc, init.getType(), inputs, init, maps, iterators, [&](OpBuilder &inner, Location at, ValueRange arguments) {
        std::optional<Scalar> product;
        for (auto [operand, argument] : llvm::zip(operands, arguments)) {
          Scalar factor = cast(Scalar{argument, operand.type, &inner, at}, accumulate);
          product = product ? *product * factor : factor;
        }
        Scalar total{arguments.back(), accumulate, &inner, at};
        inner.create<linalg::YieldOp>(at, (total + *product).value);
      });
  return {op.getResult(0), accumulate};
}

Tensor Blocks::matmul(Tensor a, Tensor c, ElementType out) {
  const bool row = a.rank() == 1, column = c.rank() == 1;
  // Labels: 0 rows, 1 columns, 2 the summed, 3 and above batch. A batch dimension of one that the other repeats is
  // dropped.
  auto batchOf = [](Tensor x) { return x.shape().drop_back(std::min<size_t>(2, x.shape().size())); };
  ArrayRef<int64_t> left = row ? ArrayRef<int64_t>() : batchOf(a), right = column ? ArrayRef<int64_t>() : batchOf(c);
  Sizes batch = *broadcastShapes(left, right);
  auto prepare = [&](Tensor x, ArrayRef<int64_t> own, Sizes tail) {
    Sizes kept, labels;
    for (size_t i = 0; i < own.size(); ++i) {
      const size_t at = batch.size() - own.size() + i;
      if (own[i] != batch[at])
        continue;
      kept.push_back(own[i]);
      labels.push_back(static_cast<int64_t>(3 + at));
    }
    kept.append(x.shape().begin() + static_cast<int64_t>(own.size()), x.shape().end());
    labels.append(tail);
    return std::pair(reshape(x, kept), labels);
  };
  auto [first, firstLabels] = prepare(a, left, row ? Sizes{2} : Sizes{0, 2});
  auto [second, secondLabels] = prepare(c, right, column ? Sizes{2} : Sizes{2, 1});
  Sizes outLabels;
  for (size_t i = 0; i < batch.size(); ++i)
    outLabels.push_back(static_cast<int64_t>(3 + i));
  if (!row)
    outLabels.push_back(0);
  if (!column)
    outLabels.push_back(1);
  return castTo(contract({first, second}, {firstLabels, secondLabels}, outLabels, computeType(out)), out);
}

} // namespace weft::frontend::onnx
