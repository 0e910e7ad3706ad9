// Reductions, softmax and normalisation of rows: on one core, and shared by several.
#include "kernels_reference.h"

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {
constexpr float untouched = 6.0F;

/// Rows of `extent` columns on `cores` cores, each with its part; padding is zero, as everywhere.
struct SharedRows {
  SharedRows(int64_t rows, int64_t extent, int64_t cores, std::mt19937 &random, float low, float high)
      : share{.rows = rows, .n = (extent + cores - 1) / cores, .extent = extent},
        whole(rows * extent, random, low, high) {
    for (int64_t rank = 0; rank < cores; ++rank) {
      Buffer<float> part(rows * share.n, 0.0F);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns(rank); ++j)
          part[i * share.n + j] = whole[i * extent + rank * share.n + j];
      parts.push_back(part);
    }
  }
  /// That are no padding.
  int64_t columns(int64_t rank) const { return std::clamp<int64_t>(share.extent - rank * share.n, 0, share.n); }

  RowShare share;
  Buffer<float> whole;
  std::vector<Buffer<float>> parts;
};

/// What all cores hold after an all-reduce of `partials`.
template <typename Join> Buffer<float> allReduce(std::vector<Buffer<float>> &partials, const Join &join) {
  Buffer<float> result = partials[0];
  for (size_t rank = 1; rank < partials.size(); ++rank)
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = join(result[i], partials[rank][i]);
  return result;
}
float larger(float a, float b) { return a > b ? a : b; }
} // namespace

TEST_CASE("sums and maxima of rows follow the order of the contract, bit for bit", "[kernels]") {
  constexpr int64_t rows = 3;
  for (int64_t n : {1, 2, 7, 8, 28, 44, 100, 301}) {
    Suite suite;
    TileKernel sum = buildRowSum(*suite, rows, n), mean = buildRowSum(*suite, rows, n, 1.0 / static_cast<double>(n)),
               squares = buildSumSquares(*suite, rows, n),
               largest = buildRowMax(*suite, {.rows = rows, .n = n, .extent = n});
    suite.compile();
    std::mt19937 random(21);
    for (int64_t m = 1; m <= rows; ++m) {
      INFO("n " << n << " m " << m);
      Buffer<float> x(rows * n, random, -9, 1), sums(rows, untouched), means = sums, square = sums, most = sums;
      suite.call(sum, {m}, x, sums);
      suite.call(mean, {m}, x, means);
      suite.call(squares, {m}, x, square);
      suite.call(largest, {m, 0}, x, most);
      for (int64_t i = 0; i < rows; ++i) {
        const float *row = x.begin() + i * n;
        if (i >= m) {
          REQUIRE(std::vector{sums[i], means[i], square[i], most[i]} == std::vector<float>(4, untouched));
          continue;
        }
        Eigen::RowVectorXd values = toMatrix(x, rows, n).row(i);
        float expected = sumRow(n, [&](float total, int64_t j) { return total + row[j]; });
        REQUIRE(sums[i] == expected);
        REQUIRE(means[i] == expected * (1.0F / static_cast<float>(n)));
        REQUIRE(std::abs(sums[i] - values.sum()) <= sumDepth(n) * 0x1p-24 * values.cwiseAbs().sum());
        if (codegen::defaultHostTarget().fma)
          REQUIRE(square[i] == sumRow(n, [&](float total, int64_t j) { return std::fma(row[j], row[j], total); }));
        REQUIRE(std::abs(square[i] - values.squaredNorm()) <= (sumDepth(n) + 1) * 0x1p-24 * values.squaredNorm());
        REQUIRE(most[i] == maxRow(row, n));
        REQUIRE(most[i] == *std::max_element(row, row + n));
      }
    }
  }
}

