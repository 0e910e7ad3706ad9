// Block-quantised weights: against vectors made with ggml, bit for bit, and against the formats' own definitions.
#include "runtime/weights/BlockFormat.h"
#include "runtime/weights/HalfFloat.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <vector>

using namespace weft::runtime;
namespace fs = std::filesystem;

static const fs::path vectors = fs::path(WEFT_SOURCE_DIR).parent_path() / "shared/models/ggml-quant-vectors";

static bool haveVectors() {
  if (fs::is_directory(vectors))
    return true;
  std::cout << "SKIPPED: the vectors beside the checkout (../shared/models/ggml-quant-vectors) are not there\n";
  return false;
}

template <typename T> static std::vector<T> read(const std::string &name) {
  std::ifstream file(vectors / name, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

static std::string fileName(const BlockFacts &facts) {
  std::string name(facts.name);
  size_t end = name.ends_with("_K") ? name.size() - 2 : name.size();
  for (size_t i = 0; i < end; ++i)
    name[i] = static_cast<char>(std::tolower(name[i]));
  return name;
}

static std::vector<BlockFormat> allFormats() {
  std::vector<BlockFormat> all;
  for (size_t i = 0; i < blockFormatCount; ++i)
    all.push_back(static_cast<BlockFormat>(i));
  return all;
}

TEST_CASE("formats are found by their names", "[blocks]") {
  for (BlockFormat format : allFormats())
    CHECK(blockFormatNamed(factsOf(format).name) == format);
  CHECK(!blockFormatNamed("Q8_1"));
  CHECK(!blockFormatNamed(""));
}

TEST_CASE("dequantised blocks are ggml's, bit for bit", "[blocks]") {
  if (!haveVectors())
    return;
  for (BlockFormat format : allFormats()) {
    const BlockFacts &facts = factsOf(format);
    INFO(facts.name);
    auto blocks = read<std::byte>(fileName(facts) + ".q.bin");
    auto expected = read<uint32_t>(fileName(facts) + ".deq.f32");
    REQUIRE(expected.size() == 16 * 512);
    REQUIRE(blocks.size() / facts.bytes * facts.weights == expected.size());
    std::vector<float> numbers(expected.size());
    dequantiseBlocks(format, blocks, numbers);
    size_t wrong = 0;
    for (size_t i = 0; i < numbers.size(); ++i)
      wrong += std::bit_cast<uint32_t>(numbers[i]) != expected[i];
    CHECK(wrong == 0);
  }
}

TEST_CASE("16-bit floats are ggml's, bit for bit", "[blocks]") {
  if (!haveVectors())
    return;
  for (bool brain : {false, true}) {
    auto bits = read<uint16_t>(brain ? "bf16.q.bin" : "f16.q.bin");
    auto expected = read<uint32_t>(brain ? "bf16.deq.f32" : "f16.deq.f32");
    REQUIRE(bits.size() == expected.size());
    size_t wrong = 0;
    for (size_t i = 0; i < bits.size(); ++i)
      wrong += std::bit_cast<uint32_t>(brain ? widenBf16(bits[i]) : widenF16(bits[i])) != expected[i];
    CHECK(wrong == 0);
  }
}

/// |y - y'| of a row of x with a column of w, y' being ggml's product, which quantises x: to 8 bits with a scale for 32
/// numbers (formats of 32) or 256 (the others), rounding at most half a step and the scale to f16 where it is of 32; to
/// f16 or bf16 with those formats. Then some roundings of what is summed.
static double boundOf(std::span<const float> x, std::span<const float> w, uint32_t block) {
  double bound = 0, sum = 0;
  for (size_t first = 0; first < x.size(); first += block) {
    double largest = 0;
    for (size_t i = first; i < first + block; ++i)
      largest = std::max(largest, std::abs(double(x[i])));
    for (size_t i = first; i < first + block; ++i) {
      bound += std::abs(double(w[i])) * (largest / 127 * 0.51 + std::abs(double(x[i])) * 0x1p-11);
      sum += std::abs(double(w[i]) * double(x[i]));
    }
  }
  return bound + sum * double(x.size()) * 0x1p-23;
}

TEST_CASE("products with dequantised weights are ggml's within what it rounds", "[blocks]") {
  if (!haveVectors())
    return;
  auto x = read<float>("X_3x512.f32");
  REQUIRE(x.size() == 3 * 512);
  for (BlockFormat format : allFormats()) {
    const BlockFacts &facts = factsOf(format);
    std::vector<float> w(16 * 512);
    dequantiseBlocks(format, read<std::byte>(fileName(facts) + ".q.bin"), w);
    auto expected = read<float>(fileName(facts) + ".mulmat_3x16.f32");
    REQUIRE(expected.size() == 3 * 16);
    for (size_t row = 0; row < 3; ++row)
      for (size_t column = 0; column < 16; ++column) {
        std::span<const float> a(x.data() + row * 512, 512), b(w.data() + column * 512, 512);
        double product = 0;
        for (size_t i = 0; i < 512; ++i)
          product += double(a[i]) * double(b[i]);
        INFO(facts.name << " " << row << " " << column);
        CHECK(std::abs(product - double(expected[row * 16 + column])) <= boundOf(a, b, facts.weights));
      }
  }
}

TEST_CASE("codes and scales of random blocks lie where their facts say", "[blocks]") {
  std::mt19937 random(7);
  for (BlockFormat format : allFormats()) {
    const BlockFacts &facts = factsOf(format);
    INFO(facts.name);
    std::vector<bool> seen(256);
    for (int trial = 0; trial < 200; ++trial) {
      std::vector<std::byte> bytes(facts.bytes);
      for (std::byte &byte : bytes)
        byte = static_cast<std::byte>(random());
      Block block;
      unpackBlock(format, bytes.data(), block);
      for (uint32_t i = 0; i < facts.weights; ++i) {
        REQUIRE(block.codes[i] >= facts.least);
        REQUIRE(block.codes[i] <= facts.most);
        seen[size_t(block.codes[i] - facts.least)] = true;
      }
      if (!facts.scales)
        for (uint32_t group = 0; group < facts.weights / facts.group; ++group)
          REQUIRE(block.scales[group] == 1);
    }
    CHECK(std::count(seen.begin(), seen.end(), true) == facts.most - facts.least + 1);
  }
}
