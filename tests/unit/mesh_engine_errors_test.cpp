// What the mesh engine refuses, and what it says; and the trace writer.
#include "mesh_programs.h"

#include "sim/mesh/Trace.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <fstream>

using Catch::Matchers::Contains;

namespace weft::test {
namespace {

using pkg::Axis;

std::string errorOf(const runtime::Package &package, const Setup &setup = Setup()) {
  Observation seen = runEngine(package, setup);
  CHECK_FALSE(seen.finished);
  return seen.error;
}

/// Two cores, channel "link" from the first to the second.
struct Pair : Maker {
  Pair() : Maker(2, 1) { link = channel("link", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}}); }
  uint32_t link;
};

} // namespace

TEST_CASE("A program that cannot finish says who waits for what", "[mesh]") {
  Pair pair;
  pair.op("attention");
  pair.at(0).put(pair.link, 0, 8).wait();
  pair.at(1).get(pair.link, 0, 40).wait();
  std::string error = errorOf(pair.take());
  CHECK_THAT(error, Contains("cannot finish: 1 of 2 cores") && Contains("core (1, 0)") && Contains("'attention'"));
  CHECK_THAT(error, Contains("in Wait") && Contains("Get 'link' with buffer 'mem'") && Contains("2 of 10 words"));
}

TEST_CASE("Words that nobody takes are an error", "[mesh]") {
  Pair pair;
  pair.at(0).put(pair.link, 0, 8).wait();
  CHECK_THAT(errorOf(pair.take()),
             Contains("words that nobody took") && Contains("2 words of channel 'link'") && Contains("router (1, 0)"));
  Pair open;
  open.at(1).get(open.link, 0, 8);
  CHECK_THAT(errorOf(open.take()), Contains("nobody took") && Contains("core (1, 0) has Get 'link'"));
}

TEST_CASE("A kernel that leaves its core is stopped and named", "[mesh]") {
  struct sigaction before{}, after{};
  sigaction(SIGSEGV, nullptr, &before);
  Pair pair;
  uint32_t wild = pair.kernel("wild", {16});
  pair.op("mlp");
  pair.at(1).call(wild, 5, {32});
  Setup setup;
  setup.kernels["wild"] = [](void *const *operands, const int64_t *) {
    static_cast<volatile float *>(operands[0])[8192 / 4 + 8] = 1;
  };
  runtime::Package package = pair.take();
  std::string expected = "kernel 'wild' touched memory outside its core, at its SRAM's byte 8256 of 8192";
  for (int round = 0; round < 2; ++round) // the second time it still works
    CHECK_THAT(errorOf(package, setup), Contains(expected) && Contains("core (1, 0)") && Contains("op 'mlp'"));
  setup.kernels["wild"] = [](void *const *operands, const int64_t *) {
    static_cast<volatile float *>(operands[0])[-9] = 1;
  };
  CHECK_THAT(errorOf(package, setup), Contains("SRAM's byte -4 of 8192"));
  sigaction(SIGSEGV, nullptr, &after);
  CHECK(before.sa_sigaction == after.sa_sigaction);
}

TEST_CASE("Kernels and transfers keep off each other's bytes", "[mesh]") {
  Setup setup;
  setup.kernels["set"] = [](void *const *operands, const int64_t *) { *static_cast<float *>(operands[0]) = 5; };
  setup.kernels["look"] = [](void *const *operands, const int64_t *) {
    volatile float seen = *static_cast<float *>(operands[0]);
    (void)seen;
  };
  SECTION("a kernel writes what a Put sends") {
    Pair pair;
    uint32_t set = pair.kernel("set", {4});
    pair.at(0).put(pair.link, 0, 400).call(set, 1, {396}).wait();
    pair.at(1).get(pair.link, 0, 400).wait();
    CHECK_THAT(errorOf(pair.take(), setup), Contains("kernel 'set' wrote into bytes [0, 400), which Put 'link'"));
  }
  SECTION("a kernel may read what a Put sends") {
    Pair pair;
    uint32_t look = pair.kernel("look", {4});
    pair.at(0).put(pair.link, 0, 400).call(look, 1, {396}).wait();
    pair.at(1).get(pair.link, 0, 400).wait();
    CHECK(runEngine(pair.take(), setup).finished);
  }
  SECTION("a kernel may write once the Put is over") {
    Pair pair;
    uint32_t set = pair.kernel("set", {4});
    pair.at(0).put(pair.link, 0, 400).wait().call(set, 1, {396});
    pair.at(1).get(pair.link, 0, 400).wait();
    CHECK(runEngine(pair.take(), setup).finished);
  }
  SECTION("a kernel reads what a Get has not brought") {
    Pair pair;
    uint32_t look = pair.kernel("look", {4});
    pair.at(0).put(pair.link, 0, 8);
    pair.at(1).get(pair.link, 0, 8).call(look, 100, {4}).wait();
    CHECK_THAT(errorOf(pair.take(), setup), Contains("Call 'look'") && Contains("which Get 'link' with buffer 'mem'"));
  }
  SECTION("a Get writes what a Put sends") {
    Maker maker(3, 1);
    uint32_t a = maker.channel("a", Axis::X, {{0, 0, 0, 1, false, 0, pkg::Combine::None}});
    uint32_t b = maker.channel("b", Axis::X, {{0, 1, 1, 2, false, 1, pkg::Combine::None}});
    maker.at(0).put(a, 0, 8);
    maker.at(1).put(b, 0, 8).get(a, 4, 8).wait();
    maker.at(2).get(b, 0, 8).wait();
    CHECK_THAT(errorOf(maker.take(), setup), Contains("Get 'a'") && Contains("bytes [4, 12), which Put 'b'"));
  }
  SECTION("a kernel's operand leaves its buffer") {
    Pair pair;
    uint32_t set = pair.kernel("set", {64});
    pair.at(0).call(set, 1, {4096 - 32});
    CHECK_THAT(errorOf(pair.take(), setup), Contains("bytes [4064, 4128) are outside buffer 'mem'"));
  }
  SECTION("a transfer leaves its buffer") {
    Pair pair;
    pair.at(0).put(pair.link, 4092, 8);
    CHECK_THAT(errorOf(pair.take(), setup), Contains("bytes [4092, 4100) are outside buffer 'mem'"));
  }
}

