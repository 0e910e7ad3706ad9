// IEEE 754 arithmetic in integers: exact, for every format and rounding mode, with the results and flags that RISC-V
// asks for. It computes what the host's floating-point unit cannot, and is what that one's results are compared with.
#pragma once

#include "sim/iss/Float.h"
#include "sim/iss/FloatFormat.h"

namespace weft::iss::soft {

/// frm's values, and one that only vfncvt.rod has.
enum class Rounding : uint8_t { NearestEven, TowardZero, Down, Up, NearestAway, ToOdd };

struct Context {
  Rounding rounding = Rounding::NearestEven;
  uint8_t flags = 0; // FloatFlag, gathered
};

// For F in Half, Single, Double.
template <class F> BitsOf<F> add(Context &context, BitsOf<F> a, BitsOf<F> b);
template <class F> BitsOf<F> subtract(Context &context, BitsOf<F> a, BitsOf<F> b);
template <class F> BitsOf<F> multiply(Context &context, BitsOf<F> a, BitsOf<F> b);
template <class F> BitsOf<F> divide(Context &context, BitsOf<F> a, BitsOf<F> b);
template <class F> BitsOf<F> squareRoot(Context &context, BitsOf<F> a);
/// a * b + c, rounded once.
template <class F> BitsOf<F> fuse(Context &context, BitsOf<F> a, BitsOf<F> b, BitsOf<F> c);
/// Invalid if one of the factors is infinite and the other zero, whatever is added to the product.
template <class F> uint8_t productFlags(BitsOf<F> a, BitsOf<F> b);

/// The number if the other is NaN; -0 < +0.
template <class F> BitsOf<F> minimum(Context &context, BitsOf<F> a, BitsOf<F> b);
template <class F> BitsOf<F> maximum(Context &context, BitsOf<F> a, BitsOf<F> b);
/// Quiet: only a signalling NaN is invalid.
template <class F> bool equal(Context &context, BitsOf<F> a, BitsOf<F> b);
/// Signalling: every NaN is invalid.
template <class F> bool less(Context &context, BitsOf<F> a, BitsOf<F> b);
template <class F> bool lessEqual(Context &context, BitsOf<F> a, BitsOf<F> b);
/// The ten bits of fclass.
template <class F> uint16_t classify(BitsOf<F> a);

/// Estimates to seven bits (chapter V, "Vector Floating-Point Reciprocal Square-Root Estimate Instruction" and the
/// next).
template <class F> BitsOf<F> reciprocalSquareRoot7(Context &context, BitsOf<F> a);
template <class F> BitsOf<F> reciprocal7(Context &context, BitsOf<F> a);

/// From and to any two of Half, BFloat, Single, Double.
template <class To, class From> BitsOf<To> convert(Context &context, BitsOf<From> a);
/// To an integer of `width` bits, saturated; NaN becomes the greatest. Signed ones are extended to 64 bits.
template <class F> uint64_t toInteger(Context &context, BitsOf<F> a, bool isSigned, unsigned width);
template <class F> BitsOf<F> fromSigned(Context &context, int64_t value);
template <class F> BitsOf<F> fromUnsigned(Context &context, uint64_t value);

} // namespace weft::iss::soft
