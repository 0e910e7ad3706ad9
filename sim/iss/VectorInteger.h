// The parts of vectorIntegerExecutor(), each for some opcodes; null if the opcode is another's.
#pragma once

#include "sim/iss/Op.h"

namespace weft::iss {

Execute vectorArithmeticExecutor(Opcode opcode);  // one width; also merges and moves, compares, carries, multiply-add
Execute vectorWidthExecutor(Opcode opcode);       // widening, narrowing, extension
Execute vectorFixedPointExecutor(Opcode opcode);  // saturating, averaging, scaling; clips
Execute vectorReductionExecutor(Opcode opcode);   // integer reductions
Execute vectorMaskExecutor(Opcode opcode);        // mask logic, counts, viota, vid
Execute vectorPermutationExecutor(Opcode opcode); // slides, gathers, compress, whole-register and scalar moves

} // namespace weft::iss
