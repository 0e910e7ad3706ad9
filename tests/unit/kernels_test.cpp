// Dense, embedding, normalisation, MLP and layout kernels against plain loops.
#include "kernels_reference.h"

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {
struct Shape {
  int64_t rows, k, n;
};
} // namespace

/// c += a*b as the contract says: one fma a step, k ascending.
static void gemmReference(Buffer<float> &a, Buffer<float> &b, Buffer<float> &c, Shape s, int64_t m) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < s.n; ++j)
      for (int64_t p = 0; p < s.k; ++p)
        c[i * s.n + j] = std::fma(a[i * s.k + p], b[p * s.n + j], c[i * s.n + j]);
}

static void checkGemm(const codegen::HostTarget &target, std::vector<Shape> shapes) {
  Suite suite;
  std::vector<std::pair<Shape, Element>> cases;
  std::vector<TileKernel> built;
  for (Shape s : shapes)
    for (Element element : allElements) {
      cases.push_back({s, element});
      built.push_back(buildGemm(*suite, s.rows, s.k, s.n, element));
    }
  suite.compile(target);
  std::mt19937 random(1);
  for (size_t i = 0; i < cases.size(); ++i) {
    auto [s, element] = cases[i];
    for (int64_t m = 1; m <= s.rows; ++m) {
      INFO(built[i].name << " m=" << m);
      Buffer<float> a(s.rows * s.k, random), c(s.rows * s.n, random), before = c, expected = c;
      Weights b(element, s.k * s.n, random);
      if (element == Element::F32)
        suite.call(built[i], {m}, a, b.wide, c);
      else
        suite.call(built[i], {m}, a, b.narrow, c);
      if (target.fma) {
        gemmReference(a, b.wide, expected, s, m);
        REQUIRE(c.sameBits(expected));
      }
      // Weights are exact, so that the dtype adds nothing: a rounding a step, two where the target does not fuse.
      checkBound(c, before, toMatrix(a, s.rows, s.k), toMatrix(b.wide, s.k, s.n), m, (target.fma ? 1 : 2) * s.k + 1);
    }
  }
}

TEST_CASE("gemm adds in k order with one fma a step, bit for bit", "[kernels]") {
  codegen::HostTarget target = codegen::defaultHostTarget();
  checkGemm(target,
            {{1, 1, 1}, {3, 7, 7}, {4, 5, 15}, {5, 28, 28}, {9, 44, 44}, {8, 3, 100}, {2, 16, 200}, {1, 64, 1024}});
}

TEST_CASE("gemm on the baseline of the architecture", "[kernels]") {
  checkGemm(codegen::genericHostTarget(), {{1, 3, 7}, {5, 28, 28}, {3, 8, 100}});
}

TEST_CASE("gemm carries infinities and NaN of 16-bit weights", "[kernels]") {
  for (const codegen::HostTarget &target : {codegen::defaultHostTarget(), codegen::genericHostTarget()})
    for (Element element : {Element::F16, Element::BF16}) {
      Suite suite;
      TileKernel kernel = buildGemm(*suite, 1, 1, 11, element);
      suite.compile(target);
      uint16_t infinity = element == Element::F16 ? 0x7c00 : 0x7f80;
      Buffer<float> a(1, 1.0F), c(11, 0.0F);
      Buffer<uint16_t> b(11, infinity);
      b[3] = infinity + 1;
      b[9] = infinity | 0x8000;
      b[10] = 1; // the smallest subnormal
      suite.call(kernel, {1}, a, b, c);
      REQUIRE(c[0] == INFINITY);
      REQUIRE(std::isnan(c[3]));
      REQUIRE(c[9] == -INFINITY);
      REQUIRE(c[10] == (element == Element::F16 ? 0x1p-24F : 0x1p-133F));
    }
}

