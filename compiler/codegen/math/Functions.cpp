// Functions that kernels call, by the names of ops of math/: compiled to LLVM's bitcode and made part of each object
// that needs them (MathCalls.cpp). Those of f32 are computed in f64 and rounded once more.
#include "compiler/codegen/math/Hyperbolic.h"
#include "compiler/codegen/math/Trigonometric.h"

using namespace weft::math;

extern "C" {
double weft_math_exp(double x) { return exponential(x); }
double weft_math_exp2(double x) { return exponential2(x); }
double weft_math_expm1(double x) { return exponentialMinus1(x); }
double weft_math_log(double x) { return logarithm(x); }
double weft_math_log2(double x) { return logarithm2(x); }
double weft_math_log10(double x) { return logarithm10(x); }
double weft_math_log1p(double x) { return logarithm1p(x); }
double weft_math_powf(double x, double y) { return power(x, y); }
double weft_math_cbrt(double x) { return cubeRoot(x); }
double weft_math_sin(double x) { return sine(x); }
double weft_math_cos(double x) { return cosine(x); }
double weft_math_tan(double x) { return tangent(x); }
double weft_math_asin(double x) { return arcSine(x); }
double weft_math_acos(double x) { return arcCosine(x); }
double weft_math_atan(double x) { return arcTangent(x); }
double weft_math_atan2(double y, double x) { return arcTangent2(y, x); }
double weft_math_sinh(double x) { return hyperbolicSine(x); }
double weft_math_cosh(double x) { return hyperbolicCosine(x); }
double weft_math_tanh(double x) { return hyperbolicTangent(x); }
double weft_math_asinh(double x) { return inverseHyperbolicSine(x); }
double weft_math_acosh(double x) { return inverseHyperbolicCosine(x); }
double weft_math_atanh(double x) { return inverseHyperbolicTangent(x); }
double weft_math_erf(double x) { return errorFunction(x); }
double weft_math_remf(double x, double y) { return remainder(x, y); }
int64_t weft_math_ipowi(int64_t x, int64_t n) {
  if (n < 0)
    return x == 1 ? 1 : x == -1 ? (n & 1 ? -1 : 1) : 0;
  uint64_t result = 1, base = uint64_t(x);
  for (; n; n >>= 1, base *= base)
    if (n & 1)
      result *= base;
  return int64_t(result);
}
}