TEST_CASE("a maximum leaves NaN aside and has a value where there are no columns", "[kernels]") {
  Suite suite;
  TileKernel kernel = buildRowMax(*suite, {.rows = 3, .n = 5, .extent = 12});
  suite.compile();
  Buffer<float> x(15, -INFINITY), most(3, untouched);
  x[1] = NAN;
  x[5] = NAN;
  x[9] = -3.0F;
  x[12] = INFINITY;
  suite.call(kernel, {3, 1}, x, most);
  REQUIRE(most[0] == -std::numeric_limits<float>::max());
  REQUIRE(most[1] == -3.0F);
  REQUIRE(most[2] == INFINITY);
  suite.call(kernel, {3, 2}, x, most); // two columns, of which -3 is none
  REQUIRE(most[1] == -std::numeric_limits<float>::max());
  suite.call(kernel, {3, 3}, x, most); // none
  REQUIRE(most[2] == -std::numeric_limits<float>::max());
}

// ---- softmax --------------------------------------------------------------------------------------------------

/// y is the softmax of x in double precision, within the roundings of x - mx, exp (2 units), the sums and the division.
static void checkSoftmax(const float *y, const Eigen::RowVectorXd &x, double depth) {
  Eigen::RowVectorXd exact = (x.array() - x.maxCoeff()).exp();
  double spread = x.maxCoeff() - x.minCoeff();
  exact /= exact.sum();
  for (int64_t j = 0; j < x.size(); ++j)
    REQUIRE(std::abs(y[j] - exact[j]) <= (2 * (spread + 4) + depth + 1) * 0x1p-24 * exact[j] + 0x1p-148);
}

TEST_CASE("softmax of rows that cores share", "[kernels]") {
  constexpr int64_t rows = 3;
  for (int64_t extent : {1, 7, 28, 45, 301})
    for (int64_t cores : {1, 2, 3, 5}) {
      INFO(extent << " columns on " << cores << " cores");
      std::mt19937 random(22);
      // Below zero: padding taken for a score would be the maximum.
      SharedRows x(rows, extent, cores, random, -60, -20);
      const RowShare &share = x.share;
      int64_t n = share.n;
      Suite suite;
      TileKernel largest = buildRowMax(*suite, share), weights = buildExpSum(*suite, share),
                 finish = buildSoftmaxFinish(*suite, rows, n);
      suite.compile();
      for (int64_t m = 1; m <= rows; ++m) {
        std::vector<Buffer<float>> parts = x.parts, maxima(cores, Buffer<float>(rows, untouched)), sums = maxima;
        for (int64_t rank = 0; rank < cores; ++rank)
          suite.call(largest, {m, rank}, parts[rank], maxima[rank]);
        Buffer<float> most = allReduce(maxima, larger);
        for (int64_t rank = 0; rank < cores; ++rank) {
          suite.call(weights, {m, rank}, parts[rank], most, sums[rank]);
          for (int64_t i = 0; i < m; ++i) {
            const float *p = parts[rank].begin() + i * n;
            for (int64_t j = 0; j < n; ++j)
              if (j >= x.columns(rank))
                REQUIRE(p[j] == 0.0F);
              else
                REQUIRE(ulps(p[j], std::exp(static_cast<double>(x.parts[rank][i * n + j] - most[i]))) <= 2.0);
            REQUIRE(sums[rank][i] == sumRow(n, [&](float total, int64_t j) { return total + p[j]; }));
          }
        }
        Buffer<float> total = allReduce(sums, std::plus<float>());
        std::vector<Buffer<float>> before = parts;
        for (int64_t rank = 0; rank < cores; ++rank)
          suite.call(finish, {m}, parts[rank], total);
        for (int64_t i = 0; i < rows; ++i) {
          Buffer<float> row(n * cores);
          for (int64_t j = 0; j < n * cores; ++j) {
            row[j] = parts[j / n][i * n + j % n];
            REQUIRE(row[j] == (i < m ? before[j / n][i * n + j % n] / total[i] : x.parts[j / n][i * n + j % n]));
          }
          if (i < m)
            checkSoftmax(row.begin(), toMatrix(x.whole, rows, extent).row(i), sumDepth(n) + static_cast<double>(cores));
        }
      }
    }
}

