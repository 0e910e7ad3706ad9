// Byte-pair encoding: a piece of text to token ids by merging neighbours in the order the vocabulary learned.
#pragma once

#include "hw-models/support/Result.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::runtime {

struct StringHash {
  using is_transparent = void; // NOLINT(readability-identifier-naming): the standard library's name
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using TokenIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

/// The tokens "<0xNN>" of the bytes; -1: none.
std::array<int32_t, 256> byteTokensOf(const TokenIds &ids);

struct BpeOptions {
  std::optional<int32_t> unknown; // the token of a character without one
  bool fuseUnknown = false;       // neighbouring unknown characters become one token
  bool byteFallback = false;      // a character without a token becomes its bytes' tokens "<0xNN>"
  bool ignoreMerges = false;      // a piece that is a token is that token, whatever the merges make of it
};

class Bpe {
public:
  /// `ids` by token.
  Bpe(TokenIds ids, BpeOptions options);

  /// Merges `left` and `right`; the earlier added, the earlier applied. Of a merge added twice the later counts.
  /// Error: one of the two or what they make together is not a token.
  Result<void> addMerge(std::string_view left, std::string_view right);

  /// Appends the ids of `piece`, which is valid UTF-8, in O(n log n). Error: a character has no token, and there is
  /// neither a byte fallback nor an unknown token.
  Result<void> encode(std::string_view piece, std::vector<int32_t> &out) const;

  const TokenIds &tokens() const { return ids; }

private:
  struct Merge {
    uint32_t rank = 0;
    int32_t result = 0;
  };
  Result<std::vector<int32_t>> initialSymbols(std::string_view piece) const;
  const Merge *mergeOf(int32_t left, int32_t right) const;
  void mergeSymbols(const std::vector<int32_t> &symbols, std::vector<int32_t> &out) const;

  TokenIds ids;
  BpeOptions options;
  std::array<int32_t, 256> byteTokens; // -1: none
  std::unordered_map<uint64_t, Merge> merges;
  uint32_t nextRank = 0;
};

} // namespace weft::runtime
