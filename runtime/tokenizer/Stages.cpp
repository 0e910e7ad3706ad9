#include "runtime/tokenizer/Stages.h"

#include "runtime/tokenizer/StageSteps.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

namespace weft::runtime {

const char *const gpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

const char *const punctuationPattern = R"([!-/:-@\[-`{-~\p{P}])";

namespace {
/// Printable bytes stand for themselves, the others for U+0100 and up in order.
struct ByteAlphabet {
  std::array<uint32_t, 256> character{};
  std::array<int16_t, 512> byte{};

  ByteAlphabet() {
    byte.fill(-1);
    uint32_t next = 256;
    for (uint32_t i = 0; i < 256; ++i) {
      bool printable = (i >= 0x21 && i <= 0x7e) || (i >= 0xa1 && i <= 0xac) || i >= 0xae;
      character[i] = printable ? i : next++;
      byte[character[i]] = static_cast<int16_t>(i);
    }
  }
};
} // namespace

static const ByteAlphabet &byteAlphabet() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

std::string bytesToAlphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (char byte : bytes)
    utf8::append(text, byteAlphabet().character[static_cast<uint8_t>(byte)]);
  return text;
}

std::string alphabetToBytes(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    utf8::Unit unit = utf8::unitAt(text, at);
    int byte = unit.valid && unit.codePoint < 512 ? byteAlphabet().byte[unit.codePoint] : -1;
    if (byte < 0)
      return std::string(text);
    bytes += static_cast<char>(byte);
    at += unit.length;
  }
  return bytes;
}

int byteOfToken(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
    return -1;
  int value = 0;
  for (char digit : token.substr(3, 2)) {
    if (digit >= '0' && digit <= '9')
      value = value * 16 + (digit - '0');
    else if (digit >= 'A' && digit <= 'F')
      value = value * 16 + (digit - 'A' + 10);
    else if (digit >= 'a' && digit <= 'f')
      value = value * 16 + (digit - 'a' + 10);
    else
      return -1;
  }
  return value;
}

Result<std::vector<TextRange>> Pattern::matches(std::string_view text) const {
  if (const auto *regex = std::get_if<Regex>(&what))
    return regex->matches(text);
  const auto &literal = std::get<std::string>(what);
  std::vector<TextRange> found;
  for (size_t at = 0; (at = text.find(literal, at)) != text.npos; at += literal.size())
    found.push_back({at, at + literal.size()});
  return found;
}

size_t growthLimit(size_t bytes) { return 65'536 + 64 * bytes; }

Error growthError() { return userError("the tokenizer's steps make the text more than 64 times as long"); }

static size_t bytesOf(const std::vector<std::string> &tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), size_t{0},
                         [](size_t sum, const std::string &token) { return sum + token.size(); });
}

void replaceAll(std::string &text, const std::vector<TextRange> &matches, const std::string &content) {
  std::string result;
  size_t done = 0;
  for (TextRange match : matches) {
    result.append(text, done, match.begin - done).append(content);
    done = match.end;
  }
  text = result.append(text, done);
}

//===----------------------------------------------------------------------------------------------------------------===//
// Pre-tokenizers
//===----------------------------------------------------------------------------------------------------------------===//

namespace {
struct Section {
  TextRange range;
  bool isMatch;
};
} // namespace

/// Matches and what lies between them, in order; together they cover the text.
static std::vector<Section> sectionsOf(const std::vector<TextRange> &matches, size_t textBytes, bool invert) {
  std::vector<Section> sections;
  size_t done = 0;
  for (TextRange match : matches) {
    if (match.begin != done)
      sections.push_back({{done, match.begin}, invert});
    sections.push_back({match, !invert});
    done = match.end;
  }
  if (done != textBytes)
    sections.push_back({{done, textBytes}, invert});
  return sections;
}

