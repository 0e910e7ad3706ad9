// Masks as the guest holds them, one bit an element, and as loops want them, one byte an element.
#pragma once

#include "sim/iss/Hart.h"

#include <algorithm>

namespace weft::iss {

/// No vector has more elements: SEW 8, LMUL 8.
inline constexpr size_t maxVectorElements = hw::maxVlenBits;
/// Of a register group.
inline constexpr size_t maxGroupBytes = 8 * size_t{hw::maxVlenBits} / 8;

/// One byte, 0 or 1, for each element.
using MaskBytes = uint8_t[maxVectorElements];

inline uint64_t loadMaskWord(const std::byte *bits, size_t word) {
  uint64_t value;
  std::memcpy(&value, bits + word * 8, 8);
  return value;
}

/// Bits [begin, end) of word `word`.
inline uint64_t maskRange(size_t word, size_t begin, size_t end) {
  const size_t first = word * 64;
  if (end <= first || begin >= first + 64)
    return 0;
  const uint64_t from = begin > first ? ~uint64_t{0} << (begin - first) : ~uint64_t{0};
  const uint64_t to = end - first < 64 ? (uint64_t{1} << (end - first)) - 1 : ~uint64_t{0};
  return from & to;
}

/// Eight bits to eight bytes of 0 or 1, the lowest bit to the lowest byte.
inline uint64_t spreadBits(uint8_t bits) {
  const uint64_t selected = (bits * 0x0101010101010101u) & 0x8040201008040201u;
  return ((selected + 0x7f7f7f7f7f7f7f7fu) >> 7) & 0x0101010101010101u; // no carry leaves its byte: 0x80 + 0x7f is 0xff
}
/// And back.
inline uint8_t gatherBits(uint64_t bytes) { return static_cast<uint8_t>((bytes * 0x0102040810204080u) >> 56); }

/// The first `count` bits of `bits`; writes up to the next multiple of 8.
inline void expandMask(const std::byte *bits, size_t count, MaskBytes &bytes) {
  for (size_t i = 0; i < count; i += 8) {
    const uint64_t eight = spreadBits(static_cast<uint8_t>(bits[i / 8]));
    std::memcpy(bytes + i, &eight, 8);
  }
}

/// Sets bits [begin, end) of the mask register `destination` to `bytes`, but those whose bit in `active` is 0; all if
/// `active` is null, which may be the destination itself. `bytes` is scratch afterwards.
inline void writeMask(std::byte *destination, MaskBytes &bytes, size_t begin, size_t end, const std::byte *active) {
  std::memset(bytes + end, 0, std::min<size_t>(-end % 8, maxVectorElements - end));
  for (size_t word = begin / 64; word * 64 < end; ++word) {
    uint64_t bits = 0;
    for (size_t i = word * 64; i < std::min(end, word * 64 + 64); i += 8) {
      uint64_t eight;
      std::memcpy(&eight, bytes + i, 8);
      bits |= uint64_t{gatherBits(eight)} << (i % 64);
    }
    uint64_t selected = maskRange(word, begin, end);
    if (active)
      selected &= loadMaskWord(active, word);
    const uint64_t result = (loadMaskWord(destination, word) & ~selected) | (bits & selected);
    std::memcpy(destination + word * 8, &result, 8);
  }
}

} // namespace weft::iss
