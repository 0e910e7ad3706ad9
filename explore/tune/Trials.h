// Trials of one subject, with what is in the store known already. Internal to explore/tune.
#pragma once

#include "explore/tune/Tune.h"

#include <chrono>
#include <unordered_map>

namespace weft::explore {

/// What a trial came to; cycles 0: refused. `taken` says what it took all the same, where that is known.
struct Trial {
  Choices choices;
  double cycles = 0, taken = 0;
  std::string reasonKind{}, reason{};
};

/// Of a trial's row as text: 0 where it says none. Nothing: the text is no object, or its cycles are none that a run
/// can have taken.
std::optional<double> cyclesIn(const std::string &results);

class Trials {
public:
  /// All outlive it.
  Trials(const Subject &subject, Store &store, const TuneOptions &options, TuneResult &result);
  Result<void> readStore();

  /// In order; on several threads. Fewer than asked for when the budget ends.
  Result<std::vector<Trial>> run(const std::vector<Choices> &all, unsigned rung, std::string_view stage);
  /// False: faster and wrong, and counted.
  Result<bool> verify(const Trial &trial);

  bool isOver() const;
  /// Trials that the budget still allows.
  uint64_t left() const;

private:
  Row rowOf(const Choices &choices, const std::string &fidelity) const;
  std::string fidelityOf(unsigned rung) const;
  Result<void> flush(std::vector<Row> rows);
  void report(std::string_view stage, uint64_t done, uint64_t total) const;

  const Subject &subject;
  Store &store;
  const TuneOptions &options;
  TuneResult &result;
  std::string identity;
  std::unordered_map<std::string, Trial> known; // by digest
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

} // namespace weft::explore
