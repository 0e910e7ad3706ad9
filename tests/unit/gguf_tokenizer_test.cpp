// Tokenizers in the metadata of GGUF files: those of tests/data/tokenizer in GGUF's terms give the ids that the
// `tokenizers` package gives, and stories260k's gives the ids of its reference texts.
#include "runtime/support/MappedFile.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "tests/unit/gguf_writer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

using namespace weft;
using namespace weft::runtime;
using weft::test::GgufWriter;
using Json = nlohmann::json;
using Ids = std::vector<int32_t>;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

static const std::string data = WEFT_SOURCE_DIR "/tests/data/tokenizer/";
static Json readJson(const std::string &path) { return Json::parse(std::ifstream(path)); }

namespace {
constexpr int32_t normal = 1, unknown = 2, control = 3, user = 4, byte = 6;

/// The vocabulary of a tokenizer.json by id.
struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::vector<float> scores;

  explicit Vocabulary(const Json &file) {
    for (const auto &[token, id] : file["model"]["vocab"].items())
      set(id, token, normal);
    for (const Json &added : file["added_tokens"])
      set(added["id"], added["content"], added["special"].get<bool>() ? control : user);
    for (size_t id = 0; id < tokens.size(); ++id)
      if (tokens[id].size() == 6 && tokens[id].starts_with("<0x"))
        types[id] = byte;
    scores.resize(tokens.size());
  }
  void set(size_t id, const std::string &token, int32_t type) {
    if (id >= tokens.size()) {
      tokens.resize(id + 1);
      types.resize(id + 1, normal);
    }
    tokens[id] = token;
    types[id] = type;
  }
  uint32_t idOf(const std::string &token) const {
    return static_cast<uint32_t>(std::find(tokens.begin(), tokens.end(), token) - tokens.begin());
  }
  GgufWriter writer(const std::string &model) const {
    GgufWriter writer;
    writer.text("tokenizer.ggml.model", model).texts("tokenizer.ggml.tokens", tokens);
    writer.numbers<int32_t>("tokenizer.ggml.token_type", 5, types);
    return writer;
  }
};

std::vector<std::string> mergesOf(const Json &file) {
  std::vector<std::string> list;
  for (const Json &merge : file["model"]["merges"])
    list.push_back(merge.is_string() ? merge.get<std::string>()
                                     : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  return list;
}
} // namespace

static Result<std::unique_ptr<Tokenizer>> parse(const GgufWriter &writer) {
  std::string file = writer.file();
  return parseGgufTokenizer(std::as_bytes(std::span(file)), "m.gguf");
}
static std::string complaint(const GgufWriter &writer) {
  auto tokenizer = parse(writer);
  return tokenizer ? "accepted" : tokenizer.error().message;
}

/// Texts of expected.json under `name`, but for those with one of `apart`: of them GGUF cannot say what the
/// tokenizer.json says.
static void checkExpected(const Tokenizer &tokenizer, const std::string &name,
                          const std::vector<std::string> &apart = {}) {
  auto skip = [&](const std::string &text) {
    return std::any_of(apart.begin(), apart.end(),
                       [&](const std::string &part) { return text.find(part) != text.npos; });
  };
  size_t checked = 0;
  const Json expected = readJson(data + "expected.json");
  for (const Json &item : expected[name]["encode"]) {
    std::string text = item["text"];
    if (skip(text))
      continue;
    INFO(name << ": " << item["text"]);
    Result<Ids> ids = tokenizer.encode(text, false), all = tokenizer.encode(text, true);
    REQUIRE(ids);
    REQUIRE(all);
    CHECK(*ids == item["ids"].get<Ids>());
    CHECK(*all == item["special"].get<Ids>());
    Result<std::string> decoded = tokenizer.decode(*ids);
    REQUIRE(decoded);
    if (name != "bert") // GGUF knows nothing of how BERT's texts are tidied up
      CHECK(*decoded == item["decoded"].get<std::string>());
    ++checked;
  }
  CHECK(checked >= 30);
}

