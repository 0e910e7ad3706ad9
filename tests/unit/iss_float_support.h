// Numbers that find mistakes in floating-point arithmetic.
#pragma once

#include "sim/iss/FloatSoft.h"

#include <random>

namespace weft::iss::test {

/// Bits of F: special values and their neighbours, all exponents, few and many bits set.
template <class F> BitsOf<F> anyNumber(std::mt19937_64 &random) {
  const uint64_t bits = random();
  const auto sign = static_cast<BitsOf<F>>(bits & 1 ? F::sign : 0);
  const auto fraction = static_cast<BitsOf<F>>(random() & F::fraction);
  auto withExponent = [&](int exponent) {
    return static_cast<BitsOf<F>>(static_cast<uint64_t>(exponent + F::bias) << F::fractionBits);
  };
  switch ((bits >> 1) % 16) {
  case 0: {
    constexpr BitsOf<F> special[] = {0,           1,           F::fraction,     F::fraction + 1, F::one,
                                     F::greatest, F::infinity, F::canonicalNan, F::infinity + 1, F::magnitude};
    return special[(bits >> 8) % std::size(special)] | sign;
  }
  case 1: // next to special values
    return static_cast<BitsOf<F>>((((bits >> 8) % 3 == 0   ? F::infinity
                                    : (bits >> 8) % 3 == 1 ? F::one
                                                           : F::fraction + 1) -
                                   4 + (bits >> 12) % 8)) |
           sign;
  case 2: // subnormal
    return static_cast<BitsOf<F>>((fraction >> (bits >> 8) % F::fractionBits) | sign);
  case 3: // small integers, with half
    return static_cast<BitsOf<F>>(withExponent(static_cast<int>((bits >> 8) % (F::fractionBits + 2)) - 1) |
                                  (fraction & ~(F::fraction >> (bits >> 16) % 4)) | sign);
  case 4:
  case 5:
  case 6: { // few bits
    uint64_t few = F::magnitude;
    for (int i = 0; i < 3; ++i)
      few &= random();
    return static_cast<BitsOf<F>>(few | sign);
  }
  case 7:
  case 8:
  case 9: // near 1, where operands meet
    return static_cast<BitsOf<F>>(withExponent(static_cast<int>((bits >> 8) % 8) - 4) | fraction | sign);
  case 10: // around the greatest integers
    return static_cast<BitsOf<F>>(withExponent(std::min(F::maxExponent, static_cast<int>((bits >> 8) % 68))) |
                                  (fraction & random()) | sign);
  case 11:
    return static_cast<BitsOf<F>>(withExponent(std::min(F::maxExponent, static_cast<int>((bits >> 8) % 68))) |
                                  (F::fraction & ~((uint64_t{1} << (bits >> 16) % F::fractionBits) - 1)) | sign);
  default:
    return static_cast<BitsOf<F>>(random());
  }
}

} // namespace weft::iss::test
