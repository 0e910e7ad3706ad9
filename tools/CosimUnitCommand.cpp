#include "tools/CosimUnitCommand.h"

#include "kernels/units/Units.h"
#include "sim/cosim/unit/UnitRun.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <iostream>
#include <memory>
#include <set>

namespace weft::tools {
namespace {

Result<cosim::UnitVariant> variantOf(const CosimOptions &options) {
  uint32_t lanes = 0, dlen = 0, vlen = 0;
  for (const std::string &parameter : options.parameters) {
    auto split = splitParameter(parameter);
    if (!split)
      return split.takeError();
    const auto &[name, value] = *split;
    uint32_t *to = name == "lanes" ? &lanes : name == "dlen" ? &dlen : name == "vlen" ? &vlen : nullptr;
    if (!to)
      return userError(
          fmt::format("--param {}: not a parameter; give lanes=N (32 bits each), dlen=N or vlen=N", parameter));
    const char *end = value.data() + value.size();
    if (auto [at, error] = std::from_chars(value.data(), end, *to); error != std::errc() || at != end || !*to)
      return userError(fmt::format("--param {}: not a positive number", parameter));
  }
  auto variant = cosim::findVariant(options.unit, lanes, dlen, vlen);
  if (!variant)
    return variant;
  const cosim::UnitVariant fallback = *cosim::findVariant(options.unit, 0, 0, 0);
  const bool isFallback = variant->dlenBits == fallback.dlenBits && variant->vlenBits == fallback.vlenBits;
  if (!isFallback && !options.coverageDirectory.empty())
    return userError(fmt::format("--coverage needs the model that counts it, dlen={} vlen={}; leave out --param",
                                 fallback.dlenBits, fallback.vlenBits));
  return variant;
}

nlohmann::json toJson(const CosimOptions &options, const cosim::UnitVariant &variant, const cosim::UnitReport &report) {
  nlohmann::json json = {{"unit", options.unit},
                         {"dlen", variant.dlenBits},
                         {"vlen", variant.vlenBits},
                         {"seed", options.seed},
                         {"instructions", report.instructions},
                         {"cycles", report.cycles},
                         {"mismatches", 0},
                         {"signature", fmt::format("{:016x}", report.signature)},
                         {"bins", report.bins},
                         {"holes", report.holes},
                         {"pipelines", nlohmann::json::array()}};
  for (const cosim::MeasuredPipeline &each : report.pipelines)
    json["pipelines"].push_back({{"name", each.name},
                                 {"latency", each.measuredLatency},
                                 {"interval", each.measuredInterval},
                                 {"described_latency", each.latency},
                                 {"described_interval", each.interval}});
  return json;
}

Result<void> checkTimes(const CosimOptions &options, const cosim::UnitReport &report) {
  for (const cosim::MeasuredPipeline &each : report.pipelines)
    if (!each.steady || each.measuredLatency != each.latency || each.measuredInterval != each.interval)
      return userError(fmt::format("unit {}, pipeline {}: the RTL takes {} cycles to a result and {} a beat{}, its "
                                   "description in kernels/units/{}.yaml says {} and {}",
                                   options.unit, each.name, each.measuredLatency, each.measuredInterval,
                                   each.steady ? "" : " (not always)", options.unit, each.latency, each.interval));
  return success();
}

} // namespace

Result<void> cosimUnit(const CosimOptions &options, std::ostream &out) {
  auto variant = variantOf(options);
  if (!variant)
    return variant.takeError();
  const cosim::UnitRunOptions run{.unit = options.unit,
                                  .variant = *variant,
                                  .tests = options.tests,
                                  .seed = options.seed,
                                  .coverageFile = options.coverageFile(),
                                  .waveFile = options.wavePath,
                                  .toggleFile = options.toggleFile(),
                                  .waveCopy = options.waveCopy};
  if (Result<void> ok = prepareCosimFiles(options); !ok)
    return ok;
  auto report = cosim::runUnit(run);
  if (!report)
    return report.takeError();
  if (options.printsText()) {
    out << fmt::format("unit {}, DLEN {}, VLEN {}, seed {}\n{} instructions in {} cycles, twice with different bits "
                       "before reset: 0 mismatches, signature {:016x}\n",
                       options.unit, variant->dlenBits, variant->vlenBits, options.seed, report->instructions,
                       report->cycles, report->signature);
    out << fmt::format("functional coverage: {} of {} bins\n", report->bins - report->holes.size(), report->bins);
    for (const cosim::MeasuredPipeline &each : report->pipelines)
      out << fmt::format("pipeline {}: latency {} (described {}), interval {} ({})\n", each.name, each.measuredLatency,
                         each.latency, each.measuredInterval, each.interval);
  }
  if (auto ok = writeCosimReport(options, "weft.cosim-unit/1", toJson(options, *variant, *report), out); !ok)
    return ok;
  if (Result<void> times = checkTimes(options, *report); !times)
    return times;
  return checkBins(options, report->holes);
}

void addCosimUnitCommands(CLI::App &cosim, int &exitCode) {
  std::set<std::string> units;
  for (const cosim::UnitVariant &variant : cosim::unitVariants())
    units.emplace(variant.unit);
  for (const std::string &unit : units) {
    auto options = std::make_shared<CosimOptions>();
    options->unit = unit;
    CLI::App *app = cosim.add_subcommand(unit, fmt::format("Run the RTL of unit {} beside its golden model", unit));
    addCosimOptions(*app, *options,
                    {.parameters = "lanes=N, dlen=N or vlen=N: another of the variants that are built",
                     .tests = "Random instructions",
                     .seed = "Of instructions and stalls",
                     .coverage = "Write counts of lines and branches (coverage.dat) and toggles (toggles.dat) into DIR",
                     .wave = "Write a waveform"});
    app->add_option("--wave-copy", options->waveCopy, "Of the two copies of the RTL, the one in the waveform: 1 or 2")
        ->check(CLI::Range(1, 2).description(""))
        ->capture_default_str();
    app->callback([options, &exitCode] {
      if (Result<void> done = cosimUnit(*options, std::cout); !done)
        exitCode = reportError(done.error());
    });
  }
}

} // namespace weft::tools
