// Arrays of numbers for tests that compare an op with its definition, written as plain loops.
#pragma once

#include "tests/onnx/GraphMaker.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

namespace weft::test {

/// A tensor of the tests: numbers by index.
struct Array {
  Shape shape;
  std::vector<float> data;

  explicit Array(Shape sizes, float fill = 0)
      : shape(std::move(sizes)),
        data(static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>())), fill) {}
  size_t flat(const Shape &at) const {
    int64_t place = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      place = place * shape[d] + at[d];
    return static_cast<size_t>(place);
  }
  float &operator[](const Shape &at) { return data[flat(at)]; }
  float operator[](const Shape &at) const { return data[flat(at)]; }
  bool holds(const Shape &at) const {
    for (size_t d = 0; d < shape.size(); ++d)
      if (at[d] < 0 || at[d] >= shape[d])
        return false;
    return true;
  }
};

inline void forEach(const Shape &shape, const std::function<void(const Shape &)> &visit) {
  Shape at(shape.size(), 0);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    return;
  while (true) {
    visit(at);
    size_t d = shape.size();
    while (d-- > 0) {
      if (++at[d] < shape[d])
        break;
      at[d] = 0;
    }
    if (d == SIZE_MAX)
      return;
  }
}

inline Array random(const Shape &shape, uint32_t seed, float scale = 1) {
  Array array(shape);
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, scale);
  for (float &number : array.data)
    number = normal(engine);
  return array;
}

/// The outputs of one node whose inputs are arrays, given when it runs.
inline Computed run(const std::string &op, const std::vector<Array> &inputs, const Attributes &attributes,
                    size_t outputs = 1, const std::string &domain = "", int64_t opset = 18) {
  GraphMaker g(opset);
  std::vector<std::string> names;
  std::vector<std::vector<std::byte>> bytes;
  for (const Array &array : inputs) {
    names.push_back(g.floats("x" + std::to_string(names.size()), array.shape));
    bytes.push_back(bytesOf(array.data));
  }
  for (const std::string &name : g.nodes(op, names, outputs, attributes, domain))
    g.output(name);
  Result<Computed> computed = compute(g.model, bytes);
  if (!computed)
    FAIL(computed.error().message);
  return std::move(*computed);
}

inline void checkEqual(const std::vector<float> &got, const std::vector<float> &wanted, double tolerance = 2e-6) {
  CHECK(relativeError(got, wanted) < tolerance);
}

using Ints = std::vector<int64_t>;

} // namespace weft::test
