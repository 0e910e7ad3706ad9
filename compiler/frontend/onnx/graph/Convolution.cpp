// Sliding windows with weights.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// How a window of `kernel` places moves over the dimensions behind batch and channels.
struct Sliding {
  Sizes kernel, strides, dilations, low, high, out;
};

Sliding slidingOf(NodeBuilder &n, Tensor x, ArrayRef<int64_t> kernel) {
  Sliding s;
  const size_t spatial = kernel.size();
  s.kernel.assign(kernel.begin(), kernel.end());
  auto numbers = [&](const char *name) {
    std::vector<int64_t> given = n.numbers(name);
    n.require(given.empty() || given.size() == spatial, "it has {} {} for {} dimensions", given.size(), name, spatial);
    for (int64_t one : given)
      n.require(one > 0, "it has {} of {}", name, one);
    return given.empty() ? Sizes(spatial, 1) : Sizes(given.begin(), given.end());
  };
  s.strides = numbers("strides");
  s.dilations = numbers("dilations");
  std::vector<int64_t> pads = n.numbers("pads");
  pads.resize(std::max(pads.size(), 2 * spatial), 0);
  n.require(pads.size() == 2 * spatial, "it has {} pads for {} dimensions", pads.size(), spatial);
  const std::string automatic = n.text("auto_pad", "NOTSET");
  for (size_t d = 0; d < spatial; ++d) {
    const int64_t size = x.shape()[d + 2], reach = (s.kernel[d] - 1) * s.dilations[d] + 1;
    int64_t low = pads[d], high = pads[spatial + d];
    if (automatic == "VALID")
      low = high = 0;
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const int64_t out = (size + s.strides[d] - 1) / s.strides[d];
      const int64_t total = std::max<int64_t>((out - 1) * s.strides[d] + reach - size, 0);
      low = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      high = total - low;
    }
    n.require(size + low + high >= reach, "its window of {} does not fit {} elements", reach, size + low + high);
    s.low.push_back(low);
    s.high.push_back(high);
    s.out.push_back((size + low + high - reach) / s.strides[d] + 1);
  }
  return s;
}

/// [N, G, C, …] with [G, M, C, …] to [N, G, M, …], as linalg: the window is a sum over C and the kernel's places.
Tensor convolve(NodeBuilder &n, Tensor x, Tensor w, const Sliding &s, ElementType accumulate) {
  const auto spatial = static_cast<unsigned>(s.kernel.size());
  // Loops: n, g, m, the places of the result, then c and the places of the kernel.
  const unsigned loops = 4 + 2 * spatial, channel = 3 + spatial;
  auto loop = [&](unsigned i) { return n.b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> from = {loop(0), loop(1), loop(channel)}, weights = {loop(1), loop(2), loop(channel)};
  SmallVector<AffineExpr> to = {loop(0), loop(1), loop(2)};
  Sizes shape = {x.size(0), x.size(1), w.size(1)};
  for (unsigned d = 0; d < spatial; ++d) {
    from.push_back(loop(3 + d) * s.strides[d] + loop(channel + 1 + d) * s.dilations[d]);
    weights.push_back(loop(channel + 1 + d));
    to.push_back(loop(3 + d));
    shape.push_back(s.out[d]);
  }
  MLIRContext *context = n.b.getContext();
  AffineMap maps[] = {AffineMap::get(loops, 0, from, context), AffineMap::get(loops, 0, weights, context),
                      AffineMap::get(loops, 0, to, context)};
  SmallVector<utils::IteratorType> iterators(loops, utils::IteratorType::parallel);
  std::fill(iterators.begin() + channel, iterators.end(), utils::IteratorType::reduction);
  Value zero = constantScalar(n.b, n.loc, accumulate, 0).value;
  Value init = n.b.create<linalg::FillOp>(n.loc, zero, n.empty(accumulate, shape).value).getResult(0);
  if (x.elements() == 0 || w.elements() == 0)
    return {init, accumulate};
  auto op = n.b.create<linalg::GenericOp>(
      n.loc, init.getType(), ValueRange{x.value, w.value}, init, maps, iterators,
      [&](OpBuilder &inner, Location at, ValueRange a) {
        Scalar left = cast(Scalar{a[0], x.type, &inner, at}, accumulate), right = cast(Scalar{a[1], w.type, &inner, at}, accumulate);
        inner.create<linalg::YieldOp>(at, (Scalar{a[2], accumulate, &inner, at} + left * right).value);
      });
  return {op.getResult(0), accumulate};
}

Tensor convolution(NodeBuilder &n, Tensor x, Tensor w, ElementType accumulate) {
  n.require(x.rank() >= 3 && w.rank() == x.rank(), "its data have {} dimensions, its weights {}", x.rank(), w.rank());
  const int64_t groups = n.number("group", 1);
  n.require(groups > 0 && x.size(1) == w.size(1) * groups && w.size(0) % groups == 0,
            "{} channels do not fit {} groups of weights for {}", x.size(1), groups, w.size(1));
  ArrayRef<int64_t> kernel = w.shape().drop_front(2);
  Sliding s = slidingOf(n, x, kernel);
  Sizes low = {0, 0}, high = {0, 0};
  low.append(s.low);
  high.append(s.high);
  Tensor padded = n.pad(x, low, high, 0);
  Sizes grouped = {padded.size(0), groups, padded.size(1) / groups}, split = {groups, w.size(0) / groups, w.size(1)};
  grouped.append(padded.shape().begin() + 2, padded.shape().end());
  split.append(kernel.begin(), kernel.end());
  Tensor y = convolve(n, n.reshape(padded, grouped), n.reshape(w, split), s, accumulate);
  Sizes shape = {x.size(0), w.size(0)};
  shape.append(s.out);
  return n.reshape(y, shape);
}

void conv(NodeBuilder &n) {
  Tensor x = n.in(0), w = n.in(1), bias = n.optional(2);
  n.requireSameType({x, w});
  Tensor y = convolution(n, x, w, computeType(x.type));
  if (bias) {
    n.require(bias.rank() == 1 && bias.elements() == y.size(1), "its bias has {} elements", bias.elements());
    Sizes shape(y.shape().size() - 1, 1);
    shape[0] = bias.elements();
    y = n.elementwise(y.type, {y, n.reshape(bias, shape)}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
  }
  n.out(0, n.castTo(y, x.type));
}

} // namespace

void addConvolution(Registry &r) { r.add("Conv", conv); }

} // namespace weft::frontend::onnx
