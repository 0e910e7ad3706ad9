// What the compiler chose and what it predicted of each choice, from its own report.
#pragma once

#include "runtime/package/PackageFile.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace weft::tools {

struct Decisions {
  std::vector<std::vector<std::string>> rows; // what for, choice, reason, alternatives with their cycles
  nlohmann::json json;                        // as in the report
};

/// Of `path`, which `weft compile --json` wrote for `package`. Errors: no such report, or that of another package.
Result<Decisions> readDecisions(const std::string &path, const runtime::Package &package);

/// A row each, with its alternatives as in "dot 6,892, none 17,426".
std::string decisionTable(const Decisions &decisions);

} // namespace weft::tools
