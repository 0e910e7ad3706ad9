// What Machine is made of. Private to sim/iss.
#pragma once

#include "sim/iss/CodeCache.h"
#include "sim/iss/FastBlocks.h"
#include "sim/iss/HostCalls.h"
#include "sim/iss/Machine.h"

namespace weft::iss {

struct Machine::Impl {
  explicit Impl(const hw::Isa &isa) {
    hart.isa = isa;
    hart.memory = &memory;
  }

  /// A call() comes back here. No memory may lie there.
  static constexpr uint64_t returnAddress = ~uint64_t{1};

  Memory memory;
  Hart hart;
  HostCalls host;
  OpCache ops;       // of the observed path
  BlockCache blocks; // of the fast path
  FastContext fast;
  DecodedBytes decoded;
  uint64_t globalPointer = 0; // the program's __global_pointer$, 0 if it has none
  const Output *output = nullptr;
  bool calling = false; // in call()
  uint64_t stepsLeft = 0;

  void flush();
  Outcome run(const RunOptions &options);

  enum class Step { GoOn, Stopped };
  /// One instruction at a time, with an observer or without, until the program ends or stepsLeft is 0.
  Outcome runObserved(Observer *observer);
  /// By decoded blocks, for an observer that wants many at a time.
  Outcome runRecorded(Observer &observer);
  /// By decoded blocks. Leaves less than a block before the end to runObserved(), and all where the compiler cannot
  /// make the handlers.
  Outcome runFast();
  /// Runs blocks from `header` on until one of them exits.
  void runBlocks(FastOp *header);
  /// hart.trap happened at hart.pc: the program's handler, the simulator's service, or the end. Sets hart.next.
  Step serveTrap(Outcome &outcome);
  /// Watched memory was written: `tohost`, or decoded code.
  Step serveTouched(Outcome &outcome);
  Outcome stoppedAt(Stop stop, uint64_t pc);
  /// The reason for hart.trap, caused by the instruction `word`, and what to do; empty if the cause says it all.
  std::string whyTrapped(uint32_t word) const;
};

} // namespace weft::iss
