// A whole co-simulation of one unit: two copies of the RTL whose unreset bits start differently, each with its bench,
// in one SystemC simulation; then latencies and intervals against the unit's description.
#pragma once

#include "hw-models/support/Result.h"
#include "sim/cosim/unit/UnitModel.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weft::cosim {

struct UnitRunOptions {
  std::string unit;
  UnitVariant variant;
  uint64_t tests = 20000, seed = 1;
  std::string coverageFile, waveFile; // empty: none
  std::string toggleFile{};           // of the copy that counts lines and branches; empty: none
  uint32_t waveCopy = 1;              // of the two copies, 1 or 2: the one whose waveform it is
  std::function<std::unique_ptr<UnitModel>(const UnitVariant &, const UnitModelOptions &)> makeModel = makeUnitModel;
};

struct MeasuredPipeline {
  std::string name;
  uint32_t latency = 0, interval = 0;                 // of the description
  uint32_t measuredLatency = 0, measuredInterval = 0; // worst and best agree, or `steady` is false
  bool steady = true;
};

struct UnitReport {
  uint64_t instructions = 0, cycles = 0, signature = 0;
  uint64_t bins = 0;
  std::vector<std::string> holes;
  std::vector<MeasuredPipeline> pipelines;
};

/// Runs it. An error says what differs, with seed, cycle, operands, both results and how to replay it.
Result<UnitReport> runUnit(const UnitRunOptions &options);

/// The variant for `lanes`, `dlen` and `vlen` (0: not given); an error lists what is built.
Result<UnitVariant> findVariant(const std::string &unit, uint32_t lanes, uint32_t dlenBits, uint32_t vlenBits);

} // namespace weft::cosim
