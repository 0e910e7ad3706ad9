#include "compiler/frontend/onnx/graph/Blocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Iterator = utils::IteratorType;

Value emptyOf(OpBuilder &b, Location loc, ElementType type, ArrayRef<int64_t> shape) {
  return b.create<tensor::EmptyOp>(loc, shape, storageType(b.getContext(), type));
}

Scalar widened(Scalar x) { return cast(x, computeType(x.type)); }

/// What leaves any number as it is.
Scalar neutral(OpBuilder &b, Location loc, ElementType type, Reduction kind) {
  const double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
  case Reduction::Sum:
    return constantScalar(b, loc, type, 0);
  case Reduction::Product:
    return constantScalar(b, loc, type, 1);
  case Reduction::Maximum:
  case Reduction::Minimum:
    break;
  }
  const bool wantsLeast = kind == Reduction::Maximum;
  if (isFloat(type))
    return constantScalar(b, loc, type, wantsLeast ? -infinity : infinity);
  const unsigned bits = type == ElementType::Bool ? 1 : 8 * storageBytes(type);
  const bool plain = isUnsigned(type) || type == ElementType::Bool;
  APInt number = plain ? (wantsLeast ? APInt::getZero(bits) : APInt::getAllOnes(bits))
                       : (wantsLeast ? APInt::getSignedMinValue(bits) : APInt::getSignedMaxValue(bits));
  return constantInteger(b, loc, type, plain ? static_cast<int64_t>(number.getZExtValue()) : number.getSExtValue());
}

Scalar combine(Reduction kind, Scalar a, Scalar b) {
  switch (kind) {
  case Reduction::Sum:
    return a + b;
  case Reduction::Product:
    return a * b;
  case Reduction::Maximum:
    return maximum(a, b);
  case Reduction::Minimum:
    return minimum(a, b);
  }
  llvm_unreachable("a kind of reduction");
}

} // namespace

int64_t elementsOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool overflow = false;
  for (int64_t size : shape)
    overflow |= __builtin_mul_overflow(count, size, &count);
  // Beyond int64 only the comparison with a limit counts, unless a size is 0.
  return !overflow ? count : llvm::is_contained(shape, 0) ? 0 : std::numeric_limits<int64_t>::max();
}

int64_t Tensor::elements() const { return elementsOf(shape()); }

std::optional<Sizes> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Sizes out(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &size = out[a.size() - b.size() + i];
    if (size != b[i] && size != 1 && b[i] != 1)
      return std::nullopt;
    if (size == 1)
      size = b[i];
  }
  return out;
}

std::optional<Sizes> normalizedAxes(ArrayRef<int64_t> axes, int64_t rank) {
  Sizes out;
  for (int64_t axis : axes) {
    if (axis < -rank || axis >= rank)
      return std::nullopt;
    out.push_back(axis < 0 ? axis + rank : axis);
  }
  llvm::sort(out);
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    return std::nullopt;
  return out;
}

Tensor Blocks::scalar(ElementType type, double number) { return filled(type, {}, number); }

Tensor Blocks::empty(ElementType type, ArrayRef<int64_t> shape) { return {emptyOf(b, loc, type, shape), type}; }

Tensor Blocks::filled(ElementType type, ArrayRef<int64_t> shape, double number) {
  auto tensorType = RankedTensorType::get(shape, storageType(b.getContext(), type));
  Scalar value = constantScalar(b, loc, type, number);
  TypedAttr attribute = cast<TypedAttr>(value.value.getDefiningOp<arith::ConstantOp>().getValue());
  return {b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(tensorType, Attribute(attribute))), type};
}

Tensor Blocks::integers(ElementType type, ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  Type storage = storageType(b.getContext(), type);
  SmallVector<Attribute> attributes;
  for (int64_t value : values)
    attributes.push_back(b.getIntegerAttr(
        storage, APInt(64, static_cast<uint64_t>(value), true).trunc(storage.getIntOrFloatBitWidth())));
  return {b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(RankedTensorType::get(shape, storage), attributes)),
          type};
}

Value Blocks::index(int64_t number) { return b.create<arith::ConstantIndexOp>(loc, number); }

