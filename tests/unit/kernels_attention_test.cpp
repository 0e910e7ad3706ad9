// Attention kernels: the cache against a list, prefill and decode against a plain softmax in double precision.
#include "kernels_reference.h"

#pragma STDC FP_CONTRACT OFF // the rotation rounds its products, on hosts that could fuse them, too

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

static std::vector<AttentionShape> shapes() {
  return {{.rows = 1, .kvHeads = 1, .group = 1, .width = 2, .ranks = 1, .capacity = 7, .tokens = 1, .scale = 0.5},
          {.rows = 4, .kvHeads = 2, .group = 3, .width = 6, .ranks = 3, .capacity = 4, .tokens = 11, .scale = 0.35},
          {.rows = 9, .kvHeads = 1, .group = 4, .width = 28, .ranks = 2, .capacity = 9, .tokens = 17, .scale = 0.19},
          {.rows = 5, .kvHeads = 3, .group = 1, .width = 8, .ranks = 4, .capacity = 6, .tokens = 18, .scale = 1.3},
          // Windows shorter and longer than what a rank holds.
          {.rows = 4, .kvHeads = 1, .group = 2, .width = 6, .ranks = 3, .capacity = 5, .tokens = 12, .window = 3},
          {.rows = 7, .kvHeads = 2, .group = 1, .width = 4, .ranks = 2, .capacity = 7, .tokens = 14, .window = 9},
          {.rows = 3, .kvHeads = 1, .group = 1, .width = 2, .ranks = 2, .capacity = 4, .tokens = 6, .window = 1},
          // Values narrower and wider than keys.
          {.rows = 4, .kvHeads = 2, .group = 1, .width = 6, .ranks = 3, .capacity = 5, .tokens = 11, .ofValue = 4},
          {.rows = 3, .kvHeads = 1, .group = 2, .width = 4, .ranks = 2, .capacity = 4, .tokens = 6, .ofValue = 10}};
}

TEST_CASE("rope rotates pairs by the position", "[kernels]") {
  for (AttentionShape s : shapes()) {
    constexpr int64_t radix = 4, high = 5;
    int64_t pairs = s.width / 2, heads = s.heads() + s.kvHeads;
    Suite suite;
    TileKernel prefill = buildRope(*suite, s, radix, high, false), decode = buildRope(*suite, s, radix, high, true);
    suite.compile();
    auto frequency = [&](int64_t j) { return std::pow(10000.0, -static_cast<double>(j) / static_cast<double>(pairs)); };
    Buffer<float> lo(radix * s.width), hi(high * s.width);
    for (int64_t j = 0; j < pairs; ++j) {
      for (int64_t p = 0; p < radix; ++p) {
        lo[(p * pairs + j) * 2] = static_cast<float>(std::cos(p * frequency(j)));
        lo[(p * pairs + j) * 2 + 1] = static_cast<float>(std::sin(p * frequency(j)));
      }
      for (int64_t p = 0; p < high; ++p) {
        hi[(p * pairs + j) * 2] = static_cast<float>(std::cos(p * radix * frequency(j)));
        hi[(p * pairs + j) * 2 + 1] = static_cast<float>(std::sin(p * radix * frequency(j)));
      }
    }
    std::mt19937 random(1);
    auto check = [&](float *row, float *before, int64_t position) {
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t j = 0; j < pairs; ++j) {
          int64_t at = h * s.width + 2 * j;
          double c = std::cos(position * frequency(j)), d = std::sin(position * frequency(j)), x = before[at],
                 y = before[at + 1];
          const float *a = &lo[(position % radix * pairs + j) * 2], *b = &hi[(position / radix * pairs + j) * 2];
          float cosine = a[0] * b[0] - a[1] * b[1], sine = a[1] * b[0] + a[0] * b[1];
          REQUIRE(row[at] == before[at] * cosine - before[at + 1] * sine);
          REQUIRE(row[at + 1] == before[at + 1] * cosine + before[at] * sine);
          // Table entries, their combination and the rotation: eight roundings of numbers up to 1.
          REQUIRE(std::abs(row[at] - (x * c - y * d)) <= 8 * 0x1p-24 * (std::abs(x) + std::abs(y)));
          REQUIRE(std::abs(row[at + 1] - (y * c + x * d)) <= 8 * 0x1p-24 * (std::abs(x) + std::abs(y)));
        }
      for (int64_t j = heads * s.width; j < s.ld(); ++j)
        REQUIRE(row[j] == before[j]); // v stays
    };
    for (int64_t rank = 0; rank < s.ranks; ++rank) {
      int64_t n = s.tokens;
      Buffer<int32_t> launch(1 + s.tokens, static_cast<int32_t>(n));
      Buffer<float> qkv(s.rows * s.ld(), random), before = qkv;
      suite.call(prefill, {s.rows, rank}, launch, qkv, lo, hi);
      for (int64_t i = 0; i < runCount(rank, n, s.ranks); ++i)
        check(&qkv[i * s.ld()], &before[i * s.ld()], runStart(rank, n, s.ranks) + i);
      Buffer<float> one(s.ld(), random), old = one;
      suite.call(decode, {1, rank}, launch, one, lo, hi);
      check(&one[0], &old[0], n - 1);
    }
  }
}