TEST_CASE("byte-level BPE in a GGUF file", "[tokenizer][gguf]") {
  for (const auto *name : {"gpt2", "llama3"}) {
    Json file = readJson(data + name + ".json");
    Vocabulary vocabulary(file);
    GgufWriter writer = vocabulary.writer("gpt2");
    writer.texts("tokenizer.ggml.merges", mergesOf(file));
    writer.text("tokenizer.ggml.pre", name == std::string("gpt2") ? "gpt-2" : "llama-bpe");
    if (name == std::string("gpt2"))
      writer.flag("tokenizer.ggml.add_space_prefix", true);
    else
      writer.u32("tokenizer.ggml.bos_token_id", vocabulary.idOf("<|begin_of_text|>"));
    auto tokenizer = parse(writer);
    INFO((tokenizer ? "" : tokenizer.error().message));
    REQUIRE(tokenizer);
    std::vector<std::string> apart; // added tokens that take white space, or stand between words only
    for (const Json &added : file["added_tokens"])
      if (added["single_word"].get<bool>() || added["lstrip"].get<bool>() || added["rstrip"].get<bool>())
        apart.push_back(added["content"]);
    checkExpected(**tokenizer, name, apart);
  }
}

TEST_CASE("merging by scores in a GGUF file", "[tokenizer][gguf]") {
  Json file = readJson(data + "llama2.json");
  Vocabulary vocabulary(file);
  float rank = 0; // the earlier a merge, the better its token's score
  for (std::string whole : mergesOf(file)) {
    whole.erase(whole.find(' '), 1);
    rank -= 1;
    if (float &score = vocabulary.scores[vocabulary.idOf(whole)]; score == 0)
      score = rank;
  }
  vocabulary.types[vocabulary.idOf("<unk>")] = unknown;
  GgufWriter writer = vocabulary.writer("llama");
  writer.numbers<float>("tokenizer.ggml.scores", 6, vocabulary.scores);
  writer.u32("tokenizer.ggml.bos_token_id", vocabulary.idOf("<s>"))
      .u32("tokenizer.ggml.unknown_token_id", vocabulary.idOf("<unk>"));
  writer.u32("tokenizer.ggml.padding_token_id", UINT32_MAX);
  auto tokenizer = parse(writer);
  INFO((tokenizer ? "" : tokenizer.error().message));
  REQUIRE(tokenizer);
  checkExpected(**tokenizer, "llama2");
}

TEST_CASE("WordPiece in a GGUF file", "[tokenizer][gguf]") {
  Json file = readJson(data + "bert.json");
  Vocabulary vocabulary(file);
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    std::string &token = vocabulary.tokens[id];
    if (vocabulary.types[id] == control)
      continue;
    token = token.starts_with("##") ? token.substr(2) : "\xe2\x96\x81" + token;
  }
  GgufWriter writer = vocabulary.writer("bert");
  writer.u32("tokenizer.ggml.unknown_token_id", vocabulary.idOf("[UNK]"));
  writer.u32("tokenizer.ggml.bos_token_id", vocabulary.idOf("[CLS]"));
  writer.u32("tokenizer.ggml.seperator_token_id", vocabulary.idOf("[SEP]"));
  auto tokenizer = parse(writer);
  INFO((tokenizer ? "" : tokenizer.error().message));
  REQUIRE(tokenizer);
  // llama.cpp's WordPiece has no longest word, and a mark of its own for the beginning of one.
  checkExpected(**tokenizer, "bert", {std::string(101, 'a'), "\xe2\x96\x81"});
}

TEST_CASE("a unigram model in a GGUF file", "[tokenizer][gguf]") {
  Json file = readJson(data + "t5.json");
  GgufWriter writer;
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (const Json &item : file["model"]["vocab"]) {
    tokens.push_back(item[0]);
    scores.push_back(item[1]);
    types.push_back(tokens.size() <= 3 ? control : normal);
  }
  types[2] = unknown;
  writer.text("tokenizer.ggml.model", "t5").texts("tokenizer.ggml.tokens", tokens);
  writer.numbers<int32_t>("tokenizer.ggml.token_type", 5, types).numbers<float>("tokenizer.ggml.scores", 6, scores);
  writer.u32("tokenizer.ggml.eos_token_id", 1).u32("tokenizer.ggml.unknown_token_id", 2);
  auto tokenizer = parse(writer);
  INFO((tokenizer ? "" : tokenizer.error().message));
  REQUIRE(tokenizer);
  auto reference = readTokenizer(data + "t5.json");
  REQUIRE(reference);
  // The character map is not in this file: plain text only, without runs of spaces.
  for (const char *text : {"hello world", "the word", "a", "words and the God", ""}) {
    INFO(text);
    CHECK(*(*tokenizer)->encode(text, true) == *(*reference)->encode(text, true));
  }
}

