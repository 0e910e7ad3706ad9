#include "tools/CosimPortCommand.h"

#include "kernels/units/Units.h"
#include "sim/cosim/combine/CombineCosim.h"
#include "sim/cosim/port/PortCosim.h"
#include "tools/CosimOptions.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

namespace weft::tools {
namespace {

/// What the RTL does in time, against what kernels/units/mesh-port.yaml says.
Result<void> checkTiming(const cosim::PortCosimReport &seen) {
  const units::Pipeline &pipeline = units::find("mesh-port")->pipelines[0];
  const uint32_t latency = pipeline.latency(0, 0); // a scalar unit
  if (seen.latency == latency && seen.interval == pipeline.interval)
    return success();
  if (!seen.latency)
    return userError("mesh-port: these instructions are too few to measure the latency; ask for more with --tests");
  return userError(
      fmt::format("mesh-port: measured latency {} and interval {} cycles; kernels/units/mesh-port.yaml says "
                  "{} and {}",
                  seen.latency, seen.interval, latency, pipeline.interval));
}

Result<void> runPort(const CosimOptions &options, std::ostream &out) {
  cosim::PortCosimOptions run{.tests = options.tests,
                              .seed = options.seed,
                              .wavePath = options.wavePath,
                              .coveragePath = options.coverageFile(),
                              .togglePath = options.toggleFile()};
  for (const std::string &parameter : options.parameters) {
    auto split = splitParameter(parameter);
    if (!split)
      return split.takeError();
    if (split->first != "variant")
      return userError(fmt::format("--param {}: not a parameter; give variant={}", parameter,
                                   fmt::join(cosim::portVariants(), " or variant=")));
    run.variant = split->second;
  }
  if (auto ok = prepareCosimFiles(options); !ok)
    return ok;
  auto seen = cosim::runPortCosim(run);
  if (!seen)
    return seen.takeError();
  if (options.printsText()) {
    out << fmt::format("mesh-port ({}): {} instructions in {} cycles: {} puts, {} gets, {} kills, {} refused; no "
                       "difference\n",
                       run.variant, seen->instructions, seen->cycles, seen->puts, seen->gets, seen->kills,
                       seen->refused);
    out << fmt::format("latency {}, interval {} cycles (measured); functional bins met: {} of {}\n", seen->latency,
                       seen->interval, seen->bins.size() - seen->missing().size(), seen->bins.size());
  }
  const nlohmann::json report = {{"unit", "mesh-port"},
                                 {"variant", run.variant},
                                 {"seed", options.seed},
                                 {"cycles", seen->cycles},
                                 {"instructions", seen->instructions},
                                 {"latency", seen->latency},
                                 {"interval", seen->interval},
                                 {"signature", fmt::format("{:016x}", seen->signature)},
                                 {"bins", seen->bins}};
  if (auto ok = writeCosimReport(options, "weft.cosim-mesh-port/1", report, out); !ok)
    return ok;
  if (auto ok = checkTiming(*seen); !ok)
    return ok;
  return checkBins(options, seen->missing());
}

Result<void> runCombine(const CosimOptions &options, std::ostream &out) {
  if (auto ok = prepareCosimFiles(options); !ok)
    return ok;
  auto seen = cosim::runCombineCosim({options.tests, options.seed, options.coverageFile(), options.toggleFile()});
  if (!seen)
    return seen.takeError();
  if (options.printsText())
    out << fmt::format("router: {} operations of the combine unit; no difference; functional bins met: {} of {}\n",
                       seen->operations, seen->bins.size() - seen->missing().size(), seen->bins.size());
  const nlohmann::json report = {{"unit", "router"},
                                 {"seed", options.seed},
                                 {"operations", seen->operations},
                                 {"signature", fmt::format("{:016x}", seen->signature)},
                                 {"bins", seen->bins}};
  if (auto ok = writeCosimReport(options, "weft.cosim-router/1", report, out); !ok)
    return ok;
  return checkBins(options, seen->missing());
}

int report(const Result<void> &done) { return done ? 0 : reportError(done.error()); }

} // namespace

void addCosimRouterCommand(CLI::App &cosim, int &exitCode) {
  auto options = std::make_shared<CosimOptions>();
  options->tests = cosim::CombineCosimOptions().tests;
  CLI::App *command =
      cosim.add_subcommand("router", "The router's combine unit beside its model; `mesh` runs whole routers");
  addCosimOptions(*command, *options,
                  {.tests = "Pairs of words for each operation",
                   .seed = "Of the words",
                   .coverage = "Write counts of lines and branches (coverage.dat) and toggles (toggles.dat) into DIR"});
  command->callback([options, &exitCode] { exitCode = report(runCombine(*options, std::cout)); });
}

void addCosimPortCommand(CLI::App &cosim, int &exitCode) {
  auto options = std::make_shared<CosimOptions>();
  CLI::App *command = cosim.add_subcommand("mesh-port", "The core's port to the mesh, cycle by cycle beside its model");
  addCosimOptions(
      *command, *options,
      {.parameters = "variant=mesh16 or variant=small",
       .tests = "Instructions",
       .seed = "Of instructions and stalls",
       .coverage =
           "Write counts of lines and branches (coverage.dat) and toggles (toggles.dat) into DIR; variant=small",
       .wave = "Write a waveform"});
  command->callback([options, &exitCode] { exitCode = report(runPort(*options, std::cout)); });
}

} // namespace weft::tools
