#include "runtime/tokenizer/Utf8.h"

namespace weft::runtime::utf8 {

static constexpr std::string_view replacement = "\xef\xbf\xbd";

/// Length and allowed second byte by first byte (Unicode standard, table 3-7); length 0: no sequence begins so.
static void leadRange(uint8_t lead, size_t &length, uint8_t &low, uint8_t &high) {
  low = 0x80, high = 0xbf;
  if (lead < 0x80)
    length = 1;
  else if (lead < 0xc2)
    length = 0;
  else if (lead < 0xe0)
    length = 2;
  else if (lead < 0xf0)
    length = 3;
  else
    length = lead < 0xf5 ? 4 : 0;
  if (lead == 0xe0)
    low = 0xa0;
  else if (lead == 0xed)
    high = 0x9f;
  else if (lead == 0xf0)
    low = 0x90;
  else if (lead == 0xf4)
    high = 0x8f;
}

Unit unitAt(std::string_view text, size_t at) {
  auto byte = [&](size_t offset) { return static_cast<uint8_t>(text[at + offset]); };
  size_t length = 0;
  uint8_t low = 0, high = 0;
  leadRange(byte(0), length, low, high);
  if (length == 0)
    return {1, false, false, 0};
  uint32_t codePoint = length == 1 ? byte(0) : byte(0) & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if (at + i == text.size())
      return {i, false, true, 0};
    if (byte(i) < low || byte(i) > high)
      return {i, false, false, 0};
    codePoint = codePoint << 6 | (byte(i) & 0x3fU);
    low = 0x80, high = 0xbf;
  }
  return {length, true, false, codePoint};
}

std::optional<size_t> firstInvalid(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    Unit unit = unitAt(text, at);
    if (!unit.valid)
      return at;
    at += unit.length;
  }
  return std::nullopt;
}

void append(std::string &text, uint32_t codePoint) {
  auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (codePoint < 0x80)
    return put(codePoint);
  if (codePoint < 0x800) {
    put(0xc0 | codePoint >> 6);
  } else if (codePoint < 0x10000) {
    put(0xe0 | codePoint >> 12);
    put(0x80 | (codePoint >> 6 & 0x3f));
  } else {
    put(0xf0 | codePoint >> 18);
    put(0x80 | (codePoint >> 12 & 0x3f));
    put(0x80 | (codePoint >> 6 & 0x3f));
  }
  put(0x80 | (codePoint & 0x3f));
}

std::string lossy(std::string_view bytes) {
  std::string pending(bytes), text = takeComplete(pending);
  return pending.empty() ? text : text.append(replacement);
}

std::string takeComplete(std::string &bytes) {
  std::string text;
  size_t at = 0;
  while (at < bytes.size()) {
    Unit unit = unitAt(bytes, at);
    if (unit.cutOff)
      break;
    text += unit.valid ? std::string_view(bytes).substr(at, unit.length) : replacement;
    at += unit.length;
  }
  bytes.erase(0, at);
  return text;
}

} // namespace weft::runtime::utf8
