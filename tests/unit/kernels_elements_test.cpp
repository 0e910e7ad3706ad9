// What is done element by element, positions that are looked up, and norms of groups of columns.
#include "kernels_reference.h"

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {

/// The weights as the kernel takes them.
template <typename Use> void withBits(Weights &weights, const Use &use) {
  weights.element == Element::F32 ? use(weights.wide) : use(weights.narrow);
}

} // namespace

TEST_CASE("products, factors and biases are one rounding an element and leave other rows alone", "[kernels]") {
  constexpr double factor = 0.3;
  for (Element element : allElements)
    for (int64_t rows : {1, 4})
      for (int64_t n : {1, 7, 28, 45}) {
        Suite suite;
        TileKernel mul = buildMul(*suite, rows, n), scale = buildScale(*suite, rows, n, factor),
                   bias = buildAddBias(*suite, rows, n, element);
        suite.compile();
        std::mt19937 random(41);
        for (int64_t m = 1; m <= rows; ++m) {
          INFO("rows " << rows << " n " << n << " m " << m);
          Buffer<float> x(rows * n, random, -3, 3), y(rows * n, random), product = x, scaled = x, biased = x;
          Weights weights(element, n, random);
          suite.call(mul, {m}, product, y);
          suite.call(scale, {m}, scaled);
          withBits(weights, [&](auto &bits) { suite.call(bias, {m}, bits, biased); });
          for (int64_t i = 0; i < rows * n; ++i) {
            const bool used = i < m * n;
            REQUIRE(product[i] == (used ? x[i] * y[i] : x[i]));
            REQUIRE(scaled[i] == (used ? x[i] * static_cast<float>(factor) : x[i]));
            REQUIRE(biased[i] == (used ? x[i] + weights.wide[i % n] : x[i]));
          }
        }
      }
}

TEST_CASE("a soft cap bends scores towards its bound", "[kernels]") {
  constexpr int64_t rows = 3;
  constexpr double scale = 0.25, cap = 20;
  for (int64_t n : {1, 9, 44}) {
    Suite suite;
    TileKernel kernel = buildSoftcap(*suite, rows, n, scale, cap);
    suite.compile();
    std::mt19937 random(42);
    for (int64_t m = 1; m <= rows; ++m) {
      Buffer<float> x(rows * n, random, -400, 400), before = x;
      suite.call(kernel, {m}, x);
      for (int64_t i = 0; i < rows * n; ++i) {
        if (i >= m * n) {
          REQUIRE(x[i] == before[i]);
          continue;
        }
        // tanh is within 2 units; the roundings of its argument shrink on the way, that of the product does not.
        double exact = cap * std::tanh(scale * before[i] / cap);
        REQUIRE(std::abs(x[i] - exact) <= 5 * 0x1p-24 * std::abs(exact));
      }
    }
  }
}

TEST_CASE("positions come from the core that owns them", "[kernels]") {
  constexpr int64_t rows = 4, tokens = 9, n = 11, ranks = 3;
  for (Element element : allElements)
    for (int64_t positions : {3, 4, 5}) {
      Suite suite;
      TileKernel block = buildPositionBlock(*suite, rows, tokens, positions, n, element, ranks);
      TileKernel one = buildPositionOne(*suite, positions, n, element);
      suite.compile();
      std::mt19937 random(43);
      for (int64_t count = 1; count <= tokens; ++count) {
        INFO("positions " << positions << " count " << count);
        Buffer<int32_t> launch(1 + tokens, static_cast<int32_t>(count));
        const int64_t m = (count + ranks - 1) / ranks;
        for (int64_t rank = 0; rank < ranks; ++rank) {
          Weights table(element, positions * n, random);
          auto owned = [&](int64_t position, int64_t j) {
            const int64_t local = position - rank * positions;
            return local >= 0 && local < positions ? table.wide[local * n + j] : 0.0F;
          };
          for (int64_t step = 0; step < ranks; ++step) {
            Buffer<float> acc(rows * n, random), before = acc;
            withBits(table, [&](auto &bits) { suite.call(block, {m, rank, step}, launch, bits, acc); });
            const int64_t of = (rank + step) % ranks;
            for (int64_t i = 0; i < rows; ++i)
              for (int64_t j = 0; j < n; ++j) {
                const bool used = i < runCount(of, count, ranks);
                REQUIRE(acc[i * n + j] == before[i * n + j] + (used ? owned(runStart(of, count, ranks) + i, j) : 0.0F));
              }
          }
          Buffer<int32_t> single{static_cast<int32_t>(count), 0};
          Buffer<float> acc(n, random), before = acc;
          withBits(table, [&](auto &bits) { suite.call(one, {rank}, single, bits, acc); });
          for (int64_t j = 0; j < n; ++j)
            REQUIRE(acc[j] == before[j] + owned(count - 1, j));
        }
      }
    }
}

