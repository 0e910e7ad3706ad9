// Operands of unit exp that chance rarely meets: each is aimed at one place where a small error shows.
#pragma once

#include "sim/cosim/unit/UnitStream.h"

namespace weft::cosim {

/// Instructions whose operands lie at the edges of the table's rows, at ties of the result's rounding, where results
/// are subnormal or overflow, and whose differences are ties, cancel, are subnormal or special.
std::deque<UnitInstruction> aimedAtExp(uint32_t vlenBits, uint64_t seed);

} // namespace weft::cosim
