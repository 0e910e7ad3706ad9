// A machine, as its YAML file describes it. Grouped by the letters of PLMR (WaferLLM, OSDI 2025): parallelism, latency,
// memory, routing; and energy and area. The schema (names, units, ranges, meaning) is hw-models/Schema.cpp;
// docs/hardware.md is generated from it.
#pragma once

#include "hw-models/support/Result.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::hw {

/// How long the instructions of a RISC-V vector core take; cycles unless a name says otherwise. What each number means
/// stands in the schema (keys parallelism.core.rvv.*), how the numbers work together in docs/timing-model.md. Numbers
/// that the file leaves to another one are 0.
struct RvvTiming {
  struct Scalar {
    uint32_t window = 0, issueWidth = 1, loadLatency = 3, arithmeticLatency = 4, divideCycles = 20, branchCycles = 1;
  } scalar;
  struct Dispatch {
    uint32_t roundTrip = 7, queue = 8, width = 1, resultInterval = 1, vsetCycles = 0;
    bool inOrder = true, overwriteWaits = true;
  } dispatch;
  std::vector<std::string> pipes; // "integer+float": the units of each
  std::vector<std::string> rates; // "float64/2": units that are not as wide as the datapath
  bool chaining = true;
  std::string occupancy;
  uint32_t startup = 0, partialWriteCycles = 1;
  bool fractionDrains = false;
  struct PipelineLatency {
    uint32_t integer = 2, shift = 2, multiply = 3, floating = 4, permute = 2;
  } latency;
  struct Elementwise {
    std::vector<std::string> operations;
    double cycles = 1;
    bool drains = false;
  } elementwise;
  struct Divide {
    double integerCycles = 8, floatCycles = 8, cyclesPerBit = 0.25, earlyCycles = 0;
  } divide;
  struct Reduction {
    std::string style;
    uint32_t integerCycles = 0;
  } reduction;
  struct Memory {
    uint32_t bits = 0, loadLatency = 4, banks = 1, segmentFields = 0;
    double cyclesPerElement = 1, segmentLoadCycles = 1, segmentStoreCycles = 1;
  } memory;
};

/// What one core does a cycle. Rates are per core; "elements" are f32 unless a dtype is named.
struct CoreSpec {
  std::string kind; // "rvv" or "dsd"
  // kind dsd
  double macsPerCycleF32 = 0;    // multiply-accumulates a cycle, f32 accumulate, f32 operands
  double macsPerCycleF16 = 0;    // the same with one 16-bit operand (f16 or bf16)
  double aluPerCycle = 0;        // adds, multiplies, compares, conversions a cycle
  double specialPerCycle = 0;    // exp, division, square root a cycle
  double loadBytesPerCycle = 0;  // SRAM to core
  double storeBytesPerCycle = 0; // core to SRAM
  uint32_t kernelStartup = 0;    // cycles from call to first result
  double vectorIssue = 0;        // cycles of a vector instruction beside its elements
  double vectorInterval = 0;     // cycles at least from one vector instruction to the next
  double descriptor = 0;         // cycles to set up the descriptors of a loop over vectors
  double taskActivation = 0;     // cycles from what a task waits for to its first instruction
  // kind rvv
  uint32_t vlenBits = 0, dlenBits = 0;
  std::vector<std::string> extensions; // beyond RV64GCV, see core/rvv/Isa.h
  RvvTiming rvv;
  std::vector<std::string> units; // custom ones that the core has, by name
};

struct Parallelism {
  uint32_t meshWidth = 0, meshHeight = 0; // cores
  double clockGhz = 0;
  CoreSpec core;
};

/// Links that cross from one die to the next: those between columns (rows) kN-1 and kN.
struct DieCrossing {
  uint32_t columns = 0, rows = 0; // N; 0: none
  uint32_t cycles = 0;            // beyond those of a hop
  bool exists() const { return cycles && (columns || rows); }
  /// Cycles beyond a hop of the link between positions `low` and `low` + 1 of an axis whose N is `every`.
  uint32_t extra(uint32_t low, uint32_t every) const { return every && (low + 1) % every == 0 ? cycles : 0; }
};

