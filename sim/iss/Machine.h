// One hart with memory that runs a program: the instruction-set simulator.
#pragma once

#include "hw-models/support/Result.h"
#include "sim/iss/Elf.h"
#include "sim/iss/Hart.h"

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::iss {

/// Sees every instruction after it retired, with the state after it. What an instruction needs from before (rs1 that it
/// overwrites) is in `retired`.
class Observer {
public:
  virtual ~Observer() = default;
  virtual void retired(uint64_t pc, const Op &op, const Hart &hart, const hw::rvv::Retired &retired) = 0;
  /// False: many instructions at a time are enough, by retiredMany() alone, which is several times as fast.
  virtual bool wantsEach() const { return true; }
  virtual void retiredMany(std::span<const hw::rvv::Retired>) {}
  /// What the registers cycle, mcycle and time read: cycles of what it was told of so far. Asked before an instruction
  /// that may read them; none: those registers count instructions.
  virtual std::optional<uint64_t> cycles() const { return std::nullopt; }
};

enum class Stop {
  Exited,   // the program said so: tohost, or an exit call
  Returned, // call() came back
  Trapped,  // an exception that the program does not handle
  Limit,    // maxInstructions
  Waits,    // for the mesh: mesh.put or mesh.get could not go on; resume() tries again
};

struct Outcome {
  Stop stop = Stop::Exited;
  uint64_t exitCode = 0;
  uint64_t instructions = 0; // retired
  uint64_t trapped = 0;      // at Limit: those that count but did not retire, as the program's handler took them
  uint64_t pc = 0;           // where it stopped
  Trap trap;                 // if Trapped
  uint32_t word = 0;         // the instruction there, 0 if it cannot be fetched
  std::string why{};         // if Trapped: the reason and a remedy, where the cause is not enough
};

/// One line for a user: what happened, at which address, with which instruction; empty after Exited and Returned.
std::string describe(const Outcome &outcome);

struct RunOptions {
  uint64_t maxInstructions = std::numeric_limits<uint64_t>::max();
  Observer *observer = nullptr; // null: the fast path
};

class Machine {
public:
  explicit Machine(const hw::Isa &isa);
  ~Machine();
  Machine(Machine &&) noexcept;
  Machine &operator=(Machine &&) noexcept;

  /// `memory()` before load: where the program may lie. load() copies segments there and finds `tohost` and `fromhost`.
  /// Errors: a segment outside memory.
  Memory &memory();
  Result<void> load(const Elf &elf, const std::string &name);
  Hart &hart();

  /// From hart().pc until the program ends. Writes to `tohost` end it or ask for output (riscv-tests convention: odd
  /// values are (exit code << 1) | 1, even ones point to a system call block). Without a trap handler (mtvec 0) ecall
  /// asks the simulator itself: exit (93), exit_group (94) and write (64) as Linux numbers them.
  Outcome run(const RunOptions &options = {});
  /// Calls `function` with up to eight arguments on the stack pointer given and runs until it returns.
  Outcome call(uint64_t function, std::span<const uint64_t> arguments, uint64_t stackTop,
               const RunOptions &options = {});
  /// Goes on with what run() or call() began, after Waits or Limit.
  Outcome resume(const RunOptions &options = {});
  /// Code was changed from outside: forget what was decoded.
  void flushCode();
  /// Where the program's output goes; default: nowhere. (descriptor 1 or 2, bytes)
  std::function<void(int, std::string_view)> output;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// What the timing model needs to know about `op`, from the state before it executes (`taken` excepted).
hw::rvv::Retired describeForTiming(const Op &op, const Hart &hart);

} // namespace weft::iss