TEST_CASE("A package that makes no sense does not load", "[mesh]") {
  SECTION("two channels with one colour in one router") {
    Maker maker(4, 1);
    maker.channel("a", Axis::X, {{0, 0, 0, 2, false, 5, pkg::Combine::None}});
    maker.channel("b", Axis::X, {{0, 2, 2, 3, false, 5, pkg::Combine::None}});
    CHECK_THAT(errorOf(maker.take()), Contains("'a' and 'b'") && Contains("color 5 in router (2, 0)"));
  }
  SECTION("a colour that the hardware keeps for itself") {
    Maker maker(2, 1);
    maker.channel("a", Axis::X, {{0, 0, 0, 1, false, 22, pkg::Combine::None}});
    Setup setup;
    setup.hardware.routing.reservedColors = 2;
    CHECK_THAT(errorOf(maker.take(), setup), Contains("'a'") && Contains("colors 0 to 21"));
  }
  SECTION("a flow off the mesh") {
    Maker maker(2, 1);
    maker.channel("a", Axis::X, {{0, 0, 0, 2, false, 2, pkg::Combine::None}});
    CHECK_THAT(errorOf(maker.take()), Contains("'a'") && Contains("< 2"));
  }
  SECTION("two flows of one channel into a core") {
    Maker maker(3, 1);
    maker.channel("a", Axis::X,
                  {{0, 0, 0, 1, false, 2, pkg::Combine::None}, {0, 2, 1, 2, false, 3, pkg::Combine::None}});
    CHECK_THAT(errorOf(maker.take()), Contains("core (1, 0) receives more than one flow"));
  }
  SECTION("a Put where no flow starts") {
    Pair pair;
    pair.at(1).put(pair.link, 0, 4);
    CHECK_THAT(errorOf(pair.take()), Contains("core (1, 0)") && Contains("not the source of a flow of channel 'link'"));
  }
  SECTION("a kernel without code") {
    Pair pair;
    pair.kernel("ghost", {});
    CHECK_THAT(errorOf(pair.take()), Contains("'ghost' has no native function"));
  }
  SECTION("a loop without end") {
    Pair pair;
    pair.at(0).begin(constant(2));
    CHECK_THAT(errorOf(pair.take()), Contains("LoopBegin without LoopEnd"));
  }
  SECTION("an input of the wrong length") {
    Maker maker(1, 1);
    maker.input(maker.channel("in", Axis::X, {{0, -1, -1, 0, false, 0, pkg::Combine::None}}), 12);
    Setup setup;
    setup.inputWords = {1, 2};
    CHECK_THAT(errorOf(maker.take(), setup), Contains("'tokens': 8 bytes given where the launch takes 12"));
  }
}

TEST_CASE("The trace is valid JSON with a track for each core, or for some", "[mesh]") {
  for (uint32_t cap : {256u, 6u}) {
    Maker maker(8, 4);
    uint32_t c = maker.channel("c", Axis::X, {{-1, 0, 0, 7, true, 0, pkg::Combine::None}});
    uint32_t idle = maker.kernel("idle", {});
    maker.op("op \"quoted\"\n");
    for (uint32_t y = 0; y < 4; ++y)
      for (uint32_t x = 0; x < 8; ++x) {
        maker.at(x, y).call(idle, 10);
        (x ? maker.get(c, 0, 8) : maker.put(c, 0, 8)).wait();
      }
    runtime::Package package = maker.take();
    std::string path = std::string(WEFT_BINARY_DIR) + "/mesh_engine_trace.json";
    auto writer = sim::TraceWriter::create(path, {cap});
    REQUIRE(writer);
    MacsModel model;
    sim::MeshEngineOptions options;
    options.timingOnly = true;
    options.coreModel = &model;
    options.trace = writer->get();
    auto engine = sim::makeMeshEngine(package, smallHardware(), options);
    REQUIRE(engine);
    REQUIRE((*engine)->run({"p", 1, {}}));
    REQUIRE((*engine)->run({"p", 2, {}}));
    REQUIRE((*writer)->finish());
    nlohmann::json trace = nlohmann::json::parse(std::ifstream(path), nullptr, /*allow_exceptions=*/false);
    REQUIRE(trace.is_object());
    size_t kernels = 0, tracks = 0, launches = 0;
    for (const auto &event : trace["traceEvents"]) {
      kernels += event.value("cat", "") == "kernel";
      launches += event.value("cat", "") == "launch";
      tracks += event["name"] == "thread_name" && event["tid"] != 0;
      if (event.value("cat", "") == "kernel")
        CHECK(event["name"] == "op \"quoted\"\n");
    }
    CHECK(launches == 2);
    CHECK(kernels == 2 * tracks);
    CHECK((cap == 256 ? tracks == 32 : tracks <= 6 && tracks >= 4));
  }
  CHECK_FALSE(sim::TraceWriter::create("/nonexistent/trace.json"));
}

} // namespace weft::test
