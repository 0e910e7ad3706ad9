// Experts on regions whose matrices lie in the blocks of the model's file: products of pairs are those with the numbers
// that the blocks stand for.
#include "kernels_reference.h"
#include "stored_support.h"

#include <algorithm>
#include <numeric>

using namespace weft;
using kernels::buildPairsIn;
using kernels::buildPairsOut;
using kernels::Element;
using kernels::pairScratch;
using kernels::PairShape;
using kernels::storedScratchRows;
using kernels::TileKernel;
using namespace weft::test;
using runtime::BlockFormat;
using runtime::BlockShape;

namespace {

/// The blocks of all slots as a core has them, and their numbers: columns of each format side by side, one of each
/// padding, and the last rows beyond the end of the stored tensor.
struct SlotBlocks {
  BlockShape shape;
  Buffer<int8_t> bytes;
  Buffer<float> numbers; // [slots x k x n]

  SlotBlocks(int64_t slots, const BlockShape &shape, const std::vector<BlockFormat> &formats, std::mt19937 &random)
      : shape(shape), bytes(size_t(slots * shape.bytes()), 0x55), numbers(size_t(slots * shape.rows * shape.columns)) {
    const int64_t columns = shape.columns / std::ssize(formats);
    for (int64_t slot = 0; slot < slots; ++slot)
      for (size_t part = 0; part < formats.size(); ++part)
        fill(slot, int64_t(part) * columns, columns, formats[part], random);
  }

private:
  void fill(int64_t slot, int64_t first, int64_t count, BlockFormat format, std::mt19937 &random) {
    const int64_t k = shape.rows, n = shape.columns, from = (512 - k) / shape.super * shape.super + shape.super;
    Stored stored(format, count + 3, 512, random);
    std::vector<int32_t> rows, columns;
    for (int64_t i = 0; i < k; ++i)
      rows.push_back(int32_t(from + i < 512 ? from + i : -1));
    for (int64_t j = 0; j < count; ++j)
      columns.push_back(int32_t(j == 1 ? -1 : j + 2));
    pkg::WeightT weight = weightOf(stored, shape, rows, columns, first);
    weight.offset = uint32_t(slot * shape.bytes());
    auto filled =
        runtime::fillShard(weight, stored.bytes, 0, 0, std::as_writable_bytes(std::span(bytes.begin(), bytes.size())));
    INFO((filled ? "" : filled.error().message));
    REQUIRE(filled);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < count; ++j)
        numbers[size_t((slot * k + i) * n + first + j)] =
            rows[size_t(i)] < 0 || columns[size_t(j)] < 0
                ? 0
                : stored.numbers[size_t(columns[size_t(j)] * 512 + rows[size_t(i)])];
  }
};

/// The numbers of pairs in the order in which slots come first.
std::vector<int64_t> bySlot(Buffer<int32_t> &pairs, int64_t rows) {
  std::vector<int64_t> order;
  for (int64_t first = 0; first < pairs[0]; ++first)
    for (int64_t i = first; i < pairs[0]; ++i)
      if (pairs[1 + i] / rows == pairs[1 + first] / rows && std::find(order.begin(), order.end(), i) == order.end())
        order.push_back(i);
  return order;
}

/// Checks both products of pairs with blocks: near what the numbers give in double precision, and bit for bit what the
/// kernels for f32 give, slot by slot.
void checkStoredPairs(const PairShape &shape, const BlockShape &blocks, const std::vector<BlockFormat> &formats,
                      std::mt19937 &random) {
  const int64_t rows = shape.rows, capacity = shape.capacity(), k = blocks.rows, n = blocks.columns;
  Suite suite;
  const TileKernel in = buildPairsIn(*suite, shape, blocks), out = buildPairsOut(*suite, shape, blocks),
                   plainIn = buildPairsIn(*suite, shape, k, n, Element::F32),
                   plainOut = buildPairsOut(*suite, shape, k, n, Element::F32);
  suite.compile();
  SlotBlocks stored(shape.slots, blocks, formats, random);
  for (int64_t count : {int64_t{0}, int64_t{1}, capacity / 2, capacity})
    for (int64_t m : {std::max<int64_t>(count, 1), capacity}) {
      INFO(in.name << " count " << count << " m " << m);
      Buffer<int32_t> pairs(1 + capacity);
      pairs[0] = int32_t(count);
      std::vector<int32_t> all(size_t(shape.slots * rows)); // no row has an expert twice
      std::iota(all.begin(), all.end(), 0);
      std::shuffle(all.begin(), all.end(), random);
      std::copy_n(all.begin(), capacity, pairs.begin() + 1);
      auto numberAt = [&](int64_t pair, int64_t c, int64_t j) {
        return double(stored.numbers[size_t((pairs[1 + pair] / rows * k + c) * n + j)]);
      };
      auto isNear = [&](double actual, double exact, double size, int64_t steps) {
        REQUIRE(std::abs(actual - exact) <= double(steps) * 0x1p-24 * size);
      };
      Buffer<float> scratch(size_t(pairScratch(blocks)), 6.0F), x(rows * k, random), products(capacity * n, 6.0F),
          expected = products;
      suite.call(in, {m}, pairs, x, stored.bytes, scratch, products);
      suite.call(plainIn, {m}, pairs, x, stored.numbers, expected);
      REQUIRE(products.sameBits(expected));
      for (int64_t i = 0; i < capacity; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double exact = i < m ? 0 : 6, size = 0;
          for (int64_t c = 0; i < count && c < k; ++c) {
            const double term = double(x[pairs[1 + i] % rows * k + c]) * numberAt(i, c, j);
            exact += term;
            size += std::abs(term);
          }
          isNear(products[i * n + j], exact, size, k + 3);
        }

      Buffer<float> h(capacity * k, random), sum(rows * n, random), before = sum, sorted = h;
      expected = sum;
      Buffer<int32_t> sortedPairs = pairs;
      for (int64_t to = 0; int64_t i : bySlot(pairs, rows)) {
        sortedPairs[1 + to] = pairs[1 + i];
        std::copy_n(h.begin() + i * k, k, sorted.begin() + to++ * k);
      }
      suite.call(out, {m}, pairs, h, stored.bytes, scratch, sum);
      suite.call(plainOut, {m}, sortedPairs, sorted, stored.numbers, expected);
      REQUIRE(sum.sameBits(expected));
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t j = 0; j < n; ++j) {
          double exact = before[row * n + j], size = std::abs(exact);
          for (int64_t i = 0; i < count; ++i)
            for (int64_t c = 0; pairs[1 + i] % rows == row && c < k; ++c) {
              const double term = double(h[i * k + c]) * numberAt(i, c, j);
              exact += term;
              size += std::abs(term);
            }
          isNear(sum[row * n + j], exact, size, (k + 3) * (count + 1));
        }
    }
}

