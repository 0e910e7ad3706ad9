// What the router's combine unit computes: the golden model of rtl/router, and the meaning of a flow's `combine`
// (docs/program-model.md, "Combining in the router"). Every simulator of a mesh calls these functions.
#pragma once

#include "kernels/units/Binary32.h"
#include "kernels/units/UnitConstants.h"

#include <cstdint>

namespace weft::units {

/// The numbers are those of a flow's `combine` in the package and of the field `combine` of a router's table of routes.
enum class Combine : uint8_t {
  None = constants::codeRouterNone,
  AddF32 = constants::codeRouterAddF32,
  MaxF32 = constants::codeRouterMaxF32,
  AddBF16 = constants::codeRouterAddBf16,
  MaxBF16 = constants::codeRouterMaxBf16,
  AddI32 = constants::codeRouterAddI32,
  MaxI32 = constants::codeRouterMaxI32
};

/// Whether another enumeration of the operations, such as the package's, has these numbers. None is not asked for: not
/// each of them has it.
template <typename Other> constexpr bool hasCombineNumbers() {
  return int(Other::AddF32) == int(Combine::AddF32) && int(Other::MaxF32) == int(Combine::MaxF32) &&
         int(Other::AddBF16) == int(Combine::AddBF16) && int(Other::MaxBF16) == int(Combine::MaxBF16) &&
         int(Other::AddI32) == int(Combine::AddI32) && int(Other::MaxI32) == int(Combine::MaxI32);
}

/// As numbers: a NaN is not, and neither zero is greater than the other.
constexpr bool isGreater(uint32_t a, uint32_t b) {
  const auto ordered = [](uint32_t bits) { // magnitudes are in order as whole numbers
    const auto magnitude = static_cast<int32_t>(bits & ~signBit);
    return bits & signBit ? -magnitude : magnitude;
  };
  return !isNan(a) && !isNan(b) && ordered(a) > ordered(b);
}

/// `a + b` rounded once to nearest, ties to even, a NaN being the canonical one; or `a > b ? a : b`, bits untouched.
constexpr uint32_t combineF32(bool add, uint32_t lower, uint32_t higher) {
  if (!add)
    return isGreater(lower, higher) ? lower : higher;
  return addBinary32(lower, higher, Rounding::NearestEven).bits;
}

/// The same on bf16. A sum of two bf16 that was rounded to f32 first rounds to the same bf16 as the exact one: f32 has
/// more than twice the digits and the same range.
constexpr uint32_t combineBF16(bool add, uint32_t lower, uint32_t higher) {
  const uint32_t wide = combineF32(add, lower << 16, higher << 16);
  if (!add)
    return wide >> 16;
  const uint32_t tie = 0x7fff + (wide >> 16 & 1);
  return (wide + tie) >> 16; // the canonical NaN stays what it is, infinity too
}

/// `lower op higher` of 32 bits of a word: one f32, two bf16 each for itself, or one i32 (sums modulo 2^32). `lower` is
/// the operand of the lower position.
constexpr uint32_t combine(Combine op, uint32_t lower, uint32_t higher) {
  switch (op) {
  case Combine::AddF32:
  case Combine::MaxF32:
    return combineF32(op == Combine::AddF32, lower, higher);
  case Combine::AddBF16:
  case Combine::MaxBF16: {
    const bool add = op == Combine::AddBF16;
    return combineBF16(add, lower >> 16, higher >> 16) << 16 | combineBF16(add, lower & 0xffff, higher & 0xffff);
  }
  case Combine::AddI32:
    return lower + higher;
  case Combine::MaxI32:
    return static_cast<int32_t>(lower) > static_cast<int32_t>(higher) ? lower : higher;
  case Combine::None:
    break;
  }
  return lower;
}

} // namespace weft::units
