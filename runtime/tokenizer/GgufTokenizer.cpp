// The tokenizer in the metadata of a GGUF file (keys tokenizer.ggml.*). What a tokenizer.json spells out follows here
// from the kind of model and, for byte-level BPE, from the name of its pre-tokenizer, by the rules of llama.cpp.
#include "runtime/gguf/Gguf.h"
#include "runtime/support/Json.h"
#include "runtime/tokenizer/GgufPretokenizers.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/TokenizerParts.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::runtime {

static constexpr uint64_t mostTokens = 1U << 24;
static constexpr const char *metaspace = "\xe2\x96\x81";

namespace {

/// tokenizer.ggml.token_type
enum Kind : int64_t { normalToken = 1, unknownToken, controlToken, userToken, unusedToken, byteToken };

/// Ids of special tokens; some files say 2^32 - 1 where there is none.
constexpr const char *bosKey = "tokenizer.ggml.bos_token_id", *eosKey = "tokenizer.ggml.eos_token_id",
                     *unknownKey = "tokenizer.ggml.unknown_token_id",
                     *separatorKey = "tokenizer.ggml.seperator_token_id", *clsKey = "tokenizer.ggml.cls_token_id";

class GgufTokenizer {
public:
  explicit GgufTokenizer(const GgufFile &file) : file(file) {}

  Result<std::unique_ptr<TokenizerParts>> read();

private:
  Result<void> readTokens();
  Result<void> readSpecials();
  Result<void> addSpecialTokens();
  Result<void> readTemplate(bool bosByDefault, bool eosByDefault);
  Result<void> makeSentencePiece();
  Result<void> makeUnigram();
  Result<void> makeBytePairs();
  Result<void> makeWordPiece();
  Result<std::vector<float>> scores() const;
  Result<bool> flag(const char *key, bool fallback) const;
  bool is(int32_t id, Kind kind) const { return kinds[static_cast<size_t>(id)] == kind; }
  Error wrong(const char *key, const std::string &what) const {
    return userError(fmt::format("{}: metadata '{}' {}", file.origin, key, what));
  }

  const GgufFile &file;
  std::unique_ptr<TokenizerParts> parts = std::make_unique<TokenizerParts>();
  TokenIds ids;
  std::vector<int64_t> kinds; // by id
  std::optional<int32_t> bos, eos, unknown, separator;
};

} // namespace

Result<bool> GgufTokenizer::flag(const char *key, bool fallback) const {
  Result<std::optional<bool>> given = file.flag(key);
  if (!given)
    return given.takeError();
  return given->value_or(fallback);
}

Result<void> GgufTokenizer::readTokens() {
  constexpr const char *key = "tokenizer.ggml.tokens", *typesKey = "tokenizer.ggml.token_type";
  Result<const GgufArray *> tokens = file.array(key);
  if (!tokens)
    return tokens.takeError();
  if (!*tokens || (*tokens)->type != GgufType::String || (*tokens)->count == 0 || (*tokens)->count > mostTokens)
    return wrong(key, fmt::format("must be an array of 1 to {} strings", mostTokens));
  const std::vector<std::string_view> &texts = (*tokens)->strings;
  kinds.assign(texts.size(), normalToken);
  Result<const GgufArray *> types = file.array(typesKey);
  if (!types)
    return types.takeError();
  if (*types) {
    if (!(*types)->ofIntegers() || (*types)->count != texts.size())
      return wrong(typesKey, fmt::format("must be an array of {} integers, as many as there are tokens", texts.size()));
    for (size_t i = 0; i < kinds.size(); ++i)
      kinds[i] = (*types)->integer(i);
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    if (utf8::firstInvalid(texts[i]))
      return wrong(key, fmt::format("has the token {}, '{}', which is not valid UTF-8", i, printable(texts[i])));
    // Of two tokens with one text the later counts, as in llama.cpp.
    ids.insert_or_assign(std::string(texts[i]), static_cast<int32_t>(i));
    parts->tokens.emplace(static_cast<int32_t>(i), TokenizerParts::Token{std::string(texts[i]), false});
  }
  parts->vocabSize = static_cast<uint32_t>(texts.size());
  return success();
}

Result<void> GgufTokenizer::readSpecials() {
  struct Special {
    const char *key;
    std::optional<int32_t> *id;
  };
  for (const Special &special :
       {Special{bosKey, &bos}, {eosKey, &eos}, {unknownKey, &unknown}, {separatorKey, &separator}}) {
    Result<std::optional<uint32_t>> id = file.count(special.key);
    if (!id)
      return id.takeError();
    if (!*id || **id == UINT32_MAX)
      continue;
    if (**id >= parts->vocabSize)
      return wrong(special.key, fmt::format("is {}, but there are {} tokens", **id, parts->vocabSize));
    *special.id = static_cast<int32_t>(**id);
  }
  return success();
}

