// Which neighbours in a kernel's hot loop may change places: what their registers, memory, vtype and CSRs allow, as the
// simulator describes each instruction.
#pragma once

#include "compiler/codegen/Schedule.h"
#include "explore/tune/RandomCalls.h"
#include "hw-models/Hardware.h"

#include <optional>
#include <span>
#include <vector>

namespace weft::explore {

/// What an instruction of the loop touches, over all times that it ran.
struct LoopInstruction {
  uint64_t reads = 0, writes = 0;             // x1..x31 from bit 1, f0..f31 from bit 32
  uint32_t vectorReads = 0, vectorWrites = 0; // v0..v31
  bool isVector = false, setsVector = false;  // reads vl and vtype; writes them
  bool loads = false, stores = false;
  bool isBarrier = false; // jumps, CSRs, fences, addresses relative to the pc: nothing passes it
  uint8_t bytes = 4;
};

/// Whether swapping `first` with the instruction after it changes a result.
bool mayPass(const LoopInstruction &first, const LoopInstruction &second);

/// The straight stretch that ran most often.
struct HotLoop {
  codegen::Schedule stretch; // digest, bytes, and the order as it is
  std::vector<LoopInstruction> instructions;
  uint64_t times = 0;
};

/// One call of the kernel, watched. Nothing: no stretch of at least two instructions ran more than once. `call` is
/// filled for timing.
Result<std::optional<HotLoop>> findHotLoop(const pkg::KernelObjectT &object, const std::string &kernel,
                                           const hw::Hardware &hardware, KernelCall &call);

} // namespace weft::explore
