// tokenizer.json to TokenizerParts. Whatever a file asks for and Weft does not do is refused by name.
#include "runtime/support/Json.h"
#include "runtime/support/MappedFile.h"
#include "runtime/tokenizer/JsonNode.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/TokenizerParts.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

namespace weft::runtime {

static constexpr uint32_t maxTokenId = (1U << 24) - 1;
static constexpr size_t maxAddedTokenBytes = 4096;

[[noreturn]] static void refuseType(const JsonNode &node, const char *supported) {
  node.complain(fmt::format("has type '{}'; supported are: {}", printable(node.type()), supported));
}

/// The steps of a component that is absent, one step, or a "Sequence" of them under `listKey`.
template <typename Read>
static void eachStep(const std::optional<JsonNode> &node, const char *listKey, const Read &read) {
  if (!node)
    return;
  if (node->type() != "Sequence")
    return read(*node);
  for (const JsonNode &item : node->at(listKey).items())
    eachStep(std::optional(item), listKey, read);
}

/// A token's text must be there; so must a literal to look for.
static std::string nonEmptyText(const JsonNode &node) {
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

static Normalizer readNormalizer(const JsonNode &node) {
  std::string type = node.type();
  if (type == "Prepend")
    return Prepend{node.textAt("prepend")};
  if (type == "Replace")
    return Replace{readPattern(node.at("pattern")), node.textAt("content")};
  refuseType(node, "Prepend, Replace, Sequence");
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

static PreTokenizer readPreTokenizer(const JsonNode &node) {
  std::string type = node.type();
  if (type == "Split")
    return Split{readPattern(node.at("pattern")), readBehavior(node.at("behavior")), node.flag("invert", false)};
  if (type == "ByteLevel") {
    ByteLevelSplit step{node.flag("add_prefix_space", true), {}};
    if (node.flag("use_regex", true)) {
      Result<Regex> regex = Regex::compile(gpt2Pattern);
      if (!regex)
        node.complain(regex.error().message);
      step.pattern.push_back(Pattern{std::move(*regex)});
    }
    return step;
  }
  if (type == "Metaspace")
    return MetaspaceSplit{oneCharacter(node.at("replacement")), readScheme(node), node.flag("split", true)};
  refuseType(node, "ByteLevel, Split, Metaspace, Sequence");
}

static Decoder readDecoder(const JsonNode &node) {
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
  refuseType(node, "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence");
}

//===----------------------------------------------------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------------------------------------------------===//

/// Notes that `id` is `text`. Complains when `id` already is another token.
static void nameToken(TokenizerParts &parts, const JsonNode &node, int32_t id, const std::string &text) {
  auto [place, isNew] = parts.tokens.try_emplace(id, TokenizerParts::Token{text, false});
  if (!isNew && place->second.text != text)
    node.complain(fmt::format("gives id {} to the token '{}', but '{}' already has it", id, printable(text),
                              printable(place->second.text)));
  parts.vocabSize = std::max(parts.vocabSize, static_cast<uint32_t>(id) + 1);
}

static TokenIds readVocabulary(TokenizerParts &parts, const JsonNode &node) {
  if (!node.json().is_object() || node.json().empty())
    node.complain("must be an object of token ids, with at least one");
  TokenIds ids;
  ids.reserve(node.json().size());
  for (const auto &[token, value] : node.json().items()) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > maxTokenId)
      node.complain(fmt::format("gives the token '{}' the id {}; ids are integers from 0 to {}", printable(token),
                                printable(value.dump()), maxTokenId));
    auto id = static_cast<int32_t>(value.get<uint32_t>());
    nameToken(parts, node, id, token);
    ids.emplace(token, id);
  }
  return ids;
}

/// A merge is ["a", "b"] or, in older files, "a b".
static void readMerges(Bpe &model, const JsonNode &node) {
  if (!node.json().is_array())
    node.complain("must be a list");
  for (const nlohmann::json &item : node.json()) {
    Result<void> added = success();
    if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      added = model.addMerge(item[0].get_ref<const std::string &>(), item[1].get_ref<const std::string &>());
    } else if (item.is_string()) {
      std::string_view pair = item.get_ref<const std::string &>();
      size_t space = pair.find(' ');
      if (space == pair.npos || pair.find(' ', space + 1) != pair.npos)
        node.complain(fmt::format("holds '{}', which is not two tokens with a space between them", printable(pair)));
      added = model.addMerge(pair.substr(0, space), pair.substr(space + 1));
    } else {
      node.complain(fmt::format("holds {}, which is not a pair of tokens", printable(item.dump())));
    }
    if (!added)
      node.complain(fmt::format("cannot be used: {}", added.error().message));
  }
}

/// Options of BPE that change its results and that no supported model uses.
static void refuseOptions(const JsonNode &node) {
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (std::optional<JsonNode> found = node.find(key); found && !found->text().empty())
      found->complain("is not supported");
  if (std::optional<JsonNode> dropout = node.find("dropout"); dropout && dropout->json() != 0)
    dropout->complain("is not supported: it makes the result random");
}

static Bpe readModel(TokenizerParts &parts, const JsonNode &node) {
  // The oldest files have no type; only BPE has merges.
  std::optional<JsonNode> type = node.find("type");
  if (type && type->text() != "BPE")
    type->complain(fmt::format("is '{}'; supported is: BPE", printable(type->text())));
  if (!type && !node.find("merges"))
    node.complain("has neither a 'type' nor 'merges'; supported is: BPE");
  refuseOptions(node);
  TokenIds ids = readVocabulary(parts, node.at("vocab"));
  BpeOptions options;
  options.fuseUnknown = node.flag("fuse_unk", false);
  options.byteFallback = node.flag("byte_fallback", false);
  options.ignoreMerges = node.flag("ignore_merges", false);
  if (std::optional<JsonNode> unknown = node.find("unk_token")) {
    auto found = ids.find(unknown->text());
    if (found == ids.end())
      unknown->complain(fmt::format("is '{}', which is not in the vocabulary", printable(unknown->text())));
    options.unknown = found->second;
  }
  Bpe model(std::move(ids), options);
  readMerges(model, node.at("merges"));
  return model;
}

