// Files of requests, a row each: what `weft kernel --csv` and `weft hw validate wafer` read and run.
#pragma once

#include "tools/CsvTable.h"
#include "tools/KernelRun.h"

namespace weft::tools {

/// The request of each row; `common` gives what the columns do not.
Result<std::vector<algorithms::Request>> requestsOf(const CsvTable &table, const algorithms::Request &common);

/// What the requests come to, in their order. Threads take the next one each. The error is that of the first row that
/// fails and names it.
Result<std::vector<KernelOutcome>> runRequests(const CsvTable &table, const std::vector<algorithms::Request> &requests,
                                               const hw::Hardware &hardware, const Tool &tool);

} // namespace weft::tools
