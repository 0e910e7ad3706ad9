// Products of narrow operands against plain loops in the order of the contract, and against double precision.
#include "kernels/BlockLayout.h"
#include "kernels_reference.h"

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {
struct Shape {
  int64_t rows, k, n;
};
} // namespace

TEST_CASE("gemm of two 16-bit operands adds exact products in k order", "[kernels]") {
  for (Element element : {Element::F16, Element::BF16})
    for (Shape s : {Shape{1, 1, 1}, Shape{3, 7, 7}, Shape{7, 28, 28}, Shape{5, 44, 100}, Shape{1, 64, 130}}) {
      Suite suite;
      TileKernel kernel = buildGemmNarrow(*suite, s.rows, s.k, s.n, element);
      suite.compile();
      std::mt19937 random(11);
      for (int64_t m = 1; m <= s.rows; ++m) {
        INFO(kernel.name << " m=" << m);
        Weights a(element, s.rows * s.k, random), b(element, s.k * s.n, random);
        Buffer<float> c(s.rows * s.n, random), before = c, expected = c;
        suite.call(kernel, {m}, a.narrow, b.narrow, c);
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < s.n; ++j)
            for (int64_t p = 0; p < s.k; ++p)
              expected[i * s.n + j] = std::fma(a.wide[i * s.k + p], b.wide[p * s.n + j], expected[i * s.n + j]);
        if (codegen::defaultHostTarget().fma)
          REQUIRE(c.sameBits(expected));
        checkBound(c, before, toMatrix(a.wide, s.rows, s.k), toMatrix(b.wide, s.k, s.n), m, 2 * s.k + 1);
      }
    }
}

TEST_CASE("gemm of bytes is exact", "[kernels]") {
  for (Shape s : {Shape{1, 1, 1}, Shape{3, 7, 7}, Shape{7, 28, 28}, Shape{5, 44, 100}, Shape{1, 300, 130}}) {
    Suite suite;
    TileKernel kernel = buildGemmInt8(*suite, s.rows, s.k, s.n);
    suite.compile();
    std::mt19937 random(12);
    for (int64_t m = 1; m <= s.rows; ++m) {
      Buffer<int8_t> a(s.rows * s.k), b(s.k * s.n);
      for (int8_t &value : a)
        value = static_cast<int8_t>(random() % 8 == 0 ? -128 : random());
      for (int8_t &value : b)
        value = static_cast<int8_t>(random() % 8 == 0 ? -128 : random());
      Buffer<int32_t> c(s.rows * s.n);
      for (int32_t &value : c)
        value = static_cast<int32_t>(random() % 2001) - 1000;
      Buffer<int32_t> before = c, expected = c;
      suite.call(kernel, {m}, a, b, c);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < s.n; ++j)
          for (int64_t p = 0; p < s.k; ++p)
            expected[i * s.n + j] += a[i * s.k + p] * b[p * s.n + j];
      INFO(kernel.name << " m=" << m);
      REQUIRE(c.sameBits(expected));
      Matrix exact = toMatrix(before, s.rows, s.n) + toMatrix(a, s.rows, s.k) * toMatrix(b, s.k, s.n);
      REQUIRE(toMatrix(c, s.rows, s.n).topRows(m) == exact.topRows(m)); // no sum leaves i32 or double's integers here
    }
  }
}

TEST_CASE("sums of bytes wrap around", "[kernels]") {
  constexpr int64_t k = 70, n = 37;
  Suite suite;
  TileKernel kernel = buildGemmInt8(*suite, 2, k, n);
  suite.compile();
  Buffer<int8_t> a(2 * k, -128), b(k * n, -128);
  Buffer<int32_t> c(2 * n, std::numeric_limits<int32_t>::max());
  suite.call(kernel, {2}, a, b, c);
  for (int32_t sum : c)
    REQUIRE(sum == std::numeric_limits<int32_t>::min() + k * 128 * 128 - 1);
}

