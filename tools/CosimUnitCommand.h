// `weft cosim dot`, `weft cosim exp`: the RTL of a unit beside its golden model.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weft::tools {

/// What --tests and --seed of a co-simulation take at most.
inline constexpr double mostTests = 1e9, largestSeed = 1e18;

struct CosimUnitOptions {
  std::string unit{};
  std::vector<std::string> parameters{}; // "lanes=8"
  uint64_t tests = 20000, seed = 1;
  std::string coverageDirectory{}, wavePath{}, jsonPath{};
  uint32_t waveCopy = 1;
};

/// Runs it and prints what was met and measured. Errors: whatever differs, with how to replay it; also a bin of
/// functional coverage that a run of the default length or longer does not meet.
Result<void> cosimUnit(const CosimUnitOptions &options, std::ostream &out);

/// Adds a subcommand for each unit to `cosim`. While `cosim` parses its arguments, it runs and sets `exitCode`.
void addCosimUnitCommands(CLI::App &cosim, int &exitCode);

} // namespace weft::tools
