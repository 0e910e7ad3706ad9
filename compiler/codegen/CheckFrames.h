// A check on machine code: what inner loops work with is in registers.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "runtime/package/CoreCode.h"

#include <string>
#include <vector>

namespace weft::codegen {

/// A function with a loop that has no registers left.
struct LoopSpill {
  std::string function;
  std::string message; // for people: function, address and instruction
};

/// Functions of which an innermost loop keeps a vector or a floating-point value in the stack's frame, whether it gets
/// there directly or through an address computed from the stack pointer. Integers may be there: with many operands some
/// address or bound has no register left.
Result<std::vector<LoopSpill>> findLoopSpills(const runtime::CoreCode &code, const hw::Isa &isa);

} // namespace weft::codegen