namespace {
/// Blocks as a model file has them, and the numbers they stand for.
struct Blocks {
  Blocks(BlockFormat format, int64_t k, int64_t n, std::mt19937 &random)
      : weights((format == BlockFormat::Q8 ? k : k / 2) * n), scales(k / 32 * n), quants(k, n), scaleOf(k / 32, n) {
    bool q8 = format == BlockFormat::Q8;
    int64_t bytes = q8 ? blockBytesQ8 : blockBytesQ4, blocks = k / 32;
    std::vector<uint8_t> rows(n * blocks * bytes);
    for (int64_t j = 0; j < n; ++j)
      for (int64_t block = 0; block < blocks; ++block) {
        uint8_t *at = &rows[(j * blocks + block) * bytes];
        uint16_t scale = static_cast<uint16_t>(random() & 0xbfff); // finite, either sign, sometimes subnormal
        if ((j + block) % 7 == 3)
          scale &= 0x83ff;
        at[0] = scale & 0xff;
        at[1] = scale >> 8;
        scaleOf(block, j) = fromF16(scale);
        for (int64_t i = 2; i < bytes; ++i)
          at[i] = static_cast<uint8_t>(random());
        for (int64_t i = 0; i < 32; ++i)
          quants(block * 32 + i, j) = q8       ? static_cast<int8_t>(at[2 + i])
                                      : i < 16 ? (at[2 + i] & 15) - 8
                                               : (at[2 + i - 16] >> 4) - 8;
      }
    auto pack = q8 ? packBlocksQ8 : packBlocksQ4;
    pack(rows, k, n, {weights.begin(), weights.size()}, {scales.begin(), scales.size()});
  }
  Buffer<int8_t> weights;
  Buffer<uint16_t> scales;
  Matrix quants, scaleOf;
};
} // namespace

/// One output as kernels/README.md defines it.
static float blockProduct(BlockFormat format, const float *x, const Blocks &b, int64_t k, int64_t j, float y) {
  for (int64_t block = 0; block < k / 32; ++block) {
    float sum = 0;
    auto add = [&](int64_t i) {
      sum = std::fma(x[block * 32 + i], static_cast<float>(b.quants(block * 32 + i, j)), sum);
    };
    if (format == BlockFormat::Q8)
      for (int64_t i = 0; i < 32; ++i)
        add(i);
    else
      for (int64_t i = 0; i < 16; ++i) {
        add(i);
        add(i + 16);
      }
    y = std::fma(static_cast<float>(b.scaleOf(block, j)), sum, y);
  }
  return y;
}

TEST_CASE("gemm with weights in blocks", "[kernels]") {
  for (BlockFormat format : {BlockFormat::Q8, BlockFormat::Q4})
    for (Shape s : {Shape{1, 32, 1}, Shape{3, 64, 7}, Shape{5, 96, 28}, Shape{2, 160, 100}, Shape{1, 1024, 130}}) {
      Suite suite;
      TileKernel kernel = buildGemmBlocks(*suite, s.rows, s.k, s.n, format);
      suite.compile();
      std::mt19937 random(13);
      for (int64_t m = 1; m <= s.rows; ++m) {
        INFO(kernel.name << " m=" << m);
        Blocks b(format, s.k, s.n, random);
        Buffer<float> x(s.rows * s.k, random), sums(s.rows * s.n), y(s.rows * s.n, random), before = y, expected = y;
        suite.call(kernel, {m}, x, b.weights, b.scales, sums, y);
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < s.n; ++j)
            expected[i * s.n + j] = blockProduct(format, x.begin() + i * s.k, b, s.k, j, expected[i * s.n + j]);
        if (codegen::defaultHostTarget().fma)
          REQUIRE(y.sameBits(expected));
        Matrix weights(s.k, s.n);
        for (int64_t p = 0; p < s.k; ++p)
          weights.row(p) = b.quants.row(p).cwiseProduct(b.scaleOf.row(p / 32));
        // Roundings: two a weight where the host does not fuse, two a block.
        checkBound(y, before, toMatrix(x, s.rows, s.k), weights, m, 64 + 2 * (s.k / 32) + 2);
      }
    }
}
