// What the functions of this folder share. They are plain C++ on f64 without calls, fused operations or environment, so
// that the bitcode made of them has the same results on every target; each is within a few units in the last place.
#pragma once

#include <cstdint>

namespace weft::math {

constexpr double infinity = __builtin_inf(), notANumber = __builtin_nan("");

inline uint64_t bitsOf(double x) { return __builtin_bit_cast(uint64_t, x); }
inline double fromBits(uint64_t bits) { return __builtin_bit_cast(double, bits); }
inline double absolute(double x) { return fromBits(bitsOf(x) & ~(uint64_t(1) << 63)); }
inline bool isNegative(double x) { return bitsOf(x) >> 63; }
inline double withSign(double size, double sign) {
  return fromBits((bitsOf(size) & ~(uint64_t(1) << 63)) | (bitsOf(sign) & (uint64_t(1) << 63)));
}
inline bool isNan(double x) { return x != x; }

/// To the nearest integer, ties to even; |x| < 2^51.
inline double nearest(double x) {
  constexpr double magic = 0x1.8p52;
  return (x + magic) - magic;
}

/// 2^exponent of a normal number.
inline double power2(int64_t exponent) { return fromBits(uint64_t(exponent + 1023) << 52); }

/// x * 2^exponent, rounded once where the result is subnormal and |x| is in [0.5, 2).
inline double scaled(double x, int64_t exponent) {
  if (exponent > 1000)
    return x * power2(1000) * power2(exponent - 1000 < 1000 ? exponent - 1000 : 1000);
  if (exponent < -1000)
    return x * power2(exponent + 1000 > -1000 ? exponent + 1000 : -1000) * power2(-1000);
  return x * power2(exponent);
}

/// By Horner's rule, the coefficient of x^0 first.
template <int n> inline double polynomial(double x, const double (&coefficients)[n]) {
  double sum = coefficients[n - 1];
  for (int i = n - 2; i >= 0; --i)
    sum = sum * x + coefficients[i];
  return sum;
}

} // namespace weft::math
