// Requests that wait, are read (prefill) and answered (decode), on one machine that does both in turn or on two regions
// side by side. Times come from functions; nothing here knows what a machine is.
#pragma once

#include "explore/serve/Trace.h"

#include <functional>
#include <span>

namespace weft::explore {

/// Time of prompts: each takes `seconds`, the next one may enter after `interval`.
struct PromptTime {
  double seconds = 0, interval = 0;
};

enum class Sharing {
  Split,        // prompts and answers each have a region of their own
  PromptsFirst, // one machine: while prompts wait, nothing else is done
  Alternate     // one machine: a prompt, then a token of every answer, in turn
};

struct Server {
  Sharing sharing = Sharing::Split;
  std::function<PromptTime(uint32_t tokens)> prompt;
  /// A token for each of `sequences`, whose mean context is `context` tokens.
  std::function<double(uint32_t sequences, double context)> round;
  /// Until a prompt's cache is where its answer is made.
  std::function<double(uint32_t tokens)> handOver;
  double switchSeconds = 0;   // of one machine, between prompts and answers
  uint64_t cacheTokens = 0;   // of all answers under way, prompts included
  uint32_t mostSequences = 1; // of a round
  uint32_t longestPrompt = 0;
};

struct Served {
  uint64_t finished = 0;
  uint64_t rejected = 0;          // a prompt too long, or more tokens than the cache holds
  double seconds = 0;             // from the first arrival to the last token
  double tokens = 0;              // generated
  double promptSeconds = 0;       // that prompts were worked on
  double roundSeconds = 0;        // that answers were
  double switches = 0;            // seconds
  std::vector<double> firstToken; // seconds from arrival, by request that finished
  std::vector<double> perToken;   // mean seconds of a token after the first, by request with more than one
};

/// In order of arrival: a prompt is begun when the cache has room for all its request's tokens. The prompt gives the
/// first token.
Served serve(const Server &server, std::span<const Request> requests);

/// The value that `share` of `values` do not exceed; NaN for none.
double quantile(std::vector<double> values, double share);

} // namespace weft::explore