/// `rows` x `columns` for each of `formats`, cut so that groups of so many rows are left.
BlockShape shapeOf(const std::vector<BlockFormat> &formats, int64_t rows, int64_t columns, int64_t group,
                   int64_t super) {
  BlockShape shape = runtime::shapeFor(factsOf(formats[0]));
  for (BlockFormat format : formats)
    shape = common(shape, runtime::shapeFor(factsOf(format))).value();
  shape.rows = rows;
  shape.columns = columns * std::ssize(formats);
  shape.group = std::min(shape.group, group);
  shape.super = std::min(shape.super, super);
  return shape;
}

} // namespace

/// Each format cut in each way; `few`: in one way, of which the next format has the next.
static void checkFormats(bool few) {
  std::mt19937 random(65);
  const std::tuple<int64_t, int64_t, int64_t> cuts[] = {{64, 9, 32}, {43, 14, 8}, {11, 5, 4}};
  for (size_t i = 0; i < allFormats.size(); ++i)
    for (size_t cut = 0; cut < std::size(cuts); ++cut) {
      if (few && cut != (i + i / std::size(cuts)) % std::size(cuts))
        continue;
      const auto [k, n, group] = cuts[cut];
      checkStoredPairs({.rows = 3, .topK = 3, .slots = 4, .rowsPerRegion = 1},
                       shapeOf({allFormats[i]}, k, n, group, group), {allFormats[i]}, random);
    }
}

TEST_CASE("pairs are multiplied by the blocks of their experts, every format", "[kernels][blocks]") {
  checkFormats(true);
}

TEST_CASE("pairs are multiplied by the blocks of their experts, every format in every cut", "[.long][every-cut]") {
  checkFormats(false);
}

/// Formats side by side, in each shape; `few`: the first in each, others in one.
static void checkSideBySide(bool few) {
  std::mt19937 random(66);
  const std::vector<BlockFormat> sides[] = {{BlockFormat::Q4_K, BlockFormat::Q6_K},
                                            {BlockFormat::Q4_0, BlockFormat::Q4_1},
                                            {BlockFormat::IQ4_XS, BlockFormat::Q5_K},
                                            {BlockFormat::Q2_K, BlockFormat::Q8_0}};
  const PairShape shapes[] = {
      {.rows = 1, .topK = 4, .slots = 3}, {.rows = 7, .topK = 2, .slots = 1}, {.rows = 9, .topK = 2, .slots = 2}};
  for (size_t i = 0; i < std::size(sides); ++i)
    for (size_t shape = 0; shape < std::size(shapes); ++shape)
      if (!few || i == 0 || shape == i % std::size(shapes))
        checkStoredPairs(shapes[shape], shapeOf(sides[i], 72, 8, 16, 64), sides[i], random);
}

TEST_CASE("pairs are multiplied by blocks of several formats side by side, few rows or many", "[kernels][blocks]") {
  checkSideBySide(true);
}

TEST_CASE("pairs are multiplied by blocks of several formats side by side, each for few rows and many",
          "[.long][every-cut]") {
  checkSideBySide(false);
}

TEST_CASE("wide blocks are multiplied strip by strip, in as much scratch as narrow ones", "[kernels][blocks]") {
  std::mt19937 random(67);
  const std::vector formats{BlockFormat::Q4_K, BlockFormat::Q5_K};
  for (int64_t columns : {65, 192, 139}) { // side by side: two of 65, three of 128, and a rest of 22 behind two
    const BlockShape shape = shapeOf(formats, 40, columns, 16, 64);
    CHECK(pairScratch(shape) <= storedScratchRows(shape) * 128);
    checkStoredPairs({.rows = 3, .topK = 2, .slots = 2}, shape, formats, random);
  }
}

TEST_CASE("the cost of pairs in blocks is measured with as many experts as there may be", "[kernels]") {
  const PairShape shape{.rows = 5, .topK = 4, .slots = 3};
  const BlockShape blocks = shapeOf({BlockFormat::Q4_K}, 64, 8, 32, 64);
  Suite suite;
  for (const TileKernel &kernel : {buildPairsIn(*suite, shape, blocks), buildPairsOut(*suite, shape, blocks)}) {
    const kernels::Probe probe = kernels::probeOf((*suite).lookupSymbol<mlir::func::FuncOp>(kernel.name));
    std::vector<int64_t> seen(shape.slots);
    for (int64_t i = 0; i < probe.mostTokens; ++i)
      ++seen.at(size_t((probe.id + i % probe.ids * probe.idStep) / shape.rows));
    CHECK(seen == std::vector<int64_t>{5, 5, 5});
  }
}
