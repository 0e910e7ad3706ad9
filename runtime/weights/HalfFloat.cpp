#include "runtime/weights/HalfFloat.h"

#include <bit>
#include <cmath>

namespace weft::runtime {

float widenBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

float widenF16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
  if (exponent == 31) // infinity, NaN
    return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
  if (exponent != 0)
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = float(mantissa) * 0x1p-24f; // zero and subnormals: exact in f32
  return sign ? -magnitude : magnitude;
}

uint16_t narrowBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return uint16_t(bits >> 16 | 0x40);
  // Adding half of the last kept place less one, plus that place, carries exactly where to-nearest-even rounds up.
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint16_t narrowF16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = uint16_t(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN: quiet, upper payload kept
    return uint16_t(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000) // 65520 and above round to infinity
    return uint16_t(sign | 0x7c00);
  if (magnitude < 0x38800000) { // below 2^-14: a multiple of 2^-24, rounded by the host's to-nearest-even
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24f;
    return uint16_t(sign | uint32_t(std::nearbyint(scaled)));
  }
  const uint32_t rebased = magnitude - (112u << 23);
  return uint16_t(sign | ((rebased + 0xfff + (rebased >> 13 & 1)) >> 13));
}

} // namespace weft::runtime
