// What a router's unit computes, a second time: by way of double and of a search for the nearest bf16.
#include "mesh_oracle_state.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace weft::test {
namespace {

float floatOf(uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, 4);
  return value;
}

uint32_t bitsOf(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, 4);
  return bits;
}

/// The nearest value with 8 bits of significand and the exponents of f32; ties to even.
uint16_t nearestBF16(double value) {
  if (std::isnan(value))
    return 0x7fc0;
  if (!std::isinf(value) && value != 0) {
    double quantum = std::ldexp(1.0, std::max(std::ilogb(value) - 7, -133));
    value = std::nearbyint(value / quantum) * quantum;
    if (std::fabs(value) >= std::ldexp(1.0, 128))
      value = std::copysign(HUGE_VAL, value);
  }
  return static_cast<uint16_t>(bitsOf(static_cast<float>(value)) >> 16);
}

uint16_t halfWord(pkg::Combine kind, uint16_t a, uint16_t b) {
  double x = floatOf(uint32_t{a} << 16), y = floatOf(uint32_t{b} << 16);
  if (kind == pkg::Combine::MaxBF16)
    return x > y ? a : b;
  return nearestBF16(x + y);
}

uint32_t lane(pkg::Combine kind, uint32_t a, uint32_t b) {
  switch (kind) {
  case pkg::Combine::AddF32: {
    auto sum = static_cast<float>(static_cast<double>(floatOf(a)) + static_cast<double>(floatOf(b)));
    return sum != sum ? 0x7fc00000 : bitsOf(sum);
  }
  case pkg::Combine::MaxF32:
    return floatOf(a) > floatOf(b) ? a : b;
  case pkg::Combine::AddI32:
    return static_cast<uint32_t>(uint64_t{a} + b);
  case pkg::Combine::MaxI32:
    return (a ^ 0x80000000) > (b ^ 0x80000000) ? a : b;
  default:
    return halfWord(kind, a & 0xffff, b & 0xffff) |
           static_cast<uint32_t>(halfWord(kind, static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16))) << 16;
  }
}

} // namespace

std::vector<std::byte> oracleCombine(pkg::Combine kind, const std::vector<std::byte> &first,
                                     const std::vector<std::byte> &second) {
  std::vector<std::byte> result(first.size());
  for (size_t at = 0; at < first.size(); at += 4) {
    uint32_t a = 0, b = 0;
    std::memcpy(&a, &first[at], 4);
    std::memcpy(&b, &second[at], 4);
    uint32_t value = lane(kind, a, b);
    std::memcpy(&result[at], &value, 4);
  }
  return result;
}

std::vector<std::byte> oracleReduce(pkg::ReduceKind kind, const std::byte *a, const std::byte *b, size_t bytes) {
  std::vector<std::byte> result(bytes);
  for (size_t i = 0; i < bytes; i += 4) {
    float x = 0, y = 0;
    std::memcpy(&x, a + i, 4);
    std::memcpy(&y, b + i, 4);
    float z = kind == pkg::ReduceKind::Add ? x + y : x > y ? x : y;
    if (kind == pkg::ReduceKind::Add && std::isnan(z))
      z = std::bit_cast<float>(0x7fc00000);
    std::memcpy(result.data() + i, &z, 4);
  }
  return result;
}

} // namespace weft::test
