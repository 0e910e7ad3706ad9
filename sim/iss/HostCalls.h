// What a program may ask of the simulator: through `tohost`, as riscv-tests has it, or by ecall where no trap handler
// is.
#pragma once

#include "sim/iss/Machine.h"

namespace weft::iss {

using Output = std::function<void(int, std::string_view)>;

class HostCalls {
public:
  /// Where `tohost` and `fromhost` lie; 0 if the program has none.
  uint64_t tohost = 0, fromhost = 0;

  enum class Answer { GoOn, Exit, Fault };
  /// After a store to or near `tohost`: serves what is there. Exit sets `exitCode`, Fault hart.trap.
  Answer serveToHost(Hart &hart, const Output &output);
  /// Serves the ecall at hart.pc. Fault: a call that is not known; hart.trap.value is its number.
  Answer serveCall(Hart &hart, const Output &output);

  uint64_t exitCode = 0;

private:
  /// Linux's numbers and error codes; `result` is what the program gets back.
  Answer call(Hart &hart, uint64_t number, const uint64_t (&arguments)[3], uint64_t &result, const Output &output);
};

} // namespace weft::iss
