// A check on machine code: what inner loops work with is in registers.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "runtime/package/CoreCode.h"

namespace weft::codegen {

/// An internal error if an innermost loop of a function keeps a vector or a floating-point value in the stack's frame,
/// whether it gets there directly or through an address computed from the stack pointer. Integers may be there: with
/// many operands some address or bound has no register left. The message names function, address and instruction.
Result<void> checkInnerLoopsKeepRegisters(const runtime::CoreCode &code, const hw::Isa &isa);

} // namespace weft::codegen
