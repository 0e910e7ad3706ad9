// What Unicode says of characters, as tokenizers use it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::runtime::unicode {

enum class Form : uint8_t { Nfc, Nfd, Nfkc, Nfkd };

// `text` is valid UTF-8 in all of these, and so are their results.
std::string normalized(std::string_view text, Form form);
/// Character by character: no rule looks at the neighbours.
std::string lowercase(std::string_view text);
/// Without marks that take no room of their own (category Mn).
std::string withoutMarks(std::string_view text);

/// Category C: control, format, surrogate, private use, unassigned.
bool isOther(uint32_t codePoint);
/// A character of a script that BERT's tokenizer takes one by one.
bool isCjk(uint32_t codePoint);

} // namespace weft::runtime::unicode
