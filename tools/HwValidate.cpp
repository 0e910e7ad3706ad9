#include "tools/HwValidate.h"

#include "hw-models/Hardware.h"
#include "hw-models/Yaml.h"
#include "sim/validation/Validate.h"
#include "tools/HwValidateNoc.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

using namespace weft;
using namespace weft::validation;

namespace {

struct Options {
  std::vector<std::string> data, overrides;
  std::string machine, hardware, csv, json;
  size_t worst = 0;
  double overhead = 0;
};

/// One machine of the data with what the model says to it.
struct Report {
  std::string machine, hardware;
  Comparison comparison;
};

constexpr std::pair<std::string_view, uint32_t> lmuls[] = {{"mf8", 1}, {"mf4", 2}, {"mf2", 4}, {"m1", 8},
                                                           {"m2", 16}, {"m4", 32}, {"m8", 64}};

std::string_view lmulName(uint32_t eighths) {
  for (const auto &[name, each] : lmuls)
    if (each == eighths)
      return name;
  return "?";
}

std::string vlName(const Measurement &measurement) { return measurement.vl ? std::to_string(measurement.vl) : "VLMAX"; }

std::vector<std::string> machinesOf(const std::vector<Measurement> &measurements) {
  std::vector<std::string> out;
  for (const Measurement &each : measurements)
    if (std::find(out.begin(), out.end(), each.machine) == out.end())
      out.push_back(each.machine);
  return out;
}

Result<std::vector<Measurement>> readAll(const std::vector<std::string> &paths) {
  if (paths.empty())
    return shippedMeasurements();
  std::vector<Measurement> out;
  for (const std::string &path : paths) {
    Result<std::vector<Measurement>> each = readMeasurements(path);
    if (!each)
      return each.error();
    out.insert(out.end(), each->begin(), each->end());
  }
  return out;
}

Result<std::vector<Report>> run(const Options &options, const std::vector<Measurement> &measurements) {
  std::vector<std::string> machines = machinesOf(measurements);
  auto listed = [&] {
    std::string out;
    for (const std::string &each : machines)
      out += (out.empty() ? "" : ", ") + each;
    return out;
  };
  if (!options.machine.empty()) {
    if (std::find(machines.begin(), machines.end(), options.machine) == machines.end())
      return userError(fmt::format("machine '{}' is not in the data; it has: {}", options.machine, listed()));
    machines = {options.machine};
  }
  if (!options.hardware.empty() && machines.size() > 1)
    return userError(fmt::format("--hw describes one machine, the data has {}; choose one with --machine: {}",
                                 machines.size(), listed()));
  Result<std::vector<hw::Override>> overrides = hw::parseOverrides(options.overrides);
  if (!overrides)
    return overrides.takeError();
  std::vector<Report> out;
  for (const std::string &machine : machines) {
    std::string name = options.hardware.empty() ? std::string(presetFor(machine)) : options.hardware;
    if (name.empty())
      return userError(fmt::format("machine '{}': no preset describes it; give its description with --hw", machine));
    Result<hw::Hardware> hardware = hw::load(name, *overrides);
    if (!hardware)
      return hardware.error();
    if (hardware->parallelism.core.kind != "rvv")
      return userError(
          fmt::format("{}: its cores are of kind {}; the data is of kind rvv", name, hardware->parallelism.core.kind));
    Result<Comparison> comparison = compare(*hardware, measurements, machine, options.overhead);
    if (!comparison)
      return comparison.error();
    out.push_back({machine, name, *std::move(comparison)});
  }
  return out;
}

std::string percent(const Summary &summary, double value) {
  return summary.rows ? fmt::format("{:.1f} %", 100 * value) : "-";
}

void printLine(std::string_view name, const Comparison &comparison, auto chosen) {
  Summary most = summarize(comparison, [&](const Row &row) { return chosen(row) && row.measurement->vl == 0; });
  Summary one = summarize(comparison, [&](const Row &row) { return chosen(row) && row.measurement->vl != 0; });
  if (most.rows + one.rows == 0)
    return;
  fmt::print("  {:<32} {:>13} {:>9} {:>9} {:>15} {:>9}\n", name, most.rows, percent(most, most.meanAbsoluteError),
             percent(most, most.meanError), one.rows, percent(one, one.meanAbsoluteError));
}

std::vector<const Row *> worstRows(const Comparison &comparison, size_t count) {
  std::vector<const Row *> rows;
  rows.reserve(comparison.rows.size());
  for (const Row &row : comparison.rows)
    rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const Row *a, const Row *b) {
    double left = std::abs(a->error()), right = std::abs(b->error());
    return left != right ? left > right : a->measurement->line < b->measurement->line;
  });
  rows.resize(std::min(count, rows.size()));
  return rows;
}

