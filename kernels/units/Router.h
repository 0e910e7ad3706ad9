// What the router's combine unit computes: the golden model of rtl/router, and the meaning of a flow's `combine`
// (docs/program-model.md, "Combining in the router"). Every simulator of a mesh calls these functions.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace weft::units {

/// The numbers are those of a flow's `combine` in the package and of the field `combine` of a router's table of routes.
enum class Combine : uint8_t { None, AddF32, MaxF32, AddBF16, MaxBF16, AddI32, MaxI32 };

/// `a + b` rounded once to nearest, ties to even, a NaN being the canonical one; or `a > b ? a : b`, bits untouched.
inline uint32_t combineF32(bool add, uint32_t lower, uint32_t higher) {
  const float a = std::bit_cast<float>(lower), b = std::bit_cast<float>(higher);
  if (!add)
    return a > b ? lower : higher;
  const float sum = a + b;
  return std::isnan(sum) ? 0x7fc00000u : std::bit_cast<uint32_t>(sum);
}

/// The same on bf16. A sum of two bf16 that was rounded to f32 first rounds to the same bf16 as the exact one: f32 has
/// more than twice the digits and the same range.
inline uint32_t combineBF16(bool add, uint32_t lower, uint32_t higher) {
  const uint32_t wide = combineF32(add, lower << 16, higher << 16);
  if (!add)
    return wide >> 16;
  const uint32_t tie = 0x7fff + (wide >> 16 & 1);
  return (wide + tie) >> 16; // the canonical NaN stays what it is, infinity too
}

/// `lower op higher` of 32 bits of a word: one f32, two bf16 each for itself, or one i32 (sums modulo 2^32). `lower` is
/// the operand of the lower position.
inline uint32_t combine(Combine op, uint32_t lower, uint32_t higher) {
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
