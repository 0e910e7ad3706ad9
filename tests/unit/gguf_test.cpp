// The GGUF reader: what it reads, and that each way in which a file can lie ends in one message.
#include "runtime/gguf/Gguf.h"
#include "tests/unit/gguf_writer.h"

#include <catch2/catch.hpp>

#include <random>

using namespace weft;
using namespace weft::runtime;
using weft::test::ggufText;
using weft::test::GgufWriter;
using weft::test::raw;

static Result<GgufFile> parse(const std::string &file) { return parseGguf(std::as_bytes(std::span(file)), "m.gguf"); }

static std::string complaint(const std::string &file) {
  Result<GgufFile> parsed = parse(file);
  return parsed ? "accepted" : parsed.error().message;
}
static std::string complaint(const GgufWriter &writer) { return complaint(writer.file()); }

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// A file of one tensor of 4 f32, described by hand.
static std::string oneTensor(const std::string &name, const std::vector<uint64_t> &extents, uint32_t type,
                             uint64_t offset, size_t dataBytes) {
  GgufWriter writer;
  writer.tensors.push_back({name, extents, type, ""});
  return writer.pad(writer.header() + GgufWriter::describe(writer.tensors[0], offset)) + std::string(dataBytes, '\0');
}
/// A file with one entry of metadata.
static std::string oneEntry(uint32_t type, const std::string &value) {
  return GgufWriter().add("k", type, value).file();
}

TEST_CASE("every type of metadata is read", "[gguf]") {
  GgufWriter writer;
  writer.add("u8", 0, raw<uint8_t>(200)).add("i8", 1, raw<int8_t>(-3)).add("u16", 2, raw<uint16_t>(60000));
  writer.add("i16", 3, raw<int16_t>(-300)).add("i32", 5, raw<int32_t>(-70000)).add("u64", 10, raw<uint64_t>(1) + "");
  writer.add("i64", 11, raw<int64_t>(INT64_MIN)).add("f64", 12, raw<double>(0.25));
  writer.u32("u32", 4000000000)
      .f32("f32", 1.5f)
      .flag("flag", true)
      .text("text", "\xe2\x96\x81t")
      .texts("texts", {"a", "", "bc"});
  writer.numbers<float>("reals", 6, {1.0f, -2.5f}).numbers<int16_t>("shorts", 3, {-1, 7});
  writer.version = GENERATE(2u, 3u);
  std::string file = writer.file();
  Result<GgufFile> parsed = parse(file);
  REQUIRE(parsed);
  CHECK(parsed->version == writer.version);
  CHECK(**parsed->count("u8") == 200);
  CHECK(**parsed->integer("i8") == -3);
  CHECK(**parsed->count("u16") == 60000);
  CHECK(**parsed->integer("i16") == -300);
  CHECK(**parsed->integer("i32") == -70000);
  CHECK(**parsed->count("u64") == 1);
  CHECK(std::get<int64_t>(*parsed->find("i64")) == INT64_MIN);
  CHECK(**parsed->real("f64") == 0.25);
  CHECK(**parsed->count("u32") == 4000000000);
  CHECK(**parsed->real("f32") == 1.5);
  CHECK(**parsed->flag("flag") == true);
  CHECK(**parsed->text("text") == "\xe2\x96\x81t");
  CHECK((*parsed->array("texts"))->strings == std::vector<std::string_view>{"a", "", "bc"});
  CHECK((*parsed->array("reals"))->real(1) == -2.5);
  CHECK((*parsed->array("shorts"))->integer(0) == -1);
  CHECK((*parsed->array("shorts"))->integer(1) == 7);
  CHECK(!parsed->count("none")->has_value());
  CHECK(*parsed->array("none") == nullptr);
  CHECK_THAT(parsed->count("text").error().message, StartsWith("m.gguf: metadata 'text' must be an integer"));
  CHECK_THAT(parsed->count("i8").error().message, Contains("0 to 2^32 - 1"));
  CHECK(!parsed->real("u8"));
  CHECK(!parsed->flag("u8"));
  CHECK(!parsed->text("u8"));
  CHECK(!parsed->array("u8"));
  CHECK(!parsed->integer("u32"));
}

TEST_CASE("tensors lie where the file says", "[gguf]") {
  GgufWriter writer;
  writer.alignment = 64;
  writer.u32("general.alignment", 64);
  writer.tensor("b", {4, 3}, 0, std::string(48, 'b')).tensor("q", {64, 2}, 8, std::string(4 * 34, 'q'));
  writer.tensor("scalar", {}, 1, "ab");
  std::string file = writer.file();
  Result<GgufFile> parsed = parse(file);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  REQUIRE(parsed->tensors.size() == 3);
  const GgufTensor &q = parsed->tensors[1];
  CHECK(q.name == "q");
  CHECK(q.element.format == BlockFormat::Q8_0);
  CHECK(q.bytes == 4 * 34);
  CHECK(q.extents == std::vector<uint64_t>{64, 2});
  CHECK(q.offset % 64 == 0);
  CHECK(file.substr(q.offset, q.bytes) == std::string(4 * 34, 'q'));
  CHECK(parsed->dataStart == parsed->tensors[0].offset);
}

