// The presets: what they say, and that each number has its reason; the reference of all keys.
#include "hardware_support.h"

#include "hw-models/CoreModel.h"

#include <fstream>
#include <regex>
#include <sstream>

using namespace weft;
using namespace weft::test;
using Catch::Matchers::Contains;

TEST_CASE("each preset loads, is its own name, and survives its canonical text") {
  CHECK(hw::presetNames() == std::vector<std::string>{"cs2", "hammerblade", "rvv-4lane", "rvv-lab", "rvv-mesh-16",
                                                      "saturn", "sifive-x280", "spacemit-x60", "tt-t2", "tt-wormhole",
                                                      "wse2", "wse3"});
  for (const std::string &name : hw::presetNames()) {
    INFO(name);
    Result<hw::Hardware> machine = hw::load(name);
    if (!machine)
      FAIL(machine.error().message);
    CHECK(machine->name == name);
    CHECK_FALSE(machine->description.empty());
    CHECK(parsed(machine->yaml).digest == machine->digest);
    CHECK(hw::makeCoreModel(*machine));
    // The program's copy is the file's text.
    Result<hw::Hardware> file = hw::load(fmt::format("{}/hw-models/presets/{}.yaml", WEFT_SOURCE_DIR, name));
    REQUIRE(file);
    CHECK(file->yaml == machine->yaml);
  }
}

TEST_CASE("presets say what is published") {
  hw::Hardware wse2 = *hw::load("wse2"), wse3 = *hw::load("wse3"), mesh = *hw::load("rvv-mesh-16"),
               lab = *hw::load("rvv-lab");
  CHECK(wse2.parallelism.meshWidth == 757);
  CHECK(wse2.parallelism.meshHeight == 996);
  CHECK(wse3.parallelism.meshWidth == 762);
  CHECK(wse3.parallelism.meshHeight == 1172);
  CHECK(wse2.latency.hop == 1);
  CHECK(wse3.latency.hop == 2);
  CHECK(wse2.parallelism.core.macsPerCycleF16 == 4);
  CHECK(wse3.parallelism.core.macsPerCycleF16 < 8); // eight lanes, not all full
  for (const hw::Hardware &wafer : {wse2, wse3}) {
    CHECK(wafer.latency.ramp == 2);
    CHECK(wafer.routing.colors == 24);
    CHECK(wafer.routing.linkBytes == 4);
    CHECK(wafer.memory.sramBytes == 48 * 1024);
    CHECK(wafer.parallelism.clockGhz == 1.1);
    CHECK(wafer.parallelism.core.kind == "dsd");
    // A software stage of a reduce chain takes about 10 cycles, a hop not counted.
    CHECK(2 * wafer.latency.ramp + wafer.latency.streamStage == 10);
  }
  // About 21 pJ a core and cycle at full work: a 4-lane multiply-add, its SRAM traffic, a hop, and the rest.
  const hw::Energy &energy = wse2.energy;
  double perCycle = 4 * *energy.macPj + 16 * *energy.sramBytePj + 4 * *energy.hopBytePj + *energy.leakagePerCyclePj;
  CHECK(perCycle == Approx(21).epsilon(0.05));

  // 0.92 M parameters in 2 bytes and keys and values of 512 tokens (4 layers, 2 x 64 f32 each) fill less than half of
  // the SRAM that buffers may use.
  double model = 0.92e6 * 2 + 512.0 * 4 * 2 * 64 * 4;
  double usable = double(mesh.usableBytes()) * mesh.parallelism.meshWidth * mesh.parallelism.meshHeight;
  CHECK(model < usable / 2);
  // The lab machine differs in mesh and SRAM alone, energy and area aside; one core holds the model.
  CHECK(model < lab.usableBytes());
  Result<hw::Hardware> same = hw::load("rvv-lab", {{"memory.sram_kib", "48"},
                                                   {"memory.reserve_kib.code", "14"},
                                                   {"parallelism.mesh", "[16,16]"},
                                                   {"energy.source", "x"},
                                                   {"energy.mac_pj", "26.5"},
                                                   {"energy.sram_byte_pj", "0.52"},
                                                   {"energy.hop_byte_pj", "0.15"},
                                                   {"energy.leakage_per_cycle_pj", "0"},
                                                   {"energy.sram_kib_per_cycle_pj", "0.00023"},
                                                   {"area.logic_mm2", "0.05"},
                                                   {"area.lane_mm2", "0.0032"},
                                                   {"area.register_kib_mm2", "0.004"},
                                                   {"area.sram_kib_mm2", "0.00102"},
                                                   {"area.router_mm2", "0.008"},
                                                   {"area.unit_mm2", "0.0064"},
                                                   {"area.source", "x"}});
  REQUIRE(same);
  CHECK(same->digest == mesh.digest);
}

