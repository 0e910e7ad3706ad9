#include "runtime/KernelLibrary.h"
#include "runtime/weights/Shard.h"
#include "tests/unit/TestPackage.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

using namespace weft;
using namespace weft::runtime;
using Catch::Matchers::Contains;

namespace {

/// The nearest of all 16-bit floats that `widen` knows, by search: ties to the even bit pattern.
template <typename Widen> uint16_t nearest(float value, Widen widen, uint16_t infinity) {
  const double magnitude = std::fabs(double(value));
  uint16_t low = 0, high = infinity; // bit patterns of positive floats are ordered like their values
  while (high - low > 1) {
    const uint16_t middle = uint16_t((low + high) / 2);
    (double(widen(middle)) <= magnitude ? low : high) = middle;
  }
  // Above the largest finite value, infinity stands where the next value would be.
  const double below = widen(low);
  const double above = high == infinity ? below + (below - double(widen(uint16_t(low - 1)))) : double(widen(high));
  const double down = magnitude - below, up = above - magnitude;
  const uint16_t chosen = down < up ? low : up < down ? high : (low & 1) ? high : low;
  return uint16_t(chosen | (std::signbit(value) ? 0x8000 : 0));
}

struct ModelDirectory {
  std::filesystem::path path = std::filesystem::path(WEFT_BINARY_DIR) / "weights_test";
  ModelDirectory() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~ModelDirectory() { std::filesystem::remove_all(path); }
  /// 1000 bytes: a header of 50, then numbers.
  std::vector<std::byte> write(std::byte headerByte = std::byte(' ')) const {
    std::vector<std::byte> bytes(1000, headerByte);
    const uint64_t header = 50;
    std::memcpy(bytes.data(), &header, sizeof header);
    for (size_t i = 100; i + 1 < bytes.size(); i += 2) {
      const uint16_t value = narrowBf16(float(i) / 2);
      std::memcpy(bytes.data() + i, &value, sizeof value);
    }
    std::ofstream file(path / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char *>(bytes.data()), 1000);
    return bytes;
  }
};

} // namespace

TEST_CASE("16-bit floats widen exactly and come back") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float half = widenF16(uint16_t(bits)), brain = widenBf16(uint16_t(bits));
    if (!std::isnan(half))
      REQUIRE(narrowF16(half) == bits);
    else
      REQUIRE(std::isnan(widenF16(narrowF16(half))));
    if (!std::isnan(brain))
      REQUIRE(narrowBf16(brain) == bits);
    else
      REQUIRE(std::isnan(widenBf16(narrowBf16(brain))));
  }
  CHECK(widenF16(0x3c01) == 1.0f + 0x1p-10f);
  CHECK(widenF16(0x0001) == 0x1p-24f);
  CHECK(widenF16(0x7bff) == 65504.0f);
  CHECK(std::signbit(widenF16(0x8000)));
  CHECK(widenBf16(0x3f81) == 1.0078125f);
}

TEST_CASE("narrowing rounds to nearest, ties to even") {
  CHECK(narrowF16(65519.0f) == 0x7bff);
  CHECK(narrowF16(65520.0f) == 0x7c00);
  CHECK(narrowF16(0x1p-25f) == 0);
  CHECK(narrowF16(0x1.8p-24f) == 2);
  CHECK(narrowBf16(std::bit_cast<float>(0x3f808000u)) == 0x3f80);
  CHECK(narrowBf16(std::bit_cast<float>(0x3f818000u)) == 0x3f82);
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    uint32_t bits = random();
    if (i % 2) // half of them where f16 has values, many of those halfway between two
      bits = (bits & 0x80000000) | (0x33000000 + bits % 0x15000000);
    if (i % 4 == 1)
      bits &= 0xfffff000;
    const auto value = std::bit_cast<float>(bits);
    if (!std::isfinite(value))
      continue;
    INFO("bits " << bits);
    REQUIRE(narrowF16(value) == nearest(value, widenF16, 0x7c00));
    REQUIRE(narrowBf16(value) == nearest(value, widenBf16, 0x7f80));
  }
}

