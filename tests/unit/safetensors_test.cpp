#include "compiler/frontend/safetensors/Safetensors.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace weft;
using namespace weft::frontend;
using Json = nlohmann::json;
namespace fs = std::filesystem;

/// A file's bytes: length prefix, `header`, `dataBytes` zeros.
static std::string fileOf(const std::string &header, size_t dataBytes) {
  uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(dataBytes, '\0');
}

static Result<SafetensorsHeader> parse(const std::string &file) {
  return parseSafetensorsHeader(std::as_bytes(std::span(file)), "m.safetensors");
}

static std::string complaint(const std::string &file) {
  Result<SafetensorsHeader> header = parse(file);
  return header ? "accepted" : header.error().message;
}

/// A fresh folder, removed at the end.
struct Folder {
  fs::path path = fs::path(WEFT_BINARY_DIR) / "safetensors_test.tmp";
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string &name, const std::string &content) const {
    std::ofstream(path / name, std::ios::binary) << content;
    return (path / name).string();
  }
};

TEST_CASE("a well-formed header", "[safetensors]") {
  std::string header = R"({"__metadata__": {"format": "pt"},
    "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]},
    "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    "none": {"dtype": "F16", "shape": [0, 7], "data_offsets": [4, 4]},
    "i": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]},
    "new": {"dtype": "F2", "shape": [8], "data_offsets": [24, 26]}}   )";
  std::string file = fileOf(header, 26);
  Result<SafetensorsHeader> parsed = parse(file);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  REQUIRE(parsed->entries.size() == 5);
  CHECK(parsed->entries[0].name == "a");
  CHECK(parsed->entries[1].name == "none");
  CHECK(parsed->entries[2].name == "b");
  CHECK(parsed->entries[2].shape == std::vector<uint64_t>{2, 3});
  CHECK(parsed->entries[2].offset == 8 + header.size() + 4);
  CHECK(parsed->digest == XXH3_64bits(file.data(), 8 + header.size()));

  Folder folder;
  Result<std::unique_ptr<WeightSource>> source = openSafetensors(folder.write("m.safetensors", file));
  REQUIRE(source);
  const WeightInfo *info = (*source)->find("b");
  REQUIRE(info);
  CHECK(info->type == WeightType::BF16);
  CHECK(info->offset == 8 + header.size() + 4);
  CHECK((*source)->files().at(0).size == file.size());
  CHECK((*source)->names() == std::vector<std::string>{"a", "b", "i", "new", "none"});
  CHECK((*source)->find("zzz") == nullptr);
  CHECK((*source)->whyNot("zzz").empty());
  CHECK((*source)->find("i") == nullptr);
  CHECK_THAT((*source)->whyNot("i"), Catch::Contains("tensor 'i' has type I64; supported are F32, F16 and BF16"));
  CHECK_THAT((*source)->whyNot("new"), Catch::Contains("F2"));
}

TEST_CASE("lying headers", "[safetensors]") {
  struct Case {
    const char *header;
    size_t dataBytes;
    const char *message;
  };
  auto check = GENERATE(values<Case>({
      {"", 0, "the header is not a JSON object"},
      {"[]", 0, "the header is not a JSON object"},
      {"{", 0, "not valid JSON"},
      {"{\"a\": \"\xff\"}", 0, "not valid JSON"},
      {R"({"a": [[[[1]]]]})", 0, "nested more than 3 levels"},
      {R"({"a": 1})", 0, "tensor 'a': its header entry is not a JSON object"},
      {R"({"__metadata__": {"x": 1}})", 0, "'__metadata__' must be an object of strings"},
      {R"({"a": {"shape": [1], "data_offsets": [0, 4]}})", 4, "tensor 'a': 'dtype' is missing"},
      {R"({"a": {"dtype": 7, "shape": [1], "data_offsets": [0, 4]}})", 4, "'dtype' is missing or not a string"},
      {R"({"a": {"dtype": "F32", "data_offsets": [0, 4]}})", 4, "'shape' must be a list"},
      {R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4, "'shape' must be a list"},
      {R"({"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}})", 4, "'shape' must be a list"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}})", 4, "'data_offsets' must be a list of two"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 99999999999999999999]}})", 4,
       "'data_offsets' must be a list of two"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4, "end at 0, before they begin at 4"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}})", 8,
       "call for 4 bytes, its data_offsets give 8"},
      {R"({"a": {"dtype": "BF16", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}})", 0,
       "no size in bytes that fits 64 bits"},
      {R"({"a": {"dtype": "F32", "shape": [4611686018427387904], "data_offsets": [0, 0]}})", 0,
       "no size in bytes that fits 64 bits"},
      {R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", 7,
       "tensor 'a': its bytes [0, 8) lie outside"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [18446744073709551608, 18446744073709551612]}})", 4,
       "lie outside the 4 bytes"},
      {R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
           "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
       8, "tensor 'b': its bytes overlap those of tensor 'a'"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
           "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}})",
       12, "tensor 'b': the 4 bytes of data before it belong to no tensor"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 9, "5 bytes after the last tensor"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
           "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
       4, "the key 'a' occurs twice"},
  }));
  INFO(check.header);
  CHECK_THAT(complaint(fileOf(check.header, check.dataBytes)),
             Catch::StartsWith("m.safetensors: ") && Catch::Contains(check.message));
}

