// Text to token ids and back, as a Hugging Face tokenizer.json or the metadata of a GGUF file says.
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

struct TokenizerParts;

/// Never changes; may be used from several threads.
class Tokenizer {
public:
  /// TokenizerFile.cpp makes these from a file.
  explicit Tokenizer(std::unique_ptr<const TokenizerParts> parts);
  ~Tokenizer();

  /// Ids of `text`. Special tokens spelled in the text become their ids; `addSpecial` adds those that the file's
  /// template puts around a text, such as the begin-of-text token. Error: not UTF-8, or not expressible in the
  /// vocabulary.
  Result<std::vector<int32_t>> encode(std::string_view text, bool addSpecial) const;

  /// Text of `ids`, valid UTF-8; bytes that make no character become U+FFFD. Error: an id without a token.
  Result<std::string> decode(std::span<const int32_t> ids, bool skipSpecial = true) const;

  /// As decode, but the bytes the tokens stand for, complete characters or not.
  Result<std::string> decodeBytes(std::span<const int32_t> ids, bool skipSpecial = true) const;

  /// The largest id and one.
  uint32_t vocabSize() const;
  /// Id of the token spelled `token`; -1: none.
  int32_t idOf(std::string_view token) const;
  /// Whether decode() skips `id` unless told otherwise.
  bool isSpecial(int32_t id) const;

private:
  Result<std::vector<std::string>> tokensOf(std::span<const int32_t> ids, bool skipSpecial) const;
  Result<void> encodePart(std::string_view text, bool atStart, std::vector<int32_t> &ids) const;

  std::unique_ptr<const TokenizerParts> parts;
};

/// A tokenizer.json or a GGUF file, by content. Error: the file cannot be read, is neither, contradicts itself, or asks
/// for something unsupported; the message names file and key.
Result<std::unique_ptr<Tokenizer>> readTokenizer(const std::string &path);
/// The same from the text of a tokenizer.json; `origin` names it in messages.
Result<std::unique_ptr<Tokenizer>> parseTokenizer(std::string_view json, const std::string &origin);
/// The same from the bytes of a GGUF file.
Result<std::unique_ptr<Tokenizer>> parseGgufTokenizer(std::span<const std::byte> file, const std::string &origin);

/// Decodes a sequence token by token. What push() and finish() give, put together, is decode() of all ids; only where
/// byte-fallback tokens make no valid text may the count of U+FFFD differ. A character whose bytes are spread over
/// tokens comes out with the last of them.
class StreamDecoder {
public:
  /// `tokenizer` outlives this.
  explicit StreamDecoder(const Tokenizer &tokenizer, bool skipSpecial = true)
      : tokenizer(&tokenizer), skipSpecial(skipSpecial) {}

  /// The text that `id` completes, often its own, sometimes nothing. Error: an id without a token; the stream goes on
  /// as if it had not come.
  Result<std::string> push(int32_t id);
  /// What is left: U+FFFD for an incomplete character.
  std::string finish();

private:
  const Tokenizer *tokenizer;
  bool skipSpecial;
  std::vector<int32_t> window; // the last ids, enough to know that the text does not begin with the next
  size_t windowBytes = 0;      // bytes of their text, all handed on to `pending`
  std::string pending;         // an incomplete character
};

} // namespace weft::runtime
