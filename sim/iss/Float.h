// Floating-point state shared by scalar and vector instructions.
#pragma once

#include "sim/iss/Hart.h"

namespace weft::iss {

/// fflags as a program sees them.
inline uint8_t readFlags(const Hart &hart) { return hart.fflags; }
inline void writeFlags(Hart &hart, uint8_t flags) { hart.fflags = flags; }

} // namespace weft::iss
