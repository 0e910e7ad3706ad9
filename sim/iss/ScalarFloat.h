// The parts of scalarFloatExecutor(); null if the opcode is another's.
#pragma once

#include "sim/iss/Op.h"

namespace weft::iss {

Execute scalarFloatArithmeticExecutor(Opcode opcode); // arithmetic, comparison
Execute scalarFloatConvertExecutor(Opcode opcode);    // between formats, from and to integers
Execute scalarFloatMoveExecutor(Opcode opcode);       // loads, stores, moves of bits, signs, class

} // namespace weft::iss
