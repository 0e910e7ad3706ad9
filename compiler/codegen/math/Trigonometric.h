// Circular functions and their inverses.
#pragma once

#include "compiler/codegen/math/Bits.h"

namespace weft::math {

/// x = n pi/2 + high + low with |high| <= pi/4 or little more; of n the last two bits.
struct Reduced {
  double high, low;
  uint64_t quadrant;
};

/// The upper half of a product.
inline uint64_t multiplyHigh(uint64_t a, uint64_t b) {
  uint64_t al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  uint64_t low = al * bl, middle = ah * bl + (low >> 32), other = al * bh + (middle & 0xffffffff);
  return ah * bh + (middle >> 32) + (other >> 32);
}

/// Arguments of any size (Payne and Hanek): of x * 2/pi only the bits around the point are computed.
inline Reduced reduceLarge(double x) {
  static constexpr uint64_t twoOverPi[21] = {0,
                                             0xa2f9836e4e441529,
                                             0xfc2757d1f534ddc0,
                                             0xdb6295993c439041,
                                             0xfe5163abdebbc561,
                                             0xb7246e3a424dd2e0,
                                             0x06492eea09d1921c,
                                             0xfe1deb1cb129a73e,
                                             0xe88235f52ebb4484,
                                             0xe99c7026b45f7e41,
                                             0x3991d639835339f4,
                                             0x9c845f8bbdf9283b,
                                             0x1ff897ffde05980f,
                                             0xef2f118b5a0a6d1f,
                                             0x6d367ecf27cb09b7,
                                             0x4f463f669e5fea2d,
                                             0x7527bac7ebe5f17b,
                                             0x3d0739f78a5292ea,
                                             0x6bfb5fb11f8d5d08,
                                             0x56033046fc7b6bab,
                                             0xf0cfbc209af4361d};
  uint64_t bits = bitsOf(x), mantissa = (bits & 0xfffffffffffff) | (uint64_t(1) << 52);
  int64_t exponent = int64_t((bits >> 52) & 0x7ff) - 1075; // x = mantissa * 2^exponent
  // Bits of 2/pi that make multiples of 4 are left out; where there are none, zeros come first.
  int64_t skip = exponent - 2 + 64;
  auto window = [&](int64_t at) { // 64 bits from bit `at` on
    uint64_t first = twoOverPi[at / 64];
    return at % 64 == 0 ? first : (first << (at % 64)) | (twoOverPi[at / 64 + 1] >> (64 - at % 64));
  };
  uint64_t a = window(skip), b = window(skip + 64), c = window(skip + 128);
  // The bits of mantissa * (a, b, c) from weight 2 down.
  uint64_t low = multiplyHigh(mantissa, c), middle = mantissa * b + low;
  uint64_t top = mantissa * a + multiplyHigh(mantissa, b) + (middle < low);
  uint64_t quadrant = top >> 62, fraction = (top << 2) | (middle >> 62), rest = middle << 2;
  bool up = fraction >> 63; // more than a half: the next quadrant, and a negative rest
  if (up) {
    ++quadrant;
    fraction = ~fraction;
    rest = ~rest;
  }
  // The fraction as two numbers, its 32 leading bits exact.
  double high = double(fraction >> 11) * 0x1p-53, low53 = double(((fraction & 0x7ff) << 42) | (rest >> 22)) * 0x1p-106;
  double sum = high + low53, left = (high - sum) + low53;
  constexpr double halfPi = 0x1.921fb54442d18p+0, halfPiLow = 0x1.1a62633145c07p-54;
  auto upper = [](double value) { return fromBits(bitsOf(value) & ~uint64_t(0x7ffffff)); };
  double sh = upper(sum), ph = upper(halfPi), sl = sum - sh, pl = halfPi - ph, product = sum * halfPi;
  double error = ((sh * ph - product) + sh * pl + sl * ph) + sl * pl;
  double tail = error + (sum * halfPiLow + left * halfPi);
  double r = product + tail;
  tail = (product - r) + tail;
  bool negative = up != isNegative(x);
  return {negative ? -r : r, negative ? -tail : tail, isNegative(x) ? 0 - quadrant : quadrant};
}

inline Reduced reduce(double x) {
  double size = absolute(x);
  if (size <= 0.7853981633974483)
    return {x, 0, 0};
  if (size >= 0x1p19)
    return reduceLarge(x);
  // pi/2 in parts of 33, 33 and 53 bits: products with the first two are exact.
  double n = nearest(x * 0.6366197723675814), first = x - n * 0x1.921fb544p+0, second = n * 0x1.0b4611a6p-34,
         third = n * 0x1.3198a2e037073p-69;
  double high = first - second, low = (first - high) - second;
  double r = high + (low - third);
  return {r, (high - r) + (low - third), uint64_t(int64_t(n))};
}

inline double sineOfReduced(const Reduced &x) {
  double r = x.high, z = r * r;
  double tail = polynomial(z, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0,
                               -1.0 / 1307674368000.0, 1.0 / 355687428096000.0});
  return r + (r * z * tail + x.low * (1 - 0.5 * z));
}

