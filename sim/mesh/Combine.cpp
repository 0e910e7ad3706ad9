#include "sim/mesh/Combine.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace weft::sim {
namespace {

/// One rounding, to nearest, ties to even: that of the host's f32 addition. A NaN is the canonical one.
uint32_t addF32(uint32_t first, uint32_t second) {
  float sum = std::bit_cast<float>(first) + std::bit_cast<float>(second);
  return std::isnan(sum) ? 0x7fc00000u : std::bit_cast<uint32_t>(sum);
}

uint32_t maxF32(uint32_t first, uint32_t second) {
  return std::bit_cast<float>(first) > std::bit_cast<float>(second) ? first : second;
}

/// Values whose lower half is zero. f32 has more than twice as many bits as bf16 and two besides, so that rounding the
/// sum to f32 first changes nothing (Figueroa, "When is double rounding innocuous?", 1995); the exponents are the same.
uint32_t addBF16(uint32_t first, uint32_t second) {
  uint32_t sum = addF32(first << 16, second << 16);
  if ((sum & 0x7fffffffu) > 0x7f800000u)
    return 0x7fc0u;
  return (sum + 0x7fffu + (sum >> 16 & 1)) >> 16;
}

uint32_t maxBF16(uint32_t first, uint32_t second) { return maxF32(first << 16, second << 16) >> 16; }

/// Both halves of a word, each for itself.
template <uint32_t (*op)(uint32_t, uint32_t)> uint32_t pairwise(uint32_t first, uint32_t second) {
  return op(first & 0xffffu, second & 0xffffu) | op(first >> 16, second >> 16) << 16;
}

uint32_t combineLane(pkg::Combine kind, uint32_t first, uint32_t second) {
  switch (kind) {
  case pkg::Combine::None:
    break;
  case pkg::Combine::AddF32:
    return addF32(first, second);
  case pkg::Combine::MaxF32:
    return maxF32(first, second);
  case pkg::Combine::AddBF16:
    return pairwise<addBF16>(first, second);
  case pkg::Combine::MaxBF16:
    return pairwise<maxBF16>(first, second);
  case pkg::Combine::AddI32:
    return first + second;
  case pkg::Combine::MaxI32:
    return static_cast<int32_t>(first) > static_cast<int32_t>(second) ? first : second;
  }
  return second;
}

} // namespace

void combineWords(pkg::Combine kind, const std::byte *first, const std::byte *second, std::byte *to, uint32_t bytes) {
  for (uint32_t at = 0; at < bytes; at += sizeof(uint32_t)) {
    uint32_t a = 0, b = 0;
    std::memcpy(&a, first + at, sizeof a);
    std::memcpy(&b, second + at, sizeof b);
    uint32_t result = combineLane(kind, a, b);
    std::memcpy(to + at, &result, sizeof result);
  }
}

} // namespace weft::sim
