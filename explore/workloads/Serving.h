// A point that serves requests: its regions, what prompts and tokens take there, and what comes of a trace.
#pragma once

#include "explore/serve/Queue.h"
#include "explore/workloads/Job.h"

namespace weft::explore {

/// Names of choices and metrics that only such points have.
std::vector<std::string> servingChoices();
std::vector<std::string> servingMetrics();

/// Choices: sharing (split, prompts-first, alternate), rate (arrivals faster than the trace's, times), prefill_percent
/// of the machine's columns (split), prefill_side and decode_side of the squares that layers lie on. docs/explore.md
/// says what is counted.
Result<Outcome> evaluateServing(const Point &point, const Models &models, const std::vector<Request> &requests);

} // namespace weft::explore