TEST_CASE("a shard is the indexed part of the stored tensor") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const uint32_t width = 1 + random() % 4, height = 1 + random() % 4, rows = 1 + random() % 4,
                   cols = 1 + random() % 4;
    const uint64_t storedRows = 1 + random() % 6, storedCols = 1 + random() % 6;
    pkg::WeightT weight;
    weight.shape = {storedRows, storedCols};
    if (storedRows == 1 && random() % 2)
      weight.shape = {storedCols};
    weight.file_offset = 4 * (random() % 3);
    weight.transposed = random() % 2;
    weight.rows_local = rows;
    weight.cols_local = cols;
    weight.row_stride = 4 * (cols + random() % 3);
    weight.offset = random() % 8;
    weight.row_axis = pkg::Axis(random() % 3);
    weight.col_axis = pkg::Axis(random() % 3);
    for (uint32_t y = 0; y < height && round % 3 == 0; ++y)
      if (random() % 2)
        weight.core_rows.push_back(y);
    const auto &only = weight.core_rows;
    auto shares = [&](pkg::Axis axis) {
      return axis == pkg::Axis::X ? width : axis == pkg::Axis::None ? 1 : only.empty() ? height : uint32_t(only.size());
    };
    auto fill = [&](std::vector<int32_t> &table, uint64_t entries, uint64_t extent) {
      for (uint64_t i = 0; i < entries; ++i)
        table.push_back(int32_t(random() % (extent + 1)) - 1);
    };
    fill(weight.row_index, rows * shares(weight.row_axis), weight.transposed ? storedCols : storedRows);
    fill(weight.col_index, cols * shares(weight.col_axis), weight.transposed ? storedRows : storedCols);
    std::vector<float> stored(weight.file_offset / 4 + storedRows * storedCols);
    for (float &value : stored)
      value = float(random());
    const float *tensor = stored.data() + weight.file_offset / 4;
    const uint32_t x = random() % width, y = random() % height;
    const auto here = std::find(only.begin(), only.end(), y);
    const uint32_t atY = only.empty() ? y : uint32_t(here - only.begin());
    auto coordinate = [&](pkg::Axis axis) { return axis == pkg::Axis::X ? x : axis == pkg::Axis::Y ? atY : 0; };

    std::vector<std::byte> sram(200, std::byte(0xee));
    REQUIRE(fillShard(weight, std::as_bytes(std::span(stored)), x, y, sram));
    std::vector<std::byte> expected(200, std::byte(0xee));
    if (!only.empty() && here == only.end()) { // its bytes are another weight's
      CHECK(sram == expected);
      continue;
    }
    for (uint32_t i = 0; i < rows; ++i)
      for (uint32_t j = 0; j < cols; ++j) {
        const int32_t r = weight.row_index[coordinate(weight.row_axis) * rows + i];
        const int32_t c = weight.col_index[coordinate(weight.col_axis) * cols + j];
        float value = 0;
        if (r >= 0 && c >= 0)
          value = weight.transposed ? tensor[uint64_t(c) * storedCols + r] : tensor[uint64_t(r) * storedCols + c];
        std::memcpy(expected.data() + weight.offset + i * weight.row_stride + 4 * j, &value, 4);
      }
    CHECK(sram == expected);
    CHECK(!fillShard(weight, std::as_bytes(std::span(stored)).first(stored.size() * 4 - 1), x, y, sram));
    CHECK(!fillShard(weight, std::as_bytes(std::span(stored)), x, y, std::span(sram).first(3)));
  }
}

TEST_CASE("element types convert on the way") {
  pkg::WeightT weight;
  weight.shape = {2};
  weight.rows_local = 1;
  weight.cols_local = 3;
  weight.row_index = {0};
  weight.col_index = {1, -1, 0};
  const std::vector<float> f32 = {1.5f, -0x1.00fp0f};
  std::vector<uint16_t> out(3, 0xffff);
  weight.element = pkg::ElementType::BF16;
  REQUIRE(fillShard(weight, std::as_bytes(std::span(f32)), 0, 0, std::as_writable_bytes(std::span(out))));
  CHECK(out == std::vector<uint16_t>{narrowBf16(f32[1]), 0, narrowBf16(f32[0])});
  const std::vector<uint16_t> f16 = {0x3c00, 0xc400};
  weight.file_element = weight.element = pkg::ElementType::F16;
  REQUIRE(fillShard(weight, std::as_bytes(std::span(f16)), 0, 0, std::as_writable_bytes(std::span(out))));
  CHECK(out == std::vector<uint16_t>{0xc400, 0, 0x3c00});
  std::vector<float> wide(3, 9);
  weight.element = pkg::ElementType::F32;
  REQUIRE(fillShard(weight, std::as_bytes(std::span(f16)), 0, 0, std::as_writable_bytes(std::span(wide))));
  CHECK(wide == std::vector<float>{-4, 0, 1});
  weight.element = pkg::ElementType::I32;
  CHECK(!fillShard(weight, std::as_bytes(std::span(f16)), 0, 0, std::as_writable_bytes(std::span(wide))));
}

