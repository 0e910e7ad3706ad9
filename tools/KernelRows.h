// Files of requests, a row each: what `weft kernel --csv` and `weft hw validate wafer` read and run.
#pragma once

#include "runtime/support/CsvTable.h"
#include "tools/KernelRun.h"

namespace weft::tools {

/// The request of each row; `common` gives what the columns do not.
Result<std::vector<algorithms::Request>> requestsOf(const runtime::CsvTable &table, const algorithms::Request &common);

/// How many of how many rows are done; called by one thread at a time.
using Progress = std::function<void(size_t done, size_t all)>;

/// The times that the requests come to (`runTimes`), in their order. Threads take the next one each. The error is that
/// of the first row that fails and names it.
Result<std::vector<KernelOutcome>> runRequests(const runtime::CsvTable &table,
                                               const std::vector<algorithms::Request> &requests,
                                               const hw::Hardware &hardware, const Tool &tool,
                                               const Progress &progress = {});

} // namespace weft::tools
