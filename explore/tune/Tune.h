// The search for the best choices of one subject: every trial is a row of a store, so that nothing is tried twice and a
// killed search goes on where it was.
#pragma once

#include "explore/store/Store.h"
#include "explore/tune/Subject.h"

#include <atomic>
#include <functional>
#include <optional>

namespace weft::explore {

enum class Strategy { Auto, Exhaustive, Evolution };

struct TuneProgress {
  std::string_view stage; // "exhaustive", "evolution", "order", "verify"
  uint64_t done = 0, total = 0;
  double best = 0, baseline = 0; // cycles
};

struct TuneOptions {
  Strategy strategy = Strategy::Auto;
  uint64_t trials = 0; // at most; 0: as many as the strategy wants
  double seconds = 0;  // the same
  uint64_t seed = 1;
  unsigned jobs = 1;                       // threads
  std::vector<Choices> starts{};           // tried first, besides the default
  bool reorder = true;                     // the last stage
  std::string machine{};                   // its name, for records
  const std::atomic<bool> *stop = nullptr; // trials in flight are finished and kept
  std::function<void(const TuneProgress &)> progress{};
};

struct TuneResult {
  Choices best;                         // verified
  double cycles = 0, defaultCycles = 0; // the default's are 0 where it could not be evaluated
  std::string defaultProblem;           // why not
  std::string verifiedAgainst;
  uint64_t trials = 0, computed = 0; // looked at; of them not in the store before
  uint64_t refused = 0;              // could not work
  uint64_t rejected = 0;             // were faster and wrong
  std::string firstWrong;            // why the first of these was
  double space = 0;                  // choices there are, as far as they were counted
  bool isExhaustive = false, stopped = false;
  /// Best cycles after the n-th trial at full length, the default first.
  std::vector<double> history;
};

/// An outcome's reasonKind where it is not known whether the choices work.
inline constexpr const char *notEvaluated = "evaluator";

/// Errors: the default cannot work, nothing can be evaluated, a fault of ours or of the disk.
Result<TuneResult> tune(const Subject &subject, Store &store, const TuneOptions &options);

/// Up to this many choices are all tried, if there are trials enough.
inline constexpr size_t exhaustiveLimit = 512;

} // namespace weft::explore
