// The parts of vectorFloatExecutor(), each for some opcodes; null if the opcode is another's.
#pragma once

#include "sim/iss/Op.h"

namespace weft::iss {

Execute vectorFloatArithmeticExecutor(Opcode opcode); // one width; also comparisons
Execute vectorFloatConvertExecutor(Opcode opcode);    // from and to integers, between widths
Execute vectorFloatWidenExecutor(Opcode opcode);      // arithmetic with results of 2 * SEW
Execute vectorFloatReduceExecutor(Opcode opcode);     // reductions
Execute vectorFloatMoveExecutor(Opcode opcode);       // merge, slides by one, moves between f and v

} // namespace weft::iss