/// Control tokens, those that users added, and the unknown one are found in the text before anything else.
Result<void> GgufTokenizer::addSpecialTokens() {
  for (auto &[id, token] : parts->tokens) {
    const bool special = is(id, controlToken) || is(id, unknownToken) || id == bos || id == eos;
    if ((!special && !is(id, userToken)) || token.text.empty() || ids.find(token.text)->second != id)
      continue;
    token.special = special;
    parts->addedIds.emplace(token.text, id);
    parts->rawTokens.add(token.text, AddedToken{token.text, id, false, false, false, false, special});
  }
  return success();
}

Result<void> GgufTokenizer::readTemplate(bool bosByDefault, bool eosByDefault) {
  Result<bool> addBos = flag("tokenizer.ggml.add_bos_token", bosByDefault);
  if (!addBos)
    return addBos.takeError();
  Result<bool> addEos = flag("tokenizer.ggml.add_eos_token", eosByDefault);
  if (!addEos)
    return addEos.takeError();
  if (*addBos && bos)
    parts->before.push_back(*bos);
  if (*addEos && eos)
    parts->after.push_back(*eos);
  return success();
}

Result<std::vector<float>> GgufTokenizer::scores() const {
  constexpr const char *key = "tokenizer.ggml.scores";
  Result<const GgufArray *> given = file.array(key);
  if (!given)
    return given.takeError();
  if (!*given || !(*given)->ofReals() || (*given)->count != parts->vocabSize)
    return wrong(key, fmt::format("must be an array of {} numbers, as many as there are tokens", parts->vocabSize));
  std::vector<float> list(parts->vocabSize);
  for (size_t i = 0; i < list.size(); ++i) {
    list[i] = static_cast<float>((*given)->real(i));
    if (list[i] != list[i])
      return wrong(key, fmt::format("has no number at {}", i));
  }
  return list;
}

/// Spaces are written as U+2581 and bytes as "<0xNN>"; a text begins with a space of its own.
Result<void> GgufTokenizer::makeSentencePiece() {
  Result<std::vector<float>> list = scores();
  if (!list)
    return list.takeError();
  std::vector<ScoredPieces::Use> uses;
  for (int64_t kind : kinds)
    uses.push_back(kind == normalToken || kind == userToken ? ScoredPieces::Use::Normal : ScoredPieces::Use::Apart);
  Result<bool> prefix = flag("tokenizer.ggml.add_space_prefix", true);
  if (!prefix)
    return prefix.takeError();
  if (*prefix)
    parts->normalizers.emplace_back(Prepend{metaspace});
  parts->normalizers.emplace_back(Replace{Pattern{std::string(" ")}, metaspace});
  parts->model.emplace(ScoredPieces(ids, std::move(*list), std::move(uses), unknown));
  parts->decoders = {ReplaceDecoder{metaspace, " "}, ByteFallbackDecoder{}, FuseDecoder{}};
  if (*prefix)
    parts->decoders.emplace_back(StripDecoder{" ", 1, 0});
  return readTemplate(true, false);
}

Result<void> GgufTokenizer::makeUnigram() {
  Result<std::vector<float>> list = scores();
  if (!list)
    return list.takeError();
  constexpr const char *charsKey = "tokenizer.ggml.precompiled_charsmap";
  if (file.has(charsKey)) {
    Result<const GgufArray *> chars = file.array(charsKey);
    if (!chars)
      return chars.takeError();
    Result<CharacterMap> map = CharacterMap::parse((*chars)->bytes);
    if (!map)
      return wrong(charsKey, map.error().message);
    parts->normalizers.emplace_back(Precompiled{std::move(*map)});
  }
  Result<bool> squeeze = flag("tokenizer.ggml.remove_extra_whitespaces", false);
  if (!squeeze)
    return squeeze.takeError();
  if (*squeeze) {
    Result<Regex> runs = Regex::compile(" {2,}");
    if (!runs)
      return runs.takeError();
    parts->normalizers.emplace_back(StripSpaces{true, true});
    parts->normalizers.emplace_back(Replace{Pattern{std::move(*runs)}, " "});
  }
  Result<bool> prefix = flag("tokenizer.ggml.add_space_prefix", true);
  if (!prefix)
    return prefix.takeError();
  parts->preTokenizers.emplace_back(
      MetaspaceSplit{metaspace, *prefix ? PrependScheme::Always : PrependScheme::Never, false});
  std::vector<bool> apart;
  for (int64_t kind : kinds)
    apart.push_back(kind != normalToken && kind != userToken);
  parts->model.emplace(Unigram(ids, std::vector<double>(list->begin(), list->end()), {unknown, true}, apart));
  parts->decoders = {MetaspaceDecoder{metaspace, *prefix}};
  return readTemplate(false, true);
}