Tensor Blocks::generic(ElementType out, ArrayRef<Tensor> operands, Body body, bool widen) {
  Sizes shape;
  for (const Tensor &operand : operands)
    shape = *broadcastShapes(shape, operand.shape());
  // A dimension of one that is repeated is left out of the operand, so that each map is a projection.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const Tensor &operand : operands) {
    Sizes kept;
    SmallVector<AffineExpr> results;
    const size_t lead = shape.size() - static_cast<size_t>(operand.rank());
    for (size_t i = 0; i < static_cast<size_t>(operand.rank()); ++i)
      if (operand.shape()[i] == shape[lead + i]) {
        kept.push_back(shape[lead + i]);
        results.push_back(b.getAffineDimExpr(static_cast<unsigned>(lead + i)));
      }
    inputs.push_back(reshape(operand, kept).value);
    maps.push_back(AffineMap::get(static_cast<unsigned>(shape.size()), 0, results, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(static_cast<unsigned>(shape.size())));
  SmallVector<Iterator> iterators(shape.size(), Iterator::parallel);
  Value init = emptyOf(b, loc, out, shape);
  auto op = b.create<linalg::GenericOp>(loc, init.getType(), inputs, init, maps, iterators,
                                        [&](OpBuilder &inner, Location at, ValueRange arguments) {
                                          SmallVector<Scalar> scalars;
                                          for (auto [operand, argument] : llvm::zip(operands, arguments)) {
                                            Scalar element{argument, operand.type, &inner, at};
                                            scalars.push_back(widen ? widened(element) : element);
                                          }
                                          Scalar result = body(scalars);
                                          inner.create<linalg::YieldOp>(at, cast(result, out).value);
                                        });
  return {op.getResult(0), out};
}

Tensor Blocks::elementwise(ElementType out, ArrayRef<Tensor> operands, Body body) {
  return generic(out, operands, body, true);
}

Tensor Blocks::elementwiseRaw(ElementType out, ArrayRef<Tensor> operands, Body body) {
  return generic(out, operands, body, false);
}

Tensor Blocks::map(Tensor x, llvm::function_ref<Scalar(Scalar)> body) {
  return elementwise(x.type, {x}, [&](ArrayRef<Scalar> a) { return body(a[0]); });
}

Tensor Blocks::castTo(Tensor x, ElementType to, Saturate saturate, RoundScale round) {
  if (x.type == to)
    return x;
  return elementwiseRaw(to, {x}, [&](ArrayRef<Scalar> a) { return cast(a[0], to, saturate, round); });
}

Tensor Blocks::add(Tensor x, Tensor y) {
  return elementwise(x.type, {x, y}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
}
Tensor Blocks::subtract(Tensor x, Tensor y) {
  return elementwise(x.type, {x, y}, [](ArrayRef<Scalar> a) { return a[0] - a[1]; });
}
Tensor Blocks::multiply(Tensor x, Tensor y) {
  return elementwise(x.type, {x, y}, [](ArrayRef<Scalar> a) { return a[0] * a[1]; });
}
Tensor Blocks::divide(Tensor x, Tensor y) {
  return elementwise(x.type, {x, y}, [](ArrayRef<Scalar> a) { return a[0] / a[1]; });
}

Tensor Blocks::reduce(Tensor x, ArrayRef<int64_t> axes, Reduction kind, bool keepDims,
                      llvm::function_ref<Scalar(Scalar)> before) {
  const ElementType type = computeType(x.type);
  const auto rank = static_cast<unsigned>(x.rank());
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  for (int64_t axis : axes)
    iterators[static_cast<size_t>(axis)] = Iterator::reduction;
  SmallVector<AffineExpr> results;
  Sizes outShape, keptShape;
  for (unsigned i = 0; i < rank; ++i) {
    const bool reduced = iterators[i] == Iterator::reduction;
    keptShape.push_back(reduced ? 1 : x.size(i));
    if (reduced)
      continue;
    outShape.push_back(x.size(i));
    results.push_back(b.getAffineDimExpr(i));
  }
  Value init =
      b.create<linalg::FillOp>(loc, neutral(b, loc, type, kind).value, emptyOf(b, loc, type, outShape)).getResult(0);
  Tensor result{init, type};
  if (x.elements() != 0) {
    AffineMap maps[] = {b.getMultiDimIdentityMap(rank), AffineMap::get(rank, 0, results, b.getContext())};
    auto op = b.create<linalg::GenericOp>(loc, init.getType(), x.value, init, maps, iterators,
                                          [&](OpBuilder &inner, Location at, ValueRange arguments) {
                                            Scalar element = widened({arguments[0], x.type, &inner, at});
                                            if (before)
                                              element = before(element);
                                            Scalar total{arguments[1], type, &inner, at};
                                            inner.create<linalg::YieldOp>(at, combine(kind, total, element).value);
                                          });
    result.value = op.getResult(0);
  }
  return keepDims ? reshape(result, keptShape) : result;
}

Tensor Blocks::mean(Tensor x, ArrayRef<int64_t> axes, bool keepDims) {
  double count = 1;
  for (int64_t axis : axes)
    count *= static_cast<double>(x.size(axis));
  Tensor sum = reduce(x, axes, Reduction::Sum, keepDims);
  return map(sum, [&](Scalar s) { return s / count; });
}

Tensor Blocks::softmax(Tensor x, ArrayRef<int64_t> axes, bool logarithmic) {
  Tensor top = reduce(x, axes, Reduction::Maximum, true);
  const ElementType type = top.type;
  Tensor shifted = elementwise(type, {x, top}, [](ArrayRef<Scalar> a) { return a[0] - a[1]; });
  if (logarithmic) {
    Tensor sum = reduce(shifted, axes, Reduction::Sum, true, [](Scalar s) { return exponential(s); });
    return elementwise(type, {shifted, sum}, [](ArrayRef<Scalar> a) { return a[0] - logarithm(a[1]); });
  }
  Tensor powers = map(shifted, [](Scalar s) { return exponential(s); });
  return divide(powers, reduce(powers, axes, Reduction::Sum, true));
}

} // namespace weft::frontend::onnx
