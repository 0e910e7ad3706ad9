// Hyperbolic functions, their inverses, and the error function.
#pragma once

#include "compiler/codegen/math/Exponential.h"

namespace weft::math {

/// exp(x) / 2, which may be finite where exp(x) is not.
inline double halfExponential(double x) { return exponential(x - 1) * (0.5 * 2.718281828459045); }

inline double hyperbolicSine(double x) {
  double size = absolute(x), result;
  if (size < 1) {
    double t = exponentialMinus1(size);
    result = 0.5 * (t + t / (t + 1));
  } else if (size < 700) {
    double e = exponential(size);
    result = 0.5 * (e - 1 / e);
  } else
    result = halfExponential(size);
  return withSign(result, x);
}

inline double hyperbolicCosine(double x) {
  double size = absolute(x);
  if (!(size < 700))
    return halfExponential(size);
  double e = exponential(size);
  return 0.5 * (e + 1 / e);
}

inline double hyperbolicTangent(double x) {
  double size = absolute(x);
  if (isNan(x) || size == 0)
    return x;
  if (size > 22)
    return withSign(1, x);
  double t = exponentialMinus1(2 * size);
  return withSign(t / (t + 2), x);
}

inline double inverseHyperbolicSine(double x) {
  double size = absolute(x);
  if (!(size < infinity))
    return x;
  double result = size > 0x1p28 ? logarithm(size) + 0.6931471805599453
                                : logarithm1p(size + size * size / (1 + __builtin_sqrt(1 + size * size)));
  return withSign(result, x);
}

inline double inverseHyperbolicCosine(double x) {
  if (!(x >= 1))
    return notANumber;
  if (x > 0x1p28)
    return logarithm(x) + 0.6931471805599453;
  double t = x - 1;
  return logarithm1p(t + __builtin_sqrt(2 * t + t * t));
}

inline double inverseHyperbolicTangent(double x) {
  double size = absolute(x);
  if (!(size <= 1))
    return notANumber;
  return withSign(0.5 * logarithm1p(2 * size / (1 - size)), x);
}

/// exp(x^2) (1 - erf(x)) for x >= 1, times 1 + 2x: Chebyshev's series in (x - 3) / (x + 3), error below 2^-51 (computed
/// with mpmath).
inline double scaledComplement(double x) {
  static constexpr double coefficients[20] = {
      2.4287467232184096902,      -0.085606936233971208097,   -0.0059996405199156825716,   0.0078019515549453343839,
      -0.0027156517173911050306,  0.00061154949113302340314,  -0.000093406266419607678598, 7.8188168989660987378e-6,
      2.7197258578141961246e-7,   -1.66372392146222039e-7,    1.3133701262289988991e-8,    2.0754203597909473738e-9,
      -4.4148718962068735613e-10, -1.7967351765144367492e-11, 1.1481428873000061627e-11,   -2.8074606769314793344e-14,
      -3.0122510213190942164e-13, 7.1065021447615122545e-15,  8.5420257167339808151e-15,   -2.3291176033196617726e-16};
  double t = (x - 3) / (x + 3), u = (2 * t - 0.5) / 1.5;
  double next = 0, after = 0;
  for (int i = 19; i > 0; --i) {
    double sum = 2 * u * next - after + coefficients[i];
    after = next;
    next = sum;
  }
  return (u * next - after + 0.5 * coefficients[0]) / (1 + 2 * x);
}

inline double errorFunction(double x) {
  double size = absolute(x);
  if (isNan(x) || size == 0)
    return x;
  if (size < 1) { // the series of the integral of exp(-x^2)
    double term = x, sum = 0;
    for (int n = 1; n < 22; ++n) {
      term = term * (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (x + sum) * 1.1283791670955126;
  }
  if (size > 6)
    return withSign(1, x);
  double low, square = product(size, size, low);
  return withSign(1 - scaledComplement(size) * exponential(-square, -low), x);
}

} // namespace weft::math