Result<void> GgufTokenizer::makeBytePairs() {
  constexpr const char *mergesKey = "tokenizer.ggml.merges", *preKey = "tokenizer.ggml.pre";
  Result<std::optional<std::string>> pre = file.text(preKey);
  if (!pre)
    return pre.takeError();
  const GgufPretokenizer *rules = ggufPretokenizer(pre->value_or("default"));
  if (!rules)
    return wrong(preKey, fmt::format("is '{}'; supported are {}", printable(**pre), ggufPretokenizerNames()));
  for (const char *pattern : rules->patterns) {
    Result<Regex> regex = Regex::compile(pattern);
    if (!regex)
      return regex.takeError();
    parts->preTokenizers.emplace_back(Split{Pattern{std::move(*regex)}, SplitBehavior::Isolated, false});
  }
  Result<bool> prefix = flag("tokenizer.ggml.add_space_prefix", false);
  if (!prefix)
    return prefix.takeError();
  parts->preTokenizers.emplace_back(ByteLevelSplit{false, {}});
  if (*prefix) {
    Result<Regex> start = Regex::compile(R"(\A(?=[^ ]))");
    if (!start)
      return start.takeError();
    parts->normalizers.emplace_back(Replace{Pattern{std::move(*start)}, " "});
  }
  BpeOptions options;
  options.ignoreMerges = rules->ignoreMerges;
  options.unknown = unknown;
  Bpe model(ids, options);
  Result<const GgufArray *> merges = file.array(mergesKey);
  if (!merges)
    return merges.takeError();
  if (!*merges || (*merges)->type != GgufType::String)
    return wrong(mergesKey, "must be an array of strings");
  for (std::string_view pair : (*merges)->strings) {
    const size_t space = pair.find(' ', 1);
    if (space == pair.npos)
      return wrong(mergesKey,
                   fmt::format("holds '{}', which is not two tokens with a space between them", printable(pair)));
    if (Result<void> added = model.addMerge(pair.substr(0, space), pair.substr(space + 1)); !added)
      return wrong(mergesKey, "cannot be used: " + added.error().message);
  }
  parts->model.emplace(std::move(model));
  parts->decoders = {ByteLevelDecoder{}};
  return readTemplate(rules->addBos, false);
}

/// Tokens that begin a word have U+2581 in front here, where a tokenizer.json has "##" in front of the others.
Result<void> GgufTokenizer::makeWordPiece() {
  if (!unknown)
    return wrong(unknownKey, "is missing");
  parts->normalizers.emplace_back(BertNormalizer{});
  Result<std::vector<PreTokenizer>> steps = bertPreTokenizer();
  if (!steps)
    return steps.takeError();
  parts->preTokenizers = std::move(*steps);
  WordPieceOptions options{*unknown, metaspace, "", SIZE_MAX};
  parts->model.emplace(WordPiece(ids, options));
  parts->decoders = {MetaspaceDecoder{metaspace, true}};
  Result<std::optional<uint32_t>> cls = file.count(clsKey);
  if (!cls)
    return cls.takeError();
  if (*cls && **cls < parts->vocabSize)
    bos = static_cast<int32_t>(**cls);
  if (separator)
    eos = separator;
  return readTemplate(true, true);
}

Result<std::unique_ptr<TokenizerParts>> GgufTokenizer::read() {
  constexpr const char *key = "tokenizer.ggml.model";
  Result<std::optional<std::string>> kind = file.text(key);
  if (!kind)
    return kind.takeError();
  if (!*kind)
    return userError(fmt::format("{}: has no tokenizer: metadata '{}' is missing", file.origin, key));
  if (Result<void> done = readTokens(); !done)
    return done.takeError();
  if (Result<void> done = readSpecials(); !done)
    return done.takeError();
  Result<void> made =
      **kind == "llama"  ? makeSentencePiece()
      : **kind == "gpt2" ? makeBytePairs()
      : **kind == "bert" ? makeWordPiece()
      : **kind == "t5"
          ? makeUnigram()
          : Result<void>(wrong(key, fmt::format("is '{}'; supported are llama, gpt2, bert, t5", printable(**kind))));
  if (!made)
    return made.takeError();
  if (Result<void> done = addSpecialTokens(); !done)
    return done.takeError();
  return std::move(parts);
}

Result<std::unique_ptr<Tokenizer>> parseGgufTokenizer(std::span<const std::byte> bytes, const std::string &origin) {
  Result<GgufFile> file = parseGguf(bytes, origin);
  if (!file)
    return file.takeError();
  Result<std::unique_ptr<TokenizerParts>> parts = GgufTokenizer(*file).read();
  if (!parts)
    return parts.takeError();
  return std::make_unique<Tokenizer>(std::move(*parts));
}

} // namespace weft::runtime