TEST_CASE("zero, add, copies and packs are exact and leave other rows alone", "[kernels]") {
  for (Shape s : {Shape{1, 0, 1}, Shape{3, 0, 7}, Shape{5, 0, 28}, Shape{4, 0, 44}, Shape{7, 0, 129}}) {
    Suite suite;
    int64_t rows = s.rows, n = s.n, ld = n + 5, width = 6, blocks = n / width + 2;
    TileKernel zero = buildZero(*suite, rows, n), add = buildAdd(*suite, rows, n);
    TileKernel copy = buildCopyColumns(*suite, rows, ld, 3, n), pack = buildPackColumns(*suite, rows, n, blocks, width);
    TileKernel cut = buildPackColumns(*suite, rows, n, 1, width);
    std::vector<ColumnRuns> runs = {{.from = 0, .to = ld - 2, .stride = 1, .count = 1, .width = 1}};
    if (n >= 4)
      runs.push_back({.from = 1, .to = 2, .stride = 2, .count = 3, .width = 1});
    TileKernel place = buildPlaceColumns(*suite, rows, n, ld, runs);
    suite.compile();
    std::mt19937 random(2);
    for (int64_t m = 1; m <= rows; ++m) {
      INFO("rows " << rows << " n " << n << " m " << m);
      Buffer<float> x(rows * n, random), y(rows * n, random), before = x, wide(rows * ld, random);
      suite.call(add, {m}, x, y);
      for (int64_t i = 0; i < rows * n; ++i)
        REQUIRE(x[i] == (i < m * n ? before[i] + y[i] : before[i]));
      suite.call(zero, {m}, x);
      for (int64_t i = 0; i < rows * n; ++i)
        REQUIRE(x[i] == (i < m * n ? 0.0F : before[i]));
      suite.call(copy, {m}, wide, x);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < n; ++j)
          REQUIRE(x[i * n + j] == (i < m ? wide[i * ld + 3 + j] : before[i * n + j]));
      Buffer<float> placed(rows * ld, random), old = placed;
      suite.call(place, {m}, y, placed);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < ld; ++j) {
          // Its columns 1, 2 and 3 go to every other column from 2 on, the first to the last but one.
          const bool from1 = j == 2 || j == 4 || j == 6;
          const float expected = i >= m            ? old[i * ld + j]
                                 : j == ld - 2     ? y[i * n]
                                 : from1 && n >= 4 ? y[i * n + j / 2]
                                                   : old[i * ld + j];
          REQUIRE(placed[i * ld + j] == expected);
        }
      for (auto [kernel, count] : {std::pair(&pack, blocks), std::pair(&cut, int64_t{1})}) {
        Buffer<float> packed(count * rows * width, 9.0F);
        suite.call(*kernel, {m}, y, packed);
        for (int64_t b = 0; b < count; ++b)
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < width; ++j) {
              int64_t column = b * width + j;
              float expected = i >= m ? 9.0F : column < n ? y[i * n + column] : 0.0F;
              REQUIRE(packed[(b * rows + i) * width + j] == expected);
            }
      }
    }
  }
}

TEST_CASE("a transpose moves every bit to its place", "[kernels]") {
  for (Shape s : {Shape{1, 0, 1}, Shape{1, 0, 9}, Shape{5, 0, 1}, Shape{3, 0, 7}, Shape{6, 0, 28}, Shape{4, 0, 44},
                  Shape{7, 0, 129}, Shape{40, 0, 300}}) {
    Suite suite;
    TileKernel kernel = buildTranspose(*suite, s.rows, s.n);
    suite.compile();
    std::mt19937 random(9);
    for (int64_t m = 1; m <= s.rows; m += std::max<int64_t>(1, s.rows / 7)) {
      INFO(kernel.name << " m " << m);
      Buffer<float> source(s.rows * s.n, random), target(s.rows * s.n, random), before = target;
      suite.call(kernel, {m}, source, target);
      for (int64_t i = 0; i < s.rows; ++i)
        for (int64_t j = 0; j < s.n; ++j)
          REQUIRE(target[j * s.rows + i] == (i < m ? source[i * s.n + j] : before[j * s.rows + i]));
    }
  }
}

TEST_CASE("embedding rows come from the core that owns them", "[kernels]") {
  constexpr int64_t rows = 4, tokens = 9, vocab = 5, n = 11, ranks = 3;
  for (Element element : allElements) {
    Suite suite;
    TileKernel block = buildEmbedBlock(*suite, rows, tokens, vocab, n, element, ranks);
    TileKernel one = buildEmbedOne(*suite, vocab, n, element);
    suite.compile();
    std::mt19937 random(3);
    for (int64_t count = 1; count <= tokens; ++count) {
      Buffer<int32_t> launch(1 + tokens);
      launch[0] = static_cast<int32_t>(count);
      for (int64_t i = 1; i <= tokens; ++i)
        launch[i] = static_cast<int32_t>(random() % (vocab * ranks));
      Weights table(element, vocab * n, random);
      for (int64_t rank = 0; rank < ranks; ++rank)
        for (int64_t step = 0; step < ranks; ++step) {
          Buffer<float> acc(rows * n, random), before = acc;
          auto call = [&](auto &values) { suite.call(block, {rows, rank, step}, launch, values, acc); };
          element == Element::F32 ? call(table.wide) : call(table.narrow);
          int64_t of = (rank + step) % ranks;
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < n; ++j) {
              float expected = before[i * n + j];
              if (i < runCount(of, count, ranks)) {
                int64_t local = launch[1 + runStart(of, count, ranks) + i] - rank * vocab;
                if (local >= 0 && local < vocab)
                  expected += table.wide[local * n + j];
              }
              REQUIRE(acc[i * n + j] == expected);
            }
        }
      Buffer<int32_t> single{static_cast<int32_t>(count), launch[1]};
      for (int64_t rank = 0; rank < ranks; ++rank) {
        Buffer<float> out(n, 7.0F);
        auto call = [&](auto &values) { suite.call(one, {rank}, single, values, out); };
        element == Element::F32 ? call(table.wide) : call(table.narrow);
        int64_t local = launch[1] - rank * vocab;
        for (int64_t j = 0; j < n; ++j)
          REQUIRE(out[j] == (local >= 0 && local < vocab ? table.wide[local * n + j] : 0.0F));
      }
    }
  }
}

