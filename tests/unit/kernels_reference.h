// What the tests of kernels compare with: double precision, and the order of sums that kernels/README.md states.
#pragma once

#include "kernels_support.h"

#include <Eigen/Core>

#include <functional>
#include <limits>

namespace weft::test {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <typename T> Matrix toMatrix(Buffer<T> &values, int64_t rows, int64_t columns) {
  Matrix result(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i)
    result(i / columns, i % columns) = values[i];
  return result;
}

/// c is within `steps` roundings of c0 + a*b, each relative to the sum of magnitudes, in the first m rows, and is c0 in
/// the others.
inline void checkBound(Buffer<float> &c, Buffer<float> &c0, const Matrix &a, const Matrix &b, int64_t m,
                       int64_t steps) {
  Matrix start = toMatrix(c0, a.rows(), b.cols());
  Matrix exact = start + a * b, size = start.cwiseAbs() + a.cwiseAbs() * b.cwiseAbs();
  for (int64_t i = 0; i < a.rows(); ++i)
    for (int64_t j = 0; j < b.cols(); ++j) {
      double error = std::abs(c[i * b.cols() + j] - (i < m ? exact(i, j) : start(i, j)));
      REQUIRE(error <= (i < m ? static_cast<double>(steps) * 0x1p-24 * size(i, j) : 0.0));
    }
}

/// A reduction along a row of n in the order of the contract. `step(accumulator, i)` takes element i, `join` combines
/// two accumulators, of which `neutral` changes none; `before` is what the output held.
template <typename Step, typename Join>
float reduceRow(int64_t n, float before, float neutral, const Step &step, const Join &join) {
  constexpr int64_t lanes = 8;
  std::optional<float> total;
  auto finish = [&](std::vector<float> values) {
    for (size_t width = values.size() / 2; width >= 1; width /= 2)
      for (size_t lane = 0; lane < width; ++lane)
        values[lane] = join(values[lane], values[lane + width]);
    total = total ? join(*total, values[0]) : values[0];
  };
  int64_t beside = std::min<int64_t>(4, n / lanes), done = 0;
  if (beside > 0) {
    std::vector<std::vector<float>> sums(beside, std::vector<float>(lanes, neutral));
    done = n / (beside * lanes) * beside * lanes;
    for (int64_t i = 0; i < done; ++i)
      sums[i / lanes % beside][i % lanes] = step(sums[i / lanes % beside][i % lanes], i);
    for (int64_t vector = 1; vector < beside; ++vector)
      for (int64_t lane = 0; lane < lanes; ++lane)
        sums[0][lane] = join(sums[0][lane], sums[vector][lane]);
    finish(sums[0]);
  }
  for (int64_t width = lanes; done < n; done += width) {
    while (width > n - done)
      width /= 2;
    std::vector<float> part;
    for (int64_t lane = 0; lane < width; ++lane)
      part.push_back(step(neutral, done + lane));
    finish(part);
  }
  return join(before, total.value_or(neutral));
}

inline float sumRow(int64_t n, const std::function<float(float, int64_t)> &step) {
  return reduceRow(n, 0.0F, -0.0F, step, std::plus<float>());
}
inline float maxRow(const float *x, int64_t n) {
  auto larger = [](float a, float b) { return a > b ? a : b; };
  return reduceRow(
      n, -std::numeric_limits<float>::max(), -INFINITY, [&](float largest, int64_t i) { return larger(x[i], largest); },
      larger);
}

/// Roundings that reach one term of such a sum of n, at most.
inline double sumDepth(int64_t n) { return static_cast<double>(n / 32 + 3 + 3 + 4 + 1); }

} // namespace weft::test
