// What the subcommands of `weft cosim` have in common: options, files that they write, reports.
#pragma once

#include "hw-models/support/Result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace weft::tools {

struct CosimOptions {
  std::string unit{};                    // "dot"
  std::vector<std::string> parameters{}; // "lanes=8"
  uint64_t tests = 20000, seed = 1;
  std::string coverageDirectory{}, wavePath{}, jsonPath{}; // empty: none
  uint32_t waveCopy = 1; // units: of the two copies of the RTL, 1 or 2: the one in the waveform

  /// JSON on the standard output stands there alone.
  bool printsText() const { return jsonPath != "-"; }
  std::string coverageFile() const { return coverageDirectory.empty() ? "" : coverageDirectory + "/coverage.dat"; }
  std::string toggleFile() const { return coverageDirectory.empty() ? "" : coverageDirectory + "/toggles.dat"; }
};

/// What --help says of each; null: the subcommand has no such option.
struct CosimOptionTexts {
  const char *parameters = nullptr, *tests = nullptr, *seed = nullptr, *coverage = nullptr, *wave = nullptr;
};

/// Adds these options and --json to `command`; `options` must outlive the parse.
void addCosimOptions(CLI::App &command, CosimOptions &options, const CosimOptionTexts &texts);

/// Name and value of "name=value"; a usage error without either.
Result<std::pair<std::string, std::string>> splitParameter(const std::string &parameter);

/// Makes the folder of --coverage and asks whether all files could be written, before long work.
Result<void> prepareCosimFiles(const CosimOptions &options);
/// `report` with its schema to where --json says.
Result<void> writeCosimReport(const CosimOptions &options, const char *schema, nlohmann::json report,
                              std::ostream &out);
/// Runs of the default length meet every bin of functional coverage; shorter ones need not.
Result<void> checkBins(const CosimOptions &options, const std::vector<std::string> &missing);

} // namespace weft::tools
