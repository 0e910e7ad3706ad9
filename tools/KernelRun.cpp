#include "tools/KernelRun.h"

#include "sim/maxplus/Evaluators.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace weft::tools {

using algorithms::Facts;
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

std::string shapeText(const std::vector<int64_t> &shape) { return fmt::format("{}", fmt::join(shape, "x")); }

std::string_view elementName(const Request &request) {
  return request.element == algorithms::Element::F16 ? "f16" : "f32";
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

Result<KernelOutcome> runKernel(const Request &request, const hw::Hardware &hardware, const Tool &tool,
                                const KernelOptions &options) {
  if (request.kind != Kind::Gemm || request.algorithm != "auto")
    return runOne(request, hardware, tool, options);
  const bool isLarge = uint64_t{request.width} * request.height > sim::mostCoresByWords;
  std::optional<KernelOutcome> best;
  std::optional<Error> refusal;
  std::vector<KernelAlternative> alternatives;
  for (const char *algorithm : algorithms::autoGemms) {
    Request each = request;
    each.algorithm = algorithm;
    KernelOptions eachOptions = options;
    if (isLarge && options.evaluator == "auto")
      eachOptions.evaluator = "maxplus";
    auto outcome = runOne(std::move(each), hardware, tool, eachOptions);
    if (!outcome) {
      alternatives.push_back({algorithm, 0, outcome.error().message});
      if (!refusal)
        refusal = outcome.takeError();
      continue;
    }
    alternatives.push_back({algorithm, outcome->cycles, ""});
    if (!best || outcome->cycles < best->cycles)
      best = std::move(*outcome);
  }
  if (!best)
    return std::move(*refusal);
  best->alternatives = std::move(alternatives);
  return std::move(*best);
}

nlohmann::json toJson(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  const Facts &facts = outcome.facts;
  nlohmann::json json;
  json["schema"] = "weft.kernel/1";
  json["kind"] = nameOf(outcome.request.kind);
  json["algorithm"] = facts.algorithm;
  json["hardware"] = {{"name", hardware.name}, {"digest", fmt::format("{:016x}", hardware.digest)}};
  json["mesh"] = {outcome.request.width, outcome.request.height};
  json["clock_ghz"] = hardware.parallelism.clockGhz;
  json["shape"] = outcome.request.shape;
  json["padded_shape"] = facts.padded;
  json["tile"] = facts.tile;
  json["element"] = elementName(outcome.request);
  json["settings"] = outcome.request.settings.all();
  json["cycles"] = outcome.cycles;
  json["compute"] = outcome.compute;
  json["communicate"] = outcome.communicate;
  json["wait"] = outcome.wait;
  json["repeats"] = facts.repeats;
  json["cycles_of"] =
      facts.repeats > 1
          ? "a repetition among repetitions without a barrier: the first one is left out, the mean of the others"
          : "one repetition, from its launch to the end of the last core";
  json["launch_cycles"] = outcome.launchCycles;
  json["steps"] = facts.steps;
  json["max_hops"] = outcome.maxHops;
  json["colors"] = facts.colors;
  json["paths_per_core"] = facts.pathsPerCore;
  json["bytes_per_core"] = facts.bytesPerCore;
  json["macs"] = facts.macs;
  json["notes"] = facts.notes;
  json["evaluator"] = {{"name", outcome.evaluator}, {"why", outcome.evaluatorWhy}};
  json["seconds"] = outcome.seconds;
  json["alternatives"] = nlohmann::json::array();
  for (const KernelAlternative &each : outcome.alternatives)
    if (each.problem.empty())
      json["alternatives"].push_back({{"algorithm", each.algorithm}, {"cycles", each.cycles}});
    else
      json["alternatives"].push_back({{"algorithm", each.algorithm}, {"problem", each.problem}});
  json["error_bar"] = {{"extrapolated", outcome.error.extrapolated}, {"text", outcome.error.text}};
  if (outcome.error.rows)
    json["error_bar"].update({{"measured_rows", outcome.error.rows},
                              {"mean_absolute", outcome.error.meanAbsolute},
                              {"worst", outcome.error.worst}});
  json["counters"] = {{"events", outcome.counters.events},
                      {"word_hops", outcome.counters.wordHops},
                      {"words_injected", outcome.counters.wordsInjected},
                      {"kernel_calls", outcome.counters.kernelCalls}};
  json["per_op"] = nlohmann::json::array();
  for (const runtime::RepetitionOp &op : outcome.ops)
    json["per_op"].push_back({{"op", op.name},
                              {"kind", op.kind},
                              {"cycles", op.cycles},
                              {"compute", op.compute},
                              {"communicate", op.communicate},
                              {"wait", op.wait},
                              {"hidden", op.hidden}});
  json["machine"] = runtime::machineJson(hardware);
  if (outcome.map)
    json["maps"] = nlohmann::json::array({toJson(*outcome.map)});
  if (outcome.why)
    json["explain"] = runtime::toJson(*outcome.why);
  return json;
}

std::string toText(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  const Request &request = outcome.request;
  const Facts &facts = outcome.facts;
  std::string text = fmt::format("{} {} {} on {}, {}x{} cores: {}\n", nameOf(request.kind), shapeText(request.shape),
                                 elementName(request), hardware.name, request.width, request.height, facts.algorithm);
  text += fmt::format("  tile {}, {} steps, {} colours, {} bytes a core, messages of up to {} hops\n",
                      shapeText(facts.tile), facts.steps, facts.colors, facts.bytesPerCore, outcome.maxHops);
  if (facts.padded != request.shape && request.kind <= Kind::Gemv)
    text += fmt::format("  padded to {}\n", shapeText(facts.padded));
  size_t width = 10;
  for (const runtime::RepetitionOp &op : outcome.ops)
    width = std::max(width, op.name.size());
  const double micros = outcome.cycles / (hardware.parallelism.clockGhz * 1e3);
  text += fmt::format("  {:.1f} cycles, {:.2f} us at {} GHz", outcome.cycles, micros, hardware.parallelism.clockGhz);
  if (facts.repeats > 1)
    text += fmt::format("; mean of repetitions 2 to {}, which follow each other without a barrier", facts.repeats);
  if (facts.macs)
    text += fmt::format("; {:.2f} MAC a cycle and core",
                        static_cast<double>(facts.macs) / outcome.cycles / request.width / request.height);
  text += fmt::format("\n  error: {}", outcome.error.text);
  if (!outcome.alternatives.empty()) {
    text += "\n  chosen among";
    for (const KernelAlternative &each : outcome.alternatives)
      if (each.problem.empty())
        text += fmt::format(" {} ({:.0f})", each.algorithm, each.cycles);
    for (const KernelAlternative &each : outcome.alternatives)
      if (!each.problem.empty())
        text +=
            fmt::format("\n  not compared: {}: {}", each.algorithm, each.problem.substr(0, each.problem.find('\n')));
  }
  text += fmt::format("\n\n  {:<{}} {:>14} {:>14} {:>14} {:>14} {:>14}\n", "op", width, "cycles", "compute",
                      "communicate", "wait", "hidden");
  for (const runtime::RepetitionOp &op : outcome.ops)
    text += fmt::format("  {:<{}} {:>14.1f} {:>14.1f} {:>14.1f} {:>14.1f} {:>14.1f}\n", op.name, width, op.cycles,
                        op.compute, op.communicate, op.wait, op.hidden);
  text += fmt::format("evaluated {} in {:.2f} s{}\n",
                      outcome.evaluator == "maxplus" ? "message by message" : "word by word", outcome.seconds,
                      outcome.evaluatorWhy.empty() ? "" : ": " + outcome.evaluatorWhy);
  for (const std::string &note : facts.notes)
    text += fmt::format("note: {}\n", note);
  if (outcome.why)
    text += runtime::toText(*outcome.why);
  return text;
}

} // namespace weft::tools