TEST_CASE("what is no GGUF file of a known kind is refused", "[gguf]") {
  CHECK_THAT(complaint(""), StartsWith("m.gguf: does not begin with 'GGUF'"));
  CHECK_THAT(complaint("GGU"), Contains("does not begin with 'GGUF'"));
  CHECK_THAT(complaint("GGML" + std::string(40, '\0')), Contains("does not begin with 'GGUF'"));
  GgufWriter writer;
  writer.version = 1;
  CHECK_THAT(complaint(writer), Contains("has version 1 of GGUF; versions 2 and 3 are read"));
  writer.version = 0x03000000;
  CHECK_THAT(complaint(writer), Contains("is a big-endian GGUF file"));
  writer.version = 0;
  CHECK_THAT(complaint(writer), Contains("has version 0 of GGUF"));
  CHECK(complaint(GgufWriter()) == "accepted");
}

TEST_CASE("counts that the file has no room for", "[gguf]") {
  for (uint64_t count : {UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 60, uint64_t{4}}) {
    std::string tensors = "GGUF" + raw<uint32_t>(3) + raw(count) + raw<uint64_t>(0);
    CHECK_THAT(complaint(tensors), Contains("claims to have") && Contains("tensors, whose descriptions do not fit"));
    std::string entries = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(0) + raw(count);
    CHECK_THAT(complaint(entries), Contains("metadata entries, which do not fit"));
  }
}

TEST_CASE("lengths of strings that overflow or pass the end", "[gguf]") {
  for (uint64_t length : {UINT64_MAX, UINT64_MAX - 8, uint64_t{1} << 62, uint64_t{100}}) {
    std::string key =
        "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(0) + raw<uint64_t>(1) + raw(length) + "key" + std::string(40, '\0');
    CHECK_THAT(complaint(key), Contains("metadata key 0 claims to be"));
    CHECK_THAT(complaint(oneEntry(8, raw(length) + "text")), Contains("metadata 'k' claims to be"));
    std::string array = raw<uint32_t>(8) + raw<uint64_t>(2) + ggufText("a") + raw(length);
    CHECK_THAT(complaint(oneEntry(9, array)), Contains("metadata 'k', element 1 claims to be"));
  }
  std::string longKey = GgufWriter().u32(std::string(65536, 'k'), 1).file();
  CHECK_THAT(complaint(longKey), Contains("at most 65535 are allowed"));
  CHECK(complaint(GgufWriter().u32(std::string(65535, 'k'), 1)) == "accepted");
  CHECK_THAT(complaint(GgufWriter().u32("", 1)), Contains("metadata key 0 is empty"));
}

TEST_CASE("arrays that overflow, nest, or have no type", "[gguf]") {
  auto arrayOf = [](uint32_t type, uint64_t count) {
    return oneEntry(9, raw(type) + raw(count) + std::string(16, '\0'));
  };
  for (uint64_t count : {UINT64_MAX, uint64_t{1} << 61, uint64_t{1} << 62, uint64_t{100}})
    for (uint32_t type : {0u, 4u, 6u, 8u, 10u, 12u})
      CHECK_THAT(complaint(arrayOf(type, count)), Contains("metadata 'k' claims to have"));
  CHECK_THAT(complaint(arrayOf(9, 1)), Contains("is an array of arrays; those are not read"));
  CHECK_THAT(complaint(arrayOf(13, 1)), Contains("has elements of type 13"));
  CHECK_THAT(complaint(arrayOf(UINT32_MAX, 0)), Contains("has elements of type"));
  CHECK_THAT(complaint(oneEntry(13, raw<uint32_t>(0))), Contains("metadata 'k' has type 13"));
  CHECK_THAT(complaint(oneEntry(7, raw<uint8_t>(2))), Contains("a flag is 0 or 1"));
  CHECK_THAT(complaint(oneEntry(9, raw<uint32_t>(7) + raw<uint64_t>(2) + "\x01\x05")), Contains("a flag is 0 or 1"));
  CHECK(complaint(arrayOf(9, 0)) != "accepted");
  CHECK(complaint(oneEntry(9, raw<uint32_t>(8) + raw<uint64_t>(0))) == "accepted");
}

TEST_CASE("keys and tensors that are there twice", "[gguf]") {
  CHECK_THAT(complaint(GgufWriter().u32("a", 1).f32("a", 1)), Contains("metadata 'a' is there twice"));
  std::string bytes(16, '\0');
  CHECK_THAT(complaint(GgufWriter().tensor("w", {4}, 0, bytes).tensor("w", {4}, 0, bytes)),
             Contains("tensor 'w': is there twice"));
}

