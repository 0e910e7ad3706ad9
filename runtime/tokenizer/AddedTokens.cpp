#include "runtime/tokenizer/AddedTokens.h"

#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <functional>

namespace weft::runtime {

void AddedTokenFinder::add(const std::string &pattern, const AddedToken &token) {
  tokens.insert_or_assign(pattern, token);
  std::vector<size_t> &known = lengths[pattern.front()];
  auto place = std::lower_bound(known.begin(), known.end(), pattern.size(), std::greater<>());
  if (place == known.end() || *place != pattern.size())
    known.insert(place, pattern.size());
}

const AddedToken *AddedTokenFinder::longestAt(std::string_view text, size_t at, size_t &length) const {
  auto candidates = lengths.find(text[at]);
  if (candidates == lengths.end())
    return nullptr;
  for (size_t candidate : candidates->second) {
    if (candidate > text.size() - at)
      continue;
    if (auto found = tokens.find(text.substr(at, candidate)); found != tokens.end()) {
      length = candidate;
      return &found->second;
    }
  }
  return nullptr;
}

/// Start of the code point that ends at `end` > 0.
static size_t previousStart(std::string_view text, size_t end) {
  size_t start = end - 1;
  while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xc0) == 0x80)
    --start;
  return start;
}

static bool isWordBefore(std::string_view text, size_t end) {
  return end > 0 && isWordCharacter(utf8::unitAt(text, previousStart(text, end)).codePoint);
}

static bool isWordAt(std::string_view text, size_t at) {
  return at < text.size() && isWordCharacter(utf8::unitAt(text, at).codePoint);
}

/// Extends a match over the white space that its token takes, at most back to `limit`.
static TextRange withSpace(std::string_view text, TextRange match, const AddedToken &token, size_t limit) {
  if (token.stripLeft)
    while (match.begin > limit) {
      size_t start = previousStart(text, match.begin);
      if (!isWhiteSpace(utf8::unitAt(text, start).codePoint))
        break;
      match.begin = start;
    }
  if (token.stripRight)
    while (match.end < text.size()) {
      utf8::Unit unit = utf8::unitAt(text, match.end);
      if (!isWhiteSpace(unit.codePoint))
        break;
      match.end += unit.length;
    }
  return match;
}

std::vector<AddedTokenPart> AddedTokenFinder::split(std::string_view text) const {
  std::vector<AddedTokenPart> parts;
  size_t done = 0;
  for (size_t at = 0; !tokens.empty() && at < text.size();) {
    size_t length = 0;
    const AddedToken *token = longestAt(text, at, length);
    if (!token) {
      ++at;
      continue;
    }
    if (token->singleWord && (isWordBefore(text, at) || isWordAt(text, at + length))) {
      at += length;
      continue;
    }
    TextRange match = withSpace(text, {at, at + length}, *token, done);
    if (done < match.begin)
      parts.push_back({{done, match.begin}, -1});
    parts.push_back({match, token->id});
    done = at = match.end;
  }
  if (done < text.size())
    parts.push_back({{done, text.size()}, -1});
  return parts;
}

} // namespace weft::runtime
