// Toggle coverage without instrumented models: which bits rose and which fell, read from waveforms.
#pragma once

#include "hw-models/support/Result.h"

#include <map>
#include <string>

namespace weft::cosim {

/// Wires and registers of a model; what only has another name in another module counts once, and parameters and
/// counters of loops do not count.
class Toggles {
public:
  /// Counts an FST waveform, too. Signals of the same name below the outermost scope are one, so that the waveforms of
  /// several copies add up.
  Result<void> add(const std::string &wavePath);
  /// A line a signal: its name and, from its left bit on, a sign a bit: + rose and fell, r only rose, f only fell, -
  /// neither (tests/cosim/unit/coverage.py reads it).
  Result<void> write(const std::string &path) const;

private:
  std::map<std::string, std::string> signals; // name: signs
};

/// A waveform that a run writes so that toggles can be counted, and that goes with this object unless someone asked for
/// it.
class ToggleWave {
public:
  /// `togglesPath`: empty if nothing is to be counted. `wavePath`: a waveform that is written anyway, or empty.
  ToggleWave(std::string togglesPath, std::string wavePath);
  ~ToggleWave();
  ToggleWave(const ToggleWave &) = delete;
  ToggleWave &operator=(const ToggleWave &) = delete;
  /// Where the run writes its waveform; empty: it writes none.
  const std::string &path() const { return wave; }
  /// After the waveform is closed.
  Result<void> count() const;

private:
  std::string toggles, wave;
  bool isOurs;
};

} // namespace weft::cosim
