// Resize and Upsample: each axis on its own, by a table of places and weights that is known at compile time.
#include "compiler/frontend/onnx/graph/Registry.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

struct ResizeOptions {
  std::string mode = "nearest", coordinates = "half_pixel", nearest = "round_prefer_floor";
  double cubic = -0.75, extrapolation = 0;
  bool excludeOutside = false, antialias = false;
};

/// One axis of a resize.
struct Axis {
  int64_t in = 0, out = 0;
  double scale = 1, start = 0, end = 1; // start and end: of the region of interest
};

/// Output i is the sum over k of weights[i][k] * input[places[i][k]]; `outside`: i has no place in the input.
struct Taps {
  size_t count = 0; // a row
  std::vector<int64_t> places;
  std::vector<double> weights;
  std::vector<int64_t> outside;
};

/// The place in the input, not whole, that output `i` stands on.
double sourceOf(const ResizeOptions &o, const Axis &axis, int64_t i) {
  const auto x = static_cast<double>(i);
  const auto in = static_cast<double>(axis.in), out = static_cast<double>(axis.out), wished = axis.scale * in;
  if (o.coordinates == "asymmetric")
    return x / axis.scale;
  if (o.coordinates == "align_corners")
    return axis.out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (o.coordinates == "pytorch_half_pixel")
    return axis.out > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
  if (o.coordinates == "tf_half_pixel_for_nn")
    return (x + 0.5) / axis.scale;
  if (o.coordinates == "tf_crop_and_resize")
    return axis.out > 1 ? axis.start * (in - 1) + x * (axis.end - axis.start) * (in - 1) / (out - 1)
                        : 0.5 * (axis.start + axis.end) * (in - 1);
  if (o.coordinates == "half_pixel_symmetric") {
    // What rounding the size has cut off is taken from both ends alike.
    const double adjustment = out / wished, center = in / 2;
    return center * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
  }
  return (x + 0.5) / axis.scale - 0.5;
}

double nearestPlace(const ResizeOptions &o, double x) {
  if (o.nearest == "floor")
    return std::floor(x);
  if (o.nearest == "ceil")
    return std::ceil(x);
  if (o.nearest == "round_prefer_ceil")
    return std::floor(x + 0.5);
  return std::ceil(x - 0.5);
}

/// Keys' kernel of cubic convolution with parameter a.
double cubicWeight(double distance, double a) {
  const double x = std::fabs(distance);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

double kernelWeight(const ResizeOptions &o, double distance) {
  return o.mode == "linear" ? std::max(0.0, 1 - std::fabs(distance)) : cubicWeight(distance, o.cubic);
}

/// Entries that a table of taps may have, over all outputs of an axis. It is a constant of the program.
constexpr int64_t mostTaps = 1 << 24;
/// Terms of one output, which are written out.
constexpr double mostTerms = 1024;

/// Inputs that an output is a sum of, not rounded; at most a billion.
double termsOf(const ResizeOptions &o, const Axis &axis) {
  const double stretch = o.antialias && axis.scale < 1 ? axis.scale : 1;
  return o.mode == "nearest" ? 1 : 2 * std::ceil(std::min((o.mode == "linear" ? 1 : 2) / stretch, 1e9));
}

Taps tapsOf(const ResizeOptions &o, const Axis &axis) {
  Taps taps;
  // Downscaling with antialias stretches the kernel.
  const double stretch = o.antialias && axis.scale < 1 ? axis.scale : 1;
  const double reach = o.mode == "linear" ? 1 : 2;
  const auto half = static_cast<int64_t>(std::ceil(reach / stretch));
  taps.count = o.mode == "nearest" ? 1 : static_cast<size_t>(2 * half);
  for (int64_t i = 0; i < axis.out; ++i) {
    const double x = sourceOf(o, axis, i), last = static_cast<double>(axis.in - 1);
    taps.outside.push_back(o.coordinates == "tf_crop_and_resize" && (x < 0 || x > last));
    if (o.mode == "nearest") {
      taps.places.push_back(static_cast<int64_t>(std::clamp(nearestPlace(o, x), 0.0, last)));
      taps.weights.push_back(1);
      continue;
    }
    std::vector<double> row;
    const auto first = static_cast<int64_t>(std::floor(x)) - half + 1;
    for (int64_t place = first; place < first + 2 * half; ++place) {
      const bool outside = place < 0 || place >= axis.in;
      row.push_back(o.excludeOutside && outside ? 0 : kernelWeight(o, (x - static_cast<double>(place)) * stretch));
      taps.places.push_back(std::clamp<int64_t>(place, 0, axis.in - 1));
    }
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (double weight : row)
      taps.weights.push_back(o.excludeOutside || stretch < 1 ? weight / sum : weight);
  }
  return taps;
}

Tensor realTable(NodeBuilder &n, ArrayRef<double> numbers, ElementType type) {
  auto tensorType = RankedTensorType::get({static_cast<int64_t>(numbers.size())}, storageType(n.b.getContext(), type));
  SmallVector<mlir::Attribute> attributes;
  for (double number : numbers)
    attributes.push_back(n.b.getFloatAttr(tensorType.getElementType(), number));
  return {n.b.create<arith::ConstantOp>(n.loc, DenseElementsAttr::get(tensorType, attributes)), type};
}

/// Resizes axis `d` of `x`, which is float32 or double but for mode nearest.
Tensor resizeAxis(NodeBuilder &n, Tensor x, size_t d, const Taps &taps, int64_t out) {
  Sizes shape(x.shape());
  shape[d] = out;
  const auto count = static_cast<int64_t>(taps.count);
  Tensor places = n.integers(ElementType::Int64, taps.places, {out * count});
  const bool weighted = llvm::any_of(taps.weights, [](double weight) { return weight != 1; });
  Tensor weights = weighted ? realTable(n, taps.weights, x.type) : Tensor{};
  return n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    std::optional<Scalar> sum;
    for (int64_t k = 0; k < count; ++k) {
      Scalar row = i[d] * n.integer(count) + n.integer(k);
      SmallVector<Scalar> from(i.begin(), i.end());
      from[d] = n.at(places, {row});
      Scalar term = n.at(x, from);
      if (weighted)
        term = term * n.at(weights, {row});
      sum = sum ? *sum + term : term;
    }
    return *sum;
  });
}

