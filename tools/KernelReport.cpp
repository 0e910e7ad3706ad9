// What `weft kernel` says of one prediction, as JSON and as text.
#include "tools/KernelRun.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace weft::tools {

using algorithms::Candidate;
using algorithms::Facts;
using algorithms::Kind;
using algorithms::Request;

namespace {

std::string shapeText(const std::vector<int64_t> &shape) { return fmt::format("{}", fmt::join(shape, "x")); }

std::string_view elementName(const Request &request) {
  return request.element == algorithms::Element::F16 ? "f16" : "f32";
}

nlohmann::json requestJson(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  const Facts &facts = outcome.facts;
  return {{"schema", "weft.kernel/1"},
          {"kind", nameOf(outcome.request.kind)},
          {"algorithm", facts.algorithm},
          {"hardware", {{"name", hardware.name}, {"digest", fmt::format("{:016x}", hardware.digest)}}},
          {"mesh", {outcome.request.width, outcome.request.height}},
          {"clock_ghz", hardware.parallelism.clockGhz},
          {"shape", outcome.request.shape},
          {"padded_shape", facts.padded},
          {"tile", facts.tile},
          {"element", elementName(outcome.request)},
          {"settings", outcome.request.settings.all()}};
}

nlohmann::json timesJson(const KernelOutcome &outcome) {
  const Facts &facts = outcome.facts;
  const char *of = facts.repeats > 1
                       ? "a repetition among repetitions without a barrier: the first one is left out, the mean of the "
                         "others"
                       : "one repetition, from its launch to the end of the last core";
  return {{"cycles", outcome.cycles},
          {"compute", outcome.compute},
          {"communicate", outcome.communicate},
          {"wait", outcome.wait},
          {"repeats", facts.repeats},
          {"cycles_of", of},
          {"launch_cycles", outcome.launchCycles}};
}

nlohmann::json factsJson(const KernelOutcome &outcome) {
  const Facts &facts = outcome.facts;
  return {{"steps", facts.steps},
          {"max_hops", outcome.maxHops},
          {"colors", facts.colors},
          {"paths_per_core", facts.pathsPerCore},
          {"bytes_per_core", facts.bytesPerCore},
          {"macs", facts.macs},
          {"notes", facts.notes},
          {"evaluator", {{"name", outcome.evaluator}, {"why", outcome.evaluatorWhy}}},
          {"seconds", outcome.seconds},
          {"counters",
           {{"events", outcome.counters.events},
            {"word_hops", outcome.counters.wordHops},
            {"words_injected", outcome.counters.wordsInjected},
            {"kernel_calls", outcome.counters.kernelCalls}}}};
}

nlohmann::json alternativesJson(const std::vector<Candidate> &alternatives) {
  nlohmann::json all = nlohmann::json::array();
  for (const Candidate &each : alternatives)
    if (each.problem.empty())
      all.push_back({{"algorithm", each.algorithm}, {"cycles", each.cycles}});
    else
      all.push_back({{"algorithm", each.algorithm}, {"problem", each.problem}});
  return all;
}

nlohmann::json errorJson(const ErrorBar &error) {
  nlohmann::json json = {{"extrapolated", error.extrapolated}, {"text", error.text}};
  if (error.rows)
    json.update({{"measured_rows", error.rows}, {"mean_absolute", error.meanAbsolute}, {"worst", error.worst}});
  return json;
}

nlohmann::json opsJson(const std::vector<runtime::RepetitionOp> &ops) {
  nlohmann::json all = nlohmann::json::array();
  for (const runtime::RepetitionOp &op : ops)
    all.push_back({{"op", op.name},
                   {"kind", op.kind},
                   {"cycles", op.cycles},
                   {"compute", op.compute},
                   {"communicate", op.communicate},
                   {"wait", op.wait},
                   {"hidden", op.hidden}});
  return all;
}

std::string headText(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  const Request &request = outcome.request;
  const Facts &facts = outcome.facts;
  std::string text = fmt::format("{} {} {} on {}, {}x{} cores: {}\n", nameOf(request.kind), shapeText(request.shape),
                                 elementName(request), hardware.name, request.width, request.height, facts.algorithm);
  text += fmt::format("  tile {}, {} steps, {} colours, {} bytes a core, messages of up to {} hops\n",
                      shapeText(facts.tile), facts.steps, facts.colors, facts.bytesPerCore, outcome.maxHops);
  if (facts.padded != request.shape && (request.kind == Kind::Gemm || request.kind == Kind::Gemv))
    text += fmt::format("  padded to {}\n", shapeText(facts.padded));
  const double micros = outcome.cycles / (hardware.parallelism.clockGhz * 1e3);
  text += fmt::format("  {:.1f} cycles, {:.2f} us at {} GHz", outcome.cycles, micros, hardware.parallelism.clockGhz);
  if (facts.repeats > 1)
    text += fmt::format("; mean of repetitions 2 to {}, which follow each other without a barrier", facts.repeats);
  if (facts.macs)
    text += fmt::format("; {:.2f} MAC a cycle and core",
                        static_cast<double>(facts.macs) / outcome.cycles / request.width / request.height);
  return text + fmt::format("\n  error: {}", outcome.error.text);
}

std::string alternativesText(const std::vector<Candidate> &alternatives) {
  if (alternatives.empty())
    return {};
  std::string text = "\n  chosen among";
  for (const Candidate &each : alternatives)
    if (each.problem.empty())
      text += fmt::format(" {} ({:.0f})", each.algorithm, each.cycles);
  for (const Candidate &each : alternatives)
    if (!each.problem.empty())
      text += fmt::format("\n  not compared: {}: {}", each.algorithm, each.problem.substr(0, each.problem.find('\n')));
  return text;
}

std::string opsText(const std::vector<runtime::RepetitionOp> &ops) {
  size_t width = 10;
  for (const runtime::RepetitionOp &op : ops)
    width = std::max(width, op.name.size());
  std::string text = fmt::format("\n\n  {:<{}} {:>14} {:>14} {:>14} {:>14} {:>14}\n", "op", width, "cycles", "compute",
                                 "communicate", "wait", "hidden");
  for (const runtime::RepetitionOp &op : ops)
    text += fmt::format("  {:<{}} {:>14.1f} {:>14.1f} {:>14.1f} {:>14.1f} {:>14.1f}\n", op.name, width, op.cycles,
                        op.compute, op.communicate, op.wait, op.hidden);
  return text;
}

} // namespace

nlohmann::json toJson(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  nlohmann::json json = requestJson(outcome, hardware);
  json.update(timesJson(outcome));
  json.update(factsJson(outcome));
  json["alternatives"] = alternativesJson(outcome.alternatives);
  json["error_bar"] = errorJson(outcome.error);
  json["per_op"] = opsJson(outcome.ops);
  json["machine"] = runtime::machineJson(hardware);
  if (outcome.map)
    json["maps"] = nlohmann::json::array({toJson(*outcome.map)});
  if (outcome.why)
    json["explain"] = runtime::toJson(*outcome.why);
  return json;
}

std::string toText(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  std::string text = headText(outcome, hardware) + alternativesText(outcome.alternatives) + opsText(outcome.ops);
  text += fmt::format("evaluated {} in {:.2f} s{}\n",
                      outcome.evaluator == "maxplus" ? "message by message" : "word by word", outcome.seconds,
                      outcome.evaluatorWhy.empty() ? "" : ": " + outcome.evaluatorWhy);
  for (const std::string &note : outcome.facts.notes)
    text += fmt::format("note: {}\n", note);
  if (outcome.why)
    text += runtime::toText(*outcome.why);
  return text;
}

} // namespace weft::tools
