// Golden models of unit `exp`, defined by these steps and the table; the RTL does the same, bit by bit.
//
//  1. x is a binary32 number (a bfloat16 one is widened). exp(x - f) first rounds x - f to binary32, to nearest even.
//  2. t = |x| * log2(e), cut off to 28 fractional bits, with the sign of x: significand times expLog2e, shifted.
//  3. t is i + j/64 + l/2^28 with 0 <= j < 64 and 0 <= l < 2^22. Row j of the table gives
//     y = value + (slope + (curvature * (l >> 6) >> 16)) * l >> 20, which is 2^(t - i) in units of 2^-30.
//  4. y * 2^(i - 30) is rounded once, to nearest even, to binary32 or bfloat16; subnormal results are kept.
//
// Special values: exp(NaN) is the canonical NaN (so is exp(inf - inf)), exp(+inf) = +inf, exp(-inf) = +0, exp(+-0) = 1;
// above the format's range +inf, below half its smallest number +0. No floating-point flags at all.
// Errors (tests/unit/units_exp_test.cpp proves them): binary32 within 0.69 ulp (0.6815 is the worst), subnormal results
// too, and never falling where x rises; bfloat16 correctly rounded for each of its inputs.
#pragma once

#include "kernels/units/VectorCall.h"

#include <span>

namespace weft::units {

/// Each element of vd gets exp of that of vs2. SEW is 32 (binary32) or 16 (bfloat16); no masks.
uint8_t exp(const VectorCall &call);
/// exp(x - f): f is the low SEW bits of the scalar, in the elements' format. A core that finds the scalar improperly
/// NaN-boxed hands over a NaN instead.
uint8_t expDifference(const VectorCall &call);

/// The same for one number: bits of a binary32 in, bits of a binary32 or bfloat16 out.
uint32_t expBinary32(uint32_t x);
uint16_t expBfloat16(uint32_t x);

/// log2(e) in units of 2^-34.
constexpr uint64_t expLog2e = 24785312075;

struct ExpRow {
  uint32_t value;     // 2^-30
  uint32_t slope;     // 2^-28 for each 64th
  uint32_t curvature; // 2^-28 for each 64th squared
};
/// The 64 rows; exp_table.py says where they come from.
std::span<const ExpRow, 64> expTable();

} // namespace weft::units
