// Exact arithmetic on the bits of binary32 numbers, for golden models: integers only, so that no floating-point
// environment of the host changes a result.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace weft::units {

constexpr uint32_t quietNan = 0x7fc00000, infinity = 0x7f800000, signBit = 0x80000000;
constexpr uint8_t flagOverflow = 4, flagInvalid = 16;

constexpr bool isNan(uint32_t bits) { return (bits & ~signBit) > infinity; }
constexpr bool isSignalling(uint32_t bits) { return isNan(bits) && !(bits & 0x400000); }
constexpr bool isInfinite(uint32_t bits) { return (bits & ~signBit) == infinity; }
constexpr uint32_t biasedExponent(uint32_t bits) { return bits >> 23 & 0xff; }
/// With the implicit bit. The value of a finite number is significand * 2^(scaleOf - 149), up to its sign.
constexpr uint32_t significandOf(uint32_t bits) { return (bits & 0x7fffff) | (biasedExponent(bits) ? 0x800000 : 0); }
constexpr uint32_t scaleOf(uint32_t bits) { return biasedExponent(bits) ? biasedExponent(bits) - 1 : 0; }

/// Shifts right; a one that is lost stays visible in the lowest bit ("jamming", which is rounding to odd).
constexpr uint64_t shiftRightJam(uint64_t value, uint32_t count) {
  if (count > 63)
    return value != 0;
  return value >> count | ((value & ((uint64_t(1) << count) - 1)) != 0);
}

enum class Rounding {
  NearestEven,
  Odd, // what is inexact gets an odd last bit; beyond the range it is an infinity (as the RISC-V drafts have it)
};

/// Rounds magnitude * 2^exponent to a format with the exponents of binary32 and `mantissaBits` bits behind the point:
/// 23 is binary32, 7 is bfloat16. Returns the format's bits without a sign. Subnormal results are kept; too large ones
/// are infinite.
constexpr uint32_t roundMagnitude(uint64_t magnitude, int32_t exponent, uint32_t mantissaBits, Rounding rounding) {
  if (magnitude == 0)
    return 0;
  const uint32_t infinite = 255u << mantissaBits;
  const int32_t leading = exponent + 63 - std::countl_zero(magnitude);
  if (leading > 127)
    return infinite;
  const int32_t base = leading < -126 ? -126 : leading; // exponent of the binade that the result is cut from
  const int32_t drop = base - int32_t(mantissaBits) - exponent;
  uint64_t kept = magnitude;
  if (drop <= 0) {
    kept <<= -drop;
  } else if (rounding == Rounding::Odd) {
    kept = shiftRightJam(magnitude, uint32_t(drop));
  } else {
    const uint64_t jammed = drop < 2 ? magnitude << 1 : shiftRightJam(magnitude, uint32_t(drop) - 2); // two bits more
    kept = drop < 2 ? magnitude >> 1 : jammed >> 2;
    const uint64_t rest = jammed & 3; // 2 is a tie
    kept += rest > 2 || (rest == 2 && (kept & 1));
  }
  return uint32_t((uint64_t(base + 126) << mantissaBits) + kept); // a carry becomes the next exponent, or infinity
}

struct Binary32Result {
  uint32_t bits;
  uint8_t flags; // NV and OF; the units have no use for the others
};

/// a + b, rounded once. A NaN that comes out is the canonical one. Rounded to odd, a zero is +0 whatever its terms; to
/// nearest, it has the sign of IEEE 754.
constexpr Binary32Result addBinary32(uint32_t a, uint32_t b, Rounding rounding) {
  const uint8_t invalid = isSignalling(a) || isSignalling(b) ? flagInvalid : 0;
  if (isNan(a) || isNan(b))
    return {quietNan, invalid};
  if (isInfinite(a) && isInfinite(b) && a != b)
    return {quietNan, flagInvalid};
  if (isInfinite(a) || isInfinite(b))
    return {isInfinite(a) ? a : b, 0};
  if ((a & ~signBit) < (b & ~signBit)) {
    const uint32_t larger = b;
    b = a;
    a = larger;
  }
  // 36 bits below the larger number's last: a shift that loses ones leaves too little to cancel more than one bit.
  constexpr uint32_t guard = 36;
  const uint64_t larger = uint64_t(significandOf(a)) << guard;
  const uint64_t smaller = shiftRightJam(uint64_t(significandOf(b)) << guard, scaleOf(a) - scaleOf(b));
  const uint64_t sum = (a ^ b) & signBit ? larger - smaller : larger + smaller;
  if (sum == 0)
    return {rounding == Rounding::NearestEven ? a & b & signBit : 0, 0};
  const uint32_t magnitude = roundMagnitude(sum, int32_t(scaleOf(a)) - 149 - int32_t(guard), 23, rounding);
  return {magnitude | (a & signBit), magnitude == infinity ? flagOverflow : uint8_t(0)};
}

/// Element `index` of a little-endian array.
template <typename Element> Element loadElement(const std::byte *from, uint32_t index) {
  Element element;
  std::memcpy(&element, from + size_t(index) * sizeof(Element), sizeof(Element));
  return element;
}
template <typename Element> void storeElement(std::byte *to, uint32_t index, Element element) {
  std::memcpy(to + size_t(index) * sizeof(Element), &element, sizeof(Element));
}
inline bool isActive(const std::byte *mask, uint32_t element) {
  return !mask || (uint32_t(mask[element / 8]) >> element % 8 & 1);
}

} // namespace weft::units
