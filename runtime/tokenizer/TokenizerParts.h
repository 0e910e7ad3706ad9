// What a tokenizer's file says, checked; the inside of a Tokenizer.
#pragma once

#include "runtime/tokenizer/AddedTokens.h"
#include "runtime/tokenizer/Bpe.h"
#include "runtime/tokenizer/ScoredPieces.h"
#include "runtime/tokenizer/Stages.h"
#include "runtime/tokenizer/Unigram.h"
#include "runtime/tokenizer/WordPiece.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace weft::runtime {

/// What makes ids of a piece of text.
using TokenModel = std::variant<Bpe, ScoredPieces, WordPiece, Unigram>;

struct TokenizerParts {
  struct Token {
    std::string text;
    bool special = false;
  };

  AddedTokenFinder rawTokens, normalizedTokens; // looked for before and after normalisation
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> preTokenizers;
  std::optional<TokenModel> model;
  std::vector<int32_t> before, after; // what the template puts around a text
  std::vector<Decoder> decoders;
  std::unordered_map<int32_t, Token> tokens; // by id: the vocabulary and the added ones
  TokenIds addedIds;
  uint32_t vocabSize = 0;

  const TokenIds &vocabulary() const {
    return std::visit([](const auto &kind) -> const TokenIds & { return kind.tokens(); }, *model);
  }
};

} // namespace weft::runtime