TEST_CASE("softmax on one core is its parts, bit for bit", "[kernels]") {
  constexpr int64_t rows = 4;
  for (int64_t n : {1, 5, 16, 44, 100}) {
    RowShare share{.rows = rows, .n = n, .extent = n};
    Suite suite;
    TileKernel softmax = buildSoftmax(*suite, rows, n), largest = buildRowMax(*suite, share),
               weights = buildExpSum(*suite, share), finish = buildSoftmaxFinish(*suite, rows, n);
    suite.compile();
    std::mt19937 random(23);
    for (int64_t m = 1; m <= rows; ++m) {
      INFO("n " << n << " m " << m);
      Buffer<float> x(rows * n, random, -20, 20);
      for (int64_t j = 0; j < n; ++j)
        x[j] = -INFINITY; // nothing to choose from
      if (n > 1)
        x[2 * n + 1] = NAN;
      Buffer<float> y = x, z = x, most(rows, untouched), sum = most, most2 = most, sum2 = most;
      suite.call(softmax, {m}, y, most, sum);
      suite.call(largest, {m, 0}, z, most2);
      suite.call(weights, {m, 0}, z, most2, sum2);
      suite.call(finish, {m}, z, sum2);
      for (int64_t i = 0; i < rows * n; ++i)
        REQUIRE((y[i] == z[i] || (std::isnan(y[i]) && std::isnan(z[i]))));
      REQUIRE(most.sameBits(most2));
      for (int64_t j = 0; j < n; ++j) {
        REQUIRE(y[j] == 0.0F);
        if (n > 1 && m > 2)
          REQUIRE(std::isnan(y[2 * n + j]));
      }
      if (m > 3)
        checkSoftmax(y.begin() + 3 * n, toMatrix(x, rows, n).row(3), sumDepth(n));
    }
  }
}

// ---- LayerNorm ------------------------------------------------------------------------------------------------

namespace {
/// The three kernels on all cores.
struct LayerNorm {
  static constexpr double epsilon = 1e-5;
  LayerNorm(mlir::ModuleOp module, const RowShare &share, Element element)
      : share(share), sum(buildRowSum(module, share.rows, share.n)), squares(buildCenteredSquares(module, share)),
        scale(buildLayerScale(module, share.rows, share.n, share.extent, epsilon, element)) {}

  std::vector<Buffer<float>> run(Suite &suite, SharedRows &x, std::vector<Weights> &gamma, std::vector<Weights> &beta,
                                 int64_t m) {
    int64_t cores = x.parts.size();
    std::vector<Buffer<float>> partial(cores, Buffer<float>(share.rows, untouched)), square = partial;
    for (int64_t rank = 0; rank < cores; ++rank)
      suite.call(sum, {m}, x.parts[rank], partial[rank]);
    sums = allReduce(partial, std::plus<float>());
    for (int64_t rank = 0; rank < cores; ++rank)
      suite.call(squares, {m, rank}, x.parts[rank], sums, square[rank]);
    sumsOfSquares = allReduce(square, std::plus<float>());
    partialSquares = square;
    std::vector<Buffer<float>> y(cores, Buffer<float>(share.rows * share.n, untouched));
    for (int64_t rank = 0; rank < cores; ++rank) {
      auto call = [&](auto &g, auto &b) { suite.call(scale, {m}, x.parts[rank], sums, sumsOfSquares, g, b, y[rank]); };
      if (gamma[rank].element == Element::F32)
        call(gamma[rank].wide, beta[rank].wide);
      else
        call(gamma[rank].narrow, beta[rank].narrow);
    }
    return y;
  }

  RowShare share;
  TileKernel sum, squares, scale;
  Buffer<float> sums{0}, sumsOfSquares{0};
  std::vector<Buffer<float>> partialSquares;
};
} // namespace

