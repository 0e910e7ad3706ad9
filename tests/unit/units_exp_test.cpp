#include "kernels/units/Exp.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

using namespace weft;

namespace {

float toFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t toBits(float value) { return std::bit_cast<uint32_t>(value); }

/// Unit in the last place of a format with the exponents of binary32, at the size of `value`.
double ulpAt(double value, int mantissaBits) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent - 1, -126) - mantissaBits);
}

/// exp in double precision, rounded to nearest even to `mantissaBits`; infinite beyond the format's range.
double rounded(double value, int mantissaBits) {
  const double ulp = ulpAt(value, mantissaBits), result = std::nearbyint(value / ulp) * ulp;
  return result >= 0x1p128 ? std::numeric_limits<double>::infinity() : result;
}

struct Errors {
  double worst = 0;
  uint64_t inexact = 0, checked = 0, falls = 0;
};

/// Every `step`-th number of each sign with results other than 1, 0 or infinity, in rising order of magnitude.
Errors sweepBinary32(uint32_t step) {
  Errors errors;
  for (const uint32_t sign : {0u, 0x80000000u}) {
    uint32_t previous = toBits(1.0f);
    for (uint32_t magnitude = 0x32000000; magnitude < 0x43000000; magnitude += step) {
      const uint32_t x = magnitude | sign, result = units::expBinary32(x);
      errors.falls += sign ? result > previous : result < previous;
      previous = result;
      const double exact = std::exp(double(toFloat(x)));
      ++errors.checked;
      if (std::isinf(rounded(exact, 23)) || std::isinf(toFloat(result))) {
        errors.inexact += rounded(exact, 23) != toFloat(result);
        continue;
      }
      errors.worst = std::max(errors.worst, std::abs(toFloat(result) - exact) / ulpAt(exact, 23));
      errors.inexact += rounded(exact, 23) != toFloat(result);
    }
  }
  return errors;
}

void requireBinary32(const Errors &errors) {
  INFO("worst " << errors.worst << " ulp, " << errors.inexact << " of " << errors.checked << " not correctly rounded");
  CHECK(errors.worst < 0.69);
  CHECK(double(errors.inexact) < 0.08 * double(errors.checked));
  CHECK(errors.falls == 0);
}

uint32_t callExp(units::Golden function, uint32_t sew, uint32_t x, uint64_t scalar) {
  uint32_t result = 0;
  units::VectorCall call;
  call.vlenBits = 128;
  call.sewBits = sew;
  call.vl = 1;
  call.scalar = scalar;
  call.vs2 = reinterpret_cast<const std::byte *>(&x);
  call.vd = reinterpret_cast<std::byte *>(&result);
  CHECK(function(call) == 0);
  return result;
}

} // namespace

TEST_CASE("exp of binary32 is within its bound and never falls", "[units]") { requireBinary32(sweepBinary32(1009)); }
TEST_CASE("exp of every binary32 is within its bound and never falls", "[.long]") { requireBinary32(sweepBinary32(1)); }

TEST_CASE("exp of every bfloat16 is correctly rounded and never falls", "[units]") {
  uint32_t wrong = 0;
  std::vector<std::pair<float, float>> points;
  for (uint32_t x = 0; x < 65536; ++x) {
    const float value = toFloat(x << 16), result = toFloat(uint32_t(units::expBfloat16(x << 16)) << 16);
    if (std::isnan(value)) {
      CHECK(units::expBfloat16(x << 16) == 0x7fc0);
      continue;
    }
    const double exact = std::exp(double(value));
    wrong += (std::isinf(exact) || exact == 0 ? exact : rounded(exact, 7)) != result;
    points.emplace_back(value, result);
  }
  CHECK(wrong == 0);
  std::sort(points.begin(), points.end());
  CHECK(std::is_sorted(points.begin(), points.end(), [](auto a, auto b) { return a.second < b.second; }));
}

TEST_CASE("exp of special values", "[units]") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(units::expBinary32(toBits(0.0f)) == toBits(1.0f));
  CHECK(units::expBinary32(toBits(-0.0f)) == toBits(1.0f));
  CHECK(units::expBinary32(1) == toBits(1.0f));
  CHECK(units::expBinary32(0x80000001) == toBits(1.0f));
  CHECK(units::expBinary32(toBits(inf)) == toBits(inf));
  CHECK(units::expBinary32(toBits(-inf)) == 0);
  for (const uint32_t nan : {0x7f800001u, 0xff800001u, 0x7fc12345u, 0xffffffffu})
    CHECK(units::expBinary32(nan) == 0x7fc00000);
  CHECK(units::expBinary32(toBits(88.72284f)) == toBits(inf)); // ln of the largest number is 88.722839...
  CHECK(units::expBinary32(toBits(88.72283f)) == toBits(std::exp(88.72283f)));
  CHECK(units::expBinary32(toBits(-104.0f)) == 0); // below half of 2^-149
  CHECK(units::expBinary32(toBits(-103.9f)) == 1);
  CHECK(units::expBinary32(toBits(128.0f)) == toBits(inf));
  CHECK(units::expBinary32(toBits(-128.0f)) == 0);
}

TEST_CASE("exp of a difference is exp after one rounded subtraction", "[units]") {
  const std::array<uint32_t, 12> values = {0,          0x80000000, 1,          0x3f800000, 0xbf800001, 0x42b00000,
                                           0xc2b17218, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fa00000, 0x33800000};
  for (const uint32_t x : values) {
    for (const uint32_t f : values) {
      const float difference = toFloat(x) - toFloat(f);
      CHECK(callExp(units::expDifference, 32, x, f) == units::expBinary32(toBits(difference)));
      const float narrow = toFloat(x & 0xffff0000) - toFloat(f & 0xffff0000);
      CHECK(callExp(units::expDifference, 16, x >> 16, f >> 16) == units::expBfloat16(toBits(narrow)));
      CHECK(callExp(units::exp, 32, x, f) == units::expBinary32(x));
      CHECK(callExp(units::exp, 16, x >> 16, f) == units::expBfloat16(x & 0xffff0000));
    }
  }
}

TEST_CASE("the table of exp fits the widths that hardware gives it", "[units]") {
  uint32_t previous = 0;
  for (const units::ExpRow &row : units::expTable()) {
    CHECK(row.value >> 31 == 0);
    CHECK(row.slope >> 23 == 0);
    CHECK(row.curvature >> 15 == 0);
    CHECK(row.value > previous);
    // The end of a row lies below the start of the next: this is why exp never falls.
    previous = row.value + uint32_t((uint64_t(row.slope) + (uint64_t(row.curvature) * 0xffff >> 16)) * 0x3fffff >> 20);
  }
  CHECK(previous < 0x80000000);
}
