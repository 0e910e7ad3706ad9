#include "runtime/Report.h"
#include "hw-models/Hardware.h"
#include "runtime/Table.h"
#include "runtime/support/WriteFile.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <numeric>

namespace weft::runtime {
namespace {

void add(Counters &sum, const Counters &part) {
  sum.events += part.events;
  sum.wordHops += part.wordHops;
  sum.wordsInjected += part.wordsInjected;
  sum.kernelCalls += part.kernelCalls;
  sum.instructions += part.instructions;
}

/// The ops of one program with their times over `launches` of it.
std::vector<OpReport> sumOps(const Package &package, const std::string &phase, std::span<const LaunchReport> launches) {
  auto program = std::find_if(package.programs.begin(), package.programs.end(),
                              [&](const auto &entry) { return entry->name == phase; });
  if (program == package.programs.end() || launches.empty())
    return {};
  std::vector<OpReport> ops;
  for (const auto &op : (*program)->ops)
    ops.push_back({op->name, op->kind, phase});
  for (const LaunchReport &launch : launches)
    for (const OpTime &time : launch.ops) {
      if (time.op >= ops.size())
        continue;
      OpReport &op = ops[time.op];
      op.cycles += time.cycles;
      op.compute += time.compute;
      op.communicate += time.communicate;
      op.wait += time.wait;
      op.hidden += time.hidden;
    }
  return ops;
}

nlohmann::json toJson(const Counters &counters) {
  return {{"events", counters.events},
          {"word_hops", counters.wordHops},
          {"words_injected", counters.wordsInjected},
          {"kernel_calls", counters.kernelCalls},
          {"instructions", counters.instructions}};
}

struct FoldedOp {
  OpReport sum;
  size_t steps = 0; // ops of the program
};

void addTo(FoldedOp &into, const OpReport &op, size_t steps) {
  into.sum.cycles += op.cycles;
  into.sum.compute += op.compute;
  into.sum.communicate += op.communicate;
  into.sum.wait += op.wait;
  into.steps += steps;
}

std::vector<FoldedOp> foldOps(const std::vector<OpReport> &ops, const char *phase) {
  std::vector<FoldedOp> result;
  std::map<std::string, size_t> at;
  for (const OpReport &op : ops) {
    if (op.phase != phase)
      continue;
    auto [place, isNew] = at.emplace(foldedName(op.op), result.size());
    if (isNew)
      result.push_back({{place->first, op.kind, op.phase}, 0});
    addTo(result[place->second], op, 1);
  }
  std::sort(result.begin(), result.end(), [](auto &a, auto &b) {
    return a.sum.cycles != b.sum.cycles ? a.sum.cycles > b.sum.cycles : a.sum.op < b.sum.op;
  });
  return result;
}

/// The largest ops, and the rest of them as one.
std::vector<FoldedOp> shownOps(const std::vector<OpReport> &all, const char *phase) {
  constexpr size_t shown = 8;
  std::vector<FoldedOp> ops = foldOps(all, phase);
  if (ops.size() <= shown)
    return ops;
  FoldedOp rest;
  rest.sum.op = fmt::format("{} others", ops.size() - shown + 1);
  for (size_t i = shown - 1; i < ops.size(); ++i)
    addTo(rest, ops[i].sum, ops[i].steps);
  ops.resize(shown - 1);
  ops.push_back(rest);
  return ops;
}

std::string opTable(const RunReport &report, const char *phase) {
  const std::vector<FoldedOp> ops = shownOps(report.ops, phase);
  if (ops.empty())
    return "";
  Table table({{"op"},
               {"steps", Table::Align::Right},
               {"cycles", Table::Align::Right},
               {"share", Table::Align::Right},
               {"compute", Table::Align::Right},
               {"comm.", Table::Align::Right},
               {"wait", Table::Align::Right},
               {""}});
  std::vector<double> cycles;
  cycles.reserve(ops.size());
  for (const FoldedOp &op : ops)
    cycles.push_back(double(op.sum.cycles));
  const std::vector<std::string> shares = percentages(cycles);
  const double total = std::accumulate(cycles.begin(), cycles.end(), 0.0);
  for (size_t i = 0; i < ops.size(); ++i) {
    const OpReport &op = ops[i].sum;
    const std::vector<std::string> parts = percentages({op.compute, op.communicate, op.wait});
    table.row({op.op, grouped(ops[i].steps), grouped(op.cycles), shares[i], parts[0], parts[1], parts[2],
               bar(total > 0 ? cycles[i] / total : 0, 24)});
  }
  return fmt::format("\n{} by op (compute, communicate, wait: of the time of the cores that take part)\n{}", phase,
                     table.text());
}

std::string duration(double seconds) {
  if (seconds < 1e-3)
    return fmt::format("{:.2f} µs", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.3f} ms", seconds * 1e3) : fmt::format("{:.3f} s", seconds);
}

std::string phaseTable(const RunReport &report) {
  Table table({{"phase"},
               {"tokens", Table::Align::Right},
               {"cycles", Table::Align::Right},
               {"a token", Table::Align::Right},
               {"time", Table::Align::Right},
               {"tokens/s", Table::Align::Right}});
  auto line = [&](const char *phase, uint64_t tokens, uint64_t cycles) {
    if (tokens == 0 || cycles == 0)
      return;
    table.row({phase, grouped(tokens), grouped(cycles), grouped(cycles / tokens), duration(report.seconds(cycles)),
               grouped(uint64_t(double(tokens) / report.seconds(cycles)))});
  };
  line("prefill", report.promptTokens.size(), report.prefillCycles);
  line("decode", report.decodeCycles.size(), report.totalDecodeCycles());
  return table.text();
}

std::string sramTable(const RunReport &report) {
  Table table({{"cores"},
               {"how many", Table::Align::Right},
               {"weights", Table::Align::Right},
               {"constants", Table::Align::Right},
               {"kv cache", Table::Align::Right},
               {"activations", Table::Align::Right},
               {"communication", Table::Align::Right},
               {"host i/o", Table::Align::Right},
               {"peak", Table::Align::Right},
               {"of budget", Table::Align::Right}});
  for (const SramClass &cls : report.sram) {
    std::vector<std::string> cells = {cls.name, grouped(cls.cores.size())};
    for (uint64_t bytes : cls.peak.byKind)
      cells.push_back(grouped(bytes));
    cells.push_back(grouped(cls.peak.total));
    cells.push_back(report.sramBudgetBytes ? percent(double(cls.peak.total) / double(report.sramBudgetBytes)) : "-");
    table.row(std::move(cells));
  }
  return fmt::format("\nSRAM bytes that a core uses at most, of a budget of {}; kinds may share bytes\n{}",
                     grouped(report.sramBudgetBytes), table.text());
}

std::string kernelLines(const RunReport &report) {
  const KernelFacts &facts = report.kernels;
  std::string text =
      facts.measured ? "  kernel costs from the core's machine code" : "  kernel costs from declared rates";
  if (facts.measured)
    text +=
        fmt::format(": {} measured, {} from the cache", grouped(facts.costsMeasured), grouped(facts.costsFromCache));
  const uint64_t instructions = report.prefillCounters.instructions + report.decodeCounters.instructions;
  if (instructions)
    text += fmt::format("; {} instructions executed", grouped(instructions));
  if (!report.error.empty())
    text += fmt::format("\n  error {}", report.error);
  text += '\n';
  if (report.timingOnly)
    text += fmt::format("  evaluator {}{}{}\n", facts.evaluator, facts.evaluatorWhy.empty() ? "" : ": ",
                        facts.evaluatorWhy);
  for (const auto &[unit, count] : facts.cosimulated)
    text += count ? fmt::format("  RTL of {} beside the simulator: {} instructions, all with the same results\n", unit,
                                grouped(count))
                  : fmt::format("  RTL of {} beside the simulator: nothing was compared, the program has none of its "
                                "instructions\n",
                                unit);
  return text;
}

} // namespace

uint64_t RunReport::totalDecodeCycles() const {
  return std::accumulate(decodeCycles.begin(), decodeCycles.end(), uint64_t(0));
}

/// What a report says of package and device, whatever ran.
static Result<RunReport> reportOn(const Package &package, const Device &device, bool timingOnly) {
  Result<hw::Hardware> hardware = hw::parse(package.hardware_yaml, "the package's hardware description");
  if (!hardware)
    return hardware.takeError();
  RunReport report;
  report.producer = package.producer;
  report.model = package.model->name;
  report.architecture = package.model->architecture;
  report.vocabSize = package.model->vocab_size;
  report.maxSeq = package.model->max_seq;
  report.hardware = package.hardware_name;
  report.hardwareDigest = package.hardware_digest;
  report.meshWidth = package.mesh_width;
  report.meshHeight = package.mesh_height;
  report.clockGhz = hardware->parallelism.clockGhz;
  report.machine = *hardware;
  report.sramBudgetBytes = hardware->usableBytes();
  report.timingOnly = timingOnly;
  report.sram = sramUse(package);
  report.kernels = device.kernelFacts();
  return report;
}

Result<RunReport> makeTensorReport(const Package &package, const Device &device, bool timingOnly,
                                   const LaunchReport &launch) {
  Result<RunReport> report = reportOn(package, device, timingOnly);
  if (!report)
    return report;
  report->tensorProgram = true;
  report->mainCycles = launch.cycles;
  add(report->prefillCounters, launch.counters);
  report->busyCoreCycles = launch.busyCoreCycles;
  if (launch.why)
    report->why.push_back(launch.why);
  report->ops = sumOps(package, std::string(tensorProgram), {&launch, 1});
  return report;
}

Result<RunReport> makeReport(const Session &session, std::vector<int32_t> prompt, Generation generation,
                             std::optional<std::string> text) {
  const Package &package = session.package();
  Result<RunReport> made = reportOn(package, session.device(), session.isTimingOnly());
  if (!made)
    return made;
  RunReport &report = *made;
  report.promptTokens = std::move(prompt);
  report.generation = std::move(generation);
  report.text = std::move(text);
  const std::span<const LaunchReport> launches = session.reports();
  const size_t prefills = session.hasProgram("prefill") && !launches.empty() ? 1 : 0;
  for (size_t i = 0; i < launches.size(); ++i) {
    if (i < prefills)
      report.prefillCycles = launches[i].cycles;
    else
      report.decodeCycles.push_back(launches[i].cycles);
    add(i < prefills ? report.prefillCounters : report.decodeCounters, launches[i].counters);
    report.busyCoreCycles += launches[i].busyCoreCycles;
    if (launches[i].why && (i + 1 == launches.size() || i + 1 == prefills))
      report.why.push_back(launches[i].why);
  }
  if (!launches.empty()) {
    report.ops = sumOps(package, "prefill", launches.first(prefills));
    std::vector<OpReport> decode = sumOps(package, "decode", launches.subspan(prefills));
    report.ops.insert(report.ops.end(), decode.begin(), decode.end());
  }
  return made;
}

nlohmann::json toJson(const RunReport &report) {
  const uint64_t decode = report.totalDecodeCycles(), total = report.prefillCycles + decode + report.mainCycles;
  nlohmann::json json;
  json["schema"] = "weft.run/1";
  json["producer"] = report.producer;
  json["model"] = {{"name", report.model},
                   {"architecture", report.architecture},
                   {"vocab_size", report.vocabSize},
                   {"max_seq", report.maxSeq}};
  json["hardware"] = {{"name", report.hardware}, {"digest", fmt::format("{:016x}", report.hardwareDigest)}};
  json["mesh"] = {report.meshWidth, report.meshHeight};
  json["cores"] = report.cores();
  json["clock_ghz"] = report.clockGhz;
  json["timing_only"] = report.timingOnly;
  json["engine"] = report.timingOnly ? nlohmann::json() : nlohmann::json(report.kernels.engine);
  json["evaluator"] = {{"name", report.kernels.evaluator},
                       {"why", report.kernels.evaluatorWhy},
                       {"seconds", report.kernels.evaluatorSeconds}};
  json["kernel_costs"] = {
      {"source", report.kernels.measured ? "measured" : "declared"},
      {"measured", report.kernels.costsMeasured},
      {"from_cache", report.kernels.costsFromCache},
      {"cache", report.kernels.cachePath.empty() ? nlohmann::json() : nlohmann::json(report.kernels.cachePath)}};
  for (const auto &[unit, count] : report.kernels.cosimulated)
    json["cosim"][unit] = count;
  if (!report.error.empty()) // no run of a compiled model was ever measured
    json["error_bar"] = {{"extrapolated", true}, {"text", report.error}};
  json["prompt_tokens"] = report.promptTokens;
  json["new_tokens"] = report.generation.tokens.size();
  if (report.tensorProgram) {
    json["cycles"]["main"] = report.mainCycles;
    json["seconds"]["main"] = report.seconds(report.mainCycles);
  } else if (!report.timingOnly) {
    json["tokens"] = report.generation.tokens;
    json["stop"] = report.generation.stoppedAtEos ? "eos" : "length";
  }
  if (report.text)
    json["text"] = *report.text;
  json["cycles"].update({{"prefill", report.prefillCycles}, {"decode", report.decodeCycles}, {"total", total}});
  json["seconds"].update({{"prefill", report.seconds(report.prefillCycles)},
                          {"decode", report.seconds(decode)},
                          {"total", report.seconds(total)}});
  auto rate = [&](size_t tokens, uint64_t cycles) {
    return tokens && cycles ? nlohmann::json(double(tokens) / report.seconds(cycles)) : nlohmann::json();
  };
  json["tokens_per_second"] = {{"prefill", rate(report.promptTokens.size(), report.prefillCycles)},
                               {"decode", rate(report.decodeCycles.size(), decode)}};
  json["core_utilization"] =
      total ? nlohmann::json(double(report.busyCoreCycles) / (double(total) * double(report.cores())))
            : nlohmann::json();
  json["per_op"] = nlohmann::json::array();
  for (const OpReport &op : report.ops)
    json["per_op"].push_back({{"op", op.op},
                              {"kind", op.kind},
                              {"phase", op.phase},
                              {"cycles", op.cycles},
                              {"compute", op.compute},
                              {"communicate", op.communicate},
                              {"wait", op.wait},
                              {"hidden", op.hidden}});
  json["sram"] = nlohmann::json::array();
  for (const SramClass &cls : report.sram) {
    nlohmann::json kinds;
    for (size_t kind = 0; kind < bufferKinds; ++kind)
      kinds[kindName(pkg::BufferKind(kind))] = cls.peak.byKind[kind];
    json["sram"].push_back({{"class", cls.name},
                            {"cores", cls.cores.size()},
                            {"peak_bytes", cls.peak.total},
                            {"budget_bytes", report.sramBudgetBytes},
                            {"by_kind", kinds}});
  }
  for (const auto &why : report.why)
    json["explain"].push_back(toJson(*why));
  json["machine"] = machineJson(report.machine);
  for (const LoadMap &map : report.maps)
    json["maps"].push_back(toJson(map));
  json["counters"] = {{"prefill", toJson(report.prefillCounters)}, {"decode", toJson(report.decodeCounters)}};
  return json;
}

std::string toText(const RunReport &report) {
  const uint64_t total = report.prefillCycles + report.totalDecodeCycles() + report.mainCycles;
  std::string text = fmt::format("{} on {}, {} x {} = {} cores at {} GHz{}\n\n", report.model, report.hardware,
                                 report.meshWidth, report.meshHeight, grouped(report.cores()), report.clockGhz,
                                 report.timingOnly ? "; timing only: cycles without data, no results" : "");
  text += report.tensorProgram ? fmt::format("  {} cycles, {}\n", grouped(report.mainCycles),
                                             duration(report.seconds(report.mainCycles)))
                               : phaseTable(report);
  if (total > 0)
    text += fmt::format("  cores in kernels {} of the time\n",
                        percent(double(report.busyCoreCycles) / (double(total) * double(report.cores()))));
  text += kernelLines(report);
  text += opTable(report, "prefill");
  text += opTable(report, "decode");
  text += opTable(report, "main");
  for (const auto &why : report.why)
    text += toText(*why);
  text += sramTable(report);
  return text;
}

Result<void> writeJson(const std::string &path, const nlohmann::json &value) {
  return writeFile(path, value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

} // namespace weft::runtime
