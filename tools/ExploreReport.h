// What `weft explore` prints of a store: the front, why points cannot work, and its rows as CSV and JSON lines.
#pragma once

#include "explore/run/Front.h"

#include <iosfwd>

namespace weft::tools {

/// What kills how many, the front of each workload with its inputs, and how far the fidelities are apart.
std::string findingsText(const explore::Space &space, const explore::Findings &findings, double bound);

/// All rows by ordinal; `format` is csv or jsonl. Nothing that differs from run to run is among the columns.
Result<void> exportRows(explore::Store &store, const std::string &format, std::ostream &out);

/// A script of a job array that computes `spacePath` in `tasks` shards.
std::string slurmScript(const std::string &spacePath, const std::string &results, uint64_t tasks);

} // namespace weft::tools
