// Which bytes of a core's SRAM its outstanding transfers own. Data mode only: a program that touches them too early is
// an error even where the timing of this machine happens to let it pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace weft::sim {

/// The range of a Put or Get, from its opening to the core's next Wait.
struct Claim {
  uint32_t begin = 0, end = 0;
  bool sends = false;              // a Put: may be read, not written. A Get: neither.
  uint32_t task = 0, instr = 0;    // who issued it
  uint32_t channel = 0;            // of a Put
  uint64_t firstWord = 0;          // of a Put, among all words that the core sends into the channel in this launch
  bool replaced = false;           // a Put whose bytes a Get of the sums owns, too
  std::vector<std::byte> contents; // of a Put as it opens, padded to whole words
};

/// The claims of one core.
class Claims {
public:
  /// The first claim that overlaps [begin, end); nullptr if none. `readOnly`: only those that forbid reading.
  const Claim *conflict(uint32_t begin, uint32_t end, bool readOnly) const {
    for (const Claim &claim : claims)
      if (claim.begin < end && begin < claim.end && !claim.replaced && !(readOnly && claim.sends))
        return &claim;
    return nullptr;
  }
  /// The Put of exactly these bytes into `channel` whose first word has this number; nullptr if there is none.
  Claim *sentFrom(uint32_t begin, uint32_t end, uint32_t channel, uint64_t firstWord) {
    for (Claim &claim : claims)
      if (claim.sends && !claim.replaced && claim.begin == begin && claim.end == end && claim.channel == channel &&
          claim.firstWord == firstWord)
        return &claim;
    return nullptr;
  }
  /// The first Put whose bytes are no longer what they were at issue; nullptr if none.
  const Claim *overwritten(std::span<const std::byte> sram) const {
    for (const Claim &claim : claims)
      if (claim.sends && !claim.replaced &&
          std::memcmp(claim.contents.data(), sram.data() + claim.begin, claim.end - claim.begin) != 0)
        return &claim;
    return nullptr;
  }
  /// Adds a claim; for a Put, returns where its contents lie.
  std::byte *add(Claim claim) {
    claims.push_back(std::move(claim));
    return claims.back().contents.data();
  }
  void clear() { claims.clear(); }

private:
  std::vector<Claim> claims;
};

} // namespace weft::sim
