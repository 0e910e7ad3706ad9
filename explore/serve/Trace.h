// A trace of requests: when they came, how long their prompts were, how many tokens they wanted.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weft::explore {

struct Request {
  double arrival = 0; // seconds after the first one
  uint32_t prompt = 0, output = 0;
};

/// CSV with the columns of the Azure LLM inference dataset, in any order and among others: TIMESTAMP, ContextTokens (of
/// the prompt), GeneratedTokens. A time is a number of seconds or "YYYY-MM-DD hh:mm:ss.fraction" and never goes back.
/// Errors name `origin` and the line.
Result<std::vector<Request>> readTrace(const std::string &text, const std::string &origin);

} // namespace weft::explore
