// The floating-point formats, as bits. Only constants: this header is included by files that are compiled for several
// instruction sets of the host (VectorTarget.h).
#pragma once

#include <cstdint>

namespace weft::iss {

/// IEEE 754 interchange formats, and bfloat16, which is laid out like them.
template <class BitsType, unsigned FractionBits> struct FloatFormat {
  using Bits = BitsType;
  static constexpr unsigned width = sizeof(Bits) * 8, fractionBits = FractionBits;
  static constexpr unsigned exponentBits = width - 1 - fractionBits;
  static constexpr int bias = (1 << (exponentBits - 1)) - 1;
  static constexpr int minExponent = 1 - bias, maxExponent = bias; // of normal numbers
  static constexpr Bits sign = static_cast<Bits>(Bits{1} << (width - 1));
  static constexpr Bits magnitude = static_cast<Bits>(~sign);
  static constexpr Bits fraction = static_cast<Bits>((Bits{1} << fractionBits) - 1);
  static constexpr Bits infinity = static_cast<Bits>(magnitude & ~fraction);
  static constexpr Bits quiet = static_cast<Bits>(Bits{1} << (fractionBits - 1));
  static constexpr Bits canonicalNan = static_cast<Bits>(infinity | quiet);
  static constexpr Bits greatest = static_cast<Bits>(infinity - 1);
  static constexpr Bits one = static_cast<Bits>(Bits{static_cast<Bits>(bias)} << fractionBits);
};

struct Half : FloatFormat<uint16_t, 10> {};
struct BFloat : FloatFormat<uint16_t, 7> {};
struct Single : FloatFormat<uint32_t, 23> {};
struct Double : FloatFormat<uint64_t, 52> {};

template <class F> using BitsOf = typename F::Bits;

} // namespace weft::iss
