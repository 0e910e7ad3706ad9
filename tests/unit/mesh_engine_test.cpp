// The mesh engine against closed forms of docs/program-model.md.
#include "mesh_programs.h"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstring>
#include <numeric>

using Catch::Matchers::Contains;

namespace weft::test {
namespace {

using pkg::Axis;
using Arrivals = std::vector<uint64_t>;

/// Cores start with memory word i of core c = 100 c + i, as f32.
void fillCounting(Setup &setup, uint32_t cores) {
  for (uint32_t core = 0; core < cores; ++core) {
    std::vector<std::byte> memory(setup.hardware.memory.sramBytes);
    for (size_t i = 0; i < memory.size() / 4; ++i) {
      auto value = static_cast<float>(100 * core + i);
      std::memcpy(&memory[4 * i], &value, 4);
    }
    setup.initialMemory.push_back(std::move(memory));
  }
}

float floatAt(const Observation &seen, uint32_t core, uint32_t offset) {
  float value = 0;
  std::memcpy(&value, &seen.memory[core][offset], 4);
  return value;
}

Arrivals consecutive(uint64_t first, size_t words) {
  Arrivals result(words);
  std::iota(result.begin(), result.end(), first);
  return result;
}

Observation runBoth(const runtime::Package &package, Setup setup) {
  Observation seen = runEngine(package, setup);
  INFO(seen.error);
  REQUIRE(seen.finished);
  setup.timingOnly = true;
  Observation timed = runEngine(package, setup);
  REQUIRE(timed.cycles == seen.cycles);
  REQUIRE(timed.arrivals == seen.arrivals);
  REQUIRE(timed.hostArrivals == seen.hostArrivals);
  return seen;
}

} // namespace

TEST_CASE("A message of n words over d links takes issue + 2 ramp + d hop + n - 1 cycles", "[mesh]") {
  for (uint32_t d : {1u, 2u, 6u})
    for (uint32_t n : {1u, 5u, 40u})
      for (uint32_t hop : {1u, 3u})
        for (uint32_t ramp : {1u, 7u}) {
          CAPTURE(d, n, hop, ramp);
          Maker maker(8, 1);
          uint32_t c =
              maker.channel("c", Axis::X, {{0, 1, 1, static_cast<int32_t>(1 + d), false, 3, pkg::Combine::None}});
          maker.at(1).put(c, 0, static_cast<int32_t>(4 * n)).wait();
          maker.at(1 + d).get(c, 1024, static_cast<int32_t>(4 * n)).wait();
          Setup setup;
          setup.hardware.latency.hop = hop;
          setup.hardware.latency.ramp = ramp;
          setup.hardware.latency.transferIssue = 2;
          fillCounting(setup, 8);
          Observation seen = runBoth(maker.take(), setup);
          uint64_t first = 2 + 2 * ramp + d * hop;
          CHECK(seen.arrivals[{1 + d, c}] == consecutive(first, n));
          CHECK(seen.coreEnds[1] == 2 + n);
          CHECK(seen.coreEnds[1 + d] == first + n - 1);
          CHECK(seen.cycles == first + n - 1);
          CHECK(floatAt(seen, 1 + d, 1024 + 4 * (n - 1)) == static_cast<float>(100 + n - 1));
          CHECK(seen.report.channels[c].wordHops == n * d);
          CHECK(seen.report.channels[c].maxHops == d);
          CHECK(seen.report.counters.wordsInjected == n);
        }
}

TEST_CASE("A chain of reductions is a pipeline", "[mesh]") {
  constexpr uint32_t cores = 6, words = 30;
  Maker maker(cores, 1);
  std::vector<uint32_t> links;
  for (int32_t i = 0; i + 1 < static_cast<int32_t>(cores); ++i)
    links.push_back(
        maker.channel("link", Axis::X, {{0, i, i, i + 1, false, static_cast<uint8_t>(i % 2), pkg::Combine::None}}));
  maker.at(0).put(links[0], 0, 4 * words).wait();
  for (uint32_t i = 1; i + 1 < cores; ++i)
    maker.at(i).forward(links[i - 1], links[i], 0, 4 * words);
  maker.at(cores - 1).into(links.back(), 0, 4 * words);
  Setup setup;
  fillCounting(setup, cores);
  Observation seen = runBoth(maker.take(), setup);
  // Each core in between adds stage + ramp + hop + ramp to the way.
  uint64_t first = 1 + 2 + 1 + 2 + (cores - 2) * (1 + 2 + 1 + 2);
  CHECK(seen.arrivals[{cores - 1, links.back()}] == consecutive(first, words));
  CHECK(seen.cycles == first + words - 1 + 1);
  CHECK(floatAt(seen, cores - 1, 4 * 7) == 0 + 100 + 200 + 300 + 400 + 500 + 6 * 7);
}

TEST_CASE("A multicast reaches every core it covers at its distance", "[mesh]") {
  Maker maker(5, 3);
  uint32_t c = maker.channel("c", Axis::X, {{-1, 2, 0, 4, true, 0, pkg::Combine::None}});
  for (uint32_t y = 0; y < 3; ++y) {
    maker.at(2, y).put(c, 0, 40).wait();
    for (uint32_t x : {0u, 1u, 3u, 4u})
      maker.at(x, y).get(c, 512, 40).wait();
  }
  Setup setup;
  fillCounting(setup, 15);
  Observation seen = runBoth(maker.take(), setup);
  for (uint32_t y = 0; y < 3; ++y)
    for (uint32_t x : {0u, 1u, 3u, 4u}) {
      uint32_t core = 5 * y + x, distance = x < 2 ? 2 - x : x - 2;
      CHECK(seen.arrivals[{core, c}] == consecutive(5 + distance, 10));
      CHECK(floatAt(seen, core, 512 + 36) == static_cast<float>(100 * (5 * y + 2) + 9));
    }
  CHECK(seen.report.channels[c].wordHops == 3 * 10 * 4);
  CHECK(seen.report.channels[c].maxHops == 2);
  CHECK(seen.report.channels[c].messages == 3);
}

TEST_CASE("Two colours share a link word by word", "[mesh]") {
  Maker maker(4, 1);
  uint32_t a = maker.channel("a", Axis::X, {{0, 0, 0, 3, false, 0, pkg::Combine::None}});
  uint32_t b = maker.channel("b", Axis::X, {{0, 1, 1, 3, false, 1, pkg::Combine::None}});
  maker.at(0).put(a, 0, 400).wait();
  maker.at(1).put(b, 0, 400).wait();
  maker.at(3).get(a, 1024, 400).get(b, 2048, 400).wait();
  Setup setup;
  Observation seen = runBoth(maker.take(), setup);
  const Arrivals &first = seen.arrivals[{3, a}], &second = seen.arrivals[{3, b}];
  REQUIRE(first.size() == 100);
  REQUIRE(second.size() == 100);
  CHECK(second.front() == 7);        // core 1's word is a hop ahead of core 0's
  CHECK(seen.cycles == 7 + 200 - 1); // the link never idles
  for (size_t i = 10; i < 90; ++i) {
    CHECK(first[i + 1] - first[i] == 2);
    CHECK(second[i + 1] - second[i] == 2);
  }
}

TEST_CASE("Transfers of a core share its ramp word by word", "[mesh]") {
  Maker maker(2, 2);
  uint32_t east = maker.channel("east", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
  uint32_t south = maker.channel("south", Axis::Y, {{0, 0, 0, 1, false, 1, pkg::Combine::None}});
  maker.at(0, 0).put(east, 0, 40).put(south, 0, 40).wait();
  maker.at(1, 0).get(east, 0, 40).wait();
  maker.at(0, 1).get(south, 0, 40).wait();
  Observation seen = runBoth(maker.take(), Setup());
  // The first Put has the ramp alone in cycle 1; then they take turns, the one that was never granted first.
  Arrivals odd, even;
  for (uint64_t i = 0; i < 10; ++i) {
    odd.push_back(1 + 2 * i + 5);
    even.push_back(2 + 2 * i + 5);
  }
  CHECK(seen.arrivals[{1, east}] == odd);
  CHECK(seen.arrivals[{2, south}] == even);
  CHECK(seen.coreEnds[0] == 1 + 20);
}

TEST_CASE("A late Get holds the words up and loses none", "[mesh]") {
  Maker maker(2, 1);
  uint32_t c = maker.channel("c", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
  uint32_t idle = maker.kernel("idle", {});
  maker.at(0).put(c, 0, 80).wait();
  maker.at(1).call(idle, 100).get(c, 1024, 80).wait();
  Setup setup;
  setup.kernels["idle"] = [](void *const *, const int64_t *) {};
  fillCounting(setup, 2);
  Observation seen = runBoth(maker.take(), setup);
  uint64_t open = 101;
  CHECK(seen.arrivals[{1, c}] == consecutive(open + 2, 20));
  // 4 + 2 words fit behind the ramp and 4 + 1 behind the link; the twelfth leaves when the first place, freed at
  // `open`, has come back over both: at open + 2. The last is the ninth from there.
  CHECK(seen.coreEnds[0] == open + 2 + 8 + 1);
  for (uint32_t i = 0; i < 20; ++i)
    CHECK(floatAt(seen, 1, 1024 + 4 * i) == static_cast<float>(i));
}

TEST_CASE("Loops address rings of buffers", "[mesh]") {
  Maker maker(2, 1);
  uint32_t c = maker.channel("c", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
  maker.at(0).begin(constant(5)).put(c, 0, 8).ring(constant(0), 5, 8).wait().end();
  maker.at(1).begin(constant(5)).get(c, 1024, 8).ring(constant(2), 3, 16).wait().end();
  Setup setup;
  fillCounting(setup, 2);
  Observation seen = runBoth(maker.take(), setup);
  // Round i lands in place (i + 2) mod 3: rounds 3, 4 and 2 are the last in places 2, 0 and 1.
  CHECK(floatAt(seen, 1, 1024 + 16 * 2) == 6);
  CHECK(floatAt(seen, 1, 1024 + 16 * 0) == 8);
  CHECK(floatAt(seen, 1, 1024 + 16 * 1) == 4);
}

TEST_CASE("A loop of no rounds is skipped, a message of no words is nothing", "[mesh]") {
  Maker maker(2, 1);
  uint32_t c = maker.channel("c", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
  maker.at(0).begin(constant(0)).begin(constant(3)).put(c, 0, 8).end().end().put(c, 0, 0).wait();
  maker.at(1).into(c, 0, 0);
  Observation seen = runBoth(maker.take(), Setup());
  CHECK(seen.cycles == 1);
  CHECK(seen.report.channels[c].messages == 0);
}

TEST_CASE("Words come from the host and go to it", "[mesh]") {
  Maker maker(3, 2);
  uint32_t in = maker.channel("in", Axis::X, {{-1, -1, -1, 2, true, 0, pkg::Combine::None}});
  uint32_t out = maker.channel("out", Axis::X, {{-1, 1, -1, 1, false, 1, pkg::Combine::None}});
  maker.input(in, 12);
  maker.output(out, 4, {3, 1, -1, 0, 2, -1});
  for (uint32_t y = 0; y < 2; ++y)
    for (uint32_t x = 0; x < 3; ++x) {
      maker.at(x, y).get(in, 0, 12).wait();
      if (x == 1)
        maker.put(out, 64, 12).wait();
    }
  Setup setup;
  setup.hardware.latency.hostStartup = 9;
  setup.inputWords = {7, 8, 9};
  fillCounting(setup, 6);
  Observation seen = runBoth(maker.take(), setup);
  for (uint32_t core = 0; core < 6; ++core) {
    CHECK(seen.arrivals[{core, in}] == consecutive(9 + 1 + core % 3 + 2, 3));
    int32_t words[3];
    std::memcpy(words, seen.memory[core].data(), sizeof words);
    CHECK(words[2] == 9);
  }
  CHECK(seen.logits == std::vector<float>{416, 117, 417, 116});
  // The Put opens a cycle after the input's last word (15); its third word enters at 18, then ramp, a link, and the
  // edge.
  CHECK(seen.cycles == 9 + 1 + 1 + 2 + 2 + 1 + 2 + 2 + 1 + 1);
}

TEST_CASE("A stream waits for nothing but its own words", "[mesh]") {
  // The stream unit holds queue_words + ramp + stage words; with the way out blocked, just these are taken.
  Maker maker(3, 1);
  uint32_t a = maker.channel("a", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
  uint32_t b = maker.channel("b", Axis::X, {{0, 1, 1, 2, false, 1, pkg::Combine::None}});
  uint32_t idle = maker.kernel("idle", {});
  maker.at(0).put(a, 0, 400).wait();
  maker.at(1).forward(a, b, 0, 400);
  maker.at(2).call(idle, 500).into(b, 0, 400);
  Setup setup;
  setup.kernels["idle"] = [](void *const *, const int64_t *) {};
  Observation seen = runBoth(maker.take(), setup);
  const Arrivals &taken = seen.arrivals[{1, a}];
  auto early =
      static_cast<uint64_t>(std::count_if(taken.begin(), taken.end(), [](uint64_t cycle) { return cycle < 400; }));
  CHECK(early == (4 + 2 + 1) + (4 + 2) + (4 + 1)); // the unit, the queue behind the ramp, the queue behind the link
}

TEST_CASE("The report says where the time went", "[mesh]") {
  Maker maker(2, 1);
  uint32_t c = maker.channel("c", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
  uint32_t idle = maker.kernel("idle", {});
  maker.op("first");
  maker.at(0).call(idle, 50).put(c, 0, 40);
  maker.at(1).get(c, 0, 40).wait();
  maker.op("second");
  maker.at(0).call(idle, 10);
  maker.at(1).call(idle, 20);
  Setup setup;
  setup.kernels["idle"] = [](void *const *, const int64_t *) {};
  Observation seen = runBoth(maker.take(), setup);
  uint64_t received = 50 + 1 + 5 + 9;
  CHECK(seen.cycles == received + 20);
  REQUIRE(seen.report.ops.size() == 2);
  CHECK(seen.report.ops[0].cycles == received);
  CHECK(seen.report.ops[1].cycles == 20);
  CHECK(seen.report.ops[0].compute == 25);
  CHECK(seen.report.ops[0].communicate == 1);
  CHECK(seen.report.ops[0].wait == static_cast<double>(received - 1) / 2);
  CHECK(seen.report.ops[1].compute == 15);
  CHECK(seen.report.busyCoreCycles == 80);
  CHECK(seen.report.counters.kernelCalls == 3);
}

} // namespace weft::test
