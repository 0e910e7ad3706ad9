#include "tools/Interrupt.h"

#include <csignal>
#include <optional>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace weft::tools {

namespace {

// A handler of signals can reach nothing but what is global.
std::atomic<bool> isStopped = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void stopOnSignal(int) { isStopped.store(true); }

/// Only the foreground job of a terminal may read from it; others would be halted.
bool ownsTerminal() { return ::isatty(STDIN_FILENO) == 1 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

} // namespace

struct Interrupt::Restore {
  struct sigaction onInterrupt, onTerminate;
  std::optional<termios> terminal;
};

Interrupt::Interrupt() : restore(std::make_unique<Restore>()) {
  isStopped = false;
  struct sigaction action = {};
  action.sa_handler = stopOnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  ::sigaction(SIGINT, &action, &restore->onInterrupt);
  ::sigaction(SIGTERM, &action, &restore->onTerminate);
  if (termios settings; ownsTerminal() && ::tcgetattr(STDIN_FILENO, &settings) == 0) {
    restore->terminal = settings;
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  }
}

Interrupt::~Interrupt() {
  if (restore->terminal)
    ::tcsetattr(STDIN_FILENO, TCSANOW, &*restore->terminal);
  ::sigaction(SIGINT, &restore->onInterrupt, nullptr);
  ::sigaction(SIGTERM, &restore->onTerminate, nullptr);
}

const std::atomic<bool> &Interrupt::flag() const { return isStopped; }

void Interrupt::readKeys() {
  if (!restore->terminal || !ownsTerminal())
    return;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  char key = 0;
  while (::poll(&input, 1, 0) > 0 && ::read(STDIN_FILENO, &key, 1) == 1)
    if (key == 'q')
      isStopped.store(true);
}

} // namespace weft::tools
