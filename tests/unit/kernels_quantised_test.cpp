// Quantised products: against QuantisedLayout.h bit for bit, and against double precision within the bound that
// kernels/README.md derives.
#include "kernels_reference.h"
#include "runtime/package/QuantisedLayout.h"

using namespace weft;
using namespace weft::kernels;
using namespace weft::runtime;
using namespace weft::test;

namespace {

struct Shape {
  int64_t rows, k, n;
};

float largestOf(const float *x, int64_t count, int64_t stride = 1) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, std::abs(x[i * stride]));
  return largest;
}

void put(Buffer<int32_t> &words, int64_t byte, int8_t value) {
  reinterpret_cast<int8_t *>(words.begin())[byte] = value;
}
void putScale(Buffer<int32_t> &words, int64_t byte, float value) {
  std::memcpy(reinterpret_cast<char *>(words.begin()) + byte, &value, sizeof value);
}

/// What buildPackQuantised() makes of the first m rows; other bytes are those of `packed`.
void pack(Buffer<float> &x, Buffer<int32_t> &packed, int64_t rows, int64_t m, int64_t n, int64_t blocks,
          int64_t width) {
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t row = 0; row < m; ++row) {
      int64_t at = (block * rows + row) * quantisedRowBytes(width), first = block * width;
      int64_t present = std::clamp<int64_t>(n - first, 0, width);
      const float *numbers = x.begin() + row * n + first;
      QuantisedScale scale(largestOf(numbers, present));
      putScale(packed, at, scale.scale);
      for (int64_t i = 0; i < quantisedDepth(width); ++i)
        put(packed, at + 4 + i, i < present ? scale.quantise(numbers[i]) : int8_t{0});
    }
}

/// Weights quantised as the runtime does, and the numbers they were.
struct QuantisedWeights {
  QuantisedWeights(ByteOrder order, int64_t k, int64_t n, std::mt19937 &random)
      : numbers(k * n, random, -0.3F, 0.3F), scales(n), words(quantisedDepth(k) * n / 4) {
    for (int64_t j = 0; j < n; ++j) {
      QuantisedScale scale(largestOf(numbers.begin() + j, k, n));
      scales[j] = scale.scale;
      for (int64_t i = 0; i < k; ++i)
        put(words, quantisedByte(order, i, j, n), scale.quantise(numbers[i * n + j]));
    }
  }
  Buffer<float> numbers, scales;
  Buffer<int32_t> words;
};

int8_t byteAt(Buffer<int32_t> &words, int64_t byte) { return reinterpret_cast<int8_t *>(words.begin())[byte]; }
float scaleAt(Buffer<int32_t> &words, int64_t byte) {
  float value;
  std::memcpy(&value, reinterpret_cast<char *>(words.begin()) + byte, sizeof value);
  return value;
}

constexpr ByteOrder orders[] = {ByteOrder::Rows, ByteOrder::Words};

} // namespace

TEST_CASE("rows are quantised block by block", "[kernels][quantised]") {
  struct Blocks {
    int64_t rows, n, blocks, width;
  };
  for (Blocks s : {Blocks{1, 1, 1, 1}, Blocks{9, 8, 1, 8}, Blocks{3, 44, 3, 16}, Blocks{16, 70, 4, 24},
                   Blocks{2, 130, 2, 100}, Blocks{5, 7, 3, 5}}) {
    Suite suite;
    TileKernel kernel = buildPackQuantised(*suite, s.rows, s.n, s.blocks, s.width);
    suite.compile();
    std::mt19937 random(21);
    for (int64_t m = 1; m <= s.rows; ++m) {
      INFO(kernel.name << " m=" << m);
      Buffer<float> x(s.rows * s.n, random, -3, 3);
      Buffer<int32_t> packed(s.blocks * s.rows * quantisedRowBytes(s.width) / 4, 0x5a5a5a5a), expected = packed;
      suite.call(kernel, {m}, x, packed);
      pack(x, expected, s.rows, m, s.n, s.blocks, s.width);
      REQUIRE(packed.sameBits(expected));
    }
  }
}

