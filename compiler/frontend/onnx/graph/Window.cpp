// Slice and Pad: windows into a tensor and around it, known at compile time or when the program runs.
#include "compiler/frontend/onnx/graph/Registry.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Starts, ends, axes and steps of a Slice, known, a number for each axis named.
struct Window {
  std::vector<int64_t> starts, ends, axes, steps;
};

std::vector<int64_t> firstAxes(size_t count) {
  std::vector<int64_t> axes(count);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

std::optional<Window> knownWindow(NodeBuilder &n) {
  Window w;
  if (n.hasAttribute("starts")) { // before opset 10
    w = {n.numbers("starts"), n.numbers("ends"), n.numbers("axes"), {}};
  } else {
    std::optional<std::vector<int64_t>> starts = n.known(1), ends = n.known(2);
    std::optional<std::vector<int64_t>> axes = n.has(3) ? n.known(3) : std::vector<int64_t>();
    std::optional<std::vector<int64_t>> steps = n.has(4) ? n.known(4) : std::vector<int64_t>();
    if (!starts || !ends || !axes || !steps)
      return std::nullopt;
    w = {*starts, *ends, *axes, *steps};
  }
  if (w.axes.empty())
    w.axes = firstAxes(w.starts.size());
  w.steps.resize(w.starts.size(), 1);
  n.require(w.ends.size() == w.starts.size() && w.axes.size() == w.starts.size(),
            "it has {} starts, {} ends and {} axes", w.starts.size(), w.ends.size(), w.axes.size());
  return w;
}

/// x[start + i * step] for steps of either sign.
Tensor take(NodeBuilder &n, Tensor x, const Sizes &shape, ArrayRef<Scalar> starts, ArrayRef<Scalar> steps) {
  return n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    SmallVector<Scalar> from;
    for (size_t d = 0; d < shape.size(); ++d) {
      Scalar place = starts[d] + i[d] * steps[d];
      from.push_back(minimum(maximum(place, n.integer(0)), n.integer(std::max<int64_t>(x.shape()[d] - 1, 0))));
    }
    return n.at(x, from);
  });
}

void sliceKnown(NodeBuilder &n, Tensor x, const Window &w) {
  Sizes offsets(x.shape().size(), 0), sizes(x.shape()), steps(x.shape().size(), 1);
  (void)n.axesOf(w.axes, x.rank());
  bool backwards = false;
  for (size_t k = 0; k < w.axes.size(); ++k) {
    const auto axis = static_cast<size_t>(n.axisOf(w.axes[k], x.rank()));
    const int64_t size = x.shape()[axis], step = w.steps[k];
    n.require(step != 0 && step != std::numeric_limits<int64_t>::min(), "a step of {}", step);
    auto wrap = [&](int64_t place) { return place < 0 ? std::max<int64_t>(place + size, -1) : place; };
    int64_t start = wrap(std::max(w.starts[k], -size - 1)), end = wrap(std::max(w.ends[k], -size - 1));
    if (step > 0) {
      start = std::clamp<int64_t>(start, 0, size);
      end = std::clamp<int64_t>(end, 0, size);
      sizes[axis] = start < end ? 1 + (end - start - 1) / step : 0;
    } else {
      start = std::clamp<int64_t>(start, -1, size - 1);
      end = std::clamp<int64_t>(end, -1, size - 1);
      sizes[axis] = end < start ? 1 + (start - end - 1) / -step : 0;
      backwards = true;
    }
    offsets[axis] = start;
    steps[axis] = sizes[axis] > 1 ? step : 1;
  }
  if (!backwards || elementsOf(sizes) == 0)
    return n.out(0, n.slice(x, offsets, sizes, steps));
  SmallVector<Scalar> from, by;
  for (size_t d = 0; d < sizes.size(); ++d) {
    from.push_back(n.integer(offsets[d]));
    by.push_back(n.integer(steps[d]));
  }
  n.out(0, take(n, x, sizes, from, by));
}

Scalar element(NodeBuilder &n, Tensor list, size_t k) {
  return cast(n.at(list, {n.integer(static_cast<int64_t>(k))}), ElementType::Int64);
}

void sliceOp(NodeBuilder &n) {
  Tensor x = n.in(0);
  if (std::optional<Window> window = knownWindow(n))
    return sliceKnown(n, x, *window);
  // The declared shape is what the program's starts and ends must give.
  Sizes shape = n.mustDeclare(n.known(1) ? (n.known(2) ? (n.known(4) || !n.has(4) ? 3 : 4) : 2) : 1);
  n.require(shape.size() == x.shape().size(), "it is declared with {} dimensions", shape.size());
  Tensor starts = n.in(1), axes = n.optional(3), steps = n.optional(4);
  SmallVector<Scalar> from(shape.size(), n.integer(0)), by(shape.size(), n.integer(1));
  for (size_t k = 0; k < static_cast<size_t>(starts.elements()); ++k) {
    Scalar start = element(n, starts, k), step = steps ? element(n, steps, k) : n.integer(1);
    Scalar axis = axes ? element(n, axes, k) : n.integer(static_cast<int64_t>(k));
    axis = select(axis < n.integer(0), axis + n.integer(x.rank()), axis);
    for (size_t d = 0; d < shape.size(); ++d) {
      const int64_t size = x.shape()[d];
      Scalar named = equal(axis, n.integer(static_cast<int64_t>(d)));
      Scalar place = select(start < n.integer(0), start + n.integer(size), start);
      Scalar last = select(step < n.integer(0), n.integer(size - 1), n.integer(size));
      place = minimum(maximum(place, n.integer(0)), last);
      from[d] = select(named, place, from[d]);
      by[d] = select(named, step, by[d]);
    }
  }
  n.out(0, take(n, x, shape, from, by));
}

