// To and from integers and small floats with a scale and a zero point.
#include "compiler/frontend/onnx/graph/Contrib.h"
#include "compiler/frontend/onnx/graph/Registry.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// A scale or zero point, spread so that it broadcasts against `x`: one number, one for each place of `axis`, or one
/// for each block of `block` places.
Tensor spread(NodeBuilder &n, Tensor scale, Tensor x, int64_t block) {
  if (scale.elements() == 1)
    return n.reshape(scale, {});
  const int64_t axis = n.axisOf(n.number("axis", 1), x.rank());
  if (scale.rank() == 1 && block == 0) {
    n.require(scale.elements() == x.size(axis), "{} scales for the {} places of axis {}", scale.elements(),
              x.size(axis), axis);
    Sizes shape(x.shape().size(), 1);
    shape[static_cast<size_t>(axis)] = scale.elements();
    return n.reshape(scale, shape);
  }
  n.require(scale.rank() == x.rank() && block > 0, "scales of [{}] do not fit", fmt::join(scale.shape(), ", "));
  for (int64_t d = 0; d < x.rank(); ++d)
    n.require(d == axis ? scale.size(d) * block >= x.size(d) : scale.size(d) == x.size(d), "scales of [{}] do not fit",
              fmt::join(scale.shape(), ", "));
  return n.generate(scale.type, x.shape(), [&](ArrayRef<Scalar> i) {
    SmallVector<Scalar> from(i.begin(), i.end());
    Scalar &place = from[static_cast<size_t>(axis)];
    place = place.with(n.b.create<arith::DivUIOp>(n.loc, place.value, n.integer(block).value));
    return n.at(scale, from);
  });
}

/// Least and largest of an integer type of at most 32 bits.
std::pair<double, double> rangeOf(ElementType type) {
  const unsigned bits = storedBits(type);
  const auto all = static_cast<double>(uint64_t(1) << bits);
  return isUnsigned(type) ? std::pair(0.0, all - 1) : std::pair(-all / 2, all / 2 - 1);
}

/// round(x / scale) + zero, kept in the range of `type`; small floats have no zero point and are not rounded first.
Scalar quantised(Scalar x, Scalar scale, std::optional<Scalar> zero, ElementType type, ElementType precision,
                 Saturate saturate) {
  Scalar ratio = cast(cast(cast(x, computeType(precision)) / cast(scale, computeType(precision)), precision),
                      computeType(precision));
  if (isSmallFloat(type))
    return cast(ratio, type, saturate);
  Scalar whole = cast(roundEven(ratio), ElementType::Int64);
  if (zero)
    whole = whole + cast(*zero, ElementType::Int64);
  auto [low, high] = rangeOf(type);
  return cast(clamp(whole, low, high), type);
}

void quantizeLinear(NodeBuilder &n) {
  Tensor x = n.numeric(0), scale = n.floats(1), zero = n.optional(2);
  const auto named = static_cast<ElementType>(n.number("output_dtype", 0));
  const ElementType type = zero ? zero.type : named != ElementType::Undefined ? named : ElementType::UInt8;
  n.require(isSmallFloat(type) || (isInteger(type) && storedBits(type) <= 32), "it cannot quantise to {}",
            nameOf(type));
  if (zero)
    n.require(zero.elements() == scale.elements(), "it has {} zero points for {} scales", zero.elements(),
              scale.elements());
  const auto given = static_cast<ElementType>(n.number("precision", 0));
  const ElementType precision = given != ElementType::Undefined ? given : isFloat(x.type) ? x.type : scale.type;
  n.require(isFloat(precision), "it computes in {}", nameOf(precision));
  const Saturate saturate = n.number("saturate", 1) ? Saturate::Yes : Saturate::No;
  const int64_t block = n.number("block_size", 0);
  scale = spread(n, scale, x, block);
  SmallVector<Tensor> operands = {x, scale};
  if (zero && !isSmallFloat(type))
    operands.push_back(spread(n, zero, x, block));
  n.out(0, n.elementwiseRaw(type, operands, [&](ArrayRef<Scalar> a) {
    return quantised(a[0], a[1], a.size() > 2 ? std::optional(a[2]) : std::nullopt, type, precision, saturate);
  }));
}

void dequantizeLinear(NodeBuilder &n) {
  Tensor x = n.in(0), scale = n.floats(1), zero = n.optional(2);
  const auto named = static_cast<ElementType>(n.number("output_dtype", 0));
  const ElementType type = named != ElementType::Undefined ? named : scale.type;
  n.require(isInteger(x.type) || isSmallFloat(x.type), "it cannot dequantise {}", nameOf(x.type));
  n.require(isFloat(type) && (!zero || zero.type == x.type), "its types do not fit");
  const int64_t block = n.number("block_size", 0);
  SmallVector<Tensor> operands = {x, spread(n, scale, x, block)};
  if (zero && !isSmallFloat(x.type))
    operands.push_back(spread(n, zero, x, block));
  const ElementType compute = computeType(scale.type);
  n.out(0, n.elementwiseRaw(type, operands, [&](ArrayRef<Scalar> a) {
    Scalar difference = a[0];
    if (a.size() > 2)
      difference = cast(a[0], ElementType::Int64) - cast(a[2], ElementType::Int64);
    return cast(cast(difference, compute) * cast(a[1], compute), type);
  }));
}

void dynamicQuantizeLinear(NodeBuilder &n) {
  DynamicCodes made = dynamicCodes(n, n.floats(0));
  n.out(0, made.codes);
  n.out(1, made.scale);
  n.out(2, made.zero);
}

} // namespace

DynamicCodes dynamicCodes(NodeBuilder &n, Tensor x) {
  Sizes axes;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    axes.push_back(axis);
  Tensor low = n.map(n.reduce(x, axes, Reduction::Minimum, false), [](Scalar s) { return minimum(s, s.same(0)); });
  Tensor high = n.map(n.reduce(x, axes, Reduction::Maximum, false), [](Scalar s) { return maximum(s, s.same(0)); });
  Tensor scale = n.elementwise(x.type, {low, high}, [](ArrayRef<Scalar> a) { return (a[1] - a[0]) / 255.0; });
  Tensor zero = n.elementwise(ElementType::UInt8, {low, scale}, [](ArrayRef<Scalar> a) {
    Scalar none = equal(a[1], a[1].same(0)); // all elements are 0
    Scalar place = roundEven(clamp(-a[0] / select(none, a[1].same(1), a[1]), 0, 255));
    return cast(place, ElementType::UInt8);
  });
  Tensor codes = n.elementwise(ElementType::UInt8, {x, scale, zero}, [](ArrayRef<Scalar> a) {
    Scalar divisor = select(equal(a[1], a[1].same(0)), a[1].same(1), a[1]);
    return quantised(a[0], divisor, a[2], ElementType::UInt8, ElementType::Float, Saturate::Yes);
  });
  return {codes, scale, zero};
}

void addQuantise(Registry &r) {
  r.add("QuantizeLinear", quantizeLinear);
  r.add("DequantizeLinear", dequantizeLinear);
  r.add("DynamicQuantizeLinear", dynamicQuantizeLinear);
}

} // namespace weft::frontend::onnx
