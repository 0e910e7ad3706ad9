// The model of a tokenizer.json: its vocabulary, and how text becomes tokens of it.
#include "runtime/tokenizer/TokenizerJson.h"

namespace weft::runtime {

void nameToken(TokenizerParts &parts, const JsonNode &node, int32_t id, const std::string &text) {
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

/// The id of the token under `key`, which must be in the vocabulary.
static std::optional<int32_t> namedToken(const TokenIds &ids, const JsonNode &node, const char *key) {
  std::optional<JsonNode> name = node.find(key);
  if (!name)
    return std::nullopt;
  auto found = ids.find(name->text());
  if (found == ids.end())
    name->complain(fmt::format("is '{}', which is not in the vocabulary", printable(name->text())));
  return found->second;
}

static TokenModel readBpe(TokenizerParts &parts, const JsonNode &node) {
  refuseOptions(node);
  TokenIds ids = readVocabulary(parts, node.at("vocab"));
  BpeOptions options;
  options.fuseUnknown = node.flag("fuse_unk", false);
  options.byteFallback = node.flag("byte_fallback", false);
  options.ignoreMerges = node.flag("ignore_merges", false);
  options.unknown = namedToken(ids, node, "unk_token");
  Bpe model(std::move(ids), options);
  readMerges(model, node.at("merges"));
  return model;
}

static TokenModel readWordPiece(TokenizerParts &parts, const JsonNode &node) {
  constexpr uint32_t mostCharacters = 1U << 20;
  TokenIds ids = readVocabulary(parts, node.at("vocab"));
  std::optional<int32_t> unknown = namedToken(ids, node, "unk_token");
  if (!unknown)
    node.complain("has no 'unk_token'");
  WordPieceOptions options{*unknown, "", "##", 100};
  if (std::optional<JsonNode> prefix = node.find("continuing_subword_prefix"))
    options.continuing = prefix->text();
  if (std::optional<JsonNode> most = node.find("max_input_chars_per_word"))
    options.mostCharacters = most->count(mostCharacters);
  return WordPiece(std::move(ids), std::move(options));
}

/// "vocab" is a list of tokens with their scores, by id.
static TokenModel readUnigram(TokenizerParts &parts, const JsonNode &node) {
  JsonNode vocabulary = node.at("vocab");
  if (!vocabulary.json().is_array() || vocabulary.json().empty() || vocabulary.json().size() > maxTokenId)
    vocabulary.complain("must be a list of tokens and scores, with at least one");
  TokenIds ids;
  std::vector<double> scores;
  for (const nlohmann::json &item : vocabulary.json()) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_number())
      vocabulary.complain(fmt::format("holds {}, which is not a token and its score", printable(item.dump())));
    const auto id = static_cast<int32_t>(scores.size());
    nameToken(parts, vocabulary, id, item[0].get<std::string>());
    if (!ids.emplace(item[0].get<std::string>(), id).second)
      vocabulary.complain(fmt::format("has the token '{}' twice", printable(item[0].get<std::string>())));
    scores.push_back(item[1].get<double>());
  }
  UnigramOptions options;
  options.byteFallback = node.flag("byte_fallback", false);
  if (std::optional<JsonNode> unknown = node.find("unk_id")) {
    options.unknown = static_cast<int32_t>(unknown->count(maxTokenId));
    if (static_cast<size_t>(*options.unknown) >= scores.size())
      unknown->complain(fmt::format("is {}, an id without a token", *options.unknown));
  }
  return Unigram(std::move(ids), std::move(scores), options);
}

TokenModel readModel(TokenizerParts &parts, const JsonNode &node) {
  // The oldest files have no type; only BPE has merges.
  std::optional<JsonNode> type = node.find("type");
  if (!type && !node.find("merges"))
    node.complain("has neither a 'type' nor 'merges'; supported are: BPE, WordPiece, Unigram");
  const std::string kind = type ? type->text() : "BPE";
  if (kind == "BPE")
    return readBpe(parts, node);
  if (kind == "WordPiece")
    return readWordPiece(parts, node);
  if (kind == "Unigram")
    return readUnigram(parts, node);
  type->complain(fmt::format("is '{}'; supported are: BPE, WordPiece, Unigram", printable(kind)));
}

} // namespace weft::runtime
