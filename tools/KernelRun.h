// What `weft kernel` does for one request, and its CSV mode.
#pragma once

#include "compiler/algorithms/Algorithms.h"
#include "compiler/algorithms/Choice.h"
#include "runtime/Repetition.h"
#include "tools/ErrorBar.h"
#include "tools/Tool.h"

#include <nlohmann/json_fwd.hpp>

#include <vector>

namespace weft::tools {

/// What one request came to. Times are cycles of one repetition, as runtime::Repetition has them.
struct KernelOutcome {
  algorithms::Request request;
  algorithms::Facts facts;
  double cycles = 0;
  double compute = 0, communicate = 0, wait = 0; // means over the cores that took part, summed over ops
  uint64_t launchCycles = 0;                     // of all repetitions together
  std::vector<runtime::RepetitionOp> ops;
  runtime::Counters counters;
  uint32_t maxHops = 0; // longest way of a message
  double seconds = 0;   // that the prediction took
  std::string evaluator, evaluatorWhy;
  std::vector<algorithms::Candidate> alternatives; // that auto compared, or could not
  ErrorBar error;
  std::shared_ptr<const runtime::Explanation> why; // if asked for; of the launch with all repetitions
  std::optional<runtime::LoadMap> map;             // likewise
};

struct KernelOptions {
  std::string evaluator = "auto"; // as DeviceOptions has it
  bool explain = false, map = false;
};

/// Where `auto` has candidates (compiler/algorithms/Choice.h) it runs them all and keeps the one with fewest cycles.
Result<KernelOutcome> runKernel(const algorithms::Request &request, const hw::Hardware &hardware, const Tool &tool,
                                const KernelOptions &options = {});

/// The same times and the same error bar from one line of cores where lines do not meet: facts and counters are those
/// of the line. What files of many requests want.
Result<KernelOutcome> runTimes(const algorithms::Request &request, const hw::Hardware &hardware, const Tool &tool);

/// What validation says about predictions like this one.
ErrorBar errorOf(const KernelOutcome &outcome, const hw::Hardware &hardware);

nlohmann::json toJson(const KernelOutcome &outcome, const hw::Hardware &hardware);
std::string toText(const KernelOutcome &outcome, const hw::Hardware &hardware);

/// Reads `path`, a row a request, and writes it to `output` ("-": stdout) with the columns cycles, compute,
/// communicate, wait, error_percent and extrapolated added; a column `cycles` of the file becomes `measured_cycles`.
/// `request` gives what the rows do not. Errors name file and line.
Result<void> predictRows(const std::string &path, const std::string &output, const algorithms::Request &request,
                         const hw::Hardware &hardware, const Tool &tool);

} // namespace weft::tools
