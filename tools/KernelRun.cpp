#include "tools/KernelRun.h"

#include "compiler/algorithms/LineRequest.h"
#include "sim/maxplus/Evaluators.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace weft::tools {

using algorithms::Kind;
using algorithms::Request;

namespace {

void fillTimes(KernelOutcome &outcome, const runtime::LaunchReport &report, const pkg::ProgramT &program) {
  runtime::Repetition one = runtime::repetitionOf(report, program, outcome.facts.repeats);
  outcome.ops = std::move(one.ops);
  outcome.cycles = one.cycles;
  outcome.compute = one.compute;
  outcome.communicate = one.communicate;
  outcome.wait = one.wait;
  outcome.launchCycles = report.cycles;
  outcome.counters = report.counters;
  for (const runtime::ChannelTraffic &channel : report.channels)
    outcome.maxHops = std::max(outcome.maxHops, channel.maxHops);
}

} // namespace

static Result<KernelOutcome> runOne(Request request, const hw::Hardware &hardware, const Tool &tool,
                                    const KernelOptions &asked) {
  if (!request.settings.has("repeats")) {
    auto settings = request.settings.all();
    settings["repeats"] = std::to_string(algorithms::defaultRepeats(request.kind));
    request.settings = algorithms::Settings(std::move(settings));
  }
  const auto start = std::chrono::steady_clock::now();
  auto generated = algorithms::generate(request, hardware);
  if (!generated)
    return generated.takeError();
  DeviceOptions options;
  options.timingOnly = true;
  options.evaluator = asked.evaluator;
  options.explain = asked.explain;
  auto device = tool.makeDevice(generated->package, options);
  if (!device)
    return device.takeError();
  const pkg::ProgramT &program = *generated->package.programs[0];
  const runtime::Launch launch{.program = program.name, .tokensInCache = 1, .inputs = {}};
  auto result = (*device)->run(launch);
  if (!result)
    return result.takeError();
  KernelOutcome outcome;
  outcome.request = std::move(request);
  outcome.facts = std::move(generated->facts);
  fillTimes(outcome, result->report, program);
  outcome.why = result->report.why;
  if (asked.map) {
    auto map = tool.loadMap(**device, launch, result->report);
    if (!map)
      return map.takeError();
    outcome.map = *std::move(map);
  }
  const runtime::KernelFacts facts = (*device)->kernelFacts();
  outcome.evaluator = facts.evaluator;
  outcome.evaluatorWhy = facts.evaluatorWhy;
  outcome.error = errorOf(outcome, hardware);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

/// Runs `request`, or every candidate if the algorithm is `auto` and something else than an algorithm of that name. Of
/// `run` with each.
template <typename Run>
static Result<KernelOutcome> runBest(const Request &request, const KernelOptions &options, const Run &run) {
  if (request.algorithm != "auto" || algorithms::candidates(request.kind).empty())
    return run(request, options);
  const bool isLarge = uint64_t{request.width} * request.height > sim::mostCoresByWords;
  KernelOptions comparing = options;
  if (isLarge && options.evaluator == "auto")
    comparing.evaluator = "maxplus";
  std::optional<KernelOutcome> best;
  auto compared = algorithms::compareCandidates(request, [&](const Request &each) -> Result<double> {
    auto outcome = run(each, comparing);
    if (!outcome)
      return outcome.takeError();
    const double cycles = outcome->cycles;
    if (!best || cycles < best->cycles)
      best = std::move(*outcome);
    return cycles;
  });
  if (!compared)
    return compared.takeError();
  best->alternatives = std::move(*compared);
  return std::move(*best);
}

Result<KernelOutcome> runKernel(const Request &request, const hw::Hardware &hardware, const Tool &tool,
                                const KernelOptions &options) {
  return runBest(request, options,
                 [&](const Request &each, const KernelOptions &by) { return runOne(each, hardware, tool, by); });
}

Result<KernelOutcome> runTimes(const Request &request, const hw::Hardware &hardware, const Tool &tool) {
  if (auto fits = algorithms::checkRequest(request, hardware); !fits)
    return fits.takeError();
  auto outcome =
      runBest(algorithms::oneLine(request), KernelOptions(),
              [&](const Request &each, const KernelOptions &by) { return runOne(each, hardware, tool, by); });
  if (!outcome)
    return outcome.takeError();
  outcome->request.width = request.width;
  outcome->request.height = request.height;
  outcome->request.shape = request.shape;
  outcome->error = errorOf(*outcome, hardware);
  return outcome;
}

} // namespace weft::tools
