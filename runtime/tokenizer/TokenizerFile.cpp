// tokenizer.json to TokenizerParts. Whatever a file asks for and Weft does not do is refused by name.
#include "runtime/gguf/Gguf.h"
#include "runtime/support/MappedFile.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/TokenizerJson.h"

namespace weft::runtime {

static constexpr size_t maxAddedTokenBytes = 4096;

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
  const TokenIds &vocabulary = parts.vocabulary();
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

/// BertProcessing and RobertaProcessing: one token before a text and one behind it, each as its text and its id.
static void readPairProcessor(TokenizerParts &parts, const JsonNode &node) {
  auto idOf = [&](const char *key) {
    JsonNode pair = node.at(key);
    std::vector<JsonNode> items = pair.items();
    if (items.size() != 2)
      pair.complain("must be a token and its id");
    const auto id = static_cast<int32_t>(items[1].count(maxTokenId));
    if (!parts.tokens.contains(id))
      items[1].complain(fmt::format("is {}, an id without a token", id));
    return id;
  };
  parts.before.insert(parts.before.begin(), idOf("cls"));
  parts.after.push_back(idOf("sep"));
}

static void readPostProcessor(TokenizerParts &parts, const JsonNode &node) {
  std::string type = node.type();
  if (type == "TemplateProcessing")
    return readTemplate(parts, node);
  if (type == "BertProcessing" || type == "RobertaProcessing")
    return readPairProcessor(parts, node);
  if (type != "ByteLevel") // which only moves offsets
    refuseType(node, "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
}

static void readParts(TokenizerParts &parts, const JsonNode &root) {
  eachStep(root.find("normalizer"), "normalizers",
           [&](const JsonNode &node) { readNormalizer(node, parts.normalizers); });
  eachStep(root.find("pre_tokenizer"), "pretokenizers",
           [&](const JsonNode &node) { readPreTokenizer(node, parts.preTokenizers); });
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
  if (looksLikeGguf(file->bytes()))
    return parseGgufTokenizer(file->bytes(), path);
  return parseTokenizer(file->text(), path);
}

} // namespace weft::runtime
