#include "tests/unit/iss_vector_float_rules.h"

#include <cmath>

namespace weft::iss::test {

namespace {
using exact::Format;

/// 7 bits of 1 / x or 1 / sqrt(x), for x in the middle of an interval of 1/128 or, of the square root, 1/64 of its
/// binade: "V", sections 14.9 and 14.10.
unsigned reciprocalEntry(unsigned index) {
  const double x = 1 + (index + 0.5) / 128;
  return static_cast<unsigned>(std::round((2 / x - 1) * 128));
}
unsigned squareRootEntry(bool oddExponent, unsigned index) {
  const double x = (1 + (index + 0.5) / 64) * (oddExponent ? 1 : 2); // the exponent's bias is odd
  return static_cast<unsigned>(std::round((2 / std::sqrt(x) - 1) * 128));
}

struct Normalized {
  int exponent; // biased; 0 and below of subnormal numbers
  uint64_t fraction;
};
Normalized normalize(Format f, uint64_t a) {
  Normalized n{static_cast<int>(f.magnitude(a) >> f.fractionBits), a & f.fraction()};
  if (n.exponent == 0) {
    n.exponent = 1;
    for (; !(n.fraction >> f.fractionBits & 1); --n.exponent)
      n.fraction <<= 1;
    n.fraction &= f.fraction();
  }
  return n;
}

using Compute = uint64_t (*)(Rounding &, uint64_t, uint64_t, uint64_t);

template <bool Wide, bool NegateProduct, bool NegateAddend, bool MultipliesOld = false>
uint64_t accumulate(Rounding &r, uint64_t d, uint64_t b, uint64_t a) {
  const Format f = Wide ? r.w : r.n;
  if (Wide) { // exact but for signalling NaNs
    b = r.convert(r.w, r.n, b);
    a = r.convert(r.w, r.n, a);
  }
  uint64_t factor = MultipliesOld ? d : b, addend = MultipliesOld ? b : d;
  if (NegateProduct)
    factor = r.negated(f, factor);
  if (NegateAddend)
    addend = r.negated(f, addend);
  return r.fuse(f, a, factor, addend);
}

uint64_t signFrom(Rounding &r, uint64_t b, uint64_t sign) { return r.n.magnitude(b) | (sign & r.n.sign()); }

template <unsigned SourceShift, unsigned ResultShift, bool Signed, bool Truncates>
uint64_t toInteger(Rounding &r, uint64_t, uint64_t b, uint64_t) {
  const exact::Mode mode = r.mode;
  if (Truncates)
    r.mode = exact::TowardZero;
  const uint64_t result = r.toInteger(SourceShift ? r.w : r.n, b, Signed, r.sew << ResultShift);
  r.mode = mode;
  return result;
}
template <unsigned SourceShift, unsigned ResultShift, bool Signed>
uint64_t fromInteger(Rounding &r, uint64_t, uint64_t b, uint64_t) {
  return r.fromInteger(ResultShift ? r.w : r.n, b, Signed, r.sew << SourceShift);
}

constexpr Type N = Type::Float, W = Type::WideFloat, I = Type::Integer, WI = Type::WideInteger, B = Type::BFloat,
               M = Type::Mask;

// clang-format off
constexpr FloatRule rules[] = {
    {"vfadd.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.add(r.n, b, a); }},
    {"vfsub.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.subtract(r.n, b, a); }},
    {"vfrsub.v", "f", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.subtract(r.n, a, b); }},
    {"vfmul.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.multiply(r.n, b, a); }},
    {"vfdiv.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.divide(r.n, b, a); }},
    {"vfrdiv.v", "f", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.divide(r.n, a, b); }},
    {"vfmin.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.minimum(r.n, b, a); }},
    {"vfmax.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.minimum(r.n, b, a, true); }},
    {"vfsgnj.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return signFrom(r, b, a); }},
    {"vfsgnjn.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return signFrom(r, b, ~a); }},
    {"vfsgnjx.v", "vf", N, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return signFrom(r, b, a ^ b); }},
    {"vfsqrt.v", "", N, N, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return r.squareRoot(r.n, b); }},
    {"vfrec7.v", "", N, N, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return reciprocal7(r, r.n, b); }},
    {"vfrsqrt7.v", "", N, N, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return reciprocalSquareRoot7(r, r.n, b); }},
    {"vfclass.v", "", N, N, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return r.classify(r.n, b); }},
    {"vfmacc.v", "vf", N, N, N, true, accumulate<false, false, false>},
    {"vfnmacc.v", "vf", N, N, N, true, accumulate<false, true, true>},
    {"vfmsac.v", "vf", N, N, N, true, accumulate<false, false, true>},
    {"vfnmsac.v", "vf", N, N, N, true, accumulate<false, true, false>},
    {"vfmadd.v", "vf", N, N, N, true, accumulate<false, false, false, true>},
    {"vfnmadd.v", "vf", N, N, N, true, accumulate<false, true, true, true>},
    {"vfmsub.v", "vf", N, N, N, true, accumulate<false, false, true, true>},
    {"vfnmsub.v", "vf", N, N, N, true, accumulate<false, true, false, true>},
    {"vmfeq.v", "vf", M, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) -> uint64_t { return r.equal(r.n, b, a); }},
    {"vmfne.v", "vf", M, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) -> uint64_t { return !r.equal(r.n, b, a); }},
    {"vmflt.v", "vf", M, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) -> uint64_t { return r.less(r.n, b, a); }},
    {"vmfle.v", "vf", M, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) -> uint64_t { return r.less(r.n, b, a, true); }},
    {"vmfgt.v", "f", M, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) -> uint64_t { return r.less(r.n, a, b); }},
    {"vmfge.v", "f", M, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) -> uint64_t { return r.less(r.n, a, b, true); }},
    {"vfcvt.xu.f.v", "", I, N, Type::None, false, toInteger<0, 0, false, false>},
    {"vfcvt.x.f.v", "", I, N, Type::None, false, toInteger<0, 0, true, false>},
    {"vfcvt.rtz.xu.f.v", "", I, N, Type::None, false, toInteger<0, 0, false, true>},
    {"vfcvt.rtz.x.f.v", "", I, N, Type::None, false, toInteger<0, 0, true, true>},
    {"vfcvt.f.xu.v", "", N, I, Type::None, false, fromInteger<0, 0, false>},
    {"vfcvt.f.x.v", "", N, I, Type::None, false, fromInteger<0, 0, true>},
    {"vfwcvt.xu.f.v", "", WI, N, Type::None, false, toInteger<0, 1, false, false>},
    {"vfwcvt.x.f.v", "", WI, N, Type::None, false, toInteger<0, 1, true, false>},
    {"vfwcvt.rtz.xu.f.v", "", WI, N, Type::None, false, toInteger<0, 1, false, true>},
    {"vfwcvt.rtz.x.f.v", "", WI, N, Type::None, false, toInteger<0, 1, true, true>},
    {"vfwcvt.f.xu.v", "", W, I, Type::None, false, fromInteger<0, 1, false>},
    {"vfwcvt.f.x.v", "", W, I, Type::None, false, fromInteger<0, 1, true>},
    {"vfwcvt.f.f.v", "", W, N, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return r.convert(r.w, r.n, b); }},
    {"vfncvt.xu.f.w", "", I, W, Type::None, false, toInteger<1, 0, false, false>},
    {"vfncvt.x.f.w", "", I, W, Type::None, false, toInteger<1, 0, true, false>},
    {"vfncvt.rtz.xu.f.w", "", I, W, Type::None, false, toInteger<1, 0, false, true>},
    {"vfncvt.rtz.x.f.w", "", I, W, Type::None, false, toInteger<1, 0, true, true>},
    {"vfncvt.f.xu.w", "", N, WI, Type::None, false, fromInteger<1, 0, false>},
    {"vfncvt.f.x.w", "", N, WI, Type::None, false, fromInteger<1, 0, true>},
    {"vfncvt.f.f.w", "", N, W, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return r.convert(r.n, r.w, b); }},
    {"vfncvt.rod.f.f.w", "", N, W, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) {
       const exact::Mode mode = r.mode;
       r.mode = exact::ToOdd;
       const uint64_t result = r.convert(r.n, r.w, b);
       r.mode = mode;
       return result;
     }},
    {"vfwadd.v", "vf", W, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.add(r.w, r.convert(r.w, r.n, b), r.convert(r.w, r.n, a)); }},
    {"vfwsub.v", "vf", W, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.subtract(r.w, r.convert(r.w, r.n, b), r.convert(r.w, r.n, a)); }},
    {"vfwadd.w", "vf", W, W, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.add(r.w, b, r.convert(r.w, r.n, a)); }},
    {"vfwsub.w", "vf", W, W, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.subtract(r.w, b, r.convert(r.w, r.n, a)); }},
    {"vfwmul.v", "vf", W, N, N, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t a) { return r.multiply(r.w, r.convert(r.w, r.n, b), r.convert(r.w, r.n, a)); }},
    {"vfwmacc.v", "vf", W, N, N, true, accumulate<true, false, false>},
    {"vfwnmacc.v", "vf", W, N, N, true, accumulate<true, true, true>},
    {"vfwmsac.v", "vf", W, N, N, true, accumulate<true, false, true>},
    {"vfwnmsac.v", "vf", W, N, N, true, accumulate<true, true, false>},
    {"vfwcvtbf16.f.f.v", "", W, B, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return r.convert(exact::single, exact::bfloat, b); }},
    {"vfncvtbf16.f.f.w", "", B, W, Type::None, false, [](Rounding &r, uint64_t, uint64_t b, uint64_t) { return r.convert(exact::bfloat, exact::single, b); }},
    {"vfwmaccbf16.v", "vf", W, B, B, true, [](Rounding &r, uint64_t d, uint64_t b, uint64_t a) {
       return r.fuse(exact::single, r.convert(exact::single, exact::bfloat, a), r.convert(exact::single, exact::bfloat, b), d);
     }},
};
// clang-format on
} // namespace

