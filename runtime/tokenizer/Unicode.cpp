#include "runtime/tokenizer/Unicode.h"

#include "runtime/tokenizer/Utf8.h"

#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace weft::runtime::unicode {

std::string normalized(std::string_view text, Form form) {
  constexpr int plain = UTF8PROC_STABLE;
  const std::array<int, 4> options{plain | UTF8PROC_COMPOSE, plain | UTF8PROC_DECOMPOSE,
                                   plain | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                   plain | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
  utf8proc_uint8_t *mapped = nullptr;
  const utf8proc_ssize_t bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t *>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(options[static_cast<size_t>(form)]));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  if (bytes < 0) // valid text has a form; what is left is memory
    return std::string(text);
  return {reinterpret_cast<const char *>(mapped), static_cast<size_t>(bytes)};
}

/// `each` appends what becomes of a code point.
template <typename Each> static std::string mapped(std::string_view text, Each each) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const utf8::Unit unit = utf8::unitAt(text, at);
    each(unit.codePoint, text.substr(at, unit.length), result);
    at += unit.length;
  }
  return result;
}

std::string lowercase(std::string_view text) {
  constexpr uint32_t dottedCapitalI = 0x130; // the one character whose lower case is two
  return mapped(text, [](uint32_t codePoint, std::string_view, std::string &out) {
    if (codePoint == dottedCapitalI)
      out += "i\xcc\x87";
    else
      utf8::append(out, static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(codePoint))));
  });
}

std::string withoutMarks(std::string_view text) {
  return mapped(text, [](uint32_t codePoint, std::string_view bytes, std::string &out) {
    if (utf8proc_category(static_cast<utf8proc_int32_t>(codePoint)) != UTF8PROC_CATEGORY_MN)
      out += bytes;
  });
}

bool isOther(uint32_t codePoint) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(codePoint))) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_CN:
    return true;
  default:
    return false;
  }
}

bool isCjk(uint32_t codePoint) {
  constexpr std::array<std::array<uint32_t, 2>, 8> ranges{{{0x4E00, 0x9FFF},
                                                           {0x3400, 0x4DBF},
                                                           {0x20000, 0x2A6DF},
                                                           {0x2A700, 0x2B73F},
                                                           {0x2B740, 0x2B81F},
                                                           {0x2B920, 0x2CEAF},
                                                           {0xF900, 0xFAFF},
                                                           {0x2F800, 0x2FA1F}}};
  for (const auto &[first, last] : ranges)
    if (codePoint >= first && codePoint <= last)
      return true;
  return false;
}

} // namespace weft::runtime::unicode
