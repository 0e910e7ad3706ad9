// Reports of searches and of runs: the data that a page draws (docs/report.md).
#pragma once

#include "explore/store/Store.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace weft::explore {

/// All points of a file of results. Errors: it cannot be read.
Result<nlohmann::ordered_json> sweepData(Store &store);

/// A report of `weft run --json` or `weft kernel --json`. Errors: another command's, another version's, or a key is
/// missing or of another type than docs/json.md says.
Result<nlohmann::ordered_json> runData(const std::string &path);

} // namespace weft::explore
