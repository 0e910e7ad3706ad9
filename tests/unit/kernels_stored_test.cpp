// Products with weights in the blocks of a model's file: what the loader puts on a core and the kernel multiplies is
// the product with the numbers that the blocks stand for, bit for bit.
#include "kernels/BlockNumber.h"
#include "kernels_support.h"
#include "stored_support.h"

#include <cstring>

using namespace weft;
using kernels::buildGemm;
using kernels::buildGemmStored;
using kernels::storedScratchRows;
using kernels::TileKernel;
using namespace weft::test;
using runtime::ApartFormat;
using runtime::BlockFormat;
using runtime::BlockShape;

namespace {

struct Cut {
  int64_t rows, from, k, n; // rows of A; the core has k rows of the stored columns from `from` on
  int64_t group, super;     // what still lies together there
};

template <typename Format> void checkProduct(const Cut &cut, const std::vector<Format> &formats, std::mt19937 &random) {
  BlockShape shape = runtime::shapeFor(factsOf(formats[0]));
  for (const Format &format : formats)
    shape = common(shape, runtime::shapeFor(factsOf(format))).value();
  shape.rows = cut.k;
  shape.columns = cut.n * int64_t(formats.size());
  shape.group = std::min(shape.group, cut.group);
  shape.super = std::min(shape.super, cut.super);
  Suite suite;
  TileKernel kernel = buildGemmStored(*suite, cut.rows, shape);
  TileKernel plain = buildGemm(*suite, cut.rows, cut.k, shape.columns, kernels::Element::F32);
  suite.compile();
  INFO(kernel.name);
  Buffer<int8_t> block(size_t(shape.bytes()), 0x55);
  Buffer<float> numbers(size_t(cut.k * shape.columns));
  for (size_t part = 0; part < formats.size(); ++part) {
    REQUIRE(holds(shape, factsOf(formats[part])));
    Stored stored(formats[part], cut.n + 3, 512, random);
    std::vector<int32_t> rows, cols;
    for (int64_t i = 0; i < cut.k; ++i)
      rows.push_back(int32_t(cut.from + i < stored.inputs ? cut.from + i : -1));
    for (int64_t j = 0; j < cut.n; ++j)
      cols.push_back(int32_t(j == 1 ? -1 : j + 2));
    pkg::WeightT weight = weightOf(stored, shape, rows, cols, int64_t(part) * cut.n);
    std::span<std::byte> buffer = std::as_writable_bytes(std::span(block.begin(), block.size()));
    auto filled = runtime::fillShard(weight, stored.bytes, 0, 0, buffer, stored.apartFiles());
    INFO((filled ? "" : filled.error().message));
    REQUIRE(filled);
    for (int64_t i = 0; i < cut.k; ++i)
      for (int64_t j = 0; j < cut.n; ++j)
        numbers[size_t(i * shape.columns + int64_t(part) * cut.n + j)] =
            rows[size_t(i)] < 0 || cols[size_t(j)] < 0
                ? 0
                : stored.numbers[size_t(cols[size_t(j)] * stored.inputs + rows[size_t(i)])];
  }
  for (int64_t m : {int64_t{1}, cut.rows}) {
    Buffer<float> x(size_t(cut.rows * cut.k), random), y(size_t(cut.rows * shape.columns), random), expected = y;
    // What is padding of the weights is zero in A.
    for (int64_t i = 0; i < cut.rows; ++i)
      for (int64_t p = 512 - cut.from; p < cut.k; ++p)
        x[size_t(i * cut.k + p)] = 0;
    Buffer<float> scratch(size_t(storedScratchRows(shape) * shape.columns));
    suite.call(kernel, {m}, x, block, scratch, y);
    suite.call(plain, {m}, x, numbers, expected);
    REQUIRE(y.sameBits(expected));
  }
}

} // namespace

/// Each format in each cut; `few`: in two, of which the next format has the next ones.
static void checkFormats(bool few) {
  std::mt19937 random(19);
  const Cut cuts[] = {Cut{3, 0, 256, 24, 256, 256}, Cut{1, 64, 96, 7, 32, 32}, Cut{2, 44, 11, 5, 4, 4},
                      Cut{2, 80, 43, 12, 16, 16}, Cut{1, 3, 6, 3, 1, 1}};
  for (size_t i = 0; i < allFormats.size(); ++i)
    for (size_t cut = 0; cut < std::size(cuts); ++cut)
      if (!few || cut == i % std::size(cuts) || cut == (i + 2) % std::size(cuts))
        checkProduct(cuts[cut], std::vector{allFormats[i]}, random);
}

TEST_CASE("products with weights in the file's blocks, every format", "[kernels][blocks]") { checkFormats(true); }

