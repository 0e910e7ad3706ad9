#include "tools/CosimPortCommand.h"

#include "kernels/units/Units.h"
#include "runtime/Report.h"
#include "runtime/support/WriteFile.h"
#include "sim/cosim/combine/CombineCosim.h"
#include "sim/cosim/port/PortCosim.h"
#include "tools/CosimUnitCommand.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>

namespace weft::tools {
namespace {

struct Options {
  cosim::PortCosimOptions cosim{};
  std::vector<std::string> parameters{};
  std::string jsonPath{}, coverageDirectory{};
};

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

Result<void> run(Options options) {
  for (const std::string &parameter : options.parameters) {
    if (!parameter.starts_with("variant="))
      return Error{fmt::format("--param {}: mesh-port has variant={}", parameter,
                               fmt::join(cosim::portVariants(), " or variant=")),
                   Fault::Usage};
    options.cosim.variant = parameter.substr(std::string("variant=").size());
  }
  if (!options.coverageDirectory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.coverageDirectory, error);
    if (error)
      return userError(fmt::format("{}: cannot be made: {}", options.coverageDirectory, error.message()));
    options.cosim.coveragePath = options.coverageDirectory + "/coverage.dat";
  }
  for (const std::string &path : {options.cosim.wavePath, options.jsonPath})
    if (!path.empty())
      if (Result<void> ok = runtime::checkWritable(path); !ok)
        return ok;
  auto seen = cosim::runPortCosim(options.cosim);
  if (!seen)
    return seen.takeError();
  fmt::print("mesh-port ({}): {} instructions in {} cycles: {} puts, {} gets, {} kills, {} refused; no difference\n",
             options.cosim.variant, seen->instructions, seen->cycles, seen->puts, seen->gets, seen->kills,
             seen->refused);
  fmt::print("latency {}, interval {} cycles (measured); functional bins met: {} of {}\n", seen->latency,
             seen->interval, seen->bins.size() - seen->missing().size(), seen->bins.size());
  if (!options.jsonPath.empty()) {
    const nlohmann::ordered_json report = {{"unit", "mesh-port"},
                                           {"variant", options.cosim.variant},
                                           {"seed", options.cosim.seed},
                                           {"cycles", seen->cycles},
                                           {"instructions", seen->instructions},
                                           {"latency", seen->latency},
                                           {"interval", seen->interval},
                                           {"signature", fmt::format("{:016x}", seen->signature)},
                                           {"bins", seen->bins}};
    if (auto ok = runtime::writeJson(options.jsonPath, report); !ok)
      return ok;
  }
  if (auto ok = checkTiming(*seen); !ok)
    return ok;
  if (options.cosim.tests >= 20000 && !seen->missing().empty())
    return userError(fmt::format("functional bins that were never met: {}", fmt::join(seen->missing(), ", ")));
  return success();
}

Result<void> runCombine(const cosim::CombineCosimOptions &options, const std::string &jsonPath) {
  auto seen = cosim::runCombineCosim(options);
  if (!seen)
    return seen.takeError();
  fmt::print("router: {} operations of the combine unit; no difference; functional bins met: {} of {}\n",
             seen->operations, seen->bins.size() - seen->missing().size(), seen->bins.size());
  if (!jsonPath.empty()) {
    const nlohmann::ordered_json report = {{"unit", "router"},
                                           {"seed", options.seed},
                                           {"operations", seen->operations},
                                           {"signature", fmt::format("{:016x}", seen->signature)},
                                           {"bins", seen->bins}};
    if (auto ok = runtime::writeJson(jsonPath, report); !ok)
      return ok;
  }
  if (options.tests >= 20000 && !seen->missing().empty())
    return userError(fmt::format("functional bins that were never met: {}", fmt::join(seen->missing(), ", ")));
  return success();
}

int report(const Result<void> &done) { return done ? 0 : reportError(done.error()); }

} // namespace

void addCosimRouterCommand(CLI::App &cosim, int &exitCode) {
  auto options = std::make_shared<cosim::CombineCosimOptions>();
  auto json = std::make_shared<std::string>();
  CLI::App *command =
      cosim.add_subcommand("router", "The router's combine unit beside its model; `mesh` runs whole routers");
  command->add_option("--tests", options->tests, "Pairs of words for each operation")
      ->check(CLI::Range(1.0, mostTests).description(""))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Of the words")
      ->check(CLI::Range(0.0, largestSeed).description(""))
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--json", *json, "Writes counts and bins")->type_name("FILE");
  command->callback([options, json, &exitCode] { exitCode = report(runCombine(*options, *json)); });
}

void addCosimPortCommand(CLI::App &cosim, int &exitCode) {
  auto options = std::make_shared<Options>();
  CLI::App *command = cosim.add_subcommand("mesh-port", "The core's port to the mesh, cycle by cycle beside its model");
  command->add_option("--param", options->parameters, "variant=mesh16 or variant=small")->type_name("NAME=VALUE");
  command->add_option("--tests", options->cosim.tests, "Instructions")
      ->check(CLI::Range(1.0, mostTests).description(""))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->cosim.seed, "Of instructions and stalls")
      ->check(CLI::Range(0.0, largestSeed).description(""))
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--wave", options->cosim.wavePath, "Writes a waveform")->type_name("FILE.fst");
  command
      ->add_option("--coverage", options->coverageDirectory,
                   "Write line and branch counts (coverage.dat) into DIR; variant=small")
      ->type_name("DIR");
  command->add_option("--json", options->jsonPath, "Writes counts, bins and measured timing")->type_name("FILE");
  command->callback([options, &exitCode] { exitCode = report(run(*options)); });
}

} // namespace weft::tools
