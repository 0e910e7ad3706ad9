// Words that routers combine: what comes out, when, and what a program must not do.
#include "mesh_oracle_state.h"
#include "sim/mesh/Combine.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

namespace weft::test {
namespace {

using pkg::Axis;
using pkg::Combine;

constexpr Combine kinds[] = {Combine::AddF32,  Combine::MaxF32, Combine::AddBF16,
                             Combine::MaxBF16, Combine::AddI32, Combine::MaxI32};

std::vector<std::byte> bytesOf(uint32_t word) {
  std::vector<std::byte> bytes(4);
  std::memcpy(bytes.data(), &word, 4);
  return bytes;
}

uint32_t combined(Combine kind, uint32_t first, uint32_t second) {
  uint32_t result = 0;
  sim::combineWords(kind, bytesOf(first).data(), bytesOf(second).data(), reinterpret_cast<std::byte *>(&result), 4);
  return result;
}

Setup machine(uint32_t reduceStage) {
  Setup setup;
  setup.hardware.routing.reduceStage = reduceStage;
  return setup;
}

/// `width` cores in a row send `words` words each to `root`.
struct Line : Maker {
  Line(uint32_t width, int32_t root, Combine combine, int32_t words) : Maker(width, 1) {
    uint32_t sum = channel("sum", Axis::X, {{0, root, 0, static_cast<int32_t>(width) - 1, false, 0, combine}});
    for (uint32_t x = 0; x < width; ++x)
      at(x).put(sum, 0, 4 * words);
    at(static_cast<uint32_t>(root)).get(sum, 1024, 4 * words);
  }
};

} // namespace

TEST_CASE("The unit computes what the oracle does, bit for bit") {
  std::mt19937 random(7);
  std::vector<uint32_t> values = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                  0xffc12345, 0x7f800001, 0x7f7fffff, 0xff7fffff, 0x00800000, 0x007fffff, 0x00000001,
                                  0x80000001, 0x7fffffff, 0x33800000, 0x3f800001, 0x3f803f81, 0x7f7f7f7f, 0x00010001};
  for (int i = 0; i < 300; ++i)
    values.push_back(static_cast<uint32_t>(random()));
  for (Combine kind : kinds)
    for (uint32_t a : values)
      for (uint32_t b : values)
        if (bytesOf(combined(kind, a, b)) != oracleCombine(kind, bytesOf(a), bytesOf(b)))
          FAIL(pkg::EnumNameCombine(kind) << " of " << a << " and " << b << ": " << combined(kind, a, b));
}

TEST_CASE("What the unit makes of numbers worth knowing") {
  CHECK(combined(Combine::AddF32, 0x3f800000, 0x33800000) == 0x3f800000); // 1 + 2^-24: a tie, to even
  CHECK(combined(Combine::AddF32, 0xffc12345, 0x3f800000) == 0x7fc00000); // the canonical NaN
  CHECK(combined(Combine::AddF32, 0x00000001, 0x00000001) == 0x00000002); // subnormals are kept
  CHECK(combined(Combine::MaxF32, 0x7fc12345, 0x3f800000) == 0x3f800000); // a > b ? a : b
  CHECK(combined(Combine::MaxF32, 0x3f800000, 0x7fc12345) == 0x7fc12345);
  CHECK(combined(Combine::MaxF32, 0x00000000, 0x80000000) == 0x80000000); // neither zero is greater
  CHECK(combined(Combine::AddBF16, 0x3f803f80, 0x3b803b81) ==
        0x3f803f81); // 1 + 2^-8: a tie, to even; just above it: up
  CHECK(combined(Combine::AddBF16, 0x7f7f7f7f, 0x7f7f0000) == 0x7f807f7f); // beyond the largest
  CHECK(combined(Combine::AddBF16, 0x00010080, 0x00018001) == 0x0002007f);
  CHECK(combined(Combine::AddBF16, 0x7f80ff80, 0xff80ff80) == 0x7fc0ff80);
  CHECK(combined(Combine::MaxBF16, 0xbf803f80, 0x3f80bf80) == 0x3f803f80);
  CHECK(combined(Combine::AddI32, 0x7fffffff, 2) == 0x80000001);
  CHECK(combined(Combine::MaxI32, 0x80000000, 1) == 1);
}

TEST_CASE("A line's sum has the order of its tree, and comes when the model says") {
  constexpr uint32_t stage = 3, words = 5;
  for (int32_t root : {0, 2, 4}) {
    CAPTURE(root);
    runtime::Package package = Line(5, root, Combine::AddF32, words).take();
    Setup setup = machine(stage);
    std::mt19937 random(3);
    float in[5][words];
    for (auto &row : in) {
      setup.initialMemory.emplace_back(setup.hardware.memory.sramBytes);
      for (float &value : row)
        value = static_cast<float>(random()) / 3e3f;
      std::memcpy(setup.initialMemory.back().data(), row, sizeof row);
    }
    Observation seen = runEngine(package, setup);
    CAPTURE(seen.error);
    REQUIRE(seen.finished);
    for (uint32_t j = 0; j < words; ++j) {
      float low = in[0][j], high = in[4][j];
      for (int32_t p = 1; p < root; ++p)
        low += in[p][j];
      for (int32_t p = 3; p > root; --p)
        high = in[p][j] + high;
      float want = root == 0 ? in[0][j] + high : root == 4 ? low + in[4][j] : low + in[root][j] + high;
      float got = 0;
      std::memcpy(&got, &seen.memory[static_cast<size_t>(root)][1024 + 4 * j], 4);
      CHECK(got == want);
    }
    // transfer_issue, the ramp up, the unit; a hop and a unit for each router; the ramp down; then a word a cycle.
    const std::vector<uint64_t> &arrivals = seen.arrivals[{static_cast<uint32_t>(root), 0}];
    REQUIRE(arrivals.size() == words);
    auto hops = static_cast<uint64_t>(std::max(root, 4 - root));
    for (uint64_t j = 0; j < words; ++j)
      CHECK(arrivals[j] == 1 + 2 + stage + hops * (1 + stage) + 2 + j);
    CHECK(seen.report.counters.wordHops == uint64_t{words} * 4);
    CHECK(seen.report.channels[0].maxHops == hops);
  }
}