TEST_CASE("rows of zeros, of tiny numbers and with numbers that are none", "[kernels][quantised]") {
  constexpr int64_t rows = 6, n = 12;
  Suite suite;
  TileKernel kernel = buildPackQuantised(*suite, rows, n, 1, n);
  suite.compile();
  Buffer<float> x(rows * n);
  for (int64_t i = 0; i < n; ++i) {
    x[n + i] = std::ldexp(1.0F, -140) * static_cast<float>(i); // below what has a scale
    x[2 * n + i] = std::ldexp(1.0F, -119) * static_cast<float>(i % 2 ? 1 : -1);
    x[3 * n + i] = x[4 * n + i] = static_cast<float>(i);
    x[5 * n + i] = i % 2 ? std::numeric_limits<float>::max() : -std::numeric_limits<float>::max();
  }
  x[3 * n + 5] = INFINITY;
  x[4 * n + 7] = NAN;
  Buffer<int32_t> packed(rows * quantisedRowBytes(n) / 4), expected = packed;
  suite.call(kernel, {rows}, x, packed);
  pack(x, expected, rows, rows, n, 1, n);
  auto at = [&](int64_t row) { return row * quantisedRowBytes(n); };
  CHECK(byteAt(packed, at(1) + 4 + 11) == 0);
  CHECK(byteAt(packed, at(2) + 4 + 1) == 127);
  CHECK(byteAt(packed, at(2) + 4) == -127);
  CHECK(scaleAt(packed, at(3)) == INFINITY);
  CHECK(byteAt(packed, at(3) + 4 + 11) == 0);
  CHECK(std::isnan(scaleAt(packed, at(4))));
  CHECK(byteAt(packed, at(4) + 4 + 11) == 0);
  CHECK(byteAt(packed, at(5) + 4 + 1) == 127);
  putScale(packed, at(4), 0), putScale(expected, at(4), 0); // the payload of a NaN is open
  for (int64_t i = 0; i < n; ++i)
    put(expected, at(4) + 4 + i, 0); // the reference's maximum does not see it
  CHECK(packed.sameBits(expected));
}

TEST_CASE("quantised gemm is the sum of exact integer products, and as near as its bound says",
          "[kernels][quantised]") {
  for (ByteOrder order : orders)
    for (Shape s :
         {Shape{1, 1, 1}, Shape{3, 7, 7}, Shape{7, 28, 28}, Shape{5, 44, 100}, Shape{1, 300, 130}, Shape{16, 8, 24}}) {
      Suite suite;
      TileKernel kernel = buildGemmQuantised(*suite, s.rows, s.k, s.n, order);
      suite.compile();
      std::mt19937 random(22);
      for (int64_t m = 1; m <= s.rows; ++m) {
        INFO(kernel.name << " m=" << m);
        QuantisedWeights weights(order, s.k, s.n, random);
        Buffer<float> x(s.rows * s.k, random, -2, 2), c(s.rows * s.n, random), before = c, expected = c;
        Buffer<int32_t> a(s.rows * quantisedRowBytes(s.k) / 4), sums(s.rows * s.n);
        pack(x, a, s.rows, s.rows, s.k, 1, s.k);
        suite.call(kernel, {m}, a, weights.scales, weights.words, sums, c);
        for (int64_t i = 0; i < m; ++i) {
          int64_t row = i * quantisedRowBytes(s.k);
          for (int64_t j = 0; j < s.n; ++j) {
            int32_t sum = 0;
            double exact = before[i * s.n + j], bound = 0, size = std::abs(exact);
            float rowScale = scaleAt(a, row);
            for (int64_t p = 0; p < s.k; ++p) {
              sum += byteAt(a, row + 4 + p) * byteAt(weights.words, quantisedByte(order, p, j, s.n));
              double number = x[i * s.k + p], weight = weights.numbers[p * s.n + j];
              exact += number * weight;
              size += std::abs(number * weight);
              // Half a step of each factor, with what the steps' own roundings add.
              double stepX = (0.5 + 0x1p-15) * rowScale, stepW = (0.5 + 0x1p-15) * weights.scales[j];
              bound += std::abs(number) * stepW + std::abs(weight) * stepX + stepX * stepW;
            }
            float &y = expected[i * s.n + j];
            y = std::fma(static_cast<float>(sum), weights.scales[j] * rowScale, y);
            double error = std::abs(c[i * s.n + j] - exact);
            REQUIRE(error <= bound + 3 * 0x1p-24 * (size + bound));
          }
        }
        if (codegen::defaultHostTarget().fma)
          REQUIRE(c.sameBits(expected));
      }
    }
}

TEST_CASE("a row that has no scale makes its products NaN and no others", "[kernels][quantised]") {
  constexpr int64_t rows = 3, k = 9, n = 10;
  for (ByteOrder order : orders) {
    Suite suite;
    TileKernel kernel = buildGemmQuantised(*suite, rows, k, n, order);
    suite.compile();
    std::mt19937 random(23);
    QuantisedWeights weights(order, k, n, random);
    Buffer<float> x(rows * k, random), c(rows * n, random);
    x[k + 3] = INFINITY;
    Buffer<int32_t> a(rows * quantisedRowBytes(k) / 4), sums(rows * n);
    pack(x, a, rows, rows, k, 1, k);
    suite.call(kernel, {rows}, a, weights.scales, weights.words, sums, c);
    for (int64_t i = 0; i < rows * n; ++i)
      REQUIRE(std::isnan(c[i]) == (i / n == 1));
  }
}
