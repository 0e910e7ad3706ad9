// SentencePiece's unigram model: the tokens that make up a text with the largest sum of scores.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/tokenizer/Bpe.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weft::runtime {

struct UnigramOptions {
  std::optional<int32_t> unknown; // the token of characters without one, a run of them together
  bool byteFallback = false;      // they become their bytes' tokens "<0xNN>" if all of those are there
};

class Unigram {
public:
  /// `ids` by token, `scores` by id. `apart` by id: tokens that are not made from text (control tokens); empty: none.
  Unigram(TokenIds ids, std::vector<double> scores, UnigramOptions options, const std::vector<bool> &apart = {});

  /// Appends the ids of `piece`, which is valid UTF-8; of equal sums that with the earlier first difference being the
  /// longer token counts. Error: a character has no token, and there is none for what is unknown.
  Result<void> encode(std::string_view piece, std::vector<int32_t> &out) const;

  const TokenIds &tokens() const { return ids; }

private:
  Result<void> appendUnknown(std::string_view run, std::vector<int32_t> &out) const;

  TokenIds ids;
  std::vector<double> scores; // by id; not a number: never made from text
  UnigramOptions options;
  std::array<int32_t, 256> byteTokens;
  double unknownScore = 0;
  size_t longestToken = 0; // bytes
};

} // namespace weft::runtime