Tensor resize(NodeBuilder &n, Tensor x, ArrayRef<Axis> axes, const ResizeOptions &o) {
  int64_t elements = 1;
  for (const Axis &axis : axes) {
    n.require(axis.out >= 0 && axis.out <= mostTaps && termsOf(o, axis) <= mostTerms &&
                  static_cast<double>(axis.out) * termsOf(o, axis) <= static_cast<double>(mostTaps),
              "it makes {} of {} elements, each of {} or more, which is too many", axis.out, axis.in, termsOf(o, axis));
    n.require(axis.out == 0 || elements <= mostElementsOfTensor / axis.out, "its result is too large");
    elements *= axis.out;
  }
  const bool nearest = o.mode == "nearest";
  const ElementType type = nearest ? x.type : isFloat(x.type) ? computeType(x.type) : ElementType::Float;
  Tensor y = n.castTo(x, type);
  std::vector<Tensor> operands;
  for (size_t d = 0; d < axes.size(); ++d) {
    if (axes[d].in == axes[d].out && axes[d].scale == 1 && axes[d].start == 0 && axes[d].end == 1)
      continue;
    const Taps taps = tapsOf(o, axes[d]);
    y = resizeAxis(n, y, d, taps, axes[d].out);
    if (llvm::is_contained(taps.outside, 1)) {
      Sizes shape(axes.size() - d, 1);
      shape[0] = axes[d].out;
      operands.push_back(n.castTo(n.integers(ElementType::Int8, taps.outside, shape), ElementType::Bool));
    }
  }
  for (Tensor outside : operands)
    y = n.elementwiseRaw(y.type, {y, outside},
                         [&](ArrayRef<Scalar> a) { return select(a[1], a[0].same(o.extrapolation), a[0]); });
  if (isFloat(x.type) || nearest)
    return n.castTo(y, x.type);
  // An image of bytes: rounded and kept in range.
  const double low = isUnsigned(x.type) ? 0 : -std::ldexp(1.0, static_cast<int>(storedBits(x.type)) - 1);
  const double high = std::ldexp(1.0, static_cast<int>(storedBits(x.type)) - (isUnsigned(x.type) ? 0 : 1)) - 1;
  return n.elementwiseRaw(x.type, {y}, [&](ArrayRef<Scalar> a) { return clamp(roundEven(a[0]), low, high); });
}

std::vector<double> mustKnowReals(NodeBuilder &n, size_t i) {
  std::optional<std::vector<double>> reals = n.knownReals(n.in(i));
  if (!reals)
    n.decidesShape(i);
  return *reals;
}

bool isGiven(NodeBuilder &n, size_t i) { return n.has(i) && n.in(i).elements() != 0; }

/// keep_aspect_ratio_policy: one scale for all axes, such that no size is larger (or smaller) than asked for.
void keepRatio(const std::string &policy, MutableArrayRef<Axis *> axes) {
  double scale = axes[0]->scale;
  for (const Axis *axis : axes)
    scale = policy == "not_larger" ? std::min(scale, axis->scale) : std::max(scale, axis->scale);
  for (Axis *axis : axes) {
    axis->scale = scale;
    axis->out = static_cast<int64_t>(std::round(scale * static_cast<double>(axis->in)));
  }
}