namespace {
/// Numbers in double precision, and how far from them a kernel may be.
struct Exact {
  std::vector<double> values, bounds;
};

/// Keys, values and queries of all tokens, and the cores (one a rank) that hold them.
struct Sequence {
  Sequence(const AttentionShape &shape, int64_t length, std::mt19937 &random)
      : shape(shape), qkv(length * shape.ld(), random, -2, 2), k(shape.ranks, cache(shape.width)),
        v(shape.ranks, cache(shape.valueWidth())) {}

  Buffer<float> cache(int64_t width) const { return Buffer<float>(shape.capacity * shape.kvHeads * width, -77.0F); }
  float *token(int64_t i) { return &qkv[i * shape.ld()]; }
  float *key(int64_t i, int64_t kv) { return token(i) + (shape.heads() + kv) * shape.width; }
  float *value(int64_t i, int64_t kv) { return key(i, shape.kvHeads) + kv * shape.valueWidth(); }

  /// The first token that token `t` sees.
  int64_t firstSeen(int64_t t) const { return shape.window ? std::max<int64_t>(0, t + 1 - shape.window) : 0; }

  /// Attention of token `t` over those up to it in the window, all heads, of which the sums are made in at most `parts`
  /// parts.
  Exact attention(int64_t t, int64_t parts) {
    constexpr double rounding = 0x1p-24;
    Exact result;
    int64_t width = shape.width, valueWidth = shape.valueWidth(), first = firstSeen(t), count = t + 1 - first;
    for (int64_t h = 0; h < shape.heads(); ++h) {
      Eigen::RowVectorXd query = Eigen::Map<Eigen::RowVectorXf>(token(t) + h * width, width).cast<double>();
      Eigen::MatrixXd keys(count, width), values(count, valueWidth);
      for (int64_t i = 0; i < count; ++i) {
        keys.row(i) = Eigen::Map<Eigen::RowVectorXf>(key(first + i, h / shape.group), width).cast<double>();
        values.row(i) = Eigen::Map<Eigen::RowVectorXf>(value(first + i, h / shape.group), valueWidth).cast<double>();
      }
      Eigen::VectorXd scores = shape.scale * (keys * query.transpose());
      Eigen::VectorXd weights = (scores.array() - scores.maxCoeff()).exp();
      weights /= weights.sum();
      // The exponents: products and their sums, the scale, and the difference to the maximum, which has the same error.
      double size = shape.scale * (keys.cwiseAbs() * query.cwiseAbs().transpose()).maxCoeff();
      double spread = scores.maxCoeff() - scores.minCoeff();
      double exponent = 2 * (sumDepth(width) + 2) * rounding * size + 2 * rounding * spread;
      // An exponential is 2 units off, and so is each correction of what a part has left; sums, and a division.
      double relative = exponent + (4 + 6 * static_cast<double>(parts) + static_cast<double>(count)) * rounding;
      Eigen::RowVectorXd bound = 2 * relative * (weights.transpose() * values.cwiseAbs());
      for (double x : Eigen::RowVectorXd(weights.transpose() * values))
        result.values.push_back(x);
      for (double x : bound)
        result.bounds.push_back(x);
    }
    return result;
  }

