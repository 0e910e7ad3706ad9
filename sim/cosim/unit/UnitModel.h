// The Verilated model of a vector unit behind its ports (docs/rtl.md), whatever its widths.
#pragma once

#include "hw-models/support/Result.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cosim {

constexpr uint32_t mostBeatWords = 16;
using BeatData = std::array<uint32_t, mostBeatWords>;

struct UnitInputs {
  bool reset = false;
  bool issueValid = false;
  uint32_t issueId = 0, issueInstruction = 0, issueVl = 0, issueVtype = 0;
  uint64_t issueScalar = 0;
  bool commitValid = false, commitKill = false;
  uint32_t commitId = 0;
  bool operandValid = false;
  BeatData vs2{}, vs1{}, vd{};
  uint64_t mask = 0;
  bool resultBeatReady = false, completionReady = false;
};

struct UnitOutputs {
  bool issueReady = false, issueAccept = false, operandReady = false;
  bool resultBeatValid = false, resultBeatLast = false;
  uint32_t resultBeatId = 0;
  BeatData data{};
  uint64_t enable = 0; // a bit a byte
  bool completionValid = false;
  uint32_t completionId = 0, completionFlags = 0;
};

class UnitModel {
public:
  virtual ~UnitModel() = default;
  /// Applies the inputs of this cycle and returns what the unit answers before the clock's edge.
  virtual UnitOutputs settle(const UnitInputs &inputs) = 0;
  /// The clock's edge. False if an assertion of the RTL failed since the last call; it printed where.
  virtual bool tick() = 0;
};

struct UnitVariant {
  std::string_view unit;
  uint32_t dlenBits, vlenBits;
};
/// What the build verilated. The first of each unit has the default parameters.
std::span<const UnitVariant> unitVariants();

struct UnitModelOptions {
  uint64_t seed = 1;   // of the bits that no reset sets
  uint32_t mutant = 0; // of a netlist with mutants: which one; 0 is none
  // Empty: none.
  std::string
      coverageFile;     // lines and branches, written in the end, as verilator_coverage reads them; default widths only
  std::string waveFile; // FST
};
/// Null if `variant` is none of unitVariants(), or counts no coverage and is asked to.
std::unique_ptr<UnitModel> makeUnitModel(const UnitVariant &variant, const UnitModelOptions &options);

} // namespace weft::cosim
