// The 16-bit floats and f32. Widening is exact; narrowing rounds to nearest, ties to even, and keeps infinities, signed
// zeros and NaNs (quiet) what they are.
#pragma once

#include <cstdint>

namespace weft::runtime {

float widenBf16(uint16_t bits);
float widenF16(uint16_t bits);
uint16_t narrowBf16(float value);
uint16_t narrowF16(float value);

} // namespace weft::runtime