void readSizes(NodeBuilder &n, MutableArrayRef<Axis *> named, size_t scales, size_t sizes) {
  if (isGiven(n, sizes)) {
    std::vector<int64_t> wanted = n.mustKnow(sizes);
    n.require(wanted.size() == named.size(), "it has {} sizes for {} axes", wanted.size(), named.size());
    for (auto [axis, size] : llvm::zip(named, wanted)) {
      n.require(size > 0 && size <= mostTaps, "a size of {}", size);
      axis->out = size;
      axis->scale = static_cast<double>(size) / static_cast<double>(axis->in);
    }
    const std::string policy = n.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch" && !named.empty())
      keepRatio(policy, named);
    return;
  }
  n.require(isGiven(n, scales) || n.hasAttribute("scales"), "it has neither scales nor sizes");
  std::vector<double> wanted;
  if (n.hasAttribute("scales"))
    for (float scale : n.reals("scales"))
      wanted.push_back(scale);
  else
    wanted = mustKnowReals(n, scales);
  n.require(wanted.size() == named.size(), "it has {} scales for {} axes", wanted.size(), named.size());
  for (auto [axis, scale] : llvm::zip(named, wanted)) {
    n.require(scale > 0 && scale * static_cast<double>(axis->in) <= static_cast<double>(mostTaps), "a scale of {}",
              scale);
    axis->scale = scale;
    // In float32, as ONNX Runtime multiplies.
    axis->out = static_cast<int64_t>(std::floor(static_cast<float>(scale) * static_cast<float>(axis->in)));
  }
}

std::vector<Axis> axesOf(Tensor x) {
  std::vector<Axis> axes;
  for (int64_t size : x.shape())
    axes.push_back({size, size, 1, 0, 1});
  return axes;
}

void checkMode(NodeBuilder &n, const ResizeOptions &o) {
  n.require(o.mode == "nearest" || o.mode == "linear" || o.mode == "cubic", "mode '{}' is not known", o.mode);
  n.require(llvm::is_contained({"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"},
                               StringRef(o.coordinates)),
            "coordinate_transformation_mode '{}' is not known", o.coordinates);
  n.require(llvm::is_contained({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}, StringRef(o.nearest)),
            "nearest_mode '{}' is not known", o.nearest);
}

/// Where a size is not whole but for rounding, the shape that the model declares decides.
void preferDeclared(NodeBuilder &n, MutableArrayRef<Axis> axes) {
  std::optional<Sizes> shape = n.declared(0);
  if (!shape || shape->size() != axes.size())
    return;
  for (auto [axis, size] : llvm::zip(axes, *shape))
    if (size + 1 == axis.out && size == static_cast<int64_t>(std::floor(axis.scale * static_cast<double>(axis.in))))
      axis.out = size;
}

/// From opset 11 on: x, region of interest, scales, sizes.
void resizeOp(NodeBuilder &n) {
  Tensor x = n.in(0);
  ResizeOptions o;
  o.mode = n.text("mode", o.mode);
  o.coordinates = n.text("coordinate_transformation_mode", o.coordinates);
  o.nearest = n.text("nearest_mode", o.nearest);
  o.cubic = n.real("cubic_coeff_a", o.cubic);
  o.extrapolation = n.real("extrapolation_value", 0);
  o.excludeOutside = n.number("exclude_outside", 0) != 0;
  o.antialias = n.number("antialias", 0) != 0;
  checkMode(n, o);
  std::vector<Axis> axes = axesOf(x);
  std::vector<int64_t> numbers = n.numbers("axes");
  std::vector<Axis *> named;
  if (numbers.empty())
    for (Axis &axis : axes)
      named.push_back(&axis);
  for (int64_t number : numbers)
    named.push_back(&axes[static_cast<size_t>(n.axisOf(number, x.rank()))]);
  for (Axis *axis : named)
    n.require(axis->in > 0, "its input has no elements");
  readSizes(n, named, 2, 3);
  if (o.coordinates == "tf_crop_and_resize") {
    std::vector<double> region = mustKnowReals(n, 1);
    n.require(region.size() == 2 * named.size(), "its region has {} numbers for {} axes", region.size(), named.size());
    for (size_t i = 0; i < named.size(); ++i) {
      named[i]->start = region[i];
      named[i]->end = region[named.size() + i];
    }
  }
  preferDeclared(n, axes);
  n.out(0, resize(n, x, axes, o));
}

/// Upsample, and Resize of opset 10: places are divided by the scale.
void upsample(NodeBuilder &n) {
  Tensor x = n.in(0);
  ResizeOptions o;
  o.mode = n.text("mode", "nearest");
  o.coordinates = "asymmetric";
  o.nearest = "floor";
  checkMode(n, o);
  std::vector<Axis> axes = axesOf(x);
  std::vector<Axis *> named;
  for (Axis &axis : axes) {
    n.require(axis.in > 0, "its input has no elements");
    named.push_back(&axis);
  }
  readSizes(n, named, 1, 2);
  n.out(0, resize(n, x, axes, o));
}

} // namespace

void addResize(Registry &r) {
  r.add("Upsample", upsample);
  r.add("Resize", upsample, 10);
  r.add("Resize", resizeOp, 11);
}

} // namespace weft::frontend::onnx
