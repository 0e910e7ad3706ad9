// The handlers of the fast path, and how they are chosen. Private to sim/iss.
#pragma once

#include "sim/iss/FastBlocks.h"

#if WEFT_FAST_PATH

#define WEFT_JUMP(function) [[clang::musttail]] return function(op, header, x, left, recent, memory, context)
#define WEFT_NEXT WEFT_JUMP(op->handler)

namespace weft::iss::fast {

// Of one instruction, of two that are fused, or of a branch and perhaps the instruction before it; `forward…` says that
// rs1 comes from `recent`. Null where there is no such handler. Opcode::Illegal stands for no instruction before.
FastHandler singleHandler(Opcode opcode, bool forwarded);
FastHandler pairHandler(Opcode first, Opcode second, bool forwardFirst, bool forwardSecond);
/// `loop`: the branch leads back to its own block.
FastHandler branchHandler(Opcode before, Opcode branch, bool forwardBefore, bool forwardBranch, bool loop);
bool isBranch(Opcode opcode);
/// A load or store of an f register.
FastHandler floatMemoryHandler(Opcode opcode);
/// An instruction for which a block keeps a PreparedVector; null if it is another.
FastHandler vectorHandler(Opcode opcode);

WEFT_FAST_CALL void setConstant(WEFT_FAST_ARGUMENTS);
WEFT_FAST_CALL void jumpRegister(WEFT_FAST_ARGUMENTS);
/// The end of a block that just goes on. `op` is the links themselves.
WEFT_FAST_CALL void goOn(WEFT_FAST_ARGUMENTS);
/// Any instruction that neither jumps nor looks at the machine's state, by its executor.
WEFT_FAST_CALL void execute(WEFT_FAST_ARGUMENTS);
/// Instructions that may read counters or change what code means; they end their block.
WEFT_FAST_CALL void executeSystem(WEFT_FAST_ARGUMENTS);

} // namespace weft::iss::fast

#endif
