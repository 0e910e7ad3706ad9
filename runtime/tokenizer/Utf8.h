// UTF-8, one code point at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::runtime::utf8 {

/// What begins at a byte of a text.
struct Unit {
  size_t length = 0; // bytes; of an ill-formed sequence: of its longest prefix that could have been valid, at least 1
  bool valid = false;
  bool cutOff = false; // not valid only because the text ends
  uint32_t codePoint = 0;
};

/// The unit at `at` < text.size(). Overlong forms, surrogates and values above U+10FFFF are ill-formed.
Unit unitAt(std::string_view text, size_t at);

/// Offset of the first ill-formed byte; empty: the text is valid.
std::optional<size_t> firstInvalid(std::string_view text);

void append(std::string &text, uint32_t codePoint);

/// Each ill-formed sequence replaced by one U+FFFD (the maximal-subpart rule of the Unicode standard).
std::string lossy(std::string_view bytes);

/// Moves all but an incomplete sequence at the end from `bytes` to the result, ill-formed ones replaced as by lossy().
std::string takeComplete(std::string &bytes);

} // namespace weft::runtime::utf8
