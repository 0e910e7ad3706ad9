// A check on machine code: what inner loops work with is in registers.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "runtime/package/CoreCode.h"

namespace weft::codegen {

/// An internal error if an innermost loop of a function stores to the stack's frame or loads a vector or floating-point
/// value from it, whether directly or through an address computed from the stack pointer. An integer may be loaded:
/// with many operands some address or bound that no iteration changes has no register left. The message names function,
/// address and instruction.
Result<void> checkInnerLoopsKeepRegisters(const runtime::CoreCode &code, const hw::Isa &isa);

} // namespace weft::codegen
