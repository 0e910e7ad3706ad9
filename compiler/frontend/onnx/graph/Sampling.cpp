// Values of images at places that other tensors name, between pixels: GridSample, AffineGrid, RoiAlign.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

enum class Outside { Zeros, Border, Reflection };

Scalar real(NodeBuilder &n, double number) { return constantScalar(n.b, n.loc, ElementType::Float, number); }

/// x mirrored at `low` and `high` until it lies between them.
Scalar reflected(Scalar x, double low, double high) {
  const double range = high - low;
  if (range <= 0)
    return x.same(low);
  Scalar distance = remainderFloor(x - low, x.same(2 * range));
  return select(distance > range, 2 * range - distance, distance) + low;
}

/// The place among `size` pixels of a coordinate between -1 and 1.
Scalar pixelOf(Scalar x, int64_t size, bool alignCorners) {
  const auto count = static_cast<double>(size);
  return alignCorners ? (x + 1.0) * ((count - 1) / 2) : ((x + 1.0) * count - 1.0) * 0.5;
}

struct Tap {
  Scalar index, weight; // int64 within the image, float
  Scalar inside;        // whether the pixel counts
};

struct GridOptions {
  std::string mode;
  Outside outside = Outside::Zeros;
  bool alignCorners = false;
};

/// The pixels of an axis that a place between them is made of.
std::vector<Tap> tapsOf(NodeBuilder &n, Scalar x, int64_t size, const GridOptions &o) {
  const double last = static_cast<double>(size - 1), low = o.alignCorners ? 0 : -0.5,
               high = o.alignCorners ? last : last + 0.5;
  if (o.mode == "nearest")
    x = roundEven(x);
  if (o.outside == Outside::Border && o.mode != "cubic")
    x = clamp(x, 0, last);
  else if (o.outside == Outside::Reflection)
    x = reflected(x, low, high);
  x = clamp(select(isNan(x), x.same(0), x), -1e9, 1e9);
  Scalar base = o.mode == "nearest" ? x : floorOf(x), rest = x - base;
  std::vector<std::pair<double, Scalar>> weights;
  if (o.mode == "nearest")
    weights = {{0, real(n, 1)}};
  else if (o.mode == "linear")
    weights = {{0, 1.0 - rest}, {1, rest}};
  else {
    constexpr double a = -0.75; // of Keys' kernel
    auto near = [&](Scalar d) { return (d * (a + 2) - (a + 3)) * d * d + 1.0; };
    auto far = [&](Scalar d) { return ((d * a - 5 * a) * d + 8 * a) * d - 4 * a; };
    weights = {{-1, far(rest + 1.0)}, {0, near(rest)}, {1, near(1.0 - rest)}, {2, far(2.0 - rest)}};
  }
  std::vector<Tap> taps;
  for (auto &[offset, weight] : weights) {
    Scalar place = base + offset;
    Scalar inside = (place >= 0) & (place <= last);
    if (o.outside == Outside::Reflection)
      place = reflected(place, low, high);
    if (o.outside != Outside::Zeros)
      inside = constantInteger(n.b, n.loc, ElementType::Bool, 1);
    taps.push_back({cast(clamp(place, 0, last), ElementType::Int64), weight, inside});
  }
  return taps;
}

/// Sums over all choices of a tap an axis.
Scalar sampled(NodeBuilder &n, Tensor x, SmallVector<Scalar> &index, ArrayRef<std::vector<Tap>> axes, size_t axis) {
  if (axis == axes.size())
    return cast(n.at(x, index), ElementType::Float);
  std::optional<Scalar> sum;
  for (const Tap &tap : axes[axis]) {
    index.push_back(tap.index);
    Scalar value = sampled(n, x, index, axes, axis + 1);
    index.pop_back();
    value = select(tap.inside, value * tap.weight, value.same(0));
    sum = sum ? *sum + value : value;
  }
  return *sum;
}