struct Latency {
  uint32_t hop = 1;           // cycles a word takes from one router's queue to the next
  uint32_t ramp = 2;          // cycles between SRAM and the router, each way
  uint32_t transferIssue = 1; // cycles a core spends handing a Put or Get to its DMA
  uint32_t streamStage = 1;   // cycles a word spends in a core that reduces it in passing
  uint32_t streamStartup = 1; // cycles to start ReduceForward or ReduceInto
  uint32_t hostStartup = 0;   // cycles from launch until the host's first word
  DieCrossing dieCrossing;
};

struct Memory {
  uint32_t sramBytes = 0;   // a core
  uint32_t codeBytes = 0;   // reserved for code
  uint32_t stackBytes = 0;  // reserved for the stack
  uint32_t alignBytes = 16; // of every buffer
};

struct Routing {
  uint32_t linkBytes = 4;      // a word: what a link carries a cycle
  uint32_t colors = 24;        // of a router
  uint32_t reservedColors = 0; // the highest ones, not for programs
  uint32_t queueWords = 4;     // depth of a router's queue for one colour
  uint32_t rampWords = 1;      // words a cycle between router and core, each way, of all its transfers together
  uint32_t reduceStage = 0;    // cycles in the unit that combines words in passing; 0: routers have none

  /// Colours 0 to this, exclusive, are for programs.
  uint32_t usableColors() const { return colors - std::min(colors, reservedColors); }
};

/// Energy per event in pJ; nullopt where the file gives none. What they add up to: hw-models/Energy.h.
struct Energy {
  std::optional<double> macPj, sramBytePj, hopBytePj, dieCrossingBytePj, leakagePerCyclePj, sramKibPerCyclePj,
      unitPerCyclePj;
  std::string source; // of the figures; not empty if there is one
};

/// Area by component in mm2; nullopt where the file gives none. What they add up to: hw-models/Area.h.
struct Area {
  std::optional<double> logicMm2, laneMm2, registerKibMm2, sramKibMm2, routerMm2, linkByteMm2, dieCrossingMm2, unitMm2;
  std::string source; // of the figures; not empty if there is one
};

struct Hardware {
  std::string name, description;
  Parallelism parallelism;
  Latency latency;
  Memory memory;
  Routing routing;
  Energy energy;
  Area area;
  std::string yaml;    // canonical text with overrides applied; parsing it gives this machine again
  uint64_t digest = 0; // of the values, not of the text; without name, description and sources

  /// SRAM bytes of a core that buffers may use.
  uint32_t usableBytes() const { return memory.sramBytes - memory.codeBytes - memory.stackBytes; }
};

/// Of the values that a core's time for a kernel may depend on: those of the core, whatever memory it has.
uint64_t coreDigest(const Hardware &hardware);

/// One `key=value` that replaces a value of the file, e.g. {"memory.sram_kib", "512"}.
struct Override {
  std::string key, value;
};

/// Takes `key=value` apart.
Result<Override> parseOverride(const std::string &text);
/// Of each text; the error is that of the first bad one.
Result<std::vector<Override>> parseOverrides(const std::vector<std::string> &texts);

/// Reads a preset by name, or a file if `nameOrPath` is not a preset's name.
Result<Hardware> load(const std::string &nameOrPath, const std::vector<Override> &overrides = {});
/// Reads a description from text. `origin` names it in messages.
Result<Hardware> parse(const std::string &text, const std::string &origin, const std::vector<Override> &overrides = {});
/// Names of the presets that come with Weft, sorted.
std::vector<std::string> presetNames();
/// Whether a preset of that name works as a machine of that digest.
bool isPreset(const std::string &name, uint64_t digest);
/// Markdown reference of every key: type, unit, range, meaning.
std::string schemaMarkdown();

} // namespace weft::hw
