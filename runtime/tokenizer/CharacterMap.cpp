#include "runtime/tokenizer/CharacterMap.h"

#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

#include <cstring>

namespace weft::runtime {

// A unit of the double array: the label of the edge that leads here, whether a value hangs on it, and where its
// children are, relative to itself.
static uint32_t labelOf(uint32_t unit) { return unit & ((1U << 31) | 0xff); }
static bool hasValue(uint32_t unit) { return (unit >> 8 & 1) != 0; }
static uint32_t childrenOf(uint32_t unit) { return unit >> 10 << ((unit & (1U << 9)) >> 6); }
static uint32_t valueOf(uint32_t unit) { return unit & ((1U << 31) - 1); }

Result<CharacterMap> CharacterMap::parse(std::span<const std::byte> blob) {
  CharacterMap map;
  if (blob.empty())
    return map;
  uint32_t trieBytes = 0;
  if (blob.size() < sizeof trieBytes)
    return userError("is too short for a map of characters");
  std::memcpy(&trieBytes, blob.data(), sizeof trieBytes);
  if (trieBytes == 0 || trieBytes % sizeof(uint32_t) != 0 || trieBytes > blob.size() - sizeof trieBytes)
    return userError(fmt::format("claims that {} of its {} bytes are a trie", trieBytes, blob.size()));
  map.units.resize(trieBytes / sizeof(uint32_t));
  std::memcpy(map.units.data(), blob.data() + sizeof trieBytes, trieBytes);
  std::span<const std::byte> rest = blob.subspan(sizeof trieBytes + trieBytes);
  map.texts.assign(reinterpret_cast<const char *>(rest.data()), rest.size());
  if (utf8::firstInvalid(map.texts))
    return userError("has replacements that are not valid UTF-8");
  return map;
}

CharacterMap::Match CharacterMap::longest(std::string_view text) const {
  Match best;
  size_t at = childrenOf(units[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    at ^= byte;
    if (byte == 0 || at >= units.size() || labelOf(units[at]) != byte)
      break;
    const uint32_t unit = units[at];
    at ^= childrenOf(unit);
    if (!hasValue(unit))
      continue;
    if (at >= units.size() || valueOf(units[at]) >= texts.size())
      break;
    best = {i + 1, std::string_view(texts.c_str() + valueOf(units[at]))};
  }
  // What begins or ends within a character is none of SentencePiece's.
  if (best.length < text.size() && (static_cast<uint8_t>(text[best.length]) & 0xc0) == 0x80)
    return {};
  return utf8::firstInvalid(best.replacement) ? Match{} : best;
}

std::string CharacterMap::apply(std::string_view text) const {
  if (units.empty())
    return std::string(text);
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const Match match = longest(text.substr(at));
    const size_t length = match.length > 0 ? match.length : utf8::unitAt(text, at).length;
    result += match.length > 0 ? match.replacement : text.substr(at, length);
    at += length;
  }
  return result;
}

} // namespace weft::runtime