  /// Every rank's slots hold the K and V of the rank's tokens when n are in the cache, bit for bit.
  void checkCache(int64_t n) {
    int64_t columns = shape.kvHeads * shape.width, valueColumns = shape.kvHeads * shape.valueWidth();
    for (int64_t rank = 0; rank < shape.ranks; ++rank)
      for (int64_t i = 0; i < runCount(rank, n, shape.ranks); ++i) {
        int64_t entry = runStart(rank, n, shape.ranks) + i, slot = entry % shape.capacity;
        REQUIRE(std::memcmp(&k[rank][slot * columns], key(entry, 0), columns * 4) == 0);
        REQUIRE(std::memcmp(&v[rank][slot * valueColumns], value(entry, 0), valueColumns * 4) == 0);
      }
  }

  AttentionShape shape;
  Buffer<float> qkv;
  std::vector<Buffer<float>> k, v;
};

/// The rows of one rank in prefill.
struct Core {
  Core(const AttentionShape &s)
      : qkv(s.rows * s.ld(), NAN), kv(s.rows * s.entry(), NAN), o(s.rows * s.heads() * s.valueWidth()),
        l(s.rows * s.heads()), mx(l), scratch(l), attn(o) {}
  Buffer<float> qkv, kv, o, l, mx, scratch, attn;
};
} // namespace

static void checkRow(const float *row, const Exact &exact) {
  for (size_t i = 0; i < exact.values.size(); ++i) {
    INFO("column " << i);
    // Where the bound, which lets all errors add up, is above 4e-6, they are known to cancel that far.
    REQUIRE(std::abs(row[i] - exact.values[i]) <= std::min(exact.bounds[i], 4e-6));
  }
}

/// Each shape with blocks of each size; `few`: with one, of which the next shape has the next.
static void checkPrefill(bool few) {
  for (size_t turn = 0; AttentionShape s : shapes()) {
    const int64_t sizes[] = {1, 3, s.rows};
    const size_t own = ++turn % std::size(sizes);
    for (size_t size = 0; size < std::size(sizes); ++size) {
      if (few && size != own)
        continue;
      const int64_t keys = sizes[size];
      Suite suite;
      TileKernel store = buildKvStore(*suite, s), init = buildFlashInit(*suite, s),
                 finish = buildAttentionFinish(*suite, s);
      TileKernel scores = buildFlashScores(*suite, s, keys), update = buildFlashUpdate(*suite, s, keys);
      suite.compile();
      std::mt19937 random(2);
      for (int64_t n = 1; n <= std::min(s.tokens, s.rows * s.ranks); ++n) {
        INFO("n " << n << " keys " << keys << " ranks " << s.ranks);
        Sequence sequence(s, s.tokens, random);
        Buffer<int32_t> launch(1 + s.tokens, static_cast<int32_t>(n));
        int64_t m = (n + s.ranks - 1) / s.ranks;
        std::vector<Core> cores(s.ranks, Core(s));
        for (int64_t rank = 0; rank < s.ranks; ++rank)
          for (int64_t i = 0; i < runCount(rank, n, s.ranks); ++i) {
            float *token = sequence.token(runStart(rank, n, s.ranks) + i);
            std::copy(token, token + s.ld(), &cores[rank].qkv[i * s.ld()]);
            std::copy(token + s.heads() * s.width, token + s.ld(), &cores[rank].kv[i * s.entry()]);
          }
        for (int64_t rank = 0; rank < s.ranks; ++rank) {
          Core &core = cores[rank];
          suite.call(store, {m, rank}, launch, core.qkv, sequence.k[rank], sequence.v[rank]);
          suite.call(init, {m}, core.o, core.l, core.mx);
          for (int64_t step = 0; step < s.ranks; ++step)
            for (int64_t part = 0; part < (m + keys - 1) / keys; ++part) {
              Buffer<float> block(s.rows * s.heads() * keys, 3.0F);
              Buffer<float> &kv = cores[(rank + step) % s.ranks].kv;
              suite.call(scores, {m, part}, core.qkv, kv, block);
              for (int64_t i = 0; i < s.rows * s.heads() * keys; ++i) {
                if (i >= m * s.heads() * keys)
                  REQUIRE(block[i] == 3.0F);
                else if (part * keys + i % keys >= m)
                  REQUIRE(block[i] == 0.0F);
              }
              suite.call(update, {m, rank, step, part}, launch, block, kv, core.o, core.l, core.mx, core.scratch);
            }
          suite.call(finish, {m}, core.o, core.l, core.attn);
          int64_t columns = s.heads() * s.valueWidth();
          for (int64_t i = 0; i < m; ++i) {
            if (i < runCount(rank, n, s.ranks))
              checkRow(&core.attn[i * columns],
                       sequence.attention(runStart(rank, n, s.ranks) + i, s.ranks * ((m + keys - 1) / keys)));
            else
              checkRow(&core.attn[i * columns], {std::vector<double>(columns), std::vector<double>(columns)});
          }
        }
        sequence.checkCache(n);
      }
    }
  }
}