TEST_CASE("stories260k's tokenizer", "[tokenizer][gguf]") {
  const fs::path models = fs::path(WEFT_SOURCE_DIR).parent_path() / "shared/models";
  if (!fs::is_directory(models / "gguf")) {
    std::cout << "SKIPPED: the models beside the checkout (../shared/models) are not there\n";
    return;
  }
  auto tokenizer = readTokenizer((models / "gguf/stories260K.f32.gguf").string());
  INFO((tokenizer ? "" : tokenizer.error().message));
  REQUIRE(tokenizer);
  CHECK((*tokenizer)->vocabSize() == 512);
  for (const auto *name : {"p0_empty", "p1_once", "p2_dog", "p3_zoo", "p4_long"}) {
    const fs::path base = models / "stories260k/reference" / name;
    auto file = MappedFile::open(base.string() + ".tokens.i32");
    REQUIRE(file);
    Ids ids(file->bytes().size() / 4);
    std::memcpy(ids.data(), file->bytes().data(), ids.size() * 4);
    std::ifstream stream(base.string() + ".txt");
    std::string text((std::istreambuf_iterator<char>(stream)), {});
    INFO(name);
    auto decoded = (*tokenizer)->decode(ids);
    REQUIRE(decoded);
    CHECK_THAT(text, Catch::Matchers::StartsWith(decoded->substr(0, decoded->size() - 4)));
  }
}

TEST_CASE("tokenizers of GGUF files that cannot be used", "[tokenizer][gguf]") {
  auto small = [] {
    GgufWriter writer;
    writer.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", {"<unk>", "a", "b", "ab"});
    return writer;
  };
  CHECK_THAT(complaint(GgufWriter()), Contains("has no tokenizer: metadata 'tokenizer.ggml.model' is missing"));
  CHECK_THAT(complaint(GgufWriter().u32("tokenizer.ggml.model", 1)), Contains("must be a string"));
  CHECK_THAT(complaint(GgufWriter().text("tokenizer.ggml.model", "llama")),
             Contains("'tokenizer.ggml.tokens' must be an array"));
  CHECK_THAT(complaint(GgufWriter().text("tokenizer.ggml.model", "rwkv").texts("tokenizer.ggml.tokens", {"a"})),
             Contains("is 'rwkv'; supported are llama, gpt2, bert, t5"));
  CHECK_THAT(complaint(small()), Contains("'tokenizer.ggml.scores' must be an array of 4 numbers"));
  CHECK_THAT(complaint(small().numbers<float>("tokenizer.ggml.scores", 6, {1, 2})), Contains("array of 4 numbers"));
  CHECK_THAT(complaint(small().numbers<float>("tokenizer.ggml.scores", 6, {0, 0, 0, NAN})),
             Contains("has no number at 3"));
  CHECK_THAT(complaint(small().numbers<int32_t>("tokenizer.ggml.token_type", 5, {1})), Contains("array of 4 integers"));
  CHECK_THAT(
      complaint(small().numbers<float>("tokenizer.ggml.scores", 6, {0, 0, 0, 0}).u32("tokenizer.ggml.bos_token_id", 4)),
      Contains("'tokenizer.ggml.bos_token_id' is 4, but there are 4 tokens"));
  GgufWriter bad;
  bad.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", {"a", "\xff"});
  CHECK_THAT(complaint(bad), Contains("which is not valid UTF-8"));
  GgufWriter pairs;
  pairs.text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", {"a", "b", "ab"});
  CHECK_THAT(complaint(pairs), Contains("'tokenizer.ggml.merges' must be an array of strings"));
  CHECK_THAT(complaint(GgufWriter(pairs).texts("tokenizer.ggml.merges", {"ab"})), Contains("which is not two tokens"));
  CHECK_THAT(complaint(GgufWriter(pairs).texts("tokenizer.ggml.merges", {"b a"})), Contains("needs the token 'ba'"));
  CHECK_THAT(complaint(GgufWriter(pairs).text("tokenizer.ggml.pre", "klingon")),
             Contains("is 'klingon'; supported are default, gpt-2"));
  CHECK(complaint(GgufWriter(pairs).texts("tokenizer.ggml.merges", {"a b"})) == "accepted");
}