void gridSample(NodeBuilder &n) {
  Tensor x = n.in(0), grid = n.in(1);
  const int64_t spatial = x.rank() - 2;
  n.require(spatial >= 1 && spatial <= 3 && grid.rank() == x.rank() && grid.size(grid.rank() - 1) == spatial &&
                grid.size(0) == x.size(0),
            "a grid of [{}] does not fit", fmt::join(grid.shape(), ", "));
  GridOptions o;
  o.mode = n.text("mode", "linear");
  if (o.mode == "bilinear")
    o.mode = "linear";
  if (o.mode == "bicubic")
    o.mode = "cubic";
  n.require(o.mode == "linear" || o.mode == "nearest" || (o.mode == "cubic" && spatial <= 2),
            "mode '{}' is not supported", o.mode);
  const std::string outside = n.text("padding_mode", "zeros");
  n.require(outside == "zeros" || outside == "border" || outside == "reflection", "padding_mode '{}' is not known",
            outside);
  o.outside = outside == "zeros" ? Outside::Zeros : outside == "border" ? Outside::Border : Outside::Reflection;
  o.alignCorners = n.number("align_corners", 0) != 0;
  Sizes shape = {x.size(0), x.size(1)};
  shape.append(grid.shape().begin() + 1, grid.shape().end() - 1);
  n.require(x.elements() > 0 || elementsOf(shape) == 0, "its input has no elements");
  n.out(0, n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    std::vector<std::vector<Tap>> axes;
    for (int64_t d = 0; d < spatial; ++d) {
      SmallVector<Scalar> from = {i[0]};
      from.append(i.begin() + 2, i.end());
      from.push_back(n.integer(spatial - 1 - d)); // a grid counts from the last dimension
      Scalar place = pixelOf(cast(n.at(grid, from), ElementType::Float), x.size(2 + d), o.alignCorners);
      axes.push_back(tapsOf(n, place, x.size(2 + d), o));
    }
    SmallVector<Scalar> index = {i[0], i[1]};
    return sampled(n, x, index, axes, 0);
  }));
}

/// The places that a matrix moves the pixels of a picture to.
void affineGrid(NodeBuilder &n) {
  Tensor theta = n.in(0);
  std::optional<std::vector<int64_t>> size = n.known(1);
  Sizes shape;
  if (size) {
    n.require(size->size() == 4 || size->size() == 5, "its size has {} numbers", size->size());
    shape.push_back((*size)[0]);
    shape.append(size->begin() + 2, size->end());
    shape.push_back(static_cast<int64_t>(size->size()) - 2);
  } else {
    shape = n.mustDeclare(1);
  }
  const int64_t spatial = shape.back();
  n.require(theta.rank() == 3 && theta.size(1) == spatial && theta.size(2) == spatial + 1 && theta.size(0) == shape[0],
            "its matrices of [{}] do not fit", fmt::join(theta.shape(), ", "));
  const bool alignCorners = n.number("align_corners", 0) != 0;
  n.out(0, n.generate(theta.type, shape, [&](ArrayRef<Scalar> i) {
    Scalar sum = cast(n.at(theta, {i[0], i.back(), n.integer(spatial)}), ElementType::Float);
    for (int64_t d = 0; d < spatial; ++d) {
      const auto dim = static_cast<size_t>(spatial - d);
      const auto count = static_cast<double>(shape[dim]);
      Scalar at = cast(i[dim], ElementType::Float);
      Scalar place = alignCorners ? at * (count > 1 ? 2 / (count - 1) : 0) - 1.0 : (at * 2.0 + 1.0) / count - 1.0;
      sum = sum + cast(n.at(theta, {i[0], i.back(), n.integer(d)}), ElementType::Float) * place;
    }
    return sum;
  }));
}

/// A picture's value between pixels, as RoiAlign has it: the border counts as one pixel more.
Scalar bilinear(NodeBuilder &n, Tensor x, Scalar image, Scalar channel, Scalar row, Scalar column, bool maximum) {
  struct Place {
    Scalar low, high, rest;
  };
  auto placeOf = [&](Scalar y, int64_t size) {
    const auto last = static_cast<double>(size - 1);
    Scalar inside = clamp(y, 0, last), low = floorOf(inside);
    Scalar high = minimum(low + 1.0, low.same(last));
    return Place{cast(low, ElementType::Int64), cast(high, ElementType::Int64), inside - low};
  };
  auto outside = [&](Scalar y, int64_t size) { return (y < -1.0) | (y > static_cast<double>(size)); };
  Place y = placeOf(row, x.size(2)), z = placeOf(column, x.size(3));
  auto pixel = [&](Scalar r, Scalar c) { return cast(n.at(x, {image, channel, r, c}), ElementType::Float); };
  Scalar a = pixel(y.low, z.low) * ((1.0 - y.rest) * (1.0 - z.rest)),
         b = pixel(y.low, z.high) * ((1.0 - y.rest) * z.rest);
  Scalar c = pixel(y.high, z.low) * (y.rest * (1.0 - z.rest)), d = pixel(y.high, z.high) * (y.rest * z.rest);
  // With mode max ONNX Runtime takes the largest of the weighted pixels.
  Scalar value =
      maximum ? weft::frontend::onnx::maximum(weft::frontend::onnx::maximum(a, b), weft::frontend::onnx::maximum(c, d))
              : a + b + c + d;
  return select(outside(row, x.size(2)) | outside(column, x.size(3)), value.same(0), value);
}

