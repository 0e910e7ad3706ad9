// What words become that meet on their way, docs/program-model.md: in a core that reduces them, and in a router's unit
// ("Combining in the router"). Every simulator of a mesh calls these functions.
#pragma once

#include "kernels/units/Router.h"
#include "runtime/package/package_generated.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>

namespace weft::sim {

static_assert(units::hasCombineNumbers<pkg::Combine>() && pkg::Combine::MAX == pkg::Combine::MaxI32 &&
              int(pkg::Combine::None) == int(units::Combine::None));

/// first op second of a core's reduction, on the bits of f32. A sum that is no number is the canonical one: which of
/// two a host's adder keeps depends on the order in which its compiler puts them.
inline uint32_t reduceBits(pkg::ReduceKind kind, uint32_t first, uint32_t second) {
  const auto a = std::bit_cast<float>(first), b = std::bit_cast<float>(second);
  if (kind == pkg::ReduceKind::Max)
    return a > b ? first : second;
  const float sum = a + b;
  return std::isnan(sum) ? units::quietNan : std::bit_cast<uint32_t>(sum);
}

/// first op second, by the golden model for each 4 bytes of a word of `bytes`. `first` is what comes from the lower
/// position. `to` may be either of them.
inline void combineWords(pkg::Combine kind, const std::byte *first, const std::byte *second, std::byte *to,
                         uint32_t bytes) {
  for (uint32_t at = 0; at < bytes; at += sizeof(uint32_t)) {
    uint32_t a = 0, b = 0;
    std::memcpy(&a, first + at, sizeof a);
    std::memcpy(&b, second + at, sizeof b);
    uint32_t result = units::combine(static_cast<units::Combine>(kind), a, b);
    std::memcpy(to + at, &result, sizeof result);
  }
}

} // namespace weft::sim