/// Names of instructions, each once, in the order of the data.
std::vector<std::string> namesOf(const std::vector<const Measurement *> &measurements) {
  std::vector<std::string> out;
  for (const Measurement *each : measurements)
    if (std::string name = each->operands.substr(0, each->operands.find(' '));
        std::find(out.begin(), out.end(), name) == out.end())
      out.push_back(name);
  return out;
}

/// "3 rows of instructions that …: 'a', 'b'"
std::string skipped(const std::vector<const Measurement *> &measurements, std::string_view what) {
  std::vector<std::string> names = namesOf(measurements);
  constexpr size_t most = 20;
  std::string list;
  for (size_t i = 0; i < std::min(most, names.size()); ++i)
    list += (i ? ", " : "") + hw::inQuotes(names[i]);
  return fmt::format("{} {} of instructions that {}: {}{}", measurements.size(),
                     measurements.size() == 1 ? "row" : "rows", what, list, names.size() > most ? ", …" : "");
}

/// What was not compared, a line each.
std::vector<std::string> skipped(const Comparison &comparison) {
  std::vector<std::string> out;
  if (!comparison.unknown.empty())
    out.push_back(skipped(comparison.unknown, "the simulator does not have"));
  if (!comparison.notVector.empty())
    out.push_back(skipped(comparison.notVector, "are not vector instructions"));
  return out;
}

void printWorst(const Comparison &comparison, size_t count) {
  fmt::print("  worst rows:\n  {:<34} {:>4} {:>4} {:>6} {:>10} {:>10} {:>9}\n", "operands", "SEW", "LMUL", "vl",
             "measured", "predicted", "error");
  for (const Row *row : worstRows(comparison, count)) {
    const Measurement &each = *row->measurement;
    fmt::print("  {:<34} {:>4} {:>4} {:>6} {:>10.2f} {:>10.2f} {:>+8.0f} %\n", each.operands, each.sewBits,
               lmulName(each.lmulEighths), vlName(each), each.cycles, row->predicted, 100 * row->error());
  }
}

void print(const Report &report, size_t worst) {
  fmt::print("{} against {}\n", report.machine, report.hardware);
  fmt::print("  MAPE: mean of absolute errors; bias: mean of signed ones, above 0 where the model is too slow\n");
  fmt::print("  {:<32} {:>13} {:>9} {:>9} {:>15} {:>9}\n", "", "rows at VLMAX", "MAPE", "bias", "rows at less vl",
             "MAPE");
  for (std::string_view group : groups())
    printLine(group, report.comparison, [&](const Row &row) { return row.group == group; });
  for (const auto &[name, eighths] : lmuls)
    printLine(name, report.comparison, [&](const Row &row) { return row.measurement->lmulEighths == eighths; });
  printLine("all", report.comparison, [](const Row &) { return true; });
  for (const std::string &line : skipped(report.comparison))
    fmt::print("  not compared: {}\n", line);
  if (worst)
    printWorst(report.comparison, worst);
}

nlohmann::ordered_json toJson(const Row &row) {
  const Measurement &each = *row.measurement;
  return {{"operands", each.operands}, {"sew", each.sewBits},     {"lmul", lmulName(each.lmulEighths)},
          {"vl", vlName(each)},        {"measured", each.cycles}, {"predicted", row.predicted}};
}

nlohmann::ordered_json toJson(const Summary &summary) {
  nlohmann::ordered_json out = {{"rows", summary.rows}, {"mape", nullptr}, {"bias", nullptr}};
  if (summary.rows > 0) {
    out["mape"] = summary.meanAbsoluteError;
    out["bias"] = summary.meanError;
  }
  return out;
}

nlohmann::ordered_json toJson(const Report &report, size_t worst) {
  auto isMost = [](const Row &row) { return row.measurement->vl == 0; };
  nlohmann::ordered_json out = {{"machine", report.machine}, {"hardware", report.hardware}};
  out["vlmax"] = toJson(summarize(report.comparison, isMost));
  out["vl_given"] = toJson(summarize(report.comparison, [&](const Row &row) { return !isMost(row); }));
  for (std::string_view group : groups())
    if (Summary each = summarize(report.comparison, [&](const Row &row) { return isMost(row) && row.group == group; });
        each.rows > 0)
      out["groups_vlmax"][std::string(group)] = toJson(each);
  for (const auto &[name, eighths] : lmuls)
    if (Summary each = summarize(
            report.comparison,
            [&, wanted = eighths](const Row &row) { return isMost(row) && row.measurement->lmulEighths == wanted; });
        each.rows > 0)
      out["lmul_vlmax"][std::string(name)] = toJson(each);
  out["unknown_rows"] = report.comparison.unknown.size();
  out["unknown"] = namesOf(report.comparison.unknown);
  out["not_vector_rows"] = report.comparison.notVector.size();
  for (const Row *row : worstRows(report.comparison, worst))
    out["worst"].push_back(toJson(*row));
  return out;
}

