// `weft worker`: a point as a JSON line in, a result as a JSON line out, for searches that others drive.
#pragma once

#include "tools/Tool.h"

#include <iosfwd>

namespace weft::explore {
class Evaluator;
}

namespace weft::tools {

/// Answers each line of `in` with one of `out`, in order. A line that cannot be understood has an answer with status
/// "error", and the next one is read.
Result<void> serveWorker(std::istream &in, std::ostream &out, const explore::Evaluator &evaluator);

/// `tool` and `exitCode` must outlive the parse.
void addWorkerCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
