// The combine unit of the router: integer arithmetic that has the bits of IEEE 754.
#include "kernels/units/Router.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <random>

using namespace weft::units;

namespace {

/// Near each other in exponent often enough that sums cancel, round and tie; zeros, subnormals, infinities, NaN.
uint32_t anyNumber(std::mt19937 &random) {
  const uint32_t bits = random();
  switch (bits >> 9 & 7) {
  case 0:
    return bits & 0x80000000;
  case 1:
    return bits & 0x807fffff; // subnormal
  case 2:
    return bits | 0x7f800000; // infinity or NaN
  case 3:
    return (bits & 0x80000000) | 0x7f800000;
  case 4:
    return (bits & 0x80ff0000) | 0x3f000000; // few digits
  default:
    return (bits & 0x81ffffff) | 0x3e000000;
  }
}

float number(uint32_t bits) { return std::bit_cast<float>(bits); }

uint32_t hostSum(uint32_t a, uint32_t b) {
  const float sum = number(a) + number(b);
  return std::isnan(sum) ? 0x7fc00000 : std::bit_cast<uint32_t>(sum);
}

/// To bf16; the canonical NaN and infinities stay.
uint32_t hostNarrow(uint32_t f32) { return (f32 + 0x7fff + (f32 >> 16 & 1)) >> 16; }

} // namespace

TEST_CASE("the router's sums and maxima have the bits of the host's") {
  std::mt19937 random(1);
  for (int i = 0; i < 400000; ++i) {
    const uint32_t a = anyNumber(random), b = anyNumber(random);
    CAPTURE(a, b);
    REQUIRE(combine(Combine::AddF32, a, b) == hostSum(a, b));
    REQUIRE(combine(Combine::MaxF32, a, b) == (number(a) > number(b) ? a : b));
    const uint32_t lowA = a << 16, lowB = b << 16, highA = a & 0xffff0000, highB = b & 0xffff0000;
    REQUIRE(combine(Combine::AddBF16, a, b) ==
            (hostNarrow(hostSum(highA, highB)) << 16 | hostNarrow(hostSum(lowA, lowB))));
    REQUIRE(combine(Combine::MaxBF16, a, b) ==
            ((number(highA) > number(highB) ? highA : highB) | (number(lowA) > number(lowB) ? lowA : lowB) >> 16));
  }
}

static_assert(combine(Combine::AddI32, 0xffffffff, 2) == 1);
static_assert(combine(Combine::MaxI32, 0xffffffff, 2) == 2);
