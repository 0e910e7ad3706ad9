// SentencePiece's precompiled replacement of characters: a double-array trie of what is replaced (Darts), then the
// replacements. https://github.com/google/sentencepiece/blob/master/src/normalizer.cc
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

class CharacterMap {
public:
  /// The blob as files have it: bytes of the trie (u32), the trie, texts that end with zero bytes. An empty one
  /// replaces nothing. Error: it contradicts itself.
  static Result<CharacterMap> parse(std::span<const std::byte> blob);

  /// At each place the longest text that the map has is replaced; other characters stay.
  std::string apply(std::string_view text) const;

private:
  struct Match {
    size_t length = 0; // bytes; 0: none
    std::string_view replacement;
  };
  Match longest(std::string_view text) const;

  std::vector<uint32_t> units;
  std::string texts;
};

} // namespace weft::runtime
