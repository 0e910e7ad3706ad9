#include "tools/KernelRun.h"

#include "compiler/algorithms/OneLine.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace weft::tools {

using algorithms::Kind;
using algorithms::Request;

uint32_t defaultRepeats(Kind kind) { return kind == Kind::Gemm || kind == Kind::PrefillLayer ? 1 : 3; }

namespace {

/// Of the ops of repetitions 2 and later the mean, of one repetition what it took.
void fillTimes(KernelOutcome &outcome, const runtime::LaunchReport &report, const pkg::ProgramT &program) {
  const uint32_t repeats = outcome.facts.repeats;
  const size_t ops = program.ops.size() / repeats;
  const uint32_t counted = repeats > 1 ? repeats - 1 : 1;
  outcome.ops.resize(ops);
  for (const runtime::OpTime &time : report.ops) {
    if (repeats > 1 && time.op < ops)
      continue;
    KernelOp &op = outcome.ops[time.op % ops];
    op.cycles += static_cast<double>(time.cycles) / counted;
    op.compute += time.compute / counted;
    op.communicate += time.communicate / counted;
    op.wait += time.wait / counted;
    op.hidden += time.hidden / counted;
  }
  for (size_t i = 0; i < ops; ++i) {
    outcome.ops[i].name = program.ops[i]->name;
    outcome.ops[i].kind = program.ops[i]->kind;
    outcome.cycles += outcome.ops[i].cycles;
    outcome.compute += outcome.ops[i].compute;
    outcome.communicate += outcome.ops[i].communicate;
    outcome.wait += outcome.ops[i].wait;
  }
  outcome.launchCycles = report.cycles;
  outcome.counters = report.counters;
  for (const runtime::ChannelTraffic &channel : report.channels)
    outcome.maxHops = std::max(outcome.maxHops, channel.maxHops);
}

} // namespace

static Result<KernelOutcome> runOne(Request request, const hw::Hardware &hardware, const Tool &tool,
                                    const std::string &evaluator, bool explain) {
  if (!request.settings.has("repeats")) {
    auto settings = request.settings.all();
    settings["repeats"] = std::to_string(defaultRepeats(request.kind));
    request.settings = algorithms::Settings(std::move(settings));
  }
  const auto start = std::chrono::steady_clock::now();
  auto generated = algorithms::generate(request, hardware);
  if (!generated)
    return generated.takeError();
  DeviceOptions options;
  options.timingOnly = true;
  options.evaluator = evaluator;
  options.explain = explain;
  auto device = tool.makeDevice(generated->package, options);
  if (!device)
    return device.takeError();
  const pkg::ProgramT &program = *generated->package.programs[0];
  auto result = (*device)->run({.program = program.name, .tokensInCache = 1, .inputs = {}});
  if (!result)
    return result.takeError();
  KernelOutcome outcome;
  outcome.request = std::move(request);
  outcome.facts = std::move(generated->facts);
  fillTimes(outcome, result->report, program);
  outcome.why = result->report.why;
  const runtime::KernelFacts facts = (*device)->kernelFacts();
  outcome.evaluator = facts.evaluator;
  outcome.evaluatorWhy = facts.evaluatorWhy;
  outcome.error = errorOf(outcome, hardware);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

/// On more cores a program that the max-plus evaluator refuses is not compared: word by word it takes minutes.
static constexpr uint64_t mostCoresByWords = 64 * 64;

/// Runs `request`, or every candidate if the algorithm is `auto` and something else than an algorithm of that name. Of
/// `run` with each.
template <typename Run>
static Result<KernelOutcome> runBest(const Request &request, const std::string &evaluator, const Run &run) {
  if (request.algorithm != "auto" || algorithms::candidates(request.kind).empty())
    return run(request, evaluator);
  const bool isLarge = uint64_t{request.width} * request.height > mostCoresByWords;
  const std::string comparing = isLarge && evaluator == "auto" ? "maxplus" : evaluator;
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
                                const std::string &evaluator, bool explain) {
  return runBest(request, evaluator,
                 [&](const Request &each, const std::string &by) { return runOne(each, hardware, tool, by, explain); });
}

Result<KernelOutcome> runTimes(const Request &request, const hw::Hardware &hardware, const Tool &tool) {
  if (auto fits = algorithms::checkRequest(request, hardware); !fits)
    return fits.takeError();
  auto outcome = runBest(algorithms::oneLine(request), "auto", [&](const Request &each, const std::string &by) {
    return runOne(each, hardware, tool, by, false);
  });
  if (!outcome)
    return outcome.takeError();
  outcome->request.width = request.width;
  outcome->request.height = request.height;
  outcome->request.shape = request.shape;
  outcome->error = errorOf(*outcome, hardware);
  return outcome;
}

} // namespace weft::tools
