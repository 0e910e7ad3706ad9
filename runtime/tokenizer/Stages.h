// The steps of a tokenizer on text: normalisation, cutting into pieces, and what turns tokens back into text.
// Their names and meanings are those of tokenizer.json (https://github.com/huggingface/tokenizers).
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/tokenizer/CharacterMap.h"
#include "runtime/tokenizer/Regex.h"
#include "runtime/tokenizer/Unicode.h"

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
struct Precompiled {
  CharacterMap map;
};
struct UnicodeForm {
  unicode::Form form = unicode::Form::Nfc;
};
struct Lowercase {};
struct StripAccents {};
/// Removes white space at the ends.
struct StripSpaces {
  bool left = true, right = true;
};
/// Removes control characters, makes white space spaces, sets CJK characters apart, and takes accents away before it
/// makes letters small.
struct BertNormalizer {
  bool clean = true, separateCjk = true, stripAccents = true, lowercase = true;
};
using Normalizer =
    std::variant<Prepend, Replace, Precompiled, UnicodeForm, Lowercase, StripAccents, StripSpaces, BertNormalizer>;

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
/// What BERT cuts at: ASCII's punctuation and all of Unicode's.
extern const char *const punctuationPattern;
/// Words between white space, punctuation alone.
Result<std::vector<PreTokenizer>> bertPreTokenizer();

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
/// Tokens with `prefix` go on where the one before ends, others after a space; `cleanup` takes spaces away before
/// punctuation and English contractions.
struct WordPieceDecoder {
  std::string prefix;
  bool cleanup = true;
};
using Decoder = std::variant<ByteLevelDecoder, ByteFallbackDecoder, FuseDecoder, ReplaceDecoder, StripDecoder,
                             MetaspaceDecoder, WordPieceDecoder>;

/// Text: valid UTF-8, ill-formed bytes replaced by U+FFFD. Bytes: what the tokens stand for, nothing replaced.
enum class DecodeTo { Text, Bytes };

Result<std::string> decodeTokens(const std::vector<Decoder> &steps, std::vector<std::string> tokens, DecodeTo to);

} // namespace weft::runtime