inline double cosineOfReduced(const Reduced &x) {
  double r = x.high, z = r * r, half = 0.5 * z, near = 1 - half;
  double tail = polynomial(z, {1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200.0,
                               1.0 / 20922789888000.0, -1.0 / 6402373705728000.0});
  return near + (((1 - near) - half) + (z * z * tail - r * x.low));
}

inline double sine(double x) {
  if (!(absolute(x) < infinity))
    return notANumber;
  if (x == 0)
    return x;
  Reduced reduced = reduce(x);
  double result = reduced.quadrant & 1 ? cosineOfReduced(reduced) : sineOfReduced(reduced);
  return reduced.quadrant & 2 ? -result : result;
}

inline double cosine(double x) {
  if (!(absolute(x) < infinity))
    return notANumber;
  Reduced reduced = reduce(x);
  double result = reduced.quadrant & 1 ? sineOfReduced(reduced) : cosineOfReduced(reduced);
  return (reduced.quadrant + 1) & 2 ? -result : result;
}

inline double tangent(double x) {
  if (!(absolute(x) < infinity))
    return notANumber;
  if (x == 0)
    return x;
  Reduced reduced = reduce(x);
  double s = sineOfReduced(reduced), c = cosineOfReduced(reduced);
  return reduced.quadrant & 1 ? -c / s : s / c;
}

/// For 0 <= x: 1/x where x is large, then pi/4 taken away; the rest t is below tan(pi/8), and atan(t) = t + t^3 P(t^2)
/// with P made by interpolation at Chebyshev's points (error 2^-66).
inline double arcTangentOfSize(double x) {
  bool inverted = x > 1, shifted;
  double t = inverted ? 1 / x : x, high = 0, low = 0;
  if ((shifted = t > 0.41421356237309503)) {
    // Of the argument itself: the rounding of 1/x would not be small any more.
    t = inverted ? (1 - x) / (1 + x) : (x - 1) / (x + 1);
    high = 0x1.921fb54442d18p-1;
    low = 0x1.1a62633145c07p-55;
  }
  double z = t * t;
  double tail = t * z *
                polynomial(z, {-0.333333333333333333, 0.199999999999999915, -0.142857142857115158, 0.111111111107544058,
                               -0.0909090906699066003, 0.0769230673532147535, -0.0666664200499654479,
                               0.058819250338777325, -0.0525803942897948145, 0.0471938145789513692,
                               -0.0410438141780764323, 0.0306344332390145204, -0.013916943217800841});
  double angle = high + (t + (low + tail));
  return inverted ? 0x1.921fb54442d18p+0 - (angle - 0x1.1a62633145c07p-54) : angle;
}

inline double arcTangent(double x) { return isNan(x) ? x : withSign(arcTangentOfSize(absolute(x)), x); }

/// The angle of the point (x, y).
inline double arcTangent2(double y, double x) {
  if (isNan(x) || isNan(y))
    return notANumber;
  constexpr double pi = 0x1.921fb54442d18p+1;
  double ay = absolute(y), ax = absolute(x);
  double angle = ay == 0                ? 0
                 : ax == 0              ? pi / 2
                 : ay == ax             ? pi / 4 // both infinite too
                 : ax == infinity       ? 0
                 : ay == infinity       ? pi / 2
                 : ay > ax * 0x1p60     ? pi / 2
                 : ax * 0x1p-60 > 1e290 ? arcTangentOfSize((ay * 0x1p-60) / (ax * 0x1p-60))
                                        : arcTangentOfSize(ay / ax);
  if (isNegative(x))
    angle = pi - (angle - 0x1.1a62633145c07p-53);
  return withSign(angle, y);
}

inline double arcSine(double x) { return arcTangent2(x, __builtin_sqrt((1 - x) * (1 + x))); }
inline double arcCosine(double x) { return arcTangent2(__builtin_sqrt((1 - x) * (1 + x)), x); }

} // namespace weft::math
