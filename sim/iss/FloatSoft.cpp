#include "sim/iss/FloatSoftParts.h"

namespace weft::iss::soft {

namespace {

/// (-1)^negative * significand / 2^125 * 2^exponent, with bit 125 of the significand set: room for a carry, and for
/// bits of a product below.
struct WideNumber {
  bool negative = false;
  int exponent = 0;
  Wide significand = 0;
};

constexpr int wideShift = 127 - 125;

WideNumber widen(const Number &number) {
  return {number.negative, number.exponent, Wide{number.significand} << (125 - 63)};
}

WideNumber product(const Number &a, const Number &b) {
  // Significands have at most 53 bits, so that the low bits of the product are zero.
  const Wide bits = Wide{a.significand} * b.significand;
  const unsigned carry = static_cast<unsigned>(bits >> 127);
  return {a.negative != b.negative, a.exponent + b.exponent + static_cast<int>(carry), bits >> (1 + carry)};
}

/// Of numbers that are not zero.
template <class F> BitsOf<F> sum(Context &context, WideNumber a, WideNumber b) {
  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand))
    std::swap(a, b);
  // If the exponents differ by one, no bit is lost here; if by more, at most one leading bit is lost in subtraction,
  // and what bit 0 stands for is far below what rounding looks at.
  b.significand = shiftRightSticky(b.significand, static_cast<unsigned>(a.exponent - b.exponent));
  const Wide significand = a.negative == b.negative ? a.significand + b.significand : a.significand - b.significand;
  if (significand == 0)
    return withSign<F>(context.rounding == Rounding::Down, 0);
  return pack<F>(context, a.negative, a.exponent + wideShift, significand);
}

/// The sum of two zeros.
template <class F> BitsOf<F> zeroSum(Context &context, bool negativeA, bool negativeB) {
  return withSign<F>(negativeA == negativeB ? negativeA : context.rounding == Rounding::Down, 0);
}

/// The greatest integer whose square is not greater.
uint64_t integerSquareRoot(Wide value) {
  uint64_t root = 0;
  for (int bit = 63; bit >= 0; --bit)
    if (const uint64_t trial = root | uint64_t{1} << bit; Wide{trial} * trial <= value)
      root = trial;
  return root;
}

} // namespace

template <class F> BitsOf<F> add(Context &context, BitsOf<F> a, BitsOf<F> b) {
  if (anyNan<F>(context, a, b))
    return F::canonicalNan;
  if (isInfinite<F>(a))
    return isInfinite<F>(b) && a != b ? invalid<F>(context) : a;
  if (isInfinite<F>(b))
    return b;
  if (isZero<F>(a))
    return isZero<F>(b) ? zeroSum<F>(context, isNegative<F>(a), isNegative<F>(b)) : b;
  if (isZero<F>(b))
    return a;
  return sum<F>(context, widen(unpack<F>(a)), widen(unpack<F>(b)));
}

template <class F> BitsOf<F> subtract(Context &context, BitsOf<F> a, BitsOf<F> b) {
  return add<F>(context, a, static_cast<BitsOf<F>>(b ^ F::sign));
}

template <class F> BitsOf<F> multiply(Context &context, BitsOf<F> a, BitsOf<F> b) {
  if (anyNan<F>(context, a, b))
    return F::canonicalNan;
  const bool negative = isNegative<F>(a) != isNegative<F>(b);
  if (isInfinite<F>(a) || isInfinite<F>(b))
    return isZero<F>(a) || isZero<F>(b) ? invalid<F>(context) : withSign<F>(negative, F::infinity);
  if (isZero<F>(a) || isZero<F>(b))
    return withSign<F>(negative, 0);
  const WideNumber result = product(unpack<F>(a), unpack<F>(b));
  return pack<F>(context, negative, result.exponent + wideShift, result.significand);
}