TEST_CASE("products with weights in the file's blocks, every format in every cut", "[.long][every-cut]") {
  checkFormats(false);
}

TEST_CASE("products with codes whose scales lie apart", "[kernels][blocks]") {
  std::mt19937 random(71);
  const std::array cuts{Cut{3, 0, 256, 24, 256, 256}, Cut{2, 44, 11, 5, 4, 4}, Cut{2, 496, 32, 6, 16, 16}};
  size_t next = 0;
  const std::vector<ApartFormat> formats = apartFormats();
  for (size_t i = 0; i < formats.size(); i += 5) // each size, type and kind of zero points in turn
    checkProduct(cuts[next++ % cuts.size()], std::vector{formats[i]}, random);
  using Scale = ApartFormat::Scale;
  checkProduct({2, 32, 64, 9, 32, 32}, std::vector<ApartFormat>{{4, 32, Scale::F32, true}, {4, 32, Scale::F16, false}},
               random);
  checkProduct({2, 32, 64, 9, 32, 32}, std::vector<ApartFormat>{{4, 32, Scale::F16, true}, {8, 64, Scale::F16, true}},
               random);
  checkProduct({2, 32, 64, 9, 32, 32}, std::vector<ApartFormat>{{2, 16, Scale::BF16, false}, {8, 16, Scale::F32, true}},
               random);
}

TEST_CASE("nothing has room for both minimums and zero points", "[blocks]") {
  CHECK(!common(runtime::shapeFor(factsOf(BlockFormat::Q4_1)), runtime::shapeFor(factsOf(ApartFormat{.zeros = true}))));
}

TEST_CASE("weights of several formats side by side in one product", "[kernels][blocks]") {
  std::mt19937 random(23);
  for (auto formats : {std::vector{BlockFormat::Q4_K, BlockFormat::Q6_K},
                       {BlockFormat::Q4_0, BlockFormat::Q4_1},
                       {BlockFormat::Q4_K, BlockFormat::Q4_K, BlockFormat::Q5_K},
                       {BlockFormat::IQ4_XS, BlockFormat::Q5_K},
                       {BlockFormat::Q2_K, BlockFormat::Q3_K, BlockFormat::Q8_0}})
    checkProduct({2, 32, 64, 9, 32, 32}, formats, random);
}

TEST_CASE("rows beyond the end of a tensor are padding", "[kernels][blocks]") {
  std::mt19937 random(29);
  for (BlockFormat format : {BlockFormat::Q4_0, BlockFormat::Q8_0, BlockFormat::Q6_K, BlockFormat::Q3_K})
    checkProduct({2, 496, 32, 6, 16, 16}, std::vector{format}, random);
}

TEST_CASE("rows that are to share a scale and do not are an error", "[blocks]") {
  std::mt19937 random(31);
  Stored stored(BlockFormat::Q4_0, 4, 64, random);
  BlockShape shape = runtime::shapeFor(factsOf(stored.format));
  shape.rows = 32;
  shape.columns = 4;
  std::vector<std::byte> buffer(size_t(shape.bytes()));
  std::vector<int32_t> rows(32);
  for (int32_t i = 0; i < 32; ++i)
    rows[size_t(i)] = i + 16;
  auto filled = runtime::fillShard(weightOf(stored, shape, rows, {0, 1, 2, 3}, 0), stored.bytes, 0, 0, buffer);
  REQUIRE(!filled);
  CHECK_THAT(filled.error().message,
             Catch::Matchers::Contains("its blocks of Q4_0 do not go with those of core (0, 0)"));
}

static void checkNumbers(const Stored &stored) {
  for (bool transposed : {false, true}) {
    pkg::WeightT weight = weightOf(stored, BlockShape(), {}, {}, 0);
    weight.blocks = nullptr;
    weight.element = pkg::ElementType::F32;
    weight.transposed = transposed;
    weight.row_index = {5, -1, 300, 31, 2, int32_t(stored.inputs) - 1};
    weight.col_index = {1, 5, -1, 4};
    if (!transposed)
      std::swap(weight.row_index, weight.col_index);
    weight.rows_local = uint32_t(weight.row_index.size());
    weight.cols_local = uint32_t(weight.col_index.size());
    weight.row_stride = weight.cols_local * 4;
    std::vector<float> local(weight.rows_local * weight.cols_local, -1);
    REQUIRE(
        runtime::fillShard(weight, stored.bytes, 0, 0, std::as_writable_bytes(std::span(local)), stored.apartFiles()));
    for (size_t i = 0; i < weight.rows_local; ++i)
      for (size_t j = 0; j < weight.cols_local; ++j) {
        auto row = weight.row_index[i], column = weight.col_index[j];
        float expected = row < 0 || column < 0 ? 0.0f
                         : transposed          ? stored.numbers[size_t(column * stored.inputs + row)]
                                               : stored.numbers[size_t(row * stored.inputs + column)];
        CHECK(local[i * weight.cols_local + j] == expected);
      }
  }
}

