// Normalisation of images: over the batch, over an instance, over neighbouring channels; and of vectors to length one.
#include "compiler/frontend/onnx/graph/Registry.h"
#include "compiler/frontend/onnx/graph/SlidingWindow.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// A vector over channels in a shape that broadcasts over (N, C, …), in `type`.
Tensor overChannels(NodeBuilder &n, Tensor vector, Tensor x, ElementType type) {
  n.require(vector.rank() == 1 && vector.size(0) == x.size(1), "a number for each of {} channels has the shape [{}]",
            x.size(1), fmt::join(vector.shape(), ", "));
  Sizes shape(static_cast<size_t>(x.rank() - 1), 1);
  shape[0] = x.size(1);
  return n.castTo(n.reshape(vector, shape), type);
}

/// (x - mean) / sqrt(variance + epsilon) * scale + bias, rounded once.
Tensor standardised(NodeBuilder &n, Tensor x, Tensor mean, Tensor variance, Tensor scale, Tensor bias, double epsilon) {
  const ElementType type = computeType(x.type);
  return n.elementwise(x.type, {x, mean, variance, scale, bias}, [&](ArrayRef<Scalar> a) {
    Scalar centred = cast(a[0], type) - a[1];
    return centred / squareRoot(a[2] + epsilon) * a[3] + a[4];
  });
}

struct Moments {
  Tensor mean, variance;
};

Moments momentsOf(NodeBuilder &n, Tensor x, ArrayRef<int64_t> axes) {
  Tensor mean = n.mean(x, axes, true);
  Tensor centred =
      n.elementwise(mean.type, {x, mean}, [&](ArrayRef<Scalar> a) { return cast(a[0], mean.type) - a[1]; });
  return {mean, n.mean(n.multiply(centred, centred), axes, true)};
}

Sizes axesWithout(Tensor x, ArrayRef<int64_t> without) {
  Sizes axes;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    if (!llvm::is_contained(without, axis))
      axes.push_back(axis);
  return axes;
}

void batchNormalization(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.require(x.rank() >= 2, "its input has no channels");
  n.require(n.number("spatial", 1) == 1, "statistics for each element (spatial=0) are not supported");
  const ElementType type = computeType(x.type);
  const double epsilon = n.real("epsilon", 1e-5);
  Tensor scale = overChannels(n, n.in(1), x, type), bias = overChannels(n, n.in(2), x, type);
  Tensor mean = overChannels(n, n.in(3), x, type), variance = overChannels(n, n.in(4), x, type);
  if (!n.number("training_mode", 0))
    return n.out(0, standardised(n, x, mean, variance, scale, bias, epsilon));
  const Moments own = momentsOf(n, x, axesWithout(x, {1}));
  n.out(0, standardised(n, x, own.mean, own.variance, scale, bias, epsilon));
  // Outputs 1 and 2: what was given, moved towards the batch's own.
  const double momentum = n.real("momentum", 0.9);
  auto running = [&](size_t i, Tensor before, Tensor now) {
    Tensor flat = n.elementwise(n.in(2 + i).type, {before, n.reshape(now, before.shape())},
                                [&](ArrayRef<Scalar> a) { return a[0] * momentum + a[1] * (1 - momentum); });
    n.out(i, n.reshape(flat, {x.size(1)}));
  };
  running(1, mean, own.mean);
  running(2, variance, own.variance);
}

void instanceNormalization(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.require(x.rank() >= 3, "its input has no spatial dimension");
  const ElementType type = computeType(x.type);
  const Moments own = momentsOf(n, x, axesWithout(x, {0, 1}));
  n.out(0, standardised(n, x, own.mean, own.variance, overChannels(n, n.in(1), x, type),
                        overChannels(n, n.in(2), x, type), n.real("epsilon", 1e-5)));
}

/// x / (bias + alpha / size * sum of squares of the channels around)^beta
void localResponse(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t size = n.number("size");
  constexpr int64_t mostChannels = 1 << 20; // that are summed
  n.require(x.rank() >= 2 && size >= 1 && size <= mostChannels, "it needs channels, and a size of 1 to {}, which is {}",
            mostChannels, size);
  const double alpha = n.real("alpha", 1e-4) / static_cast<double>(size), beta = n.real("beta", 0.75);
  const double bias = n.real("bias", 1);
  const auto rank = static_cast<size_t>(x.rank());
  Sizes low(rank, 0), high(rank, 0);
  low[1] = (size - 1) / 2;
  high[1] = size - 1 - low[1];
  Tensor padded = n.pad(x, low, high, 0);
  SmallVector<AffineExpr> from;
  for (unsigned i = 0; i < rank; ++i)
    from.push_back(n.b.getAffineDimExpr(i));
  AffineExpr place = n.b.getAffineDimExpr(static_cast<unsigned>(rank));
  from[1] = from[1] + place;
  const auto loops = static_cast<unsigned>(rank + 1);
  WindowOperand operands[] = {{padded, AffineMap::get(loops, 0, from, n.b.getContext())},
                              {n.empty(x.type, {size}), AffineMap::get(loops, 0, {place}, n.b.getContext())}};
  Tensor zeros = fill(n, computeType(x.type), x.shape(), 0);
  Tensor squares = x.elements() == 0 ? zeros : reduceWindows(n, operands, zeros, loops, [](ArrayRef<Scalar> a) {
    return a[2] + a[0] * a[0];
  });
  n.out(0, n.elementwise(x.type, {x, squares}, [&](ArrayRef<Scalar> a) {
    Scalar base = a[1] * alpha + bias;
    return a[0] / power(base, base.same(beta));
  }));
}

void meanVariance(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::vector<int64_t> given = n.hasAttribute("axes") ? n.numbers("axes") : std::vector<int64_t>{0, 2, 3};
  const Moments own = momentsOf(n, x, n.axesOf(given, x.rank()));
  n.out(0, n.elementwise(x.type, {x, own.mean, own.variance}, [](ArrayRef<Scalar> a) {
    return (a[0] - a[1]) / (squareRoot(a[2]) + 1e-9); // the function that ONNX defines has this 1e-9
  }));
}

void lpNormalization(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t axis = n.axisOf(n.number("axis", -1), x.rank()), p = n.number("p", 2);
  n.require(p == 1 || p == 2, "its norm is {}, but must be 1 or 2", p);
  Tensor sum = n.reduce(x, {axis}, Reduction::Sum, true, [&](Scalar s) { return p == 1 ? absolute(s) : s * s; });
  n.out(0, n.elementwise(x.type, {x, sum}, [&](ArrayRef<Scalar> a) {
    Scalar norm = p == 1 ? a[1] : squareRoot(a[1]);
    return select(equal(norm, norm.same(0)), norm.same(0), a[0] / norm); // a vector of zeros stays
  }));
}

} // namespace

void addChannelNorm(Registry &r) {
  r.add("BatchNormalization", batchNormalization);
  r.add("InstanceNormalization", instanceNormalization);
  r.add("LRN", localResponse);
  r.add("MeanVarianceNormalization", meanVariance);
  r.add("LpNormalization", lpNormalization);
}

} // namespace weft::frontend::onnx