TEST_CASE("truncated files and absurd header lengths", "[safetensors]") {
  std::string file = fileOf(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", 8);
  REQUIRE(parse(file));
  for (size_t length = 0; length < file.size(); ++length)
    CHECK_FALSE(parse(file.substr(0, length)));
  CHECK_THAT(complaint(std::string(8, '\xff') + "{}"), Catch::Contains("at most 100000000 are allowed"));
  CHECK_THAT(complaint(std::string("\x10\0\0\0\0\0\0\0{}", 10)), Catch::Contains("but the file has only 10"));
  std::string deep = "{\"a\":" + std::string(1'000'000, '[');
  CHECK_THAT(complaint(fileOf(deep, 0)), Catch::Contains("nested more than 3 levels"));
}

TEST_CASE("files that cannot be read", "[safetensors]") {
  Folder folder;
  CHECK_FALSE(openSafetensors((folder.path / "absent").string()));
  Result<std::unique_ptr<WeightSource>> directory = openSafetensors(folder.path.string());
  REQUIRE_FALSE(directory);
  CHECK_THAT(directory.error().message, Catch::Contains("not a regular file"));
  CHECK_FALSE(openSafetensors(folder.write("empty", "")));
}

TEST_CASE("shards", "[safetensors]") {
  Folder folder;
  std::string one = R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})";
  folder.write("s1.safetensors", fileOf("{\"a\": " + one + "}", 4));
  folder.write("s2.safetensors", fileOf("{\"b\": " + one + "}", 4));
  folder.write("s3.safetensors", fileOf("{\"a\": " + one + "}", 4));
  fs::create_directories(folder.path / "sub");
  auto open = [&](const Json &map) {
    return openSafetensorsIndex(folder.write("model.safetensors.index.json", Json{{"weight_map", map}}.dump()));
  };
  auto complain = [&](const Json &map) {
    Result<std::unique_ptr<WeightSource>> source = open(map);
    return source ? std::string("accepted") : source.error().message;
  };
  Result<std::unique_ptr<WeightSource>> source = open({{"a", "s1.safetensors"}, {"b", "s2.safetensors"}});
  INFO((source ? "" : source.error().message));
  REQUIRE(source);
  REQUIRE((*source)->find("b"));
  CHECK((*source)->find("b")->file == 1);
  CHECK((*source)->files().at(1).path == (folder.path / "s2.safetensors").string());

  CHECK_THAT(complain({{"a", "s2.safetensors"}, {"b", "s1.safetensors"}}), Catch::Contains("tensor 'a' is in"));
  CHECK_THAT(complain({{"c", "s1.safetensors"}}), Catch::Contains("tensor 'c' is not in s1.safetensors"));
  CHECK_THAT(complain({{"a", "s9.safetensors"}}), Catch::Contains("s9.safetensors': No such file"));
  CHECK_THAT(complain({{"a", "s1.safetensors"}, {"b", "s3.safetensors"}}), Catch::Contains("tensor 'a' is also in"));
  for (const Json &name : {Json("../s1.safetensors"), Json("/etc/passwd"), Json("sub/x"), Json(".."), Json("."),
                           Json(""), Json("a\\b"), Json(std::string("s1.safetensors\0x", 16)), Json(7), Json()}) {
    INFO(name);
    CHECK_THAT(complain({{"a", name}}), Catch::Contains("must be the plain name of a file beside the index"));
  }
  CHECK_THAT(openSafetensorsIndex(folder.write("i.json", "{}")).error().message,
             Catch::Contains("it has no object 'weight_map'"));
  CHECK_FALSE(openSafetensorsIndex(folder.write("i.json", "{\"weight_map\": [")));
}
