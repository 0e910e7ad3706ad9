// The scalar executors, a file each; nullptr if the opcode is another's.
#pragma once

#include "sim/iss/Op.h"

namespace weft::iss {

Execute integerExecutor(Opcode opcode); // RV64I without system instructions, M
Execute atomicExecutor(Opcode opcode);  // A
Execute systemExecutor(Opcode opcode);  // fences, CSRs, ecall, ebreak, mret, wfi

} // namespace weft::iss