TEST_CASE("A root may receive where it sends from, and only there") {
  auto run = [](uint32_t to, int32_t words, bool early, Combine combine) {
    Maker maker(3, 1);
    uint32_t sum = maker.channel("sum", Axis::X, {{0, 1, 0, 2, false, 0, combine}});
    for (uint32_t x = 0; x < 3; ++x) {
      if (early) // words that others are combined with
        maker.at(x).put(sum, 512, 40);
      maker.at(x).put(sum, 0, 40);
    }
    maker.at(1).get(sum, to, 4 * words);
    if (words < 10 || early)
      maker.get(sum, 1024, early ? 40 : 40 - 4 * words);
    runtime::Package package = maker.take();
    Setup setup = machine(1);
    for (float x : {1.0f, 2.0f, 3.0f}) {
      setup.initialMemory.emplace_back(setup.hardware.memory.sramBytes);
      for (size_t i = 0; i < 10; ++i)
        std::memcpy(&setup.initialMemory.back()[4 * i], &x, 4);
    }
    return runEngine(package, setup);
  };
  Observation seen = run(0, 10, false, Combine::AddF32);
  CAPTURE(seen.error);
  REQUIRE(seen.finished);
  for (size_t i = 0; i < 10; ++i) {
    float got = 0;
    std::memcpy(&got, &seen.memory[1][4 * i], 4);
    CHECK(got == 6);
  }
  CHECK_THAT(run(4, 10, false, Combine::AddF32).error, Catch::Contains("owns until the next Wait"));
  CHECK_THAT(run(0, 9, false, Combine::AddF32).error, Catch::Contains("owns until the next Wait"));
  CHECK_THAT(run(0, 10, true, Combine::AddF32).error, Catch::Contains("owns until the next Wait"));
}

TEST_CASE("Two reducing flows share a router's unit, a word each in turn") {
  Maker maker(3, 3); // they cross in (1, 1)
  uint32_t row = maker.channel("row", Axis::X, {{1, 2, 0, 2, false, 0, Combine::AddI32}});
  uint32_t column = maker.channel("column", Axis::Y, {{1, 2, 0, 2, false, 1, Combine::AddI32}});
  constexpr int32_t words = 40;
  for (uint32_t i = 0; i < 3; ++i) {
    maker.at(i, 1).put(row, 0, 4 * words);
    maker.at(1, i).put(column, 256, 4 * words);
  }
  maker.at(2, 1).get(row, 1024, 4 * words);
  maker.at(1, 2).get(column, 1024, 4 * words);
  runtime::Package package = maker.take();
  Setup setup = machine(2);
  Observation seen = runEngine(package, setup), expected = runOracle(package, setup);
  REQUIRE(seen.finished);
  CHECK(seen.arrivals == expected.arrivals);
  CHECK(seen.hostArrivals == expected.hostArrivals);
  const std::vector<uint64_t> &arrivals = seen.arrivals[{5, row}];
  CHECK(arrivals.back() - arrivals.front() >= 2 * (words - 4));
}

TEST_CASE("A flow that combines must suit the machine") {
  auto refusal = [](pkg::Flow flow, uint32_t stage) {
    Maker maker(3, 1);
    maker.channel("sum", Axis::X, {flow});
    return runEngine(maker.take(), machine(stage)).error;
  };
  CHECK_THAT(refusal({0, 0, 0, 2, false, 0, Combine::AddF32}, 0), Catch::Contains("reduce_stage is 0"));
  CHECK_THAT(refusal({0, 0, -1, 2, false, 0, Combine::AddF32}, 1), Catch::Contains("from cores to one core"));
  CHECK_THAT(refusal({0, 0, 0, 2, true, 0, Combine::AddF32}, 1), Catch::Contains("from cores to one core"));
  CHECK(refusal({0, 0, 0, 2, false, 0, Combine::AddF32}, 1).empty());
  CHECK_THAT(refusal({0, 0, 0, 2, false, 0, Combine::AddF32}, 64), Catch::Contains("allowed 0 to 63"));
}

TEST_CASE("Words that wait for others that never come are named") {
  Maker maker(3, 1);
  uint32_t sum = maker.channel("sum", Axis::X, {{0, 2, 0, 2, false, 0, Combine::AddF32}});
  maker.at(0).put(sum, 0, 8);
  maker.at(1).put(sum, 0, 12);
  maker.at(2).put(sum, 0, 8).get(sum, 1024, 8);
  Observation seen = runEngine(maker.take(), machine(1));
  CHECK_FALSE(seen.finished);
  CHECK_THAT(seen.error, Catch::Contains("1 words of channel 'sum' from its core wait in router (1, 0)"));
}

} // namespace weft::test
