// What a router's unit makes of the words of a reducing flow, docs/program-model.md, "Combining in the router".
#pragma once

#include "kernels/units/Router.h"
#include "runtime/package/package_generated.h"

#include <cstddef>
#include <cstring>

namespace weft::sim {

static_assert(units::hasCombineNumbers<pkg::Combine>() && pkg::Combine::MAX == pkg::Combine::MaxI32 &&
              int(pkg::Combine::None) == int(units::Combine::None));

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