template <class F> BitsOf<F> divide(Context &context, BitsOf<F> a, BitsOf<F> b) {
  if (anyNan<F>(context, a, b))
    return F::canonicalNan;
  const bool negative = isNegative<F>(a) != isNegative<F>(b);
  if (isInfinite<F>(a))
    return isInfinite<F>(b) ? invalid<F>(context) : withSign<F>(negative, F::infinity);
  if (isInfinite<F>(b))
    return withSign<F>(negative, 0);
  if (isZero<F>(b)) {
    if (isZero<F>(a))
      return invalid<F>(context);
    context.flags |= DivideByZero;
    return withSign<F>(negative, F::infinity);
  }
  if (isZero<F>(a))
    return withSign<F>(negative, 0);
  const Number x = unpack<F>(a), y = unpack<F>(b);
  const Wide dividend = Wide{x.significand} << 63, quotient = dividend / y.significand;
  const bool remainder = quotient * y.significand != dividend;
  return pack<F>(context, negative, x.exponent - y.exponent, quotient << 64 | remainder);
}

template <class F> BitsOf<F> squareRoot(Context &context, BitsOf<F> a) {
  if (anyNan<F>(context, a))
    return F::canonicalNan;
  if (isZero<F>(a))
    return a;
  if (isNegative<F>(a))
    return invalid<F>(context);
  if (isInfinite<F>(a))
    return a;
  const Number x = unpack<F>(a);
  const bool odd = x.exponent & 1;
  const Wide radicand = Wide{x.significand} << (63 + odd); // in units of 2^-126
  const uint64_t root = integerSquareRoot(radicand);
  const bool remainder = Wide{root} * root != radicand;
  return pack<F>(context, false, (x.exponent - odd) / 2, Wide{root} << 64 | remainder);
}

template <class F> uint8_t productFlags(BitsOf<F> a, BitsOf<F> b) {
  return (isInfinite<F>(a) && isZero<F>(b)) || (isZero<F>(a) && isInfinite<F>(b)) ? Invalid : 0;
}

template <class F> BitsOf<F> fuse(Context &context, BitsOf<F> a, BitsOf<F> b, BitsOf<F> c) {
  const uint8_t flags = productFlags<F>(a, b);
  context.flags |= flags;
  if (anyNan<F>(context, a, b, c) || flags)
    return F::canonicalNan;
  const bool negative = isNegative<F>(a) != isNegative<F>(b);
  if (isInfinite<F>(a) || isInfinite<F>(b))
    return isInfinite<F>(c) && isNegative<F>(c) != negative ? invalid<F>(context) : withSign<F>(negative, F::infinity);
  if (isInfinite<F>(c))
    return c;
  if (isZero<F>(a) || isZero<F>(b))
    return isZero<F>(c) ? zeroSum<F>(context, negative, isNegative<F>(c)) : c;
  const WideNumber multiplied = product(unpack<F>(a), unpack<F>(b));
  if (isZero<F>(c))
    return pack<F>(context, negative, multiplied.exponent + wideShift, multiplied.significand);
  return sum<F>(context, multiplied, widen(unpack<F>(c)));
}

#define WEFT_FORMAT(F)                                                                                                 \
  template BitsOf<F> add<F>(Context &, BitsOf<F>, BitsOf<F>);                                                          \
  template BitsOf<F> subtract<F>(Context &, BitsOf<F>, BitsOf<F>);                                                     \
  template BitsOf<F> multiply<F>(Context &, BitsOf<F>, BitsOf<F>);                                                     \
  template BitsOf<F> divide<F>(Context &, BitsOf<F>, BitsOf<F>);                                                       \
  template BitsOf<F> squareRoot<F>(Context &, BitsOf<F>);                                                              \
  template BitsOf<F> fuse<F>(Context &, BitsOf<F>, BitsOf<F>, BitsOf<F>);                                              \
  template uint8_t productFlags<F>(BitsOf<F>, BitsOf<F>);
WEFT_FORMAT(Half)
WEFT_FORMAT(Single)
WEFT_FORMAT(Double)
#undef WEFT_FORMAT

} // namespace weft::iss::soft