Scalar asFloat(Scalar x) { return cast(x, ElementType::Float); }

void roiAlign(NodeBuilder &n) {
  Tensor x = n.in(0), rois = n.in(1), images = n.in(2);
  n.require(x.rank() == 4 && rois.rank() == 2 && rois.size(1) == 4 && images.rank() == 1 &&
                images.size(0) == rois.size(0),
            "its regions of [{}] do not fit", fmt::join(rois.shape(), ", "));
  n.require(x.elements() > 0, "its input has no elements");
  const int64_t height = n.number("output_height", 1), width = n.number("output_width", 1);
  const int64_t ratio = n.number("sampling_ratio", 0);
  n.require(height > 0 && width > 0 && ratio >= 0, "a result of {} x {} by {} samples", height, width, ratio);
  const double scale = n.real("spatial_scale", 1);
  const std::string mode = n.text("mode", "avg");
  const bool largest = mode == "max";
  const bool halfPixel =
      n.text("coordinate_transformation_mode", n.opset < 16 ? "output_half_pixel" : "half_pixel") == "half_pixel";
  n.out(0, n.generate(x.type, {rois.size(0), x.size(1), height, width}, [&](ArrayRef<Scalar> i) {
    Scalar image = n.wrapIndex(n.at(images, {i[0]}), x.size(0));
    auto edge = [&](int64_t k) { return asFloat(n.at(rois, {i[0], n.integer(k)})) * scale - (halfPixel ? 0.5 : 0.0); };
    struct Side {
      Scalar first, bin, samples;
    };
    auto sideOf = [&](int64_t from, int64_t count) {
      Scalar first = edge(from), length = edge(from + 2) - first;
      if (!halfPixel)
        length = maximum(length, length.same(1));
      Scalar bin = length / static_cast<double>(count);
      Scalar samples = ratio > 0 ? n.integer(ratio) : maximum(cast(-floorOf(-bin), ElementType::Int64), n.integer(1));
      return Side{first, bin, samples};
    };
    Side rows = sideOf(1, height), columns = sideOf(0, width);
    auto index = [&](Scalar s) {
      return n.b.create<arith::IndexCastOp>(n.loc, n.b.getIndexType(), s.value).getResult();
    };
    auto number = [&](Value v) {
      return asFloat(
          Scalar{n.b.create<arith::IndexCastOp>(n.loc, n.b.getI64Type(), v), ElementType::Int64, &n.b, n.loc});
    };
    auto placeOf = [&](const Side &side, Scalar at, Value sample) {
      return side.first + (asFloat(at) + (number(sample) + 0.5) / asFloat(side.samples)) * side.bin;
    };
    Value start = real(n, largest ? -INFINITY : 0).value;
    auto outer = n.b.create<scf::ForOp>(
        n.loc, n.index(0), index(rows.samples), n.index(1), start,
        [&](OpBuilder &, Location loc, Value r, ValueRange so) {
          auto inner = n.b.create<scf::ForOp>(
              loc, n.index(0), index(columns.samples), n.index(1), so[0],
              [&](OpBuilder &, Location at, Value c, ValueRange far) {
                Scalar value = bilinear(n, x, image, i[1], placeOf(rows, i[2], r), placeOf(columns, i[3], c), largest);
                Scalar total = value.with(far[0]);
                n.b.create<scf::YieldOp>(at, (largest ? maximum(total, value) : total + value).value);
              });
          n.b.create<scf::YieldOp>(loc, inner.getResult(0));
        });
    Scalar result{outer.getResult(0), ElementType::Float, &n.b, n.loc};
    return largest ? result : result / asFloat(rows.samples * columns.samples);
  }));
}

} // namespace

void addSampling(Registry &r) {
  r.add("GridSample", gridSample);
  r.add("AffineGrid", affineGrid);
  r.add("RoiAlign", roiAlign);
}

} // namespace weft::frontend::onnx
