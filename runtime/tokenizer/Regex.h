// Regular expressions of tokenizer files. The engine is Oniguruma, the one the reference implementation uses, so that a
// file's pattern means here what it meant when the vocabulary was made.
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

/// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;
};

/// A compiled pattern. Cheap to copy; safe to use from several threads.
class Regex {
public:
  /// Error: the pattern is ill-formed or too long; the message quotes it.
  static Result<Regex> compile(const std::string &pattern);

  /// All matches from left to right, not overlapping; an empty match is not taken where the match before it ended.
  /// `text` is valid UTF-8. Error: a match would take more steps than the limit (a pattern that backtracks without
  /// end).
  Result<std::vector<TextRange>> matches(std::string_view text) const;

private:
  std::shared_ptr<void> program;
  std::string pattern;
};

/// Whether Unicode calls `codePoint` white space / part of a word.
bool isWhiteSpace(uint32_t codePoint);
bool isWordCharacter(uint32_t codePoint);

} // namespace weft::runtime