TEST_CASE("numbers of blocks as plain numbers, and quantised again", "[blocks]") {
  std::mt19937 random(37);
  for (BlockFormat format : allFormats)
    checkNumbers(Stored(format, 6, 512, random));
}

TEST_CASE("numbers of codes whose scales lie apart, in rows that are no whole blocks", "[blocks]") {
  std::mt19937 random(41);
  for (const ApartFormat &format : apartFormats()) {
    INFO(nameOf(format));
    CHECK(runtime::apartFormatNamed(nameOf(format)) == format);
    checkNumbers(Stored(format, 6, 512, random));
    checkNumbers(Stored(format, 6, 397, random));
    Stored stored(format, 6, 397, random);
    pkg::WeightT weight = weightOf(stored, BlockShape(), {0}, {0}, 0);
    weight.blocks = nullptr;
    weight.element = pkg::ElementType::F32;
    std::vector<std::byte> local(4);
    for (auto shorten : {&runtime::ApartFiles::scales, &runtime::ApartFiles::zeros}) {
      runtime::ApartFiles files = stored.apartFiles();
      if ((files.*shorten).empty())
        continue;
      files.*shorten = (files.*shorten).first((files.*shorten).size() - 1);
      CHECK(!runtime::fillShard(weight, stored.bytes, 0, 0, local, files));
    }
  }
  CHECK(!runtime::apartFormatNamed("4 bits x 8, f32 scales"));
}

TEST_CASE("the cost of a look-up in blocks is measured with a row that is there", "[kernels]") {
  // Nine cores with three of ten entries each: the last five have none of their own.
  const int64_t extent = 10, vocab = 3, ranks = 9, n = runtime::factsOf(BlockFormat::Q8_0).weights;
  Suite suite;
  TileKernel block = kernels::buildEmbedBlock(*suite, 2, 8, vocab, n, BlockFormat::Q8_0, extent, ranks);
  const kernels::Probe probe = kernels::probeOf((*suite).lookupSymbol<mlir::func::FuncOp>(block.name));
  const int64_t rank = probe.scalars[1], first = std::min(rank * vocab, extent - vocab);
  CHECK(probe.id / vocab == rank);
  CHECK(probe.id >= first);
  CHECK(probe.id < first + vocab);
}

TEST_CASE("rows that are looked up in blocks of a file have their numbers, bit for bit", "[kernels]") {
  std::mt19937 random(5);
  // 11 entries on two cores: the second core's six begin with the one that the first has last.
  const int64_t extent = 11, vocab = 6;
  for (BlockFormat format : allFormats) {
    const runtime::BlockFacts &facts = runtime::factsOf(format);
    INFO(facts.name);
    const int64_t n = 2 * facts.weights, rowBytes = 2 * facts.bytes;
    Stored stored(format, extent, n, random);
    Suite suite;
    TileKernel one = kernels::buildEmbedOne(*suite, vocab, n, format, extent);
    TileKernel block = kernels::buildEmbedBlock(*suite, 2, 8, vocab, n, format, extent, 1);
    suite.compile();
    for (int64_t rank : {0, 1}) {
      const int64_t begin = std::min(rank * vocab, extent - vocab);
      Buffer<int8_t> table(size_t(vocab * rowBytes), 0);
      std::memcpy(&table[0], stored.bytes.data() + begin * rowBytes, size_t(vocab * rowBytes));
      for (int32_t token = 0; token < extent; ++token) {
        const bool owned = token / vocab == rank;
        Buffer<int32_t> launch(2, 0);
        launch[0] = 1;
        launch[1] = token;
        Buffer<float> out(size_t(n), random), expected(size_t(n), 0.0f);
        if (owned)
          std::memcpy(&expected[0], stored.numbers.data() + int64_t(token) * n, size_t(n) * sizeof(float));
        suite.call(one, {rank}, launch, table, out);
        REQUIRE(out.sameBits(expected));
      }
    }
    // Two tokens of one core, added to what is there.
    Buffer<int8_t> table(size_t(vocab * rowBytes), 0);
    std::memcpy(&table[0], stored.bytes.data(), size_t(vocab * rowBytes));
    Buffer<int32_t> launch(9, 0);
    launch[0] = 2;
    launch[1] = 4;
    launch[2] = 1;
    Buffer<float> sum(size_t(2 * n), random), expected = sum;
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < n; ++j)
        expected[size_t(i * n + j)] += stored.numbers[size_t((i == 0 ? 4 : 1) * n + j)];
    suite.call(block, {2, 0, 0}, launch, table, sum);
    REQUIRE(sum.sameBits(expected));
  }
}