//===----------------------------------------------------------------------------------------------------------------===//
// Added tokens, template
//===----------------------------------------------------------------------------------------------------------------===//

static void readAddedToken(TokenizerParts &parts, const JsonNode &node) {
  AddedToken token;
  token.content = nonEmptyText(node.at("content"));
  if (token.content.size() > maxAddedTokenBytes)
    node.at("content").complain(fmt::format("is longer than {} bytes", maxAddedTokenBytes));
  token.id = static_cast<int32_t>(node.at("id").count(maxTokenId));
  token.special = node.flag("special", false);
  token.singleWord = node.flag("single_word", false);
  token.stripLeft = node.flag("lstrip", false);
  token.stripRight = node.flag("rstrip", false);
  token.normalized = node.flag("normalized", !token.special);
  const TokenIds &vocabulary = parts.model->tokens();
  if (auto found = vocabulary.find(token.content); found != vocabulary.end() && found->second != token.id)
    node.complain(fmt::format("gives the token '{}' the id {}, but the vocabulary gives it {}",
                              printable(token.content), token.id, found->second));
  nameToken(parts, node, token.id, token.content);
  parts.tokens[token.id].special |= token.special;
  if (auto [place, isNew] = parts.addedIds.try_emplace(token.content, token.id); !isNew)
    node.complain(fmt::format("adds the token '{}' a second time", printable(token.content)));
  if (!token.normalized)
    return parts.rawTokens.add(token.content, token);
  Result<std::string> normalized = normalize(parts.normalizers, token.content);
  if (!normalized)
    node.complain(normalized.error().message);
  if (normalized->size() > maxAddedTokenBytes)
    node.complain(fmt::format("is longer than {} bytes after normalisation", maxAddedTokenBytes));
  if (!normalized->empty())
    parts.normalizedTokens.add(*normalized, token);
}

/// Ids of the special token `name` of a template.
static std::vector<int32_t> templateIds(const TokenizerParts &parts, const JsonNode &templateNode,
                                        const JsonNode &name) {
  std::vector<int32_t> ids;
  for (const JsonNode &item : templateNode.at("special_tokens").at(name.text()).at("ids").items()) {
    ids.push_back(static_cast<int32_t>(item.count(maxTokenId)));
    if (!parts.tokens.contains(ids.back()))
      item.complain(fmt::format("is {}, an id without a token", ids.back()));
  }
  return ids;
}

static void readTemplate(TokenizerParts &parts, const JsonNode &node) {
  std::vector<int32_t> before, after;
  bool textSeen = false;
  JsonNode single = node.at("single");
  for (const JsonNode &item : single.items()) {
    if (std::optional<JsonNode> special = item.find("SpecialToken")) {
      std::vector<int32_t> ids = templateIds(parts, node, special->at("id"));
      std::vector<int32_t> &side = textSeen ? after : before;
      side.insert(side.end(), ids.begin(), ids.end());
      continue;
    }
    if (item.at("Sequence").textAt("id") != "A" || textSeen)
      item.complain("must be a SpecialToken or the one Sequence 'A'");
    textSeen = true;
  }
  if (!textSeen)
    single.complain("has no Sequence 'A': it leaves the text out");
  parts.before.insert(parts.before.begin(), before.begin(), before.end());
  parts.after.insert(parts.after.end(), after.begin(), after.end());
}

static void readPostProcessor(TokenizerParts &parts, const JsonNode &node) {
  std::string type = node.type();
  if (type == "TemplateProcessing")
    return readTemplate(parts, node);
  if (type != "ByteLevel") // which only moves offsets
    refuseType(node, "TemplateProcessing, ByteLevel, Sequence");
}

static void readParts(TokenizerParts &parts, const JsonNode &root) {
  eachStep(root.find("normalizer"), "normalizers",
           [&](const JsonNode &node) { parts.normalizers.push_back(readNormalizer(node)); });
  eachStep(root.find("pre_tokenizer"), "pretokenizers",
           [&](const JsonNode &node) { parts.preTokenizers.push_back(readPreTokenizer(node)); });
  eachStep(root.find("decoder"), "decoders",
           [&](const JsonNode &node) { parts.decoders.push_back(readDecoder(node)); });
  parts.model = readModel(parts, root.at("model"));
  if (std::optional<JsonNode> added = root.find("added_tokens"))
    for (const JsonNode &node : added->items())
      readAddedToken(parts, node);
  eachStep(root.find("post_processor"), "processors", [&](const JsonNode &node) { readPostProcessor(parts, node); });
  // "truncation" and "padding" are the caller's business at each call; a model's prompt is neither cut nor padded.
}

Result<std::unique_ptr<Tokenizer>> parseTokenizer(std::string_view text, const std::string &origin) {
  Result<nlohmann::json> json = parseJson(text, origin);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return userError(printable(origin) + ": not a tokenizer file: it is not a JSON object");
  auto parts = std::make_unique<TokenizerParts>();
  try {
    readParts(*parts, JsonNode(*json, ""));
  } catch (const JsonComplaint &complaint) {
    return userError(fmt::format("{}: {}", printable(origin), complaint.message));
  }
  return std::make_unique<Tokenizer>(std::move(parts));
}

Result<std::unique_ptr<Tokenizer>> readTokenizer(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseTokenizer(file->text(), path);
}

} // namespace weft::runtime
