// What a person at a terminal sees while something long runs.
#pragma once

#include "hw-models/support/Result.h"

#include <chrono>
#include <string>

namespace weft::tools {

/// A line with a bar on stderr that is redrawn in place. Draws nothing unless stderr is a terminal.
class ProgressBar {
public:
  explicit ProgressBar(std::string label, bool wanted = true);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar &) = delete;
  ProgressBar &operator=(const ProgressBar &) = delete;

  /// `fraction` done, in [0, 1], and what stands behind it. At most ten redraws a second.
  void update(double fraction, const std::string &note = {});
  /// Removes the line.
  void clear();

private:
  std::string label;
  bool active, drawn = false;
  std::chrono::steady_clock::time_point last;
};

bool stderrIsTerminal();
bool stdoutIsTerminal();

/// Prints "weft: error: …" on stderr and returns the exit status.
int reportError(const Error &error);

} // namespace weft::tools
