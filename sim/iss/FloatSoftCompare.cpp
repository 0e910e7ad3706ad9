// What looks at numbers without arithmetic, and the seven-bit estimates.
#include "sim/iss/FloatSoftParts.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace weft::iss::soft {

namespace {

/// Of numbers, -0 before +0.
template <class F> bool before(BitsOf<F> a, BitsOf<F> b) {
  if (isNegative<F>(a) != isNegative<F>(b))
    return isNegative<F>(a);
  return isNegative<F>(a) ? a > b : a < b;
}

template <class F> bool bothZero(BitsOf<F> a, BitsOf<F> b) { return isZero<F>(a) && isZero<F>(b); }

template <class F> BitsOf<F> choose(Context &context, BitsOf<F> a, BitsOf<F> b, bool least) {
  if (anyNan<F>(context, a, b)) {
    if (isNan<F>(a))
      return isNan<F>(b) ? F::canonicalNan : b;
    return a;
  }
  return before<F>(a, b) == least ? a : b;
}

template <class F> bool ordered(Context &context, BitsOf<F> a, BitsOf<F> b) {
  const bool nan = isNan<F>(a) || isNan<F>(b);
  if (nan)
    context.flags |= Invalid;
  return !nan;
}

} // namespace

template <class F> BitsOf<F> minimum(Context &context, BitsOf<F> a, BitsOf<F> b) {
  return choose<F>(context, a, b, true);
}
template <class F> BitsOf<F> maximum(Context &context, BitsOf<F> a, BitsOf<F> b) {
  return choose<F>(context, a, b, false);
}

template <class F> bool equal(Context &context, BitsOf<F> a, BitsOf<F> b) {
  return !anyNan<F>(context, a, b) && (a == b || bothZero<F>(a, b));
}
template <class F> bool less(Context &context, BitsOf<F> a, BitsOf<F> b) {
  return ordered<F>(context, a, b) && before<F>(a, b) && !bothZero<F>(a, b);
}
template <class F> bool lessEqual(Context &context, BitsOf<F> a, BitsOf<F> b) {
  return ordered<F>(context, a, b) && (!before<F>(b, a) || bothZero<F>(a, b));
}

template <class F> uint16_t classify(BitsOf<F> a) {
  if (isNan<F>(a))
    return isSignalling<F>(a) ? 1 << 8 : 1 << 9;
  // Bits 0 to 3: negative, infinite to zero; bits 4 to 7: positive, zero to infinite.
  const bool normal = (a & F::infinity) != 0;
  const unsigned size = isInfinite<F>(a) ? 3 : normal ? 2 : isZero<F>(a) ? 0 : 1;
  return static_cast<uint16_t>(1u << (isNegative<F>(a) ? 3 - size : 4 + size));
}

namespace {

constexpr unsigned tableBits = 7, tableSize = 1u << tableBits;
using Table = std::array<uint8_t, tableSize>;

/// For x from 1 + i/128 to 1 + (i+1)/128 the fraction of 2/x, to seven bits: nearest to 2/x in the middle, by which the
/// greatest relative error over the interval is least.
constexpr Table makeReciprocals() {
  Table table{};
  for (unsigned i = 0; i < tableSize; ++i) {
    // 2/x = 512 / (257 + 2i), times 128, halves rounded up.
    const unsigned divisor = 257 + 2 * i, dividend = 512 * tableSize;
    table[i] = static_cast<uint8_t>((2 * dividend + divisor) / (2 * divisor) - tableSize);
  }
  return table;
}

/// 64 intervals of x from 2 to 4, then 64 from 1 to 2: the fraction of 2/sqrt(x) or of 2/sqrt(x).
/// (An even biased exponent is an odd exponent, as the bias is odd.)
constexpr Table makeReciprocalRoots() {
  Table table{};
  for (unsigned i = 0; i < tableSize; ++i) {
    // The middle of the interval is m/128, or m/64 if the exponent is odd; the result is the integer next to
    // 256/sqrt(middle).
    const unsigned m = 2 * (64 + i % 64) + 1, unit = i < 64 ? 64 : 128;
    unsigned y = tableSize; // (y + 1/2)^2 * m <= 256^2 * unit while y is too small
    while ((2 * y + 1) * (2 * y + 1) * uint64_t{m} <= uint64_t{4} * 65536 * unit)
      ++y;
    table[i] = static_cast<uint8_t>(std::min(y, 2 * tableSize - 1) - tableSize);
  }
  return table;
}

constexpr Table reciprocals = makeReciprocals(), reciprocalRoots = makeReciprocalRoots();

/// Biased exponent, 0 and below if subnormal, and the fraction below the leading one.
struct Normalised {
  int exponent = 0;
  uint64_t fraction = 0;
};

template <class F> Normalised normalise(BitsOf<F> a) {
  const Number number = unpack<F>(a);
  return {number.exponent + F::bias, (number.significand << 1) >> (64 - F::fractionBits)};
}

} // namespace

