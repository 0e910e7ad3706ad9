// BERT's way: of a word, again and again the longest beginning that is a token.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/tokenizer/Bpe.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

struct WordPieceOptions {
  int32_t unknown = 0;           // the token of a word that tokens do not make up
  std::string first, continuing; // in front of a token at the beginning of a word, and of one that goes on
  size_t mostCharacters = 100;   // longer words are unknown
};

class WordPiece {
public:
  WordPiece(TokenIds ids, WordPieceOptions options) : ids(std::move(ids)), options(std::move(options)) {
    for (const auto &[token, id] : this->ids)
      longestToken = std::max(longestToken, token.size());
  }

  /// Appends the ids of `word`, which is valid UTF-8.
  Result<void> encode(std::string_view word, std::vector<int32_t> &out) const;

  const TokenIds &tokens() const { return ids; }

private:
  TokenIds ids;
  WordPieceOptions options;
  size_t longestToken = 0; // bytes
};

} // namespace weft::runtime
