#include "tools/CosimOptions.h"

#include "runtime/Report.h"
#include "runtime/support/WriteFile.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <unistd.h>

namespace weft::tools {
namespace {

constexpr double mostTests = 1e9, largestSeed = 1e18;
constexpr uint64_t testsThatMeetEveryBin = 20000;

/// As runtime::checkWritable, for a file that Verilator writes: in place, and ending the process if it cannot.
Result<void> checkWritableInPlace(const std::string &path) {
  if (auto ok = runtime::checkWritable(path); !ok)
    return ok;
  if (std::error_code ignored; std::filesystem::exists(path, ignored) && ::access(path.c_str(), W_OK) != 0)
    return userError(fmt::format("{}: cannot write it: {}", path, std::strerror(errno)));
  return success();
}

} // namespace

void addCosimOptions(CLI::App &command, CosimOptions &options, const CosimOptionTexts &texts) {
  if (texts.parameters)
    command.add_option("--param", options.parameters, texts.parameters)
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
  if (texts.tests)
    command.add_option("--tests", options.tests, texts.tests)
        ->check(CLI::Range(1.0, mostTests).description(""))
        ->type_name("N")
        ->capture_default_str();
  if (texts.seed)
    command.add_option("--seed", options.seed, texts.seed)
        ->check(CLI::Range(0.0, largestSeed).description(""))
        ->type_name("S")
        ->capture_default_str();
  if (texts.coverage)
    command.add_option("--coverage", options.coverageDirectory, texts.coverage)->type_name("DIR");
  if (texts.wave)
    command.add_option("--wave", options.wavePath, texts.wave)->type_name("FILE.fst");
  command
      .add_option("--json", options.jsonPath, "Write the report as JSON (docs/json.md); - prints it instead of text")
      ->type_name("FILE");
}

Result<std::pair<std::string, std::string>> splitParameter(const std::string &parameter) {
  const size_t equals = parameter.find('=');
  if (equals == std::string::npos || !equals || equals + 1 == parameter.size())
    return Error{fmt::format("--param {}: not of the form NAME=VALUE", parameter), Fault::Usage};
  return std::pair(parameter.substr(0, equals), parameter.substr(equals + 1));
}

Result<void> prepareCosimFiles(const CosimOptions &options) {
  if (!options.coverageDirectory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.coverageDirectory, error);
    if (error)
      return userError(fmt::format("{}: cannot be made: {}", options.coverageDirectory, error.message()));
    for (const std::string &file : {options.coverageFile(), options.toggleFile()})
      if (auto ok = checkWritableInPlace(file); !ok)
        return ok;
  }
  if (!options.wavePath.empty())
    if (auto ok = checkWritableInPlace(options.wavePath); !ok)
      return ok;
  return options.jsonPath.empty() || options.jsonPath == "-" ? success() : runtime::checkWritable(options.jsonPath);
}

Result<void> writeCosimReport(const CosimOptions &options, const char *schema, nlohmann::json report,
                              std::ostream &out) {
  if (options.jsonPath.empty())
    return success();
  report["schema"] = schema;
  if (options.jsonPath != "-")
    return runtime::writeJson(options.jsonPath, report);
  out << report.dump(2) << '\n';
  return success();
}

Result<void> checkBins(const CosimOptions &options, const std::vector<std::string> &missing) {
  if (missing.empty() || options.tests < testsThatMeetEveryBin)
    return success();
  return userError(fmt::format("{} bins of functional coverage were not met, among them \"{}\"; --json lists all",
                               missing.size(), missing.front()));
}

} // namespace weft::tools