TEST_CASE("the last row is the last token's", "[kernels]") {
  constexpr int64_t rows = 4, tokens = 10, n = 13, ranks = 3;
  Suite suite;
  TileKernel last = buildLastRow(*suite, rows, tokens, n, ranks);
  suite.compile();
  std::mt19937 random(4);
  for (int64_t count = 1; count <= tokens; ++count)
    for (int64_t rank = 0; rank < ranks; ++rank) {
      Buffer<int32_t> launch(1 + tokens, static_cast<int32_t>(count));
      Buffer<float> x(rows * n, random), out(n, 7.0F);
      suite.call(last, {rank}, launch, x, out);
      int64_t row = count - 1 - runStart(rank, count, ranks);
      for (int64_t j = 0; j < n; ++j)
        REQUIRE(out[j] == (rank == ranks - 1 ? x[row * n + j] : 0.0F));
    }
}

TEST_CASE("root-mean-square normalisation", "[kernels]") {
  for (Element element : allElements)
    for (int64_t n : {1, 7, 28, 44, 100}) {
      constexpr int64_t rows = 3, extent = 301;
      Suite suite;
      TileKernel squares = buildSumSquares(*suite, rows, n),
                 scale = buildRmsScale(*suite, rows, n, extent, 1e-5, element);
      suite.compile();
      std::mt19937 random(5);
      for (int64_t m = 1; m <= rows; ++m) {
        Buffer<float> x(rows * n, random), ss(rows, 5.0F), y(rows * n, 6.0F);
        Weights gamma(element, n, random);
        suite.call(squares, {m}, x, ss);
        auto call = [&](auto &values) { suite.call(scale, {m}, x, ss, values, y); };
        element == Element::F32 ? call(gamma.wide) : call(gamma.narrow);
        for (int64_t i = 0; i < rows; ++i) {
          double sum = 0;
          for (int64_t j = 0; j < n; ++j)
            sum += static_cast<double>(x[i * n + j]) * x[i * n + j];
          // Terms are positive: n roundings at most.
          REQUIRE(std::abs(ss[i] - (i < m ? sum : 5.0)) <= n * 0x1p-24 * sum);
          float inverse = 1.0F / std::sqrt(ss[i] / static_cast<float>(extent) + 1e-5F);
          for (int64_t j = 0; j < n; ++j) {
            REQUIRE(y[i * n + j] == (i < m ? x[i * n + j] * inverse * gamma.wide[j] : 6.0F));
            double exact = x[i * n + j] / std::sqrt(ss[i] / static_cast<double>(extent) + 1e-5) * gamma.wide[j];
            // Six roundings, some of them halved by the root.
            REQUIRE(std::abs(y[i * n + j] - (i < m ? exact : 6.0)) <= 6 * 0x1p-24 * std::abs(exact) + 0x1p-149);
          }
        }
      }
    }
}

TEST_CASE("blocks are selected exactly", "[kernels]") {
  struct Layout {
    int64_t n, blocksIn, blocksOut, width, cores;
  };
  for (Layout l : {Layout{12, 2, 3, 6, 3}, Layout{11, 2, 1, 6, 4}, Layout{5, 3, 2, 7, 2}, Layout{40, 5, 4, 8, 3}}) {
    Suite suite;
    TileKernel select = buildSelectBlocks(*suite, l.n, l.blocksIn, l.blocksOut, l.width);
    suite.compile();
    std::mt19937 random(8);
    for (int64_t in = 0; in < l.cores; ++in)
      for (int64_t out = 0; out < l.cores; ++out) {
        Buffer<float> x(l.n, random), y(l.blocksOut * l.width, 4.0F);
        suite.call(select, {in, out}, x, y);
        for (int64_t i = 0; i < l.blocksOut; ++i)
          for (int64_t j = 0; j < l.width; ++j) {
            int64_t block = out * l.blocksOut + i, column = block % l.blocksIn * l.width + j;
            REQUIRE(y[i * l.width + j] == (block / l.blocksIn == in && column < l.n ? x[column] : 0.0F));
          }
      }
  }
}
