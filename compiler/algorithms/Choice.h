// `auto`: which algorithm takes the fewest predicted cycles.
#pragma once

#include "compiler/algorithms/Request.h"

namespace weft::algorithms {

/// An algorithm that could be taken.
struct Candidate {
  std::string algorithm;
  double cycles = 0;
  std::string problem; // why it was not compared; empty if it was
};

/// What `auto` compares for a kind, those preferred at equal cost first. Empty where `auto` is an algorithm of its own
/// (a tree made for the machine) or there is only one.
std::vector<std::string> candidates(Kind kind);

/// Cycles of a request that names its algorithm. An error says why they are not known.
using Evaluate = std::function<Result<double>(const Request &request)>;

/// All candidates of `request`, with their cycles or why they have none; the error of the first one if none has any.
Result<std::vector<Candidate>> compareCandidates(const Request &request, const Evaluate &evaluate);

/// The one with fewest cycles, of those that were compared: there must be one.
const Candidate &bestOf(const std::vector<Candidate> &compared);

} // namespace weft::algorithms
