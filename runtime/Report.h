// What a run did and cost: as JSON (schema weft.run/1, docs/json.md) and as text for people.
#pragma once

#include "runtime/LoadMap.h"
#include "runtime/Session.h"
#include "runtime/SramUse.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace weft::runtime {

/// One op of the model in one phase; times summed over the phase's launches, in cycles.
struct OpReport {
  std::string op, kind, phase;
  uint64_t cycles = 0;
  double compute = 0, communicate = 0, wait = 0;
  double hidden = 0; // of compute: while transfers were under way
};

struct RunReport {
  std::string producer, model, architecture, hardware;
  uint64_t hardwareDigest = 0;
  uint32_t meshWidth = 0, meshHeight = 0, vocabSize = 0, maxSeq = 0;
  double clockGhz = 0;
  uint64_t sramBudgetBytes = 0;
  bool timingOnly = false;
  std::vector<int32_t> promptTokens;
  Generation generation;
  std::optional<std::string> text; // of the generated tokens; absent without a tokenizer and in timing mode
  uint64_t prefillCycles = 0;
  std::vector<uint64_t> decodeCycles; // a launch each
  bool tensorProgram = false;         // no text: one launch of its own
  uint64_t mainCycles = 0;            // of a tensor program
  std::vector<OpReport> ops;   // of prefill, then of decode, or of the tensor program, in the order of the programs
  std::vector<SramClass> sram; // cores that use their SRAM alike
  Counters prefillCounters, decodeCounters;
  uint64_t busyCoreCycles = 0;
  KernelFacts kernels; // of the device
  std::string error;   // how sure the cycles are; may be empty
  /// If the device was asked to explain: the last launch of each program.
  std::vector<std::shared_ptr<const Explanation>> why;
  std::vector<LoadMap> maps; // of the last launch of each program, if somebody made them
  hw::Hardware machine;

  uint64_t cores() const { return uint64_t(meshWidth) * meshHeight; }
  uint64_t totalDecodeCycles() const;
  /// Seconds that `cycles` take at the clock.
  double seconds(uint64_t cycles) const { return double(cycles) / (clockGhz * 1e9); }
};

/// The report of `session` after `generate`. Error: the package's hardware description cannot be read.
Result<RunReport> makeReport(const Session &session, std::vector<int32_t> prompt, Generation generation,
                             std::optional<std::string> text);

/// The report of one launch of a tensor program.
Result<RunReport> makeTensorReport(const Package &package, const Device &device, bool timingOnly,
                                   const LaunchReport &launch);

nlohmann::json toJson(const RunReport &report);
/// Ops that differ only in numbers (layers.0.q, layers.1.q) are folded into one line; the smaller ones share a last
/// line.
std::string toText(const RunReport &report);

/// Writes `value` and a newline. Bytes that are not UTF-8 become U+FFFD.
Result<void> writeJson(const std::string &path, const nlohmann::json &value);

} // namespace weft::runtime
