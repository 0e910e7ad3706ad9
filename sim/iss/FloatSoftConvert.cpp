// Conversions between formats and from and to integers.
#include "sim/iss/FloatSoftParts.h"

namespace weft::iss::soft {

template <class To, class From> BitsOf<To> convert(Context &context, BitsOf<From> a) {
  if (anyNan<From>(context, a))
    return To::canonicalNan;
  const bool negative = isNegative<From>(a);
  if (isInfinite<From>(a) || isZero<From>(a))
    return withSign<To>(negative, isZero<From>(a) ? 0 : To::infinity);
  const Number number = unpack<From>(a);
  return pack<To>(context, negative, number.exponent, Wide{number.significand} << 64);
}

template <class F> uint64_t toInteger(Context &context, BitsOf<F> a, bool isSigned, unsigned width) {
  const bool negative = isNegative<F>(a) && !isNan<F>(a);
  const uint64_t most = ~uint64_t{0} >> (64 - width + isSigned);
  // Of the magnitude.
  const uint64_t limit = negative ? (isSigned ? most + 1 : 0) : most;
  auto saturated = [&] {
    context.flags |= Invalid;
    return negative ? 0 - limit : limit;
  };
  if (isNan<F>(a) || isInfinite<F>(a))
    return saturated();
  if (isZero<F>(a))
    return 0;
  const Number number = unpack<F>(a);
  if (number.exponent > 63)
    return saturated();
  const Rounded magnitude = roundTo(Wide{number.significand} << 64, number.exponent + 1, negative, context.rounding);
  if (magnitude.value > limit)
    return saturated();
  if (!magnitude.exact)
    context.flags |= Inexact;
  return negative ? 0 - magnitude.value : magnitude.value;
}

namespace {

template <class F> BitsOf<F> fromMagnitude(Context &context, bool negative, uint64_t magnitude) {
  return magnitude == 0 ? BitsOf<F>{0} : pack<F>(context, negative, 63, Wide{magnitude} << 64);
}

} // namespace

template <class F> BitsOf<F> fromSigned(Context &context, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  return fromMagnitude<F>(context, value < 0, value < 0 ? 0 - bits : bits);
}

template <class F> BitsOf<F> fromUnsigned(Context &context, uint64_t value) {
  return fromMagnitude<F>(context, false, value);
}

#define WEFT_FORMAT(F)                                                                                                 \
  template uint64_t toInteger<F>(Context &, BitsOf<F>, bool, unsigned);                                                \
  template BitsOf<F> fromSigned<F>(Context &, int64_t);                                                                \
  template BitsOf<F> fromUnsigned<F>(Context &, uint64_t);
WEFT_FORMAT(Half)
WEFT_FORMAT(Single)
WEFT_FORMAT(Double)
#undef WEFT_FORMAT

#define WEFT_PAIR(A, B)                                                                                                \
  template BitsOf<A> convert<A, B>(Context &, BitsOf<B>);                                                              \
  template BitsOf<B> convert<B, A>(Context &, BitsOf<A>);
WEFT_PAIR(Half, BFloat)
WEFT_PAIR(Half, Single)
WEFT_PAIR(Half, Double)
WEFT_PAIR(BFloat, Single)
WEFT_PAIR(BFloat, Double)
WEFT_PAIR(Single, Double)
#undef WEFT_PAIR

} // namespace weft::iss::soft
