// Numbers taken apart, and put together again with one rounding. Private to FloatSoft*.cpp.
#pragma once

#include "sim/iss/FloatSoft.h"

#include <bit>

namespace weft::iss::soft {

using Wide = unsigned __int128;

template <class F> bool isNan(BitsOf<F> a) { return (a & F::magnitude) > F::infinity; }
template <class F> bool isSignalling(BitsOf<F> a) { return isNan<F>(a) && !(a & F::quiet); }
template <class F> bool isInfinite(BitsOf<F> a) { return (a & F::magnitude) == F::infinity; }
template <class F> bool isZero(BitsOf<F> a) { return (a & F::magnitude) == 0; }
template <class F> bool isNegative(BitsOf<F> a) { return (a & F::sign) != 0; }

template <class F> BitsOf<F> withSign(bool negative, BitsOf<F> magnitude) {
  return static_cast<BitsOf<F>>(magnitude | (negative ? F::sign : 0));
}

/// Whether an operand is NaN, so that the result is the canonical one.
template <class F, class... Rest> bool anyNan(Context &context, Rest... operands) {
  if ((isSignalling<F>(operands) || ...))
    context.flags |= Invalid;
  return (isNan<F>(operands) || ...);
}

template <class F> BitsOf<F> invalid(Context &context) {
  context.flags |= Invalid;
  return F::canonicalNan;
}

inline unsigned leadingZeros(Wide value) {
  const auto high = static_cast<uint64_t>(value >> 64);
  return static_cast<unsigned>(high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<uint64_t>(value)));
}

/// (-1)^negative * significand / 2^63 * 2^exponent, with bit 63 of the significand set.
struct Number {
  bool negative = false;
  int exponent = 0;
  uint64_t significand = 0;
};

/// The parts of a finite number that is not zero.
template <class F> Number unpack(BitsOf<F> a) {
  const auto field = static_cast<int>((a & F::infinity) >> F::fractionBits);
  uint64_t significand = a & F::fraction;
  if (field != 0)
    significand |= uint64_t{1} << F::fractionBits;
  const int shift = std::countl_zero(significand);
  const int exponent = (field ? field : 1) - F::bias; // of bit fractionBits
  return {isNegative<F>(a), exponent + 63 - static_cast<int>(F::fractionBits) - shift, significand << shift};
}

/// `value` shifted right; whatever of it is lost sets bit 0.
inline Wide shiftRightSticky(Wide value, unsigned count) {
  if (count == 0)
    return value;
  if (count > 127)
    return value != 0;
  return value >> count | ((value << (128 - count)) != 0);
}

struct Rounded {
  uint64_t value = 0;
  bool exact = true;
};

/// The upper `kept` bits of `significand`, at most 64, as an integer; less than one bit if `kept` is negative.
inline Rounded roundTo(Wide significand, int kept, bool negative, Rounding rounding) {
  if (kept < 0) {
    significand = shiftRightSticky(significand, static_cast<unsigned>(-kept));
    kept = 0;
  }
  Rounded result;
  result.value = kept == 0 ? 0 : static_cast<uint64_t>(significand >> (128 - kept));
  const Wide rest = significand << kept, half = Wide{1} << 127;
  result.exact = rest == 0;
  switch (rounding) {
  case Rounding::NearestEven:
    result.value += rest > half || (rest == half && (result.value & 1));
    break;
  case Rounding::NearestAway:
    result.value += rest >= half;
    break;
  case Rounding::Down:
    result.value += negative && !result.exact;
    break;
  case Rounding::Up:
    result.value += !negative && !result.exact;
    break;
  case Rounding::ToOdd:
    result.value |= !result.exact;
    break;
  case Rounding::TowardZero:
    break;
  }
  return result;
}

/// What a result too great for the format becomes.
template <class F> BitsOf<F> overflow(Context &context, bool negative) {
  context.flags |= Overflow | Inexact;
  const Rounding rounding = context.rounding;
  const bool stays = rounding == Rounding::TowardZero || rounding == Rounding::ToOdd ||
                     rounding == (negative ? Rounding::Up : Rounding::Down);
  return withSign<F>(negative, stays ? F::greatest : F::infinity);
}

/// (-1)^negative * significand / 2^127 * 2^exponent, rounded. `significand` is not zero; its bit 0 may stand for all
/// that is below.
template <class F> BitsOf<F> pack(Context &context, bool negative, int exponent, Wide significand) {
  constexpr int precision = F::fractionBits + 1;
  const unsigned shift = leadingZeros(significand);
  significand <<= shift;
  exponent -= static_cast<int>(shift);
  const Rounded normal = roundTo(significand, precision, negative, context.rounding);
  const bool carries = normal.value >> precision;
  if (exponent >= F::minExponent) {
    if (!normal.exact)
      context.flags |= Inexact;
    if (exponent + carries > F::maxExponent)
      return overflow<F>(context, negative);
    // A carry out of the significand goes to the exponent.
    const uint64_t magnitude = (static_cast<uint64_t>(exponent + F::bias - 1) << F::fractionBits) + normal.value;
    return withSign<F>(negative, static_cast<BitsOf<F>>(magnitude));
  }
  const Rounded result = roundTo(significand, precision - (F::minExponent - exponent), negative, context.rounding);
  if (!result.exact) {
    // Tiny is what would still be below the normal numbers if it were rounded with exponents unbounded.
    const bool tiny = !(carries && exponent == F::minExponent - 1);
    context.flags |= tiny ? Inexact | Underflow : Inexact;
  }
  return withSign<F>(negative, static_cast<BitsOf<F>>(result.value));
}

} // namespace weft::iss::soft