static std::vector<TextRange> mergeSections(std::vector<Section> sections, SplitBehavior behavior) {
  bool backwards = behavior == SplitBehavior::MergedWithNext;
  if (backwards)
    std::reverse(sections.begin(), sections.end());
  std::vector<TextRange> ranges;
  std::optional<bool> previous; // whether the section before was a match
  for (const Section &section : sections) {
    bool merge = false;
    if (behavior == SplitBehavior::Contiguous)
      merge = previous == section.isMatch;
    else if (behavior == SplitBehavior::MergedWithPrevious || behavior == SplitBehavior::MergedWithNext)
      merge = section.isMatch && previous == false;
    previous = section.isMatch;
    if (behavior == SplitBehavior::Removed && section.isMatch)
      continue;
    if (!merge)
      ranges.push_back(section.range);
    else if (backwards)
      ranges.back().begin = section.range.begin;
    else
      ranges.back().end = section.range.end;
  }
  if (backwards)
    std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

static Result<void> cut(const Piece &piece, const Pattern &pattern, SplitBehavior behavior, bool invert,
                        std::vector<Piece> &out) {
  Result<std::vector<TextRange>> matches = pattern.matches(piece.text);
  if (!matches)
    return matches.takeError();
  for (TextRange range : mergeSections(sectionsOf(*matches, piece.text.size(), invert), behavior))
    if (range.begin != range.end)
      out.push_back({piece.text.substr(range.begin, range.end - range.begin), piece.atStart && range.begin == 0});
  return success();
}

static Result<void> apply(const Split &step, const Piece &piece, std::vector<Piece> &out) {
  return cut(piece, step.pattern, step.behavior, step.invert, out);
}

static Result<void> apply(const ByteLevelSplit &step, Piece piece, std::vector<Piece> &out) {
  if (step.addPrefixSpace && !piece.text.starts_with(' '))
    piece.text.insert(0, " ");
  std::vector<Piece> pieces;
  if (step.pattern.empty())
    pieces.push_back(std::move(piece));
  else if (Result<void> done = cut(piece, step.pattern.front(), SplitBehavior::Isolated, false, pieces); !done)
    return done.takeError();
  for (Piece &part : pieces)
    out.push_back({bytesToAlphabet(part.text), part.atStart});
  return success();
}

static Result<void> apply(const MetaspaceSplit &step, Piece piece, std::vector<Piece> &out) {
  Pattern space{std::string(" ")};
  replaceAll(piece.text, *space.matches(piece.text), step.replacement);
  bool prepend = step.scheme == PrependScheme::Always || (step.scheme == PrependScheme::First && piece.atStart);
  if (prepend && !piece.text.starts_with(step.replacement))
    piece.text.insert(0, step.replacement);
  if (step.split)
    return cut(piece, Pattern{step.replacement}, SplitBehavior::MergedWithNext, false, out);
  out.push_back(std::move(piece));
  return success();
}

Result<std::vector<PreTokenizer>> bertPreTokenizer() {
  Result<Regex> space = Regex::compile(R"(\s+)"), punctuation = Regex::compile(punctuationPattern);
  if (!space)
    return space.takeError();
  if (!punctuation)
    return punctuation.takeError();
  return std::vector<PreTokenizer>{Split{Pattern{std::move(*space)}, SplitBehavior::Removed, false},
                                   Split{Pattern{std::move(*punctuation)}, SplitBehavior::Isolated, false}};
}

Result<std::vector<Piece>> preTokenize(const std::vector<PreTokenizer> &steps, Piece whole) {
  size_t limit = growthLimit(whole.text.size());
  std::vector<Piece> pieces;
  if (!whole.text.empty())
    pieces.push_back(std::move(whole));
  for (const PreTokenizer &step : steps) {
    std::vector<Piece> next;
    for (Piece &piece : pieces) {
      Result<void> done = std::visit([&](const auto &kind) { return apply(kind, std::move(piece), next); }, step);
      if (!done)
        return done.takeError();
    }
    pieces = std::move(next);
    size_t bytes = 0;
    for (const Piece &piece : pieces)
      bytes += piece.text.size();
    if (bytes > limit)
      return growthError();
  }
  return pieces;
}

//===----------------------------------------------------------------------------------------------------------------===//
// Decoders
//===----------------------------------------------------------------------------------------------------------------===//

using Tokens = std::vector<std::string>;

static std::string join(const Tokens &tokens) {
  std::string text;
  for (const std::string &token : tokens)
    text += token;
  return text;
}

static void apply(const ByteLevelDecoder &, Tokens &tokens, DecodeTo to) {
  std::string bytes;
  for (const std::string &token : tokens)
    bytes += alphabetToBytes(token);
  tokens = {to == DecodeTo::Text ? utf8::lossy(bytes) : std::move(bytes)};
}

/// A run of byte tokens is one text if it is valid UTF-8, otherwise a U+FFFD for each byte.
static void apply(const ByteFallbackDecoder &, Tokens &tokens, DecodeTo to) {
  Tokens result;
  std::string run;
  auto endRun = [&] {
    if (to == DecodeTo::Bytes || !utf8::firstInvalid(run))
      result.push_back(std::move(run));
    else
      for (size_t i = 0; i < run.size(); ++i)
        result.emplace_back("\xef\xbf\xbd");
    run.clear();
  };
  for (std::string &token : tokens) {
    int byte = byteOfToken(token);
    if (byte >= 0) {
      run += static_cast<char>(byte);
      continue;
    }
    if (!run.empty())
      endRun();
    result.push_back(std::move(token));
  }
  if (!run.empty())
    endRun();
  tokens = std::move(result);
}

static void apply(const FuseDecoder &, Tokens &tokens, DecodeTo) { tokens = {join(tokens)}; }

static void apply(const ReplaceDecoder &step, Tokens &tokens, DecodeTo) {
  Pattern pattern{step.literal};
  for (std::string &token : tokens)
    replaceAll(token, *pattern.matches(token), step.content);
}

static void apply(const StripDecoder &step, Tokens &tokens, DecodeTo) {
  for (std::string &token : tokens) {
    std::string_view rest = token;
    for (size_t i = 0; i < step.start && rest.starts_with(step.content); ++i)
      rest.remove_prefix(step.content.size());
    for (size_t i = 0; i < step.stop && rest.ends_with(step.content); ++i)
      rest.remove_suffix(step.content.size());
    token = std::string(rest);
  }
}

static void apply(const MetaspaceDecoder &step, Tokens &tokens, DecodeTo) {
  Pattern pattern{step.replacement};
  for (size_t i = 0; i < tokens.size(); ++i)
    replaceAll(tokens[i], *pattern.matches(tokens[i]), i == 0 && step.dropFirst ? "" : " ");
}

static void apply(const WordPieceDecoder &step, Tokens &tokens, DecodeTo) {
  static constexpr const char *contractions[][2] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i != 0)
      tokens[i] = !step.prefix.empty() && tokens[i].starts_with(step.prefix) ? tokens[i].substr(step.prefix.size())
                                                                             : " " + tokens[i];
    if (step.cleanup)
      for (const auto &[from, to] : contractions)
        replaceAll(tokens[i], *Pattern{std::string(from)}.matches(tokens[i]), to);
  }
}

Result<std::string> decodeTokens(const std::vector<Decoder> &steps, Tokens tokens, DecodeTo to) {
  size_t limit = growthLimit(bytesOf(tokens));
  for (const Decoder &step : steps) {
    if (const auto *replace = std::get_if<ReplaceDecoder>(&step))
      if (bytesOf(tokens) / replace->literal.size() * replace->content.size() > limit)
        return growthError();
    std::visit([&](const auto &kind) { apply(kind, tokens, to); }, step);
    if (bytesOf(tokens) > limit)
      return growthError();
  }
  if (!steps.empty())
    return join(tokens);
  std::string text; // without a decoder the tokens are words
  for (size_t i = 0; i < tokens.size(); ++i)
    text.append(i == 0 ? "" : " ").append(tokens[i]);
  return text;
}

} // namespace weft::runtime
