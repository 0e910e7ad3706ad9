// Checks on machine code: what inner loops work with is in registers, and how deep the stack gets.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "runtime/package/CoreCode.h"

#include <cstdint>
#include <map>
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

/// Bytes of the stack that a call of each function takes, with what it calls; of the frames that code makes with fixed
/// sizes, as LLVM does where VLEN is known. What calls itself counts once.
Result<std::map<std::string, uint64_t>> stackNeeds(const runtime::CoreCode &code, const hw::Isa &isa);

} // namespace weft::codegen
