// Normalisation over dimensions of one tensor.
#include "compiler/frontend/onnx/graph/Registry.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

Sizes axesFrom(int64_t axis, int64_t rank) {
  Sizes axes;
  for (; axis < rank; ++axis)
    axes.push_back(axis);
  return axes;
}

struct Normalised {
  Tensor value, mean, inverseDeviation; // in the type of computation; the statistics with their axes kept
};

/// (x - mean) / sqrt(variance + epsilon) over `axes`, in float32 at least.
Normalised normalise(NodeBuilder &n, Tensor x, const Sizes &axes, double epsilon) {
  Tensor wide = n.castTo(x, computeType(x.type));
  Tensor mean = n.mean(wide, axes, true), centred = n.subtract(wide, mean);
  Tensor squares = n.map(centred, [](Scalar s) { return s * s; });
  Tensor inverse = n.map(n.mean(squares, axes, true), [&](Scalar s) { return 1.0 / squareRoot(s + epsilon); });
  return {n.multiply(centred, inverse), mean, inverse};
}

/// The type that stash_type asks for, which statistics are computed in.
Tensor stashed(NodeBuilder &n, Tensor x) {
  const auto stash = static_cast<ElementType>(n.number("stash_type", 1));
  return isFloat(stash) && x.type != ElementType::Double ? n.castTo(x, stash) : x;
}

void layerNormalization(NodeBuilder &n) {
  Tensor x = n.floats(0), scale = n.in(1), bias = n.optional(2);
  const Sizes axes = axesFrom(n.axisOf(n.number("axis", -1), x.rank()), x.rank());
  Normalised result = normalise(n, stashed(n, x), axes, n.real("epsilon", 1e-5));
  Tensor y = n.castTo(result.value, x.type);
  y = n.combined(x.type, {y, scale}, [](ArrayRef<Scalar> a) { return a[0] * a[1]; });
  if (bias)
    y = n.combined(x.type, {y, bias}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
  n.out(0, y);
  n.out(1, result.mean);
  n.out(2, result.inverseDeviation);
}

void rmsNormalization(NodeBuilder &n) {
  Tensor x = n.floats(0), scale = n.in(1);
  const Sizes axes = axesFrom(n.axisOf(n.number("axis", -1), x.rank()), x.rank());
  const double epsilon = n.real("epsilon", 1e-5);
  Tensor wide = stashed(n, x),
         squares = n.elementwise(computeType(wide.type), {wide}, [](ArrayRef<Scalar> a) { return a[0] * a[0]; });
  Tensor inverse = n.map(n.mean(squares, axes, true), [&](Scalar s) { return 1.0 / squareRoot(s + epsilon); });
  Tensor y = n.elementwise(x.type, {wide, inverse}, [](ArrayRef<Scalar> a) { return a[0] * a[1]; });
  n.out(0, n.combined(x.type, {y, scale}, [](ArrayRef<Scalar> a) { return a[0] * a[1]; }));
}

/// A vector of one number a channel, as it broadcasts against [N, C, …].
Tensor alongChannels(NodeBuilder &n, Tensor vector, int64_t rank) {
  Sizes shape(static_cast<size_t>(rank - 1), 1);
  n.require(rank >= 2, "it needs a dimension of channels");
  shape[0] = vector.elements();
  return n.reshape(vector, shape);
}

void groupNormalization(NodeBuilder &n) {
  Tensor x = n.floats(0), scale = n.in(1), bias = n.in(2);
  const int64_t groups = n.number("num_groups");
  n.require(x.rank() >= 2 && groups > 0 && x.size(1) % groups == 0, "{} channels in {} groups",
            x.rank() < 2 ? 0 : x.size(1), groups);
  const int64_t channels = x.size(1), inGroup = channels / groups;
  Tensor wide =
      n.reshape(stashed(n, x), {x.size(0), groups, inGroup, x.elements() / std::max<int64_t>(x.size(0) * channels, 1)});
  Tensor y = n.reshape(n.castTo(normalise(n, wide, {2, 3}, n.real("epsilon", 1e-5)).value, x.type), x.shape());
  auto perChannel = [&](Tensor vector) { // before opset 21 a number a group
    if (vector.elements() != channels)
      vector = n.reshape(n.broadcast(n.reshape(vector, {groups, 1}), {groups, inGroup}), {channels});
    return alongChannels(n, vector, x.rank());
  };
  y = n.combined(x.type, {y, perChannel(scale)}, [](ArrayRef<Scalar> a) { return a[0] * a[1]; });
  n.out(0, n.combined(x.type, {y, perChannel(bias)}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; }));
}

} // namespace

void addNormalise(Registry &r) {
  r.add("LayerNormalization", layerNormalization);
  r.add("RMSNormalization", rmsNormalization);
  r.add("GroupNormalization", groupNormalization);
}

} // namespace weft::frontend::onnx
