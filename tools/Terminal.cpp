#include "tools/Terminal.h"
#include "runtime/Table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace weft::tools {

bool stderrIsTerminal() { return ::isatty(STDERR_FILENO) == 1; }
bool stdoutIsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

ProgressBar::ProgressBar(std::string text, bool wanted)
    : label(std::move(text)), active(wanted && stderrIsTerminal()) {}

void ProgressBar::update(double fraction, const std::string &note) {
  const auto now = std::chrono::steady_clock::now();
  if (!active || (drawn && now - last < std::chrono::milliseconds(100)))
    return;
  last = now;
  drawn = true;
  constexpr size_t cells = 30;
  fraction = std::clamp(fraction, 0.0, 1.0);
  const std::string filled = runtime::bar(fraction, cells);
  const size_t cellBytes = 3; // of a block in UTF-8
  fmt::print(stderr, "\r\x1b[K{} {}{} {:3.0f}%{}{}", label, filled, std::string(cells - filled.size() / cellBytes, ' '),
             fraction * 100, note.empty() ? "" : " ", note);
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!drawn)
    return;
  drawn = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

int reportError(const Error &error) {
  fmt::print(stderr, "weft: error: {}\n", error.message);
  return static_cast<int>(error.fault);
}

} // namespace weft::tools
