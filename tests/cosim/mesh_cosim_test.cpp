// The mesh of Verilated routers against the mesh engine: the cycle of every word, and the data. SystemC builds one mesh
// in a process, so a run of this program is about one variant of the router; $WEFT_ROUTER names it.
#include "mesh_random_programs.h"
#include "router_mesh.h"

#include "kernels/units/Units.h"

#include "sim/cosim/mesh/Compare.h"
#include "sim/cosim/mesh/Kernels.h"

#include <cstdlib>
#include <numeric>

namespace weft::test {
namespace {

const cosim::RouterVariant &variant() {
  const char *name = std::getenv("WEFT_ROUTER");
  for (const cosim::RouterVariant &each : cosim::routerVariants())
    if (name && each.name == name)
      return each;
  FAIL("WEFT_ROUTER is " << (name ? name : "not set") << ": none of the variants");
  std::abort(); // FAIL throws
}

void compare(uint32_t rounds, bool dense) {
  const hw::Hardware machine = machineOf(variant());
  uint32_t finished = 0;
  size_t words = 0, hostWords = 0;
  std::array<uint32_t, 7> sums{};
  for (uint32_t seed = 1; seed <= rounds; ++seed) {
    CAPTURE(seed, dense, variant().name);
    RandomProgram program(seed, dense, &machine);
    runtime::Package package = program.make();
    Observation expected = runEngine(package, program.setup);
    Observation seen = runDevice(package, program.setup, makeRouters);
    CAPTURE(seen.error, expected.error);
    REQUIRE(seen.finished == expected.finished);
    REQUIRE(seen.arrivals == expected.arrivals);
    REQUIRE(seen.hostArrivals == expected.hostArrivals);
    REQUIRE(seen.coreEnds == expected.coreEnds);
    if (!seen.finished)
      continue;
    ++finished;
    for (const auto &[place, cycles] : seen.arrivals)
      words += cycles.size();
    for (const auto &[place, cycles] : seen.hostArrivals)
      hostWords += cycles.size();
    for (size_t kind = 0; kind < sums.size(); ++kind)
      sums[kind] += program.sums[kind];
    REQUIRE(seen.cycles == expected.cycles);
    REQUIRE(seen.memory == expected.memory);
    REQUIRE(seen.logits == expected.logits);
    // Without data each word has a tag of its own, and none is lost, doubled or out of order.
    program.setup.timingOnly = true;
    Observation timed = runDevice(package, program.setup, makeRouters);
    CAPTURE(timed.error);
    REQUIRE(timed.finished);
    REQUIRE(timed.cycles == seen.cycles);
    REQUIRE(timed.arrivals == seen.arrivals);
    REQUIRE(timed.hostArrivals == seen.hostArrivals);
  }
  // The comparison must have had something to compare.
  CHECK(finished > rounds / 3); // the others deadlock, on both
  CHECK(words > 50 * rounds);
  CHECK(hostWords > rounds / 2);
  CHECK(std::accumulate(sums.begin() + 1, sums.end(), 0u) > rounds / 8);
  for (size_t kind = 1; kind < sums.size() && rounds >= 400; ++kind)
    CHECK(sums[kind] > rounds / 40);
}

/// A collective on both devices.
cosim::LaunchComparison runKernel(const std::string &name, uint32_t width, uint32_t height, uint32_t words) {
  const hw::Hardware machine = machineOf(variant());
  auto package = cosim::makeMeshKernel(name, width, height, words, machine);
  REQUIRE(package);
  MacsModel model;
  cosim::ArrivalLog engineLog, routerLog;
  sim::MeshEngineOptions options;
  options.coreModel = &model;
  options.fillResident = [&](uint32_t x, uint32_t y, std::span<std::byte> sram) {
    cosim::fillMeshKernel(y * width + x, 1, sram);
    return success();
  };
  options.trace = &engineLog;
  auto engine = sim::makeMeshEngine(*package, machine, options);
  options.trace = &routerLog;
  auto routers = makeRouters(*package, machine, options);
  REQUIRE(engine);
  REQUIRE(routers);
  auto compared = cosim::compareLaunch({engine->get(), routers->get(), &engineLog, &routerLog, width, height,
                                        machine.memory.sramBytes, package->programs[0].get()},
                                       {"p", 1, {}});
  INFO((compared ? std::string() : compared.error().message));
  REQUIRE(compared);
  return *compared;
}

} // namespace

TEST_CASE("Routers take the engine's cycles on random programs", "[random]") { compare(40, false); }

TEST_CASE("Routers take the engine's cycles where many colours contend", "[random]") { compare(40, true); }

TEST_CASE("Routers take the engine's cycles on many random programs", "[.long]") {
  compare(600, false);
  compare(400, true);
}

TEST_CASE("Routers take the engine's cycles on collectives", "[collectives]") {
  for (const std::string &kernel : cosim::meshKernels())
    for (auto [width, height] : {std::pair{4u, 4u}, {8u, 8u}, {5u, 3u}})
      for (uint32_t words : {2u, 24u}) {
        cosim::LaunchComparison seen = runKernel(kernel, width, height, words);
        CAPTURE(kernel, width, height, words, seen.first);
        CHECK(seen.mismatches == 0);
        CHECK(seen.words >= uint64_t{words} * 4 / variant().wordBytes);
        CHECK(seen.bytesCompared == uint64_t{width} * height * smallHardware().memory.sramBytes);
      }
}

/// A core sends `sent` words past its row's edge.
runtime::Package toHost(uint32_t sent, uint32_t declared, const hw::Hardware &machine) {
  Maker maker(2, 1);
  const uint32_t out = maker.channel("out", pkg::Axis::X, {{-1, 1, -1, 1, false, 3, pkg::Combine::None}});
  maker.at(1).put(out, 0, static_cast<int32_t>(sent * machine.routing.linkBytes));
  std::vector<int32_t> index(declared * machine.routing.linkBytes / 4);
  std::iota(index.begin(), index.end(), 0);
  maker.output(out, static_cast<uint32_t>(index.size()), index);
  return maker.take();
}

TEST_CASE("Words at the host are compared, and too few of them are an error", "[host]") {
  Setup setup;
  setup.hardware = machineOf(variant());
  for (bool timingOnly : {false, true}) {
    setup.timingOnly = timingOnly;
    runtime::Package right = toHost(3, 3, setup.hardware), few = toHost(2, 3, setup.hardware);
    Observation expected = runEngine(right, setup), seen = runDevice(right, setup, makeRouters);
    REQUIRE(seen.finished);
    REQUIRE(seen.hostArrivals[{0, 0}].size() == 3);
    CHECK(seen.hostArrivals == expected.hostArrivals);
    expected = runEngine(few, setup);
    seen = runDevice(few, setup, makeRouters);
    CHECK_FALSE(seen.finished);
    CHECK_THAT(seen.error, Catch::Contains("delivered 2 words, it declares 3"));
    CHECK(seen.error == expected.error);
  }
}

TEST_CASE("A word at another cycle or place of the host is a difference", "[host]") {
  /// Takes no time; what it traces is what it is told.
  struct Told : runtime::Device {
    Told(sim::TraceSink &log, uint64_t cycle, uint32_t line) : log(log), cycle(cycle), line(line) {}
    Result<void> load(const runtime::Package &) override { return success(); }
    Result<void> reset() override { return success(); }
    Result<std::vector<std::byte>> readSram(uint32_t, uint32_t, uint32_t, uint32_t) override {
      return std::vector<std::byte>();
    }
    Result<runtime::LaunchResult> run(const runtime::Launch &) override {
      log.launchBegins({});
      log.wordAtHost(line, 0, 0, cycle);
      return runtime::LaunchResult();
    }
    sim::TraceSink &log;
    uint64_t cycle;
    uint32_t line;
  };
  const runtime::Package package = toHost(1, 1, machineOf(variant()));
  cosim::ArrivalLog first, second;
  Told engine(first, 7, 0);
  for (auto [cycle, line, mismatches] : {std::tuple{7u, 0u, 0u}, {8u, 0u, 1u}, {7u, 1u, 2u}}) {
    Told routers(second, cycle, line);
    auto compared = cosim::compareLaunch({&engine, &routers, &first, &second, 2, 1, 0, package.programs[0].get()}, {});
    REQUIRE(compared);
    CHECK(compared->mismatches == mismatches);
    CHECK(compared->hostWords == 1);
  }
}

TEST_CASE("A machine that no router of the build is, is refused", "[bad]") {
  hw::Hardware machine = machineOf(variant());
  machine.latency.hop = 9;
  auto package = cosim::makeMeshKernel("reduce", 2, 2, 1, machine);
  auto mesh = cosim::makeMeshCosim(*package, machine, {});
  REQUIRE_FALSE(mesh);
  CHECK_THAT(mesh.error().message, Catch::Contains("no router is Verilated with link_bytes") &&
                                       Catch::Contains("hop 9") &&
                                       Catch::Contains("mesh16: link_bytes 4, queue_words 4, hop 1"));
  CHECK_THAT(mesh.error().message, !Catch::Contains("beyond"));
  // The schema of hardware files is wider than the RTL; the message says where.
  machine.routing.queueWords = 100;
  CHECK_THAT(cosim::makeMeshCosim(*package, machine, {}).error().message,
             Catch::Contains("queue_words 100 is beyond the RTL itself: its queue_words is 1 to 64"));
}

TEST_CASE("The first variant has the parameters that the router's description gives", "[variants]") {
  const cosim::RouterVariant &first = cosim::routerVariants().front();
  const std::map<std::string_view, uint32_t> values = {{"colors", first.colors},
                                                       {"queue_words", first.queueWords},
                                                       {"link_bits", 8 * first.wordBytes},
                                                       {"hop", first.hop},
                                                       {"ramp", first.ramp},
                                                       {"reduce_stage", first.reduceStage}};
  const std::span<const units::Parameter> parameters = units::find("router")->parameters;
  CHECK(parameters.size() == values.size());
  for (const units::Parameter &each : parameters) {
    CAPTURE(each.name);
    CHECK(values.at(each.name) == each.fallback);
  }
}

} // namespace weft::test
