// The steps of a tokenizer.json: normalisers, pre-tokenizers, decoders.
#include "runtime/tokenizer/TokenizerJson.h"
#include "runtime/tokenizer/Utf8.h"

namespace weft::runtime {

std::string nonEmptyText(const JsonNode &node) {
  std::string text = node.text();
  if (text.empty())
    node.complain("must not be empty");
  return text;
}

static std::string oneCharacter(const JsonNode &node) {
  std::string text = nonEmptyText(node);
  if (utf8::unitAt(text, 0).length != text.size())
    node.complain("must be one character");
  return text;
}

/// {"String": ...} or {"Regex": ...}.
static Pattern readPattern(const JsonNode &node) {
  if (std::optional<JsonNode> literal = node.find("String"))
    return Pattern{nonEmptyText(*literal)};
  JsonNode regexNode = node.at("Regex");
  Result<Regex> regex = Regex::compile(regexNode.text());
  if (!regex)
    regexNode.complain(fmt::format("cannot be used: {}", regex.error().message));
  return Pattern{std::move(*regex)};
}

//===----------------------------------------------------------------------------------------------------------------===//
// Normaliser, pre-tokenizer, decoder
//===----------------------------------------------------------------------------------------------------------------===//

static Regex regexOf(const JsonNode &node, const std::string &pattern) {
  Result<Regex> regex = Regex::compile(pattern);
  if (!regex)
    node.complain(regex.error().message);
  return std::move(*regex);
}

/// The bytes that base64 text stands for.
static std::vector<std::byte> bytesOfBase64(const JsonNode &node) {
  std::vector<std::byte> bytes;
  uint32_t bits = 0, count = 0;
  for (char c : node.text()) {
    const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
    if (c == '=')
      break;
    if (!upper && !lower && !digit && c != '+' && c != '/')
      node.complain("is not base64");
    bits = bits << 6 | static_cast<uint32_t>(upper   ? c - 'A'
                                             : lower ? c - 'a' + 26
                                             : digit ? c - '0' + 52
                                                     : (c == '+' ? 62 : 63));
    if ((count += 6) >= 8)
      bytes.push_back(static_cast<std::byte>(bits >> (count -= 8)));
  }
  return bytes;
}

static BertNormalizer readBertNormalizer(const JsonNode &node) {
  BertNormalizer step{node.flag("clean_text", true), node.flag("handle_chinese_chars", true), true,
                      node.flag("lowercase", true)};
  step.stripAccents = node.flag("strip_accents", step.lowercase);
  return step;
}

void readNormalizer(const JsonNode &node, std::vector<Normalizer> &steps) {
  std::string type = node.type();
  if (type == "Prepend")
    return (void)steps.emplace_back(Prepend{node.textAt("prepend")});
  if (type == "Replace")
    return (void)steps.emplace_back(Replace{readPattern(node.at("pattern")), node.textAt("content")});
  if (type == "Lowercase")
    return (void)steps.emplace_back(Lowercase{});
  if (type == "StripAccents")
    return (void)steps.emplace_back(StripAccents{});
  if (type == "Strip")
    return (void)steps.emplace_back(StripSpaces{node.flag("strip_left", true), node.flag("strip_right", true)});
  if (type == "BertNormalizer")
    return (void)steps.emplace_back(readBertNormalizer(node));
  if (type == "Precompiled") {
    std::optional<JsonNode> blob = node.find("precompiled_charsmap");
    Result<CharacterMap> map = CharacterMap::parse(blob ? bytesOfBase64(*blob) : std::vector<std::byte>());
    if (!map)
      blob->complain(map.error().message);
    return (void)steps.emplace_back(Precompiled{std::move(*map)});
  }
  constexpr const char *forms[] = {"NFC", "NFD", "NFKC", "NFKD"};
  for (size_t i = 0; i < std::size(forms); ++i)
    if (type == forms[i])
      return (void)steps.emplace_back(UnicodeForm{static_cast<unicode::Form>(i)});
  refuseType(node, "Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Precompiled, "
                   "BertNormalizer, Sequence");
}

static SplitBehavior readBehavior(const JsonNode &node) {
  std::string name = node.text();
  if (name == "Removed")
    return SplitBehavior::Removed;
  if (name == "Isolated")
    return SplitBehavior::Isolated;
  if (name == "MergedWithPrevious")
    return SplitBehavior::MergedWithPrevious;
  if (name == "MergedWithNext")
    return SplitBehavior::MergedWithNext;
  if (name == "Contiguous")
    return SplitBehavior::Contiguous;
  node.complain(fmt::format("is '{}'; it must be Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous",
                            printable(name)));
}

/// `prepend_scheme`, or the older `add_prefix_space`.
static PrependScheme readScheme(const JsonNode &node) {
  bool prefix = node.flag("add_prefix_space", true);
  std::optional<JsonNode> scheme = node.find("prepend_scheme");
  if (!scheme)
    return prefix ? PrependScheme::Always : PrependScheme::Never;
  std::string name = scheme->text();
  if (name != "always" && name != "first" && name != "never")
    scheme->complain(fmt::format("is '{}'; it must be always, first or never", printable(name)));
  if (!prefix && name != "never")
    scheme->complain(fmt::format("is '{}' but 'add_prefix_space' is false", name));
  return name == "always" ? PrependScheme::Always : name == "first" ? PrependScheme::First : PrependScheme::Never;
}

void readPreTokenizer(const JsonNode &node, std::vector<PreTokenizer> &steps) {
  std::string type = node.type();
  auto split = [&](const std::string &pattern, SplitBehavior behavior, bool invert = false) {
    steps.emplace_back(Split{Pattern{regexOf(node, pattern)}, behavior, invert});
  };
  if (type == "Split")
    return (void)steps.emplace_back(
        Split{readPattern(node.at("pattern")), readBehavior(node.at("behavior")), node.flag("invert", false)});
  if (type == "ByteLevel") {
    ByteLevelSplit step{node.flag("add_prefix_space", true), {}};
    if (node.flag("use_regex", true))
      step.pattern.push_back(Pattern{regexOf(node, gpt2Pattern)});
    return (void)steps.emplace_back(std::move(step));
  }
  if (type == "Metaspace")
    return (void)steps.emplace_back(
        MetaspaceSplit{oneCharacter(node.at("replacement")), readScheme(node), node.flag("split", true)});
  if (type == "WhitespaceSplit")
    return split(R"(\s+)", SplitBehavior::Removed);
  if (type == "Whitespace")
    return split(R"(\w+|[^\w\s]+)", SplitBehavior::Removed, true);
  if (type == "Punctuation")
    return split(punctuationPattern,
                 node.find("behavior") ? readBehavior(node.at("behavior")) : SplitBehavior::Isolated);
  if (type == "Digits")
    return split(node.flag("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)", SplitBehavior::Isolated);
  if (type == "BertPreTokenizer") {
    split(R"(\s+)", SplitBehavior::Removed);
    return split(punctuationPattern, SplitBehavior::Isolated);
  }
  refuseType(node, "ByteLevel, Split, Metaspace, Whitespace, WhitespaceSplit, Punctuation, Digits, BertPreTokenizer, "
                   "Sequence");
}

Decoder readDecoder(const JsonNode &node) {
  constexpr uint32_t maxStrip = 1000;
  std::string type = node.type();
  if (type == "ByteLevel")
    return ByteLevelDecoder{};
  if (type == "ByteFallback")
    return ByteFallbackDecoder{};
  if (type == "Fuse")
    return FuseDecoder{};
  if (type == "Replace")
    return ReplaceDecoder{nonEmptyText(node.at("pattern").at("String")), node.textAt("content")};
  if (type == "Strip")
    return StripDecoder{oneCharacter(node.at("content")), node.at("start").count(maxStrip),
                        node.at("stop").count(maxStrip)};
  if (type == "Metaspace")
    return MetaspaceDecoder{oneCharacter(node.at("replacement")), readScheme(node) != PrependScheme::Never};
  if (type == "WordPiece")
    return WordPieceDecoder{node.find("prefix") ? node.textAt("prefix") : "##", node.flag("cleanup", true)};
  refuseType(node, "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, WordPiece, Sequence");
}

} // namespace weft::runtime
