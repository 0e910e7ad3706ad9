// Ending long work at a person's wish: Ctrl-C, a signal of a batch system, or the key q.
#pragma once

#include <atomic>
#include <memory>

struct termios;

namespace weft::tools {

/// While it lives, the first SIGINT or SIGTERM sets a flag and the second one ends the program as ever; a terminal
/// hands over keys as they are struck. At most one lives at a time.
class Interrupt {
public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt &) = delete;
  Interrupt &operator=(const Interrupt &) = delete;

  const std::atomic<bool> &flag() const;
  /// Sets the flag if a q is waiting.
  void readKeys();

private:
  struct Restore; // what was before
  std::unique_ptr<Restore> restore;
};

} // namespace weft::tools