template <class F> BitsOf<F> reciprocalSquareRoot7(Context &context, BitsOf<F> a) {
  if (anyNan<F>(context, a))
    return F::canonicalNan;
  if (isZero<F>(a)) {
    context.flags |= DivideByZero;
    return withSign<F>(isNegative<F>(a), F::infinity);
  }
  if (isNegative<F>(a))
    return invalid<F>(context);
  if (isInfinite<F>(a))
    return 0;
  const Normalised x = normalise<F>(a);
  const auto index = static_cast<size_t>((x.exponent & 1) << 6 | x.fraction >> (F::fractionBits - 6));
  const auto exponent = static_cast<uint64_t>((3 * F::bias - 1 - x.exponent) / 2);
  return static_cast<BitsOf<F>>(exponent << F::fractionBits | uint64_t{reciprocalRoots[index]}
                                                                  << (F::fractionBits - tableBits));
}

template <class F> BitsOf<F> reciprocal7(Context &context, BitsOf<F> a) {
  if (anyNan<F>(context, a))
    return F::canonicalNan;
  const bool negative = isNegative<F>(a);
  if (isInfinite<F>(a))
    return withSign<F>(negative, 0);
  if (isZero<F>(a)) {
    context.flags |= DivideByZero;
    return withSign<F>(negative, F::infinity);
  }
  const Normalised x = normalise<F>(a);
  if (x.exponent < -1)
    return overflow<F>(context, negative);
  const auto index = static_cast<size_t>(x.fraction >> (F::fractionBits - tableBits));
  const uint64_t fraction = uint64_t{reciprocals[index]} << (F::fractionBits - tableBits);
  const int exponent = 2 * F::bias - 1 - x.exponent;
  if (exponent > 0)
    return withSign<F>(negative, static_cast<BitsOf<F>>(static_cast<uint64_t>(exponent) << F::fractionBits | fraction));
  // A subnormal estimate: the leading one appears in the fraction.
  const uint64_t significand = uint64_t{1} << F::fractionBits | fraction;
  return withSign<F>(negative, static_cast<BitsOf<F>>(significand >> (1 - exponent)));
}

#define WEFT_FORMAT(F)                                                                                                 \
  template BitsOf<F> minimum<F>(Context &, BitsOf<F>, BitsOf<F>);                                                      \
  template BitsOf<F> maximum<F>(Context &, BitsOf<F>, BitsOf<F>);                                                      \
  template bool equal<F>(Context &, BitsOf<F>, BitsOf<F>);                                                             \
  template bool less<F>(Context &, BitsOf<F>, BitsOf<F>);                                                              \
  template bool lessEqual<F>(Context &, BitsOf<F>, BitsOf<F>);                                                         \
  template uint16_t classify<F>(BitsOf<F>);                                                                            \
  template BitsOf<F> reciprocalSquareRoot7<F>(Context &, BitsOf<F>);                                                   \
  template BitsOf<F> reciprocal7<F>(Context &, BitsOf<F>);
WEFT_FORMAT(Half)
WEFT_FORMAT(Single)
WEFT_FORMAT(Double)
#undef WEFT_FORMAT

} // namespace weft::iss::soft
