// SentencePiece's way of merging: of all neighbours that together are a token, those whose token has the best score.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/tokenizer/Bpe.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weft::runtime {

class ScoredPieces {
public:
  /// Whether a token is made by merging: control tokens are not, however their text comes about.
  enum class Use : uint8_t { Normal, Apart };

  /// `ids` by token; `scores` and `uses` by id, as many as the largest id and one. `unknown` is the token of a
  /// character that has neither a token nor tokens for its bytes.
  ScoredPieces(TokenIds ids, std::vector<float> scores, std::vector<Use> uses, std::optional<int32_t> unknown);

  /// Appends the ids of `piece`, which is valid UTF-8, in O(n log n); of equal scores the leftmost pair is merged
  /// first. Error: a character has no token, nor have its bytes, and there is no unknown token.
  Result<void> encode(std::string_view piece, std::vector<int32_t> &out) const;

  const TokenIds &tokens() const { return ids; }

private:
  /// The id of `text` if merging may make it; -1.
  int32_t find(std::string_view text) const;
  Result<void> append(std::string_view symbol, std::vector<int32_t> &out) const;

  TokenIds ids;
  std::vector<float> scores;
  std::vector<Use> uses;
  std::optional<int32_t> unknown;
  std::array<int32_t, 256> byteTokens; // -1: none
};

} // namespace weft::runtime