TEST_CASE("prefill attention over travelling blocks is causal softmax", "[kernels]") { checkPrefill(true); }

TEST_CASE("prefill attention over travelling blocks of each size is causal softmax", "[.long][every-cut]") {
  checkPrefill(false);
}

TEST_CASE("decode keeps the cache balanced and attends to all of it", "[kernels]") {
  for (AttentionShape s : shapes()) {
    Suite suite;
    AttentionShape d = s;
    d.rows = s.capacity;
    d.tokens = 1;
    TileKernel oldest = buildKvOldest(*suite, d), append = buildKvAppend(*suite, d),
               scores = buildDecodeScores(*suite, d);
    TileKernel largest = buildDecodeMax(*suite, d), weighted = buildDecodeWeighted(*suite, d);
    AttentionShape single = d;
    single.rows = 1;
    TileKernel finish = buildAttentionFinish(*suite, single);
    suite.compile();
    std::mt19937 random(3);
    int64_t length = s.capacity * s.ranks, heads = s.heads(), columns = heads * s.valueWidth(), entry = s.entry();
    Sequence sequence(s, length, random);
    for (int64_t n = 1; n <= length; ++n) {
      INFO("n " << n << " ranks " << s.ranks);
      Buffer<int32_t> launch{static_cast<int32_t>(n), 0};
      Buffer<float> qkv(s.ld());
      std::copy(sequence.token(n - 1), sequence.token(n - 1) + s.ld(), qkv.begin());
      std::vector<Buffer<float>> handed(s.ranks, Buffer<float>(entry));
      for (int64_t rank = 0; rank < s.ranks; ++rank) {
        suite.call(oldest, {rank}, launch, sequence.k[rank], sequence.v[rank], handed[rank]);
        if (runCount(rank, n - 1, s.ranks) > 0)
          REQUIRE(std::memcmp(handed[rank].begin(), sequence.key(runStart(rank, n - 1, s.ranks), 0), entry * 4) == 0);
      }
      for (int64_t rank = 0; rank < s.ranks; ++rank)
        suite.call(append, {rank}, launch, qkv, handed[(rank + 1) % s.ranks], sequence.k[rank], sequence.v[rank]);
      sequence.checkCache(n);

      int64_t m = (n + s.ranks - 1) / s.ranks;
      std::vector<Buffer<float>> s1(s.ranks, Buffer<float>(d.rows * heads, NAN));
      Buffer<float> mx(heads, -INFINITY), total(columns + heads, 0.0F), attn(columns);
      for (int64_t rank = 0; rank < s.ranks; ++rank) {
        Buffer<float> local(heads);
        suite.call(scores, {m, rank}, launch, qkv, sequence.k[rank], s1[rank]);
        for (int64_t i = runCount(rank, n, s.ranks) * heads; i < m * heads; ++i)
          REQUIRE(s1[rank][i] == 0.0F);
        const int64_t hidden = sequence.firstSeen(n - 1) - runStart(rank, n, s.ranks);
        for (int64_t i = 0; i < std::min(hidden, m) * heads; ++i)
          REQUIRE(s1[rank][i] == 0.0F);
        suite.call(largest, {m, rank}, launch, s1[rank], local);
        for (int64_t h = 0; h < heads; ++h) {
          if (runCount(rank, n, s.ranks) == 0)
            REQUIRE(local[h] == -std::numeric_limits<float>::max());
          mx[h] = std::max(mx[h], local[h]);
        }
      }
      for (int64_t rank = 0; rank < s.ranks; ++rank) {
        Buffer<float> part(columns + heads, NAN);
        suite.call(weighted, {m, rank}, launch, s1[rank], mx, sequence.v[rank], part);
        for (int64_t i = 0; i < columns + heads; ++i)
          total[i] += part[i];
      }
      Buffer<float> o(columns), l(heads);
      std::copy(total.begin(), total.begin() + columns, o.begin());
      std::copy(total.begin() + columns, total.end(), l.begin());
      suite.call(finish, {1}, o, l, attn);
      checkRow(attn.begin(), sequence.attention(n - 1, s.ranks));
    }
  }
}