/// Both kernels after the sum as plain loops, bit for bit.
static void checkStages(LayerNorm &norm, SharedRows &x, std::vector<Weights> &gamma, std::vector<Weights> &beta,
                        std::vector<Buffer<float>> &y, int64_t m) {
  int64_t n = x.share.n;
  auto extent = static_cast<float>(x.share.extent);
  for (size_t rank = 0; rank < y.size(); ++rank)
    for (int64_t i = 0; i < m; ++i) {
      float mean = norm.sums[i] / extent;
      const float *row = x.parts[rank].begin() + i * n;
      float squares = sumRow(x.columns(static_cast<int64_t>(rank)),
                             [&](float total, int64_t j) { return std::fma(row[j] - mean, row[j] - mean, total); });
      REQUIRE(norm.partialSquares[rank][i] == squares);
      float inverse = 1.0F / std::sqrt(norm.sumsOfSquares[i] / extent + static_cast<float>(LayerNorm::epsilon));
      for (int64_t j = 0; j < n; ++j)
        REQUIRE(y[rank][i * n + j] == std::fma((row[j] - mean) * inverse, gamma[rank].wide[j], beta[rank].wide[j]));
    }
}

/// One row in double precision. What the error is made of: that of the mean, to `depth` roundings of the sum of
/// magnitudes; half of that of the sum of squares; a handful of roundings of the distance and of the result.
static void checkLayerNorm(const std::function<float(int64_t)> &y, const Eigen::RowVectorXd &x,
                           const std::function<double(int64_t)> &gamma, const std::function<double(int64_t)> &beta,
                           double depth) {
  auto extent = static_cast<double>(x.size());
  double mean = x.mean(), variance = (x.array() - mean).square().mean();
  double inverse = 1 / std::sqrt(variance + LayerNorm::epsilon);
  double shift = (depth + 2) * 0x1p-24 * x.cwiseAbs().sum() / extent;
  for (int64_t j = 0; j < x.size(); ++j) {
    double distance = std::abs(x[j] - mean) * inverse, moved = shift * inverse;
    double exact = (x[j] - mean) * inverse * gamma(j) + beta(j);
    double relative = (depth / 2 + 8) * 0x1p-24 + moved * moved;
    double bound = std::abs(gamma(j)) * (moved + distance * relative) + 0x1p-24 * std::abs(exact);
    REQUIRE(std::abs(y(j) - exact) <= 1.01 * bound + 0x1p-149);
  }
}

static void checkOnCores(Element element, int64_t extent, int64_t cores) {
  constexpr int64_t rows = 3;
  std::mt19937 random(24);
  int64_t n = (extent + cores - 1) / cores;
  Suite suite;
  LayerNorm norm(*suite, {.rows = rows, .n = n, .extent = extent}, element);
  suite.compile();
  // The second mean is a thousand times the deviation: squares that still have it in them would leave nothing.
  for (auto [low, high] : {std::pair(-3.0F, 2.0F), std::pair(1000.0F, 1003.0F)}) {
    INFO(extent << " columns on " << cores << " cores, from " << low);
    SharedRows x(rows, extent, cores, random, low, high);
    std::vector<Weights> gamma, beta;
    for (int64_t rank = 0; rank < cores; ++rank) {
      gamma.emplace_back(element, n, random);
      beta.emplace_back(element, n, random);
    }
    for (int64_t m = 1; m <= rows; ++m) {
      std::vector<Buffer<float>> y = norm.run(suite, x, gamma, beta, m);
      if (codegen::defaultHostTarget().fma)
        checkStages(norm, x, gamma, beta, y, m);
      for (int64_t i = 0; i < m; ++i)
        checkLayerNorm([&](int64_t j) { return y[j / n][i * n + j % n]; }, toMatrix(x.whole, rows, extent).row(i),
                       [&](int64_t j) { return gamma[j / n].wide[j % n]; },
                       [&](int64_t j) { return beta[j / n].wide[j % n]; }, sumDepth(n) + static_cast<double>(cores));
      for (int64_t rank = 0; rank < cores; ++rank)
        for (int64_t i = m * n; i < rows * n; ++i)
          REQUIRE(y[rank][i] == untouched);
    }
  }
}

TEST_CASE("LayerNorm of rows that cores share", "[kernels]") {
  for (int64_t extent : {1, 7, 45, 301})
    for (int64_t cores : {1, 3, 5})
      checkOnCores(Element::F32, extent, cores);
  for (Element element : {Element::F16, Element::BF16})
    for (int64_t cores : {1, 3})
      checkOnCores(element, 75, cores);
}
