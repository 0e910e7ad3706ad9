// `weft iss`: a RISC-V program on the simulator of one core, with what it cost.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weft::tools {

struct IssOptions {
  std::string program{};
  std::string hardware{};               // preset or file; empty: the default one
  std::string isa{};                    // instead of the hardware's
  std::optional<uint32_t> vlen{};       // bits, instead of those of `isa` or the hardware
  std::vector<std::string> arguments{}; // argv[1] and on
  std::optional<uint64_t> maxInstructions{};
  uint32_t memoryMib = 64; // from 0x80000000
  bool isTimed = true;     // false: no cycles, no mix, but fast
  std::string tracePath{}; // "-": stderr; empty: none
  std::string jsonPath{};  // "-": stdout instead of the report; empty: none
};

/// Runs it. The program's output and the report go to `out`, its descriptor 2 and the trace to `err`. The program's
/// exit code. Errors: a file that cannot be run, or a program that does not exit.
Result<uint64_t> runIss(const IssOptions &options, std::ostream &out, std::ostream &err);

/// Adds `iss` to `app`. While `app` parses its arguments, the subcommand runs and sets `exitCode`.
void addIssCommand(CLI::App &app, int &exitCode);

} // namespace weft::tools
