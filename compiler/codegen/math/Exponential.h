// Exponentials, logarithms, powers.
#pragma once

#include "compiler/codegen/math/Bits.h"

namespace weft::math {

// ln 2: 32 bits, and what is left of it.
constexpr double ln2High = 0x1.62e42feep-1, ln2Low = 0x1.a39ef35793c76p-33, log2OfE = 1.4426950408889634;

/// (exp(x) - 1 - x) / x^2 for |x| <= 0.35: Taylor's series, the first term left out is below 2^-58 of the sum.
inline double exponentialTail(double x) {
  return polynomial(x, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0});
}

/// exp(x + low), |low| far smaller than x.
inline double exponential(double x, double low = 0) {
  if (isNan(x))
    return x;
  if (x > 709.79)
    return infinity;
  if (x < -745.2)
    return 0;
  double k = nearest(x * log2OfE), high = x - k * ln2High, rest = low - k * ln2Low, r = high + rest;
  double sum = 1 + (high + (rest + r * r * exponentialTail(r)));
  return scaled(sum, int64_t(k));
}

inline double exponential2(double x) {
  if (isNan(x))
    return x;
  if (x >= 1024)
    return infinity;
  if (x < -1075)
    return 0;
  double k = nearest(x), r = (x - k) * 0.6931471805599453;
  return scaled(1 + (r + r * r * exponentialTail(r)), int64_t(k));
}

inline double exponentialMinus1(double x) {
  if (x == 0)
    return x;
  if (absolute(x) <= 0.35)
    return x + x * x * exponentialTail(x);
  return exponential(x) - 1;
}

/// x = mantissa * 2^exponent, the mantissa between sqrt(1/2) and sqrt(2). x is positive and finite.
inline double split(double x, int64_t &exponent) {
  exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  uint64_t bits = bitsOf(x) - bitsOf(0.7071067811865476);
  exponent += int64_t(bits) >> 52;
  return fromBits((bits & 0xfffffffffffff) + bitsOf(0.7071067811865476));
}

/// log(1 + f), 1 + f between sqrt(1/2) and sqrt(2): with s = f / (2 + f) it is 2 atanh(s), and 2s = f - s f.
inline double logarithmOfMantissa(double f) {
  double s = f / (2 + f), z = s * s;
  double tail =
      polynomial(z, {1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21});
  double half = 0.5 * f * f;
  return f - (half - s * (half + 2 * z * tail));
}

/// NaN, infinities, 0 and negative numbers; false for others.
inline bool logarithmOfSpecial(double x, double &result) {
  result = isNan(x) || x == infinity ? x : x == 0 ? -infinity : notANumber;
  return !(x > 0) || x == infinity;
}

inline double logarithm(double x) {
  double special;
  if (logarithmOfSpecial(x, special))
    return special;
  int64_t e;
  double m = logarithmOfMantissa(split(x, e) - 1);
  return double(e) * ln2High + (m + double(e) * ln2Low);
}

inline double logarithm2(double x) {
  double special;
  if (logarithmOfSpecial(x, special))
    return special;
  int64_t e;
  double m = logarithmOfMantissa(split(x, e) - 1);
  return double(e) + m * log2OfE;
}

inline double logarithm10(double x) {
  double special;
  if (logarithmOfSpecial(x, special))
    return special;
  int64_t e;
  double m = logarithmOfMantissa(split(x, e) - 1);
  return double(e) * 0x1.34413508p-2 + (m * 0.4342944819032518 + double(e) * 0x1.f79fef311f12bp-34);
}

/// log(u) with u = 1 + x rounded, corrected for the rounding.
inline double logarithm1p(double x) {
  double u = 1 + x;
  if (u == 1 || x == infinity)
    return x;
  double result = logarithm(u);
  return u > 0 ? result + (u < 0x1p53 ? ((1 - (u - x)) - (u - (u - x)) + x) / u : 0) : result;
}

inline double integerPower(double x, int64_t n) {
  double result = 1;
  for (uint64_t left = n < 0 ? 0 - uint64_t(n) : uint64_t(n); left; left >>= 1, x *= x)
    if (left & 1)
      result *= x;
  return n < 0 ? 1 / result : result;
}

