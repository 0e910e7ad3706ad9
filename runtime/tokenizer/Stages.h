// The steps of a tokenizer on text: normalisation, cutting into pieces, and what turns tokens back into text.
// Their names and meanings are those of tokenizer.json (https://github.com/huggingface/tokenizers).
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/tokenizer/Regex.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft::runtime {

/// Byte-level alphabet: each byte as one printable character.
std::string bytesToAlphabet(std::string_view bytes);
/// The bytes that `text` stands for; `text` itself when a character is not of the alphabet.
std::string alphabetToBytes(std::string_view text);

/// The byte of a byte-fallback token "<0xNN>"; -1: another token.
int byteOfToken(std::string_view token);

/// A literal text or a regular expression.
struct Pattern {
  std::variant<std::string, Regex> what; // a literal is not empty
  Result<std::vector<TextRange>> matches(std::string_view text) const;
};

// Errors of the functions below: a regular expression gives up, or the steps make much more text than they were given
// (a few replacements that double it would fill the memory).

//===----------------------------------------------------------------------------------------------------------------===//
// Normalisers
//===----------------------------------------------------------------------------------------------------------------===//

/// Puts `text` in front, unless there is nothing to put it in front of.
struct Prepend {
  std::string text;
};
struct Replace {
  Pattern pattern;
  std::string content;
};
using Normalizer = std::variant<Prepend, Replace>;

Result<std::string> normalize(const std::vector<Normalizer> &steps, std::string text);

//===----------------------------------------------------------------------------------------------------------------===//
// Pre-tokenizers
//===----------------------------------------------------------------------------------------------------------------===//

struct Piece {
  std::string text;
  bool atStart = false; // of the whole text
};

enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };
struct Split {
  Pattern pattern;
  SplitBehavior behavior = SplitBehavior::Isolated;
  bool invert = false; // what lies between the matches counts as matches
};
/// Cuts by `pattern` (GPT-2's) unless it is empty, and writes each piece in the byte-level alphabet.
struct ByteLevelSplit {
  bool addPrefixSpace = true;
  std::vector<Pattern> pattern; // none or one
};
enum class PrependScheme { Always, First, Never };
struct MetaspaceSplit {
  std::string replacement; // for a space
  PrependScheme scheme = PrependScheme::Always;
  bool split = true;
};
using PreTokenizer = std::variant<Split, ByteLevelSplit, MetaspaceSplit>;

/// The pattern that ByteLevel implies.
extern const char *const gpt2Pattern;

/// No piece of the result is empty.
Result<std::vector<Piece>> preTokenize(const std::vector<PreTokenizer> &steps, Piece whole);

//===----------------------------------------------------------------------------------------------------------------===//
// Decoders
//===----------------------------------------------------------------------------------------------------------------===//

struct ByteLevelDecoder {};
struct ByteFallbackDecoder {};
struct FuseDecoder {};
struct ReplaceDecoder {
  std::string literal, content;
};
/// Removes up to `start` and `stop` characters `content` from the ends of each token.
struct StripDecoder {
  std::string content;
  size_t start = 0, stop = 0;
};
struct MetaspaceDecoder {
  std::string replacement;
  bool dropFirst = true; // in the first token the replacement vanishes
};
using Decoder =
    std::variant<ByteLevelDecoder, ByteFallbackDecoder, FuseDecoder, ReplaceDecoder, StripDecoder, MetaspaceDecoder>;

/// Text: valid UTF-8, ill-formed bytes replaced by U+FFFD. Bytes: what the tokens stand for, nothing replaced.
enum class DecodeTo { Text, Bytes };

Result<std::string> decodeTokens(const std::vector<Decoder> &steps, std::vector<std::string> tokens, DecodeTo to);

} // namespace weft::runtime
