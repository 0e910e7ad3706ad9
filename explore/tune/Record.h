// What tuning found, kept for compilations: a record a kernel, shape and core, in lines of JSON or in a file of trials.
#pragma once

#include "explore/store/Store.h"
#include "explore/tune/Subject.h"

#include <span>

namespace weft::explore {

/// The file's layout; records of another one are not read.
inline constexpr int tuneVersion = 1;
/// More than any run takes; a file that says more is damaged.
inline constexpr double mostCycles = 1e15;

struct TuneRecord {
  std::string kernel;  // symbol of a tile kernel, or kind of an algorithm
  std::string shape;   // of an algorithm with its mesh and element; empty for a tile kernel, whose symbol says it
  std::string core;    // digest of the core and its timing model, or of the whole machine for an algorithm
  std::string source;  // digest of what was compiled; empty for an algorithm
  std::string tool;    // versions that decide what it costs
  std::string machine; // its name, for people
  Choices choices;
  double cycles = 0, defaultCycles = 0; // the default's are 0 where they are not known

  /// All but what was found.
  std::string key() const;
};

/// Errors name `origin` and the line.
Result<std::vector<TuneRecord>> parseRecords(std::string_view text, const std::string &origin);
std::string toText(std::span<const TuneRecord> records);

/// The best verified trial of each subject in a file of trials.
Result<std::vector<TuneRecord>> recordsOf(Store &store);
/// Of a file of either form. Errors: it is neither, of another version, damaged.
Result<std::vector<TuneRecord>> readRecords(const std::string &path);

/// A file of trials: made if there is none. Errors: it cannot be made or written, is one of `weft explore`.
Result<Store> openTrials(const std::string &path);

} // namespace weft::explore
