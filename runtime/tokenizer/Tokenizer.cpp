#include "runtime/tokenizer/Tokenizer.h"

#include "runtime/tokenizer/TokenizerParts.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

namespace weft::runtime {

static constexpr size_t maxTextBytes = 1U << 28; // positions in a text fit 32 bits with room for what steps add

Tokenizer::Tokenizer(std::unique_ptr<const TokenizerParts> parts) : parts(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;

/// `text` holds no token of rawTokens.
Result<void> Tokenizer::encodePart(std::string_view text, bool atStart, std::vector<int32_t> &ids) const {
  Result<std::string> normalized = normalize(parts->normalizers, std::string(text));
  if (!normalized)
    return normalized.takeError();
  for (const AddedTokenPart &part : parts->normalizedTokens.split(*normalized)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    Piece whole{normalized->substr(part.range.begin, part.range.end - part.range.begin),
                atStart && part.range.begin == 0};
    Result<std::vector<Piece>> pieces = preTokenize(parts->preTokenizers, std::move(whole));
    if (!pieces)
      return pieces.takeError();
    for (const Piece &piece : *pieces)
      if (Result<void> encoded =
              std::visit([&](const auto &kind) { return kind.encode(piece.text, ids); }, *parts->model);
          !encoded)
        return encoded;
  }
  return success();
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text, bool addSpecial) const {
  if (text.size() > maxTextBytes)
    return userError(
        fmt::format("the text is {} bytes long; at most {} can be encoded at once", text.size(), maxTextBytes));
  if (std::optional<size_t> invalid = utf8::firstInvalid(text))
    return userError(fmt::format("the text is not valid UTF-8 at byte {}", *invalid));
  std::vector<int32_t> ids;
  if (addSpecial)
    ids = parts->before;
  for (const AddedTokenPart &part : parts->rawTokens.split(text)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    std::string_view rest = text.substr(part.range.begin, part.range.end - part.range.begin);
    if (Result<void> encoded = encodePart(rest, part.range.begin == 0, ids); !encoded)
      return encoded.takeError();
  }
  if (addSpecial)
    ids.insert(ids.end(), parts->after.begin(), parts->after.end());
  return ids;
}

Result<std::vector<std::string>> Tokenizer::tokensOf(std::span<const int32_t> ids, bool skipSpecial) const {
  std::vector<std::string> tokens;
  for (int32_t id : ids) {
    auto found = parts->tokens.find(id);
    if (found == parts->tokens.end())
      return userError(
          fmt::format("the tokenizer has no token with id {}; its ids go up to {}", id, int64_t{parts->vocabSize} - 1));
    if (!skipSpecial || !found->second.special)
      tokens.push_back(found->second.text);
  }
  return tokens;
}

Result<std::string> Tokenizer::decode(std::span<const int32_t> ids, bool skipSpecial) const {
  Result<std::vector<std::string>> tokens = tokensOf(ids, skipSpecial);
  if (!tokens)
    return tokens.takeError();
  return decodeTokens(parts->decoders, std::move(*tokens), DecodeTo::Text);
}

Result<std::string> Tokenizer::decodeBytes(std::span<const int32_t> ids, bool skipSpecial) const {
  Result<std::vector<std::string>> tokens = tokensOf(ids, skipSpecial);
  if (!tokens)
    return tokens.takeError();
  return decodeTokens(parts->decoders, std::move(*tokens), DecodeTo::Bytes);
}

uint32_t Tokenizer::vocabSize() const { return parts->vocabSize; }

int32_t Tokenizer::idOf(std::string_view token) const {
  if (auto found = parts->addedIds.find(token); found != parts->addedIds.end())
    return found->second;
  auto found = parts->vocabulary().find(token);
  return found == parts->vocabulary().end() ? -1 : found->second;
}

bool Tokenizer::isSpecial(int32_t id) const {
  auto found = parts->tokens.find(id);
  return found != parts->tokens.end() && found->second.special;
}

Result<std::string> StreamDecoder::push(int32_t id) {
  if (skipSpecial && tokenizer->isSpecial(id))
    return std::string();
  window.push_back(id);
  Result<std::string> bytes = tokenizer->decodeBytes(window, skipSpecial);
  if (!bytes) {
    window.pop_back();
    return bytes;
  }
  if (bytes->size() > windowBytes)
    pending.append(*bytes, windowBytes);
  windowBytes = bytes->size();
  // The shortest tail that has text of its own: decoders drop things at the beginning of a text only.
  for (size_t length = 1; length < window.size(); length *= 2) {
    std::span<const int32_t> tail = std::span<const int32_t>(window).last(length);
    Result<std::string> tailBytes = tokenizer->decodeBytes(tail, skipSpecial);
    if (tailBytes && !tailBytes->empty()) {
      windowBytes = tailBytes->size();
      window.assign(tail.begin(), tail.end());
      break;
    }
  }
  return utf8::takeComplete(pending);
}

std::string StreamDecoder::finish() {
  window.clear();
  windowBytes = 0;
  return utf8::lossy(std::exchange(pending, {}));
}

} // namespace weft::runtime