TEST_CASE("absurd shapes and types of tensors", "[gguf]") {
  CHECK(complaint(oneTensor("w", {4}, 0, 0, 32)) == "accepted");
  CHECK_THAT(complaint(oneTensor("w", {1, 1, 1, 1, 1}, 0, 0, 32)), Contains("has 5 dimensions; at most 4"));
  std::string manyDims = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(1) + raw<uint64_t>(0) + ggufText("w") +
                         raw(UINT32_MAX) + std::string(64, '\0');
  CHECK_THAT(complaint(manyDims), Contains("has 4294967295 dimensions"));
  for (std::vector<uint64_t> extents : {std::vector<uint64_t>{0},
                                        {4, 0},
                                        {UINT64_MAX},
                                        {uint64_t{1} << 63},
                                        {uint64_t{1} << 32, uint64_t{1} << 32},
                                        {1U << 31, 1U << 31, 4, 1},
                                        {uint64_t{1} << 62, 2}})
    CHECK_THAT(complaint(oneTensor("w", extents, 0, 0, 32)), Contains("tensor 'w': extents ["));
  // 2^61 numbers have no size in bytes.
  CHECK_THAT(complaint(oneTensor("w", {uint64_t{1} << 61, 2}, 28, 0, 32)),
             Contains("no size in bytes that fits 64 bits"));
  CHECK_THAT(complaint(oneTensor("w", {31}, 8, 0, 64)), Contains("not whole blocks of 32, which type Q8_0 has"));
  CHECK_THAT(complaint(oneTensor("w", {32, 8}, 12, 0, 4096)), Contains("not whole blocks of 256, which type Q4_K has"));
  for (uint32_t type : {4u, 5u, 31u, 40u, 255u, UINT32_MAX})
    CHECK_THAT(complaint(oneTensor("w", {4}, type, 0, 32)), Contains("tensor 'w': has type"));
  CHECK_THAT(complaint(oneTensor(std::string(65, 'w'), {4}, 0, 0, 32)), Contains("at most 64 are allowed"));
  CHECK_THAT(complaint(oneTensor("", {4}, 0, 0, 32)), Contains("tensor 0 has no name"));
}

TEST_CASE("offsets outside the file, between alignments, or in other tensors", "[gguf]") {
  for (uint64_t offset : {uint64_t{32}, uint64_t{1} << 40, UINT64_MAX - 31, uint64_t{1} << 63})
    CHECK_THAT(complaint(oneTensor("w", {4}, 0, offset, 32)), Contains("lie outside the 32 bytes of data"));
  CHECK_THAT(complaint(oneTensor("w", {9}, 0, 0, 32)), Contains("its 36 bytes at 0 lie outside"));
  CHECK_THAT(complaint(oneTensor("w", {2}, 0, 8, 32)),
             Contains("its offset 8 is no multiple of the file's alignment 32"));
  GgufWriter writer;
  writer.tensors = {{"a", {16}, 0, ""}, {"b", {4}, 0, ""}};
  std::string descriptions = GgufWriter::describe(writer.tensors[0], 0) + GgufWriter::describe(writer.tensors[1], 32);
  std::string overlapping = writer.pad(writer.header() + descriptions) + std::string(64, '\0');
  CHECK_THAT(complaint(overlapping), Contains("tensor 'b': its bytes overlap those of tensor 'a'"));
}

TEST_CASE("alignments that are none", "[gguf]") {
  for (uint32_t alignment : {0u, 3u, 33u, 0x80000001u, 0x80000000u})
    CHECK_THAT(complaint(GgufWriter().u32("general.alignment", alignment)), Contains("must be a power of two"));
  CHECK_THAT(complaint(GgufWriter().text("general.alignment", "32")),
             Contains("'general.alignment' must be an integer"));
}

TEST_CASE("a file cut anywhere is refused or is a file", "[gguf]") {
  GgufWriter writer;
  writer.u32("a", 1).text("b", "text").texts("c", {"x", "yz"}).numbers<float>("d", 6, {1, 2, 3}).flag("e", false);
  writer.tensor("w", {8, 2}, 0, std::string(64, 'w')).tensor("v", {32}, 2, std::string(18, 'v'));
  std::string file = writer.file();
  REQUIRE(complaint(file) == "accepted");
  // The padding behind the last tensor may be missing.
  for (size_t length = 0; length < file.size() - 14; ++length)
    CHECK(complaint(file.substr(0, length)) != "accepted");
}

TEST_CASE("random damage ends in a message or in tensors that lie in the file", "[gguf]") {
  GgufWriter writer;
  writer.u32("a", 1).text("b", "text").texts("c", {"x", "yz"}).numbers<float>("d", 6, {1, 2, 3});
  writer.tensor("w", {8, 2}, 0, std::string(64, 'w')).tensor("v", {32}, 2, std::string(18, 'v'));
  const std::string file = writer.file();
  std::mt19937 random(11);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string damaged = file;
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random() % 4 == 0 ? 0xff : random());
    Result<GgufFile> parsed = parse(damaged);
    if (!parsed) {
      REQUIRE(parsed.error().message.starts_with("m.gguf"));
      continue;
    }
    for (const GgufTensor &tensor : parsed->tensors)
      REQUIRE((tensor.offset <= damaged.size() && tensor.bytes <= damaged.size() - tensor.offset));
  }
}