TEST_CASE("a quantised weight is blocks of scales and integers") {
  std::mt19937 random(12);
  for (int round = 0; round < 100; ++round) {
    const uint32_t blockRows = 1 + random() % 6, blocks = 1 + random() % 3, cols = 1 + random() % 4,
                   columns = cols + random() % 3, first = random() % (columns - cols + 1), rows = blockRows * blocks;
    const uint64_t storedRows = 1 + random() % 9, storedCols = 1 + random() % 5;
    pkg::WeightT weight;
    weight.shape = {storedRows, storedCols};
    weight.file_element = pkg::ElementType::BF16;
    weight.element = pkg::ElementType::I8;
    weight.transposed = random() % 2;
    weight.offset = 4 * (random() % 2);
    weight.rows_local = rows;
    weight.cols_local = cols;
    weight.quantised = std::make_unique<pkg::QuantisedT>();
    weight.quantised->block_rows = blockRows;
    weight.quantised->columns = columns;
    weight.quantised->first_column = first;
    weight.quantised->order = pkg::ByteOrder(random() % 2);
    auto fill = [&](std::vector<int32_t> &table, uint64_t entries, uint64_t extent) {
      for (uint64_t i = 0; i < entries; ++i)
        table.push_back(int32_t(random() % (extent + 1)) - 1);
    };
    fill(weight.row_index, rows, weight.transposed ? storedCols : storedRows);
    fill(weight.col_index, cols, weight.transposed ? storedRows : storedCols);
    std::vector<uint16_t> stored(storedRows * storedCols);
    for (uint16_t &value : stored)
      value = narrowBf16(float(int32_t(random() % 2001) - 1000) / 64);

    const uint64_t depth = (blockRows + 3) / 4 * 4, blockBytes = (4 + depth) * columns;
    std::vector<std::byte> sram(weight.offset + blocks * blockBytes, std::byte(0xee)), expected = sram;
    REQUIRE(fillShard(weight, std::as_bytes(std::span(stored)), 0, 0, sram));
    for (uint32_t block = 0; block < blocks; ++block)
      for (uint32_t j = 0; j < cols; ++j) {
        std::vector<float> numbers(depth);
        float largest = 0;
        for (uint32_t i = 0; i < blockRows; ++i) {
          const int32_t r = weight.row_index[block * blockRows + i], c = weight.col_index[j];
          if (r >= 0 && c >= 0)
            numbers[i] =
                widenBf16(stored[weight.transposed ? uint64_t(c) * storedCols + r : uint64_t(r) * storedCols + c]);
          largest = std::max(largest, std::fabs(numbers[i]));
        }
        std::byte *at = expected.data() + weight.offset + block * blockBytes;
        const float scale = largest * (1.0f / 127);
        std::memcpy(at + 4 * (first + j), &scale, 4);
        for (uint64_t i = 0; i < depth; ++i) {
          const auto integer = int8_t(largest == 0 ? 0 : std::nearbyint(numbers[i] * (127 / largest)));
          const uint64_t place = weight.quantised->order == pkg::ByteOrder::Rows
                                     ? i * columns + first + j
                                     : (i / 4 * columns + first + j) * 4 + i % 4;
          at[4 * columns + place] = std::byte(integer);
        }
      }
    CHECK(sram == expected);
    CHECK(!fillShard(weight, std::as_bytes(std::span(stored)), 0, 0, std::span(sram).first(sram.size() - 1)));
  }
}

