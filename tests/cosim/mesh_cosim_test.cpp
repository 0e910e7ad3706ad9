// The mesh of Verilated routers against the mesh engine: the cycle of every word, and the data. SystemC builds one mesh
// in a process, so a run of this program is about one variant of the router; $WEFT_ROUTER names it.
#include "mesh_random_programs.h"
#include "router_mesh.h"

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
  size_t words = 0;
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
    REQUIRE(seen.coreEnds == expected.coreEnds);
    if (!seen.finished)
      continue;
    ++finished;
    for (const auto &[place, cycles] : seen.arrivals)
      words += cycles.size();
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
  }
  // The comparison must have had something to compare.
  CHECK(finished > rounds / 3); // the others deadlock, on both
  CHECK(words > 50 * rounds);
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

TEST_CASE("A machine that no router of the build is, is refused", "[bad]") {
  hw::Hardware machine = machineOf(variant());
  machine.latency.hop = 9;
  auto package = cosim::makeMeshKernel("reduce", 2, 2, 1, machine);
  auto mesh = cosim::makeMeshCosim(*package, machine, {});
  REQUIRE_FALSE(mesh);
  CHECK_THAT(mesh.error().message, Catch::Contains("hop 9") && Catch::Contains("mesh16"));
}

} // namespace weft::test