TEST_CASE("groups of columns are normed each for itself", "[kernels]") {
  constexpr int64_t rows = 3;
  constexpr double epsilon = 1e-3;
  for (Element element : allElements)
    for (double offset : {0.0, 1.0})
      for (int64_t width : {2, 9, 44}) {
        const ColumnGroups columns{.rows = rows, .ld = 3 * width + 7, .column = 5, .groups = 3, .width = width};
        const int64_t extent = width + 1; // more columns on another core
        Suite suite;
        TileKernel squares = buildGroupSquares(*suite, columns),
                   scale = buildGroupScale(*suite, columns, extent, epsilon, element, offset);
        suite.compile();
        std::mt19937 random(44);
        for (int64_t m = 1; m <= rows; ++m) {
          INFO("width " << width << " m " << m);
          Buffer<float> x(rows * columns.ld, random, -3, 3), y = x, sums(rows * columns.groups, 6.0F);
          Weights gamma(element, width, random);
          suite.call(squares, {m}, x, sums);
          Buffer<float> all = sums;
          for (int64_t i = 0; i < m * columns.groups; ++i)
            all[i] += 0.25F; // of the other core
          withBits(gamma, [&](auto &bits) { suite.call(scale, {m}, y, all, bits); });
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < columns.ld; ++j) {
              const int64_t at = i * columns.ld + j, inside = j - columns.column;
              if (i >= m || inside < 0 || inside >= columns.groups * width) {
                REQUIRE(y[at] == x[at]);
                continue;
              }
              const int64_t group = i * columns.groups + inside / width;
              const float *first = x.begin() + i * columns.ld + columns.column + inside / width * width;
              double sum = 0;
              for (int64_t c = 0; c < width; ++c)
                sum += double(first[c]) * first[c];
              REQUIRE(std::abs(sums[group] - sum) <= (sumDepth(width) + 1) * 0x1p-24 * sum);
              double exact = x[at] / std::sqrt(double(all[group]) / double(extent) + epsilon) *
                             (gamma.wide[inside % width] + offset);
              double size = std::abs(x[at]) / std::sqrt(double(all[group]) / double(extent) + epsilon) *
                            (std::abs(gamma.wide[inside % width]) + offset);
              REQUIRE(std::abs(y[at] - exact) <= 7 * 0x1p-24 * size + 0x1p-148);
            }
          for (int64_t i = m * columns.groups; i < rows * columns.groups; ++i)
            REQUIRE(sums[i] == 6.0F);
        }
      }
}

TEST_CASE("one group that is the whole row is RmsScale, and LayerScale without beta has none", "[kernels]") {
  constexpr int64_t rows = 2, n = 45, extent = 90;
  constexpr double epsilon = 1e-5;
  for (Element element : allElements)
    for (double offset : {0.0, 1.0}) {
      Suite suite;
      const ColumnGroups columns{.rows = rows, .ld = n, .column = 0, .groups = 1, .width = n};
      TileKernel group = buildGroupScale(*suite, columns, extent, epsilon, element, offset),
                 rms = buildRmsScale(*suite, rows, n, extent, epsilon, element, offset),
                 with = buildLayerScale(*suite, rows, n, extent, epsilon, element),
                 without = buildLayerScale(*suite, rows, n, extent, epsilon, element, false);
      suite.compile();
      std::mt19937 random(45);
      Buffer<float> x(rows * n, random, -3, 3), sums(rows, random, 1, 9), squares(rows, random, 50, 90),
          inPlace = x, y(rows * n, 6.0F), plain = y, biased = y;
      Weights gamma(element, n, random), none(element, n, random);
      std::fill(none.wide.begin(), none.wide.end(), -0.0F);
      std::fill(none.narrow.begin(), none.narrow.end(), uint16_t(0x8000));
      withBits(gamma, [&](auto &bits) {
        suite.call(group, {rows}, inPlace, squares, bits);
        suite.call(rms, {rows}, x, squares, bits, y);
        suite.call(without, {rows}, x, sums, squares, bits, plain);
        withBits(none, [&](auto &zeros) {
          if constexpr (std::is_same_v<decltype(zeros), decltype(bits)>)
            suite.call(with, {rows}, x, sums, squares, bits, zeros, biased);
        });
      });
      REQUIRE(inPlace.values() == y.values());
      REQUIRE(plain.values() == biased.values());
    }
}