TEST_CASE("weight files are those that the package was compiled from") {
  ModelDirectory directory;
  Package package = test::makePackage();
  package.model->directory = directory.path.string();
  package.files[0]->header_digest = headerDigest(directory.write());
  auto openError = [&](const std::optional<std::string> &where = {}) {
    auto files = WeightFiles::open(package, where);
    REQUIRE(!files);
    CHECK(files.error().fault == Fault::User);
    CHECK_THAT(files.error().message, Contains("model.safetensors"));
    return files.error().message;
  };
  SECTION("unchanged, and one core filled from them") {
    auto files = WeightFiles::open(package);
    REQUIRE(files);
    std::vector<std::byte> sram(512, std::byte(0xee));
    REQUIRE(CoreFiller(package, *files).fill(2, 1, sram));
    // Row 1 of the mesh holds stored rows 1 and 2, column 2 stored column 2 and padding; 5 bf16 values a row at 100.
    auto f32 = [&](size_t at) {
      float value;
      std::memcpy(&value, sram.data() + at, sizeof value);
      return value;
    };
    CHECK(f32(8) == widenBf16(narrowBf16(50 + 7)));
    CHECK(f32(12) == 0);
    CHECK(f32(20) == widenBf16(narrowBf16(50 + 12)));
    CHECK(sram[60] == std::byte(8));
    CHECK(sram[63] == std::byte(11));
    CHECK(sram[16] == std::byte(0xee)); // between rows
    CHECK(!CoreFiller(package, *files).fill(2, 1, std::span(sram).first(32)));
  }
  SECTION("moved") {
    package.model->directory = "/nowhere";
    CHECK_THAT(openError(), Contains("--model-dir"));
    CHECK(WeightFiles::open(package, directory.path.string()));
    package.files[0]->path = "/elsewhere/model.safetensors";
    CHECK(WeightFiles::open(package, directory.path.string()));
  }
  SECTION("of another size") {
    package.files[0]->size = 999;
    CHECK_THAT(openError(), Contains("changed") && Contains("1000") && Contains("999"));
  }
  SECTION("with another header") {
    directory.write(std::byte('x'));
    CHECK_THAT(openError(), Contains("changed") && Contains("header"));
  }
}

TEST_CASE("header digests stay inside the file") {
  std::vector<std::byte> lying(20, std::byte(0xff));
  CHECK(headerDigest(lying) != headerDigest(std::span(lying).first(10)));
  CHECK(headerDigest({}) == headerDigest({}));
}

TEST_CASE("kernels are loaded from memory once the processor is known to bear them") {
  std::ifstream file(WEFT_TEST_KERNELS, std::ios::binary);
  const std::string image{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(!image.empty());
  const HostProcessor host = HostProcessor::detect();
  Package package = test::makePackage();
  package.objects[0]->triple = host.architecture + "-unknown-linux-gnu";
  package.objects[0]->features.clear();
  package.objects[0]->image.assign(image.begin(), image.end());
  auto loadError = [&](const HostProcessor &processor) {
    auto library = KernelLibrary::load(package, processor);
    REQUIRE(!library);
    return library.error().message;
  };
  SECTION("and called") {
    auto library = KernelLibrary::load(package);
    INFO((library ? "" : library.error().message));
    REQUIRE(library);
    float values[2] = {1, 2}, result[2] = {};
    void *operands[] = {values, result};
    const int64_t scalars[] = {2, 3};
    library->kernel(0)(operands, scalars);
    CHECK(result[0] == 3);
    CHECK(result[1] == 6);
  }
  SECTION("missing features are named, all of them") {
    package.objects[0]->features = {"+sse4.2", "-avx10", "avx512vnni", "+unheard-of"};
    const HostProcessor small{host.architecture, {"sse4_2"}};
    const std::string message = loadError(small);
    CHECK_THAT(message, Contains("avx512vnni, unheard-of") && !Contains("sse4.2") && !Contains("avx10"));
    package.objects[0]->features = {"sse4.2", "avx512vnni", "unheard-of"};
    CHECK(checkHost(*package.objects[0], {host.architecture, {"sse4_2", "avx512_vnni", "unheard_of"}}));
  }
  SECTION("another machine's object") {
    CHECK_THAT(loadError({"riscv64", {}}), Contains(host.architecture) && Contains("riscv64"));
  }
  SECTION("damaged images") {
    package.objects[0]->image.resize(100);
    CHECK_THAT(loadError(host), Contains("ELF"));
    package.objects[0]->image.assign(image.begin(), image.begin() + ptrdiff_t(image.size() / 4));
    CHECK(!KernelLibrary::load(package));
    package.objects[0]->image = {1, 2, 3};
    CHECK_THAT(loadError(host), Contains("ELF"));
  }
  SECTION("a kernel that is not in it") {
    package.kernels[0]->name = "absent";
    CHECK_THAT(loadError(host), Contains("absent"));
  }
  SECTION("no object at all") {
    package.objects.clear();
    CHECK_THAT(loadError(host), Contains("--timing-only"));
    package.kernels.clear();
    CHECK(KernelLibrary::load(package));
  }
}