TEST_CASE("presets of RISC-V mesh chips say what is published") {
  hw::Hardware wormhole = *hw::load("tt-wormhole"), hammerblade = *hw::load("hammerblade");
  // 80 tiles of four fidelity phases: 1.024 TFLOP/s each at 1 GHz.
  CHECK(wormhole.parallelism.meshWidth * wormhole.parallelism.meshHeight == 80);
  CHECK(2 * wormhole.parallelism.core.macsPerCycleF16 * wormhole.parallelism.clockGhz == Approx(1024));
  CHECK(wormhole.memory.sramBytes == 1464 * 1024);
  CHECK(wormhole.routing.linkBytes * 8 == 256);
  // A write to the next tile takes a router, and both interfaces, 5 + 9 + 5 cycles.
  CHECK(2 * wormhole.latency.ramp + wormhole.latency.hop == 19);
  // Columns and rows that belong to memory and Ethernet lie in the middle.
  const hw::DieCrossing &between = wormhole.latency.dieCrossing;
  for (uint32_t low = 0; low + 1 < wormhole.parallelism.meshWidth; ++low)
    CHECK(between.extra(low, between.columns) == (low == 3 ? wormhole.latency.hop : 0));
  for (uint32_t low = 0; low + 1 < wormhole.parallelism.meshHeight; ++low)
    CHECK(between.extra(low, between.rows) == (low == 4 ? wormhole.latency.hop : 0));
  CHECK(hammerblade.parallelism.meshWidth * hammerblade.parallelism.meshHeight == 2048);
  CHECK(hammerblade.memory.sramBytes == 4096);
  CHECK(hammerblade.routing.linkBytes == 4);
  CHECK(hammerblade.parallelism.core.macsPerCycleF32 < 1); // one multiply-add a cycle, and loads beside it
}

TEST_CASE("every number of a preset has its reason beside it or above it") {
  for (const std::string &name : hw::presetNames()) {
    if (name == "rvv-lab")
      continue; // its reasons stand in rvv-mesh-16
    std::ifstream file(fmt::format("{}/hw-models/presets/{}.yaml", WEFT_SOURCE_DIR, name));
    const std::regex number(R"( *[a-z0-9_]+: +[-.\[0-9].*)");
    bool isAfterComment = false;
    size_t numbers = 0;
    for (std::string line; std::getline(file, line);) {
      bool isCommented = line.find('#') != std::string::npos;
      INFO(name << ": " << line);
      if (std::regex_match(line, number) && line.find("units:") == std::string::npos) {
        ++numbers;
        CHECK((isCommented || isAfterComment));
      }
      isAfterComment = isCommented;
    }
    CHECK(numbers > 20);
  }
}

TEST_CASE("docs/hardware.md is the schema's own text") {
  std::ifstream file(WEFT_SOURCE_DIR "/docs/hardware.md", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  CHECK(text.str() == hw::schemaMarkdown());
  for (const hw::Key &key : hw::schema())
    CHECK_THAT(hw::schemaMarkdown(), Contains(fmt::format("| `{}` |", key.path)));
}
