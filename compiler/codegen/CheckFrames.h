// A check on machine code: what inner loops work with is in registers.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "runtime/package/CoreCode.h"

namespace weft::codegen {

/// An internal error if an innermost loop of a function loads from or stores to the stack's frame, whether directly or
/// through an address computed from the stack pointer. The message names function, address and instruction.
Result<void> checkInnerLoopsKeepRegisters(const runtime::CoreCode &code, const hw::Isa &isa);

} // namespace weft::codegen