enum class PadMode { Constant, Reflect, Edge, Wrap };

/// The place in [0, size) that stands for `place`, which may lie outside.
Scalar mirrored(NodeBuilder &n, Scalar place, int64_t size, PadMode mode) {
  Scalar last = n.integer(std::max<int64_t>(size - 1, 0));
  switch (mode) {
  case PadMode::Reflect: {
    Scalar period = n.integer(std::max<int64_t>(2 * (size - 1), 1)), rest = remainderFloor(place, period);
    return select(rest <= last, rest, period - rest);
  }
  case PadMode::Wrap:
    return remainderFloor(place, n.integer(std::max<int64_t>(size, 1)));
  case PadMode::Constant:
  case PadMode::Edge:
    return minimum(maximum(place, n.integer(0)), last);
  }
  llvm_unreachable("a mode of Pad");
}

/// `low[d]` elements before the first.
Tensor padWith(NodeBuilder &n, Tensor x, const Sizes &shape, ArrayRef<Scalar> low, PadMode mode, Tensor value) {
  return n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    SmallVector<Scalar> from;
    Scalar inside = constantInteger(n.b, n.loc, ElementType::Bool, 1);
    for (size_t d = 0; d < shape.size(); ++d) {
      Scalar place = i[d] - low[d];
      inside = inside & (place >= n.integer(0)) & (place < n.integer(x.shape()[d]));
      from.push_back(mirrored(n, place, x.shape()[d], mode));
    }
    Scalar other = mode != PadMode::Constant ? n.at(x, from)
                   : value ? n.at(value, SmallVector<Scalar>(static_cast<size_t>(value.rank()), n.integer(0)))
                           : constantScalar(n.b, n.loc, x.type, 0);
    if (x.elements() == 0)
      return other;
    return mode == PadMode::Constant ? select(inside, n.at(x, from), other) : other;
  });
}

void padOp(NodeBuilder &n) {
  Tensor x = n.in(0), value = n.optional(2);
  const std::string name = n.text("mode", "constant");
  n.require(name == "constant" || name == "reflect" || name == "edge" || name == "wrap", "mode '{}' is not known",
            name);
  const PadMode mode = name == "reflect" ? PadMode::Reflect
                       : name == "edge"  ? PadMode::Edge
                       : name == "wrap"  ? PadMode::Wrap
                                         : PadMode::Constant;
  std::optional<std::vector<int64_t>> axes = n.has(3) ? n.known(3) : firstAxes(x.shape().size());
  if (!axes)
    n.decidesShape(3);
  const size_t count = axes->size();
  if (std::optional<std::vector<int64_t>> pads = n.hasAttribute("pads") ? n.numbers("pads") : n.known(1)) {
    n.require(pads->size() == 2 * count, "it has {} pads for {} axes", pads->size(), count);
    Sizes low(x.shape().size(), 0), high(x.shape().size(), 0), shape(x.shape());
    for (size_t k = 0; k < count; ++k) {
      const auto axis = static_cast<size_t>(n.axisOf((*axes)[k], x.rank()));
      low[axis] = (*pads)[k];
      high[axis] = (*pads)[count + k];
      n.sizeOf(std::abs(std::max(low[axis], -mostElementsOfTensor)));
      n.sizeOf(std::abs(std::max(high[axis], -mostElementsOfTensor)));
      shape[axis] += low[axis] + high[axis];
      n.require(shape[axis] >= 0 && shape[axis] <= mostElementsOfTensor && low[axis] >= -x.shape()[axis],
                "its pads leave less than nothing of axis {}", axis);
    }
    if (mode == PadMode::Constant && !value)
      return n.out(0, n.pad(x, low, high, n.real("value", 0)));
    SmallVector<Scalar> before;
    for (int64_t amount : low)
      before.push_back(n.integer(amount));
    return n.out(0, padWith(n, x, shape, before, mode, value));
  }
  Sizes shape = n.mustDeclare(1);
  Tensor pads = n.in(1);
  n.require(shape.size() == x.shape().size(), "it is declared with {} dimensions", shape.size());
  SmallVector<Scalar> before(shape.size(), n.integer(0));
  for (size_t k = 0; k < count; ++k)
    before[static_cast<size_t>(n.axisOf((*axes)[k], x.rank()))] = element(n, pads, k);
  n.out(0, padWith(n, x, shape, before, mode, value));
}

/// Crops or pads around the middle to the sizes of input 1.
void centerCropPad(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::vector<int64_t> axes = n.numbers("axes");
  if (!n.hasAttribute("axes"))
    axes = firstAxes(x.shape().size());
  Sizes shape(x.shape()), low(x.shape().size(), 0), high(x.shape().size(), 0);
  if (std::optional<std::vector<int64_t>> wanted = n.known(1)) {
    n.require(wanted->size() == axes.size(), "{} sizes for {} axes", wanted->size(), axes.size());
    for (size_t k = 0; k < axes.size(); ++k)
      shape[static_cast<size_t>(n.axisOf(axes[k], x.rank()))] = n.sizeOf((*wanted)[k]);
  } else {
    shape = n.mustDeclare(1);
    n.require(shape.size() == x.shape().size(), "it is declared with {} dimensions", shape.size());
  }
  for (size_t d = 0; d < shape.size(); ++d) {
    const int64_t more = shape[d] - x.shape()[d];
    low[d] = more >= 0 ? more / 2 : -(-more / 2);
    high[d] = more - low[d];
  }
  n.out(0, n.pad(x, low, high, 0));
}

} // namespace

void addWindow(Registry &r) {
  r.add("Slice", sliceOp);
  r.add("Pad", padOp);
  r.add("CenterCropPad", centerCropPad);
}

} // namespace weft::frontend::onnx
