// Convolutions and pools of any rank against their definitions, written as plain loops.
#include "tests/onnx/Arrays.h"

#include <cmath>
#include <limits>

using namespace weft;
using namespace weft::test;

namespace {

struct WindowCase {
  Shape in, kernel;
  Ints strides, pads, dilations;
};

/// Sizes of the result, and where window `at` has element `k`.
Shape windowSizes(const WindowCase &c) {
  Shape out;
  for (size_t d = 0; d < c.kernel.size(); ++d)
    out.push_back((c.in[d] + c.pads[d] + c.pads[d + c.kernel.size()] - c.dilations[d] * (c.kernel[d] - 1) - 1) /
                      c.strides[d] +
                  1);
  return out;
}

const std::vector<WindowCase> windows = {{{9}, {3}, {2}, {1, 2}, {1}},
                                         {{7, 6}, {3, 2}, {2, 1}, {1, 0, 0, 1}, {1, 2}},
                                         {{4, 5, 3}, {2, 3, 2}, {1, 2, 1}, {0, 1, 1, 1, 0, 0}, {1, 1, 2}}};

Attributes attributesOf(const WindowCase &c) {
  return {{"strides", c.strides}, {"pads", c.pads}, {"dilations", c.dilations}};
}

Shape joined(const Shape &a, const Shape &b) {
  Shape out(a);
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

Shape placeIn(const WindowCase &c, const Shape &at, const Shape &k) {
  Shape place;
  for (size_t d = 0; d < c.kernel.size(); ++d)
    place.push_back(at[d] * c.strides[d] + k[d] * c.dilations[d] - c.pads[d]);
  return place;
}

} // namespace

TEST_CASE("convolutions of any rank, with groups") {
  for (const WindowCase &c : windows)
    for (int64_t groups : {1, 2}) {
      const int64_t in = 4, out = 6;
      Array x = random(joined({2, in}, c.in), 1), w = random(joined({out, in / groups}, c.kernel), 2),
            b = random({out}, 3);
      Array y(joined({2, out}, windowSizes(c)));
      forEach(y.shape, [&](const Shape &at) {
        const int64_t group = at[1] / (out / groups);
        float sum = b[{at[1]}];
        forEach(joined({in / groups}, c.kernel), [&](const Shape &k) {
          Shape from = joined({at[0], group * (in / groups) + k[0]},
                              placeIn(c, Shape(at.begin() + 2, at.end()), Shape(k.begin() + 1, k.end())));
          if (x.holds(from))
            sum += x[from] * w[joined({at[1]}, k)];
        });
        y[at] = sum;
      });
      Attributes attributes = attributesOf(c);
      attributes["group"] = groups;
      checkEqual(run("Conv", {x, w, b}, attributes).floats(), y.data);
    }
}

TEST_CASE("a transposed convolution scatters what a convolution gathers") {
  for (const WindowCase &c : windows)
    for (int64_t groups : {1, 2}) {
      const int64_t in = 4, out = 6;
      Array x = random(joined({2, in}, c.in), 1), w = random(joined({in, out / groups}, c.kernel), 2);
      Shape sizes;
      for (size_t d = 0; d < c.kernel.size(); ++d)
        sizes.push_back(c.strides[d] * (c.in[d] - 1) + c.dilations[d] * (c.kernel[d] - 1) + 1 - c.pads[d] -
                        c.pads[d + c.kernel.size()]);
      Array y(joined({2, out}, sizes));
      forEach(x.shape, [&](const Shape &at) {
        forEach(joined({out / groups}, c.kernel), [&](const Shape &k) {
          const int64_t group = at[1] / (in / groups);
          Shape to = joined({at[0], group * (out / groups) + k[0]},
                            placeIn(c, Shape(at.begin() + 2, at.end()), Shape(k.begin() + 1, k.end())));
          if (y.holds(to))
            y[to] += x[at] * w[joined({at[1]}, k)];
        });
      });
      Attributes attributes = attributesOf(c);
      attributes["group"] = groups;
      checkEqual(run("ConvTranspose", {x, w}, attributes).floats(), y.data);
    }
}

TEST_CASE("pools take the maximum, where it was, and means with and without padding") {
  for (const WindowCase &c : windows) {
    Array x = random(joined({2, 3}, c.in), 4);
    Array top(joined({2, 3}, windowSizes(c))), mean(top.shape), padded(top.shape);
    std::vector<int64_t> places(top.data.size());
    forEach(top.shape, [&](const Shape &at) {
      float best = -std::numeric_limits<float>::infinity(), sum = 0;
      int64_t count = 0, all = 0, place = 0;
      forEach(c.kernel, [&](const Shape &k) {
        ++all;
        Shape from = joined({at[0], at[1]}, placeIn(c, Shape(at.begin() + 2, at.end()), k));
        if (!x.holds(from))
          return;
        if (x[from] > best)
          place = static_cast<int64_t>(x.flat(from));
        best = std::max(best, x[from]);
        sum += x[from];
        ++count;
      });
      top[at] = best;
      places[top.flat(at)] = place;
      mean[at] = sum / static_cast<float>(count);
      padded[at] = sum / static_cast<float>(all);
    });
    Attributes attributes = attributesOf(c);
    attributes["kernel_shape"] = c.kernel;
    Computed maxima = run("MaxPool", {x}, attributes, 2);
    CHECK(maxima.floats() == top.data);
    CHECK(maxima.longs(1) == places);
    checkEqual(run("AveragePool", {x}, attributes, 1, "", 19).floats(), mean.data);
    attributes["count_include_pad"] = int64_t(1);
    checkEqual(run("AveragePool", {x}, attributes, 1, "", 19).floats(), padded.data);
  }
}

TEST_CASE("a window that hangs over the end counts with ceil_mode") {
  Array x({1, 1, 5});
  x.data = {1, 2, 3, 4, 6};
  CHECK(run("MaxPool", {x}, {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}, {"ceil_mode", int64_t(1)}}).floats() ==
        std::vector<float>{2, 4, 6});
  CHECK(
      run("AveragePool", {x}, {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}, {"ceil_mode", int64_t(1)}}).floats() ==
      std::vector<float>{1.5, 3.5, 6});
}