/// `text` to a file, or to standard output for "-".
Result<void> write(const std::string &path, const std::string &text) {
  if (path == "-") {
    fmt::print("{}", text);
    return success();
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush())
    return userError(fmt::format("{}: cannot be written", path));
  return success();
}

std::string csvOf(const std::vector<Report> &reports) {
  std::string out = "machine,operands,SEW,LMUL,vl,cycles_per_insn,predicted,group\n";
  for (const Report &report : reports)
    for (const Row &row : report.comparison.rows) {
      const Measurement &each = *row.measurement;
      out += fmt::format("{},\"{}\",{},{},{},{},{:.3f},\"{}\"\n", report.machine, each.operands, each.sewBits,
                         lmulName(each.lmulEighths), vlName(each), each.cycles, row.predicted, row.group);
    }
  return out;
}

Result<void> validate(const Options &options) {
  Result<std::vector<Measurement>> measurements = readAll(options.data);
  if (!measurements)
    return measurements.error();
  Result<std::vector<Report>> reports = run(options, *measurements);
  if (!reports)
    return reports.error();
  for (const Report &report : *reports)
    if (report.comparison.rows.empty()) {
      std::string why;
      for (const std::string &line : skipped(report.comparison))
        why += (why.empty() ? "" : "; ") + line;
      return userError(fmt::format("{}: nothing to compare: {}", report.machine, why));
    }
  if (!options.csv.empty())
    if (Result<void> done = write(options.csv, csvOf(*reports)); !done)
      return done;
  if (!options.json.empty()) {
    nlohmann::ordered_json all = {{"schema", "weft.hw-validate/1"}, {"overhead_cycles", options.overhead}};
    for (const Report &report : *reports)
      all["machines"].push_back(toJson(report, options.worst));
    if (Result<void> done =
            write(options.json, all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
        !done)
      return done;
  }
  if (options.json != "-" && options.csv != "-")
    for (const Report &report : *reports)
      print(report, options.worst);
  return success();
}

} // namespace

CLI::App *tools::addHwValidateCommand(CLI::App &group, int &exitCode) {
  CLI::App *command = group.add_subcommand("validate", "Compare a timing model with measurements");
  command->require_subcommand(1);
  addHwValidateNocCommand(*command, exitCode);
  CLI::App *rvv = command->add_subcommand("rvv", "Cycles of vector instructions, predicted against measured");
  auto options = std::make_shared<Options>(); // lives as long as the callback
  rvv->add_option("data", options->data, "Measurements (default: those that come with Weft)")->type_name("CSV");
  rvv->add_option("--machine", options->machine, "Only this machine of the data")->type_name("NAME");
  rvv->add_option("--hw", options->hardware, "Its description (default: the preset made for it)")
      ->type_name("PRESET|FILE");
  rvv->add_option("--set", options->overrides, "Replace a value of it: KEY=VALUE, KEY as in `weft hw schema`")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  CLI::Validator cycles( // not a range: nan is in all of them
      [](const std::string &text) {
        double value = 0;
        bool isCycles = CLI::detail::lexical_cast(text, value) && value >= 0 && value <= 1000;
        return isCycles ? std::string() : fmt::format("{} is not a number of cycles from 0 to 1000", text);
      },
      "");
  rvv->add_option("--overhead", options->overhead, "What measuring itself added, in cycles an instruction (default: 0)")
      ->type_name("CYCLES")
      ->check(cycles);
  rvv->add_option("--worst", options->worst, "List this many rows with the largest error")
      ->type_name("N")
      ->check(CLI::Range(0, 2147483647).description(""));
  rvv->add_option("--csv", options->csv, "Write every row; - for standard output")->type_name("FILE");
  rvv->add_option("--json", options->json, "Write the summary; - for standard output")->type_name("FILE");
  rvv->callback([&exitCode, options] {
    Result<void> done = validate(*options);
    if (!done)
      fmt::print(stderr, "weft: error: {}\n", done.error().message);
    exitCode = done ? 0 : static_cast<int>(done.error().fault);
  });
  return command;
}
