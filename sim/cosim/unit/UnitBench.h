// Drives one Verilated unit cycle by cycle with a stream of instructions, under random stalls, and compares everything
// that comes back with the golden model. Knows nothing of who calls it each cycle: SystemC, a test, or the simulator.
#pragma once

#include "sim/cosim/unit/UnitCoverage.h"
#include "sim/cosim/unit/UnitModel.h"
#include "sim/cosim/unit/UnitStream.h"

#include <deque>
#include <functional>
#include <optional>

namespace weft::cosim {

/// Where the bench holds back, in percent of cycles.
struct Stalls {
  uint32_t issue = 0, commit = 0, operands = 0, results = 0, completions = 0;
};
/// By stall class of UnitCoverage: none, operands, results, both.
Stalls stallsOf(uint32_t stallClass, Random &random);

struct Mismatch {
  uint64_t cycle = 0;
  std::string text; // what happened, with the operands and both results
};

/// Cycles in which an instruction's operand beats were taken and its result beats first offered.
struct UnitTimes {
  const units::Instruction *instruction = nullptr;
  std::vector<uint64_t> taken, offered;
  std::vector<ResultBeat> beats;
};

/// An instruction on its way.
struct UnitFlight {
  UnitInstruction instruction;
  uint32_t id = 0, stallClass = 0;
  std::vector<OperandBeat> operands;
  std::vector<ResultBeat> results;
  Expected expected;
  size_t taken = 0, arrived = 0; // beats
  std::vector<std::byte> actual; // vd
  UnitTimes times;
  bool offeredNow = false;
};

class UnitBench {
public:
  /// Returns the next instruction, none when there are no more.
  using Source = std::function<std::optional<UnitInstruction>()>;

  /// Of a variant whose unit has no name, as a netlist's, what the units have in common is taken.
  UnitBench(UnitModel &model, const UnitVariant &variant, Source source, uint64_t stallSeed, bool stalls,
            UnitCoverage *coverage);

  /// One cycle. False when all is done and the unit has kept quiet for a while, or something is wrong.
  bool cycle();
  /// From now on the core is ready for a result or a completion only once it is offered, as ready/valid allows.
  void readyWaitsForValid() { readyWaits = true; }
  /// After all was done: the source may have more.
  void resume() {
    sourceIsDry = false;
    quietCycles = 0;
  }
  const std::optional<Mismatch> &mismatch() const { return wrong; }
  uint64_t cycles() const { return now; }
  uint64_t completed() const { return completedCount; }
  /// A hash of every result and completion in order, without times.
  uint64_t signature() const { return hash; }

  bool keepTimes = false;
  std::vector<UnitTimes> times;
  /// The destination as the unit left it, of the instruction that completed last.
  std::vector<std::byte> lastDestination;
  uint32_t lastFlags = 0;

private:
  bool allDone() const;
  void drive(UnitInputs &in);
  void driveOperands(UnitInputs &in);
  bool observe(const UnitInputs &in, const UnitOutputs &out);
  bool observeIssue(const UnitInputs &in, const UnitOutputs &out);
  bool observeResult(const UnitInputs &in, const UnitOutputs &out);
  bool observeCompletion(const UnitInputs &in, const UnitOutputs &out);
  bool fail(const std::string &what, const UnitFlight *flight = nullptr);
  void mix(uint64_t value);
  bool holds(uint32_t percent) { return random() % 100 < percent; }

  UnitModel &model;
  const UnitVariant variant;
  Source source;
  Random random; // of stalls and of what stands on ports without a valid
  const bool withStalls;
  bool readyWaits = false;
  UnitCoverage *coverage;
  const uint32_t idMask;
  const bool leavesOutIds;
  const uint32_t quietCyclesAtEnd;

  uint64_t now = 0, idleCycles = 0, quietCycles = 0, acceptedCount = 0, completedCount = 0, hash = 0xcbf29ce484222325;
  uint32_t nextId = 0, stallClass = 0, untilNewStalls = 0;
  Stalls stalls;
  std::optional<Mismatch> wrong;

  // In the order of the instructions: offered, accepted and without a verdict, waiting for operands, for results, for
  // completion.
  std::optional<UnitFlight> offered;
  bool sourceIsDry = false, operandsOffered = false;
  std::deque<UnitFlight> unjudged, feeding, draining, finishing;
};

} // namespace weft::cosim