inline bool isInteger(double x) { return absolute(x) >= 0x1p52 || nearest(x) == x; }
inline bool isOdd(double x) { return absolute(x) < 0x1p53 && isInteger(x) && (int64_t(x) & 1); }

/// x * y as a sum of two numbers, without overflow below 2^900.
inline double product(double x, double y, double &low) {
  auto high = [](double value) { return fromBits(bitsOf(value) & ~uint64_t(0x7ffffff)); };
  double xh = high(x), yh = high(y), xl = x - xh, yl = y - yh, result = x * y;
  low = ((xh * yh - result) + xh * yl + xl * yh) + xl * yl;
  return result;
}

/// log(x) as a sum of two numbers, with an error of about 2^-59 of it.
inline double logarithm(double x, double &low) {
  int64_t e;
  double f = split(x, e) - 1, d = 2 + f, s = f / d, rest, quotient = product(s, d, rest);
  double left = ((f - quotient) - rest - s * (f - (d - 2))) / d, z = s * s;
  double tail =
      2 * s * z *
      polynomial(z, {1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21});
  double big = double(e) * ln2High, high = big + 2 * s;
  low = e == 0 ? 0 : (big - high) + 2 * s;
  low += 2 * left + tail + double(e) * ln2Low;
  double sum = high + low;
  low = (high - sum) + low;
  return sum;
}

/// exp(y log x). Small integer exponents are products, exact where the result is.
inline double power(double x, double y) {
  if (y == 0 || x == 1)
    return 1;
  if (isNan(x) || isNan(y))
    return notANumber;
  double size = absolute(x);
  bool odd = isOdd(y), negative = isNegative(x) && odd;
  if (absolute(y) == infinity)
    return size == 1 ? 1 : (size > 1) == (y > 0) ? infinity : 0;
  if (size == 0 || size == infinity) {
    double result = (size == 0) == (y > 0) ? 0.0 : infinity;
    return negative ? -result : result;
  }
  if (x < 0 && !isInteger(y))
    return notANumber;
  if (isInteger(y) && absolute(y) <= 32) {
    double result = integerPower(x, int64_t(y));
    if (result != 0 && absolute(result) != infinity)
      return result;
  }
  double logLow, log = logarithm(size, logLow), bound = log * y;
  double result = infinity;
  if (bound < -800)
    result = 0;
  else if (bound < 800) {
    double low, high = product(log, y, low);
    result = exponential(high, low + logLow * y);
  }
  return negative ? -result : result;
}

/// The real cube root: an estimate by thirds of the exponent, then Newton's steps, each of which doubles the bits.
inline double cubeRoot(double x) {
  double size = absolute(x);
  if (!(size < infinity) || size == 0)
    return x;
  int64_t e;
  double m = split(size, e);
  int64_t third = (e + 3 * 1024) / 3 - 1024, rest = e - 3 * third; // of a negative exponent too
  m *= power2(rest);
  double root = 0.6 + 0.4 * m - 0.03 * m * m; // within 15 % for m in [0.7, 5.7)
  for (int i = 0; i < 6; ++i)
    root = root - (root * root * root - m) / (3 * root * root);
  return withSign(scaled(root, third), x);
}

/// x - n y for the integer n that leaves the sign of x and less than |y|: exact, by long division of the mantissas.
inline double remainder(double x, double y) {
  double size = absolute(x), by = absolute(y);
  if (!(size < infinity) || isNan(y) || by == 0)
    return notANumber;
  if (size < by)
    return x;
  auto parts = [](double value, int64_t &exponent) {
    uint64_t bits = bitsOf(value);
    exponent = int64_t(bits >> 52);
    if (exponent == 0) {
      exponent = 1;
      return bits;
    }
    return (bits & 0xfffffffffffff) | (uint64_t(1) << 52);
  };
  int64_t ex, ey;
  uint64_t mx = parts(size, ex), my = parts(by, ey);
  mx %= my;
  for (int64_t left = ex - ey; left > 0 && mx; left -= 11)
    mx = (mx << (left < 11 ? left : 11)) % my;
  // mx * 2^(ey - 1075), below |y| and so exact in the steps of y.
  double result = scaled(double(mx) * 0x1p-53, ey - 1022);
  return withSign(result, x);
}

} // namespace weft::math