std::span<const FloatRule> floatRules() { return rules; }

uint64_t reciprocal7(exact::Arithmetic &r, Format f, uint64_t a) {
  if (f.isNan(a)) {
    r.flags |= f.isSignalling(a) ? exact::Invalid : 0;
    return f.nan();
  }
  const uint64_t sign = a & f.sign();
  if (f.isInfinite(a))
    return sign;
  if (f.isZero(a)) {
    r.flags |= exact::DivideByZero;
    return sign | f.infinity();
  }
  const Normalized n = normalize(f, a);
  if (n.exponent < -1) { // beyond the greatest number
    r.flags |= exact::Overflow | exact::Inexact;
    const bool finite = r.mode == exact::TowardZero || r.mode == (sign ? exact::Up : exact::Down);
    return sign | (f.infinity() - finite);
  }
  const auto index = static_cast<unsigned>(n.fraction >> (f.fractionBits - 7));
  uint64_t fraction = uint64_t{reciprocalEntry(index)} << (f.fractionBits - 7);
  int exponent = 2 * f.bias() - 1 - n.exponent;
  if (exponent <= 0) { // a subnormal result, its last bits cut off
    fraction = (fraction | (f.fraction() + 1)) >> (1 - exponent);
    exponent = 0;
  }
  return sign | static_cast<uint64_t>(exponent) << f.fractionBits | fraction;
}

uint64_t reciprocalSquareRoot7(exact::Arithmetic &r, Format f, uint64_t a) {
  if (f.isNan(a)) {
    r.flags |= f.isSignalling(a) ? exact::Invalid : 0;
    return f.nan();
  }
  if (f.isZero(a)) {
    r.flags |= exact::DivideByZero;
    return (a & f.sign()) | f.infinity();
  }
  if (f.isNegative(a))
    return r.invalid(f);
  if (f.isInfinite(a))
    return 0;
  const Normalized n = normalize(f, a);
  const auto index = static_cast<unsigned>(n.fraction >> (f.fractionBits - 6));
  const uint64_t fraction = uint64_t{squareRootEntry(n.exponent & 1, index)} << (f.fractionBits - 7);
  const int exponent = (3 * f.bias() - 1 - n.exponent) / 2; // not negative
  return static_cast<uint64_t>(exponent) << f.fractionBits | fraction;
}

} // namespace weft::iss::test
