// What machines are said to measure and use: sums over components, and figures of presets against each other and
// against what is published of the whole.
#include "hw-models/Area.h"
#include "hw-models/Energy.h"

#include <catch2/catch.hpp>

using namespace weft;

static hw::Hardware preset(const std::string &name, const std::vector<hw::Override> &overrides = {}) {
  auto machine = hw::load(name, overrides);
  if (!machine)
    FAIL(machine.error().message);
  return *machine;
}

TEST_CASE("area is the sum of what the machine has of each component") {
  const std::vector<hw::Override> figures = {
      {"area.logic_mm2", "1"},        {"area.lane_mm2", "0.5"},        {"area.register_kib_mm2", "0.25"},
      {"area.sram_kib_mm2", "0.125"}, {"area.router_mm2", "2"},        {"area.link_byte_mm2", "0.0625"},
      {"area.unit_mm2", "3"},         {"area.die_crossing_mm2", "10"}, {"area.source", "a test"}};
  auto overrides = figures;
  overrides.insert(overrides.end(), {{"parallelism.mesh", "[8, 6]"},
                                     {"parallelism.core.vlen", "512"},
                                     {"parallelism.core.dlen", "256"},
                                     {"parallelism.core.units", "[dot, exp]"},
                                     {"memory.sram_kib", "64"},
                                     {"routing.link_bytes", "8"},
                                     {"latency.die_crossing.columns", "4"},
                                     {"latency.die_crossing.rows", "3"},
                                     {"latency.die_crossing.cycles", "17"}});
  const auto area = hw::areaOf(preset("rvv-mesh-16", overrides));
  REQUIRE(area);
  CHECK(area->logic == 1);
  CHECK(area->lanes == 8 * 0.5);      // 256 bits
  CHECK(area->registers == 2 * 0.25); // 32 of 512 bits
  CHECK(area->sram == 64 * 0.125);
  CHECK(area->router == 2);
  CHECK(area->links == 4 * 8 * 0.0625);
  CHECK(area->units == 2 * 3);
  CHECK(area->dieCrossings == 10 * (6 + 8)); // one boundary of six rows, one of eight columns
  CHECK(area->core() == 1 + 4 + 0.5 + 8 + 2 + 2 + 6);
  CHECK(area->total() == 48 * area->core() + 140);
}

TEST_CASE("a machine without figures has no area and no energy") {
  const hw::Hardware wse3 = preset("wse3");
  CHECK_FALSE(hw::areaOf(wse3));
  CHECK_FALSE(hw::joulesOf(wse3, {.macs = 1}));
  CHECK_FALSE(hw::idleWatts(wse3));
  hw::Hardware part = preset("rvv-mesh-16");
  part.area.routerMm2.reset();
  part.energy.hopBytePj.reset();
  CHECK_FALSE(hw::areaOf(part));
  CHECK_FALSE(hw::joulesOf(part, {.macs = 1}));
}

TEST_CASE("energy is the sum of what happened") {
  hw::Hardware machine = preset("rvv-mesh-16", {{"parallelism.core.units", "[dot]"}});
  machine.energy = {.macPj = 1,
                    .sramBytePj = 2,
                    .hopBytePj = 4,
                    .dieCrossingBytePj = 8,
                    .leakagePerCyclePj = 16,
                    .sramKibPerCyclePj = 0.5,
                    .unitPerCyclePj = 3,
                    .source = "a test"};
  const auto joules = hw::joulesOf(
      machine, {.macs = 1e12, .sramBytes = 2e12, .hopBytes = 3e12, .crossingBytes = 4e12, .coreCycles = 5e12});
  REQUIRE(joules);
  CHECK(joules->macs == Approx(1));
  CHECK(joules->sram == Approx(4));
  CHECK(joules->links == Approx(12));
  CHECK(joules->dieCrossings == Approx(32));
  CHECK(joules->always == Approx(5 * (16 + 24 + 3)));
  CHECK(joules->total() == Approx(49 + 215));
  CHECK(*hw::idleWatts(machine) == Approx(43e-12 * 1.1e9 * 256));
}

TEST_CASE("a wafer draws what is published of it, most of it whether it works or not") {
  hw::Hardware wafer = preset("wse2", {{"parallelism.clock_ghz", "0.85"}});
  // 850,000 cores for one second, each with a MAC on four lanes, its operands, and a word to a neighbour in each cycle.
  const double cores = 850e3, cycles = 0.85e9 * cores;
  const auto busy =
      hw::joulesOf(wafer, {.macs = 4 * cycles, .sramBytes = 16 * cycles, .hopBytes = 4 * cycles, .coreCycles = cycles});
  REQUIRE(busy);
  CHECK(busy->total() == Approx(15e3).epsilon(0.05));
  CHECK(busy->always > 0.8 * busy->total()); // operations alone would say a fifth of it
  CHECK(*hw::idleWatts(wafer) == Approx(busy->always * (757.0 * 996) / cores));
  // Hot Chips 34: about 30 mW a core at most, at its highest clock.
  CHECK(busy->total() / cores * (1.1 / 0.85) < 30e-3);
}

TEST_CASE("the wafer's core is as large as published, half of it SRAM") {
  const hw::Hardware wafer = preset("wse2");
  const auto area = hw::areaOf(wafer);
  REQUIRE(area);
  CHECK(area->core() == Approx(0.228 * 0.170).epsilon(0.01));
  CHECK(area->sram == Approx(area->core() / 2).epsilon(0.02));
  CHECK(area->total() < 46225); // with what lies between dies
  CHECK(area->total() > 46225 * 0.5);
  // CACTI 7 at 45 nm has 0.2340 mm2 for 64 KiB (itrs-hp, 8-byte word); times 0.059 it is arrays alone, so less.
  const double arrays = 0.728314 * 0.321308 / 64 * 0.059;
  CHECK(*wafer.area.sramKibMm2 > arrays);
  CHECK(*wafer.area.sramKibMm2 < 2.5 * arrays);
}

TEST_CASE("two sources agree about the energy of SRAM") {
  // pJ of an 8-byte read at 45 nm: CACTI 7 (itrs-hp) and Horowitz (ISSCC 2014).
  const double cacti[] = {6.04792, 16.998, 77.1867}, horowitz[] = {10, 20, 100};
  for (size_t i = 0; i < std::size(cacti); ++i) {
    CHECK(cacti[i] / horowitz[i] > 0.6);
    CHECK(cacti[i] / horowitz[i] < 1);
  }
  // The wafer's figure is the middle one at 7 nm.
  CHECK(*preset("wse2").energy.sramBytePj == Approx(cacti[1] / 8 * 0.067).epsilon(0.03));
  CHECK(*preset("wse2").energy.macPj == Approx(1.5 * 0.067).epsilon(0.03));
}
