// GGUF files compiled and run with data: those that llama.cpp wrote against the references of their model, and files in
// every format of blocks against the same numbers stored as f32. On the mesh blocks stay blocks, so logits must agree
// bit for bit.
#include "tests/e2e/Runner.h"

#include "compiler/frontend/safetensors/Safetensors.h"
#include "runtime/gguf/Gguf.h"
#include "runtime/package/BlockShape.h"
#include "runtime/support/MappedFile.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/weights/HalfFloat.h"
#include "runtime/weights/StoredBlocks.h"
#include "tests/unit/gguf_writer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>

using namespace weft;
using namespace weft::test;
using runtime::BlockFormat;

namespace {

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream file(path, std::ios::binary);
  REQUIRE(file.write(bytes.data(), std::streamsize(bytes.size())).flush());
}

std::vector<runtime::BlockFormat> allFormats() {
  std::vector<BlockFormat> all;
  for (size_t i = 0; i < runtime::blockFormatCount; ++i)
    all.push_back(static_cast<BlockFormat>(i));
  return all;
}

/// The number that a file has for a type of tensors.
uint32_t typeOf(BlockFormat format) {
  constexpr uint32_t types[] = {2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23};
  return types[size_t(format)];
}

std::string bytesOf(const std::vector<float> &numbers) {
  std::string bytes(numbers.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

std::vector<float> numbersOf(BlockFormat format, const std::string &blocks) {
  const runtime::BlockFacts &facts = factsOf(format);
  std::vector<float> numbers(blocks.size() / facts.bytes * facts.weights);
  dequantiseBlocks(format, std::as_bytes(std::span(blocks)), numbers);
  return numbers;
}

/// Random blocks whose numbers are about `size` large.
std::string randomBlocks(BlockFormat format, size_t count, float size, std::mt19937 &random) {
  const runtime::BlockFacts &facts = factsOf(format);
  // Where a block has f16 numbers, and what the codes and scales they are multiplied with come to.
  std::vector<std::pair<size_t, float>> halves;
  switch (format) {
  case BlockFormat::Q2_K:
    halves = {{80, 24}, {82, 24}};
    break;
  case BlockFormat::Q3_K:
    halves = {{108, 64}};
    break;
  case BlockFormat::Q6_K:
    halves = {{208, 2000}};
    break;
  case BlockFormat::Q4_K:
    halves = {{0, 400}, {2, 40}};
    break;
  case BlockFormat::Q5_K:
    halves = {{0, 800}, {2, 40}};
    break;
  case BlockFormat::Q4_1:
  case BlockFormat::Q5_1:
    halves = {{0, 15}, {2, -1}};
    break;
  case BlockFormat::Q8_0:
    halves = {{0, 100}};
    break;
  case BlockFormat::IQ4_XS:
    halves = {{0, 2000}};
    break;
  default:
    halves = {{0, format == BlockFormat::IQ4_NL ? 100.0f : 8.0f}};
  }
  std::string bytes;
  for (size_t block = 0; block < count; ++block) {
    std::string one(facts.bytes, '\0');
    for (char &byte : one)
      byte = static_cast<char>(random());
    for (auto [at, by] : halves) {
      const uint16_t half = runtime::narrowF16(size / by * float(50 + random() % 100) / 100);
      std::memcpy(one.data() + at, &half, sizeof half);
    }
    bytes += one;
  }
  return bytes;
}

/// A Llama of random weights: matrices in the format that `formatOf` gives their name, norms in f32.
struct RandomLlama {
  uint32_t hidden = 256, inner = 512, layers = 2, heads = 4, kvHeads = 2, vocabulary = 100;
  std::function<BlockFormat(const std::string &)> formatOf;
  unsigned seed = 1;

  /// With `asNumbers` all tensors are f32, with the numbers of the blocks.
  std::string file(bool asNumbers) const {
    std::mt19937 random(seed);
    GgufWriter writer;
    writer.text("general.architecture", "llama").u32("llama.block_count", layers).u32("llama.embedding_length", hidden);
    writer.u32("llama.feed_forward_length", inner).u32("llama.context_length", 64);
    writer.u32("llama.attention.head_count", heads).u32("llama.attention.head_count_kv", kvHeads);
    writer.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).u32("tokenizer.ggml.eos_token_id", 2);
    auto matrix = [&](const std::string &name, uint64_t out, uint64_t in) {
      const BlockFormat format = formatOf(name);
      std::string blocks =
          randomBlocks(format, out * in / factsOf(format).weights, 1.5f / std::sqrt(float(in)), random);
      if (asNumbers)
        writer.tensor(name, {in, out}, 0, bytesOf(numbersOf(format, blocks)));
      else
        writer.tensor(name, {in, out}, typeOf(format), blocks);
    };
    auto norm = [&](const std::string &name) {
      std::vector<float> gains;
      for (uint32_t i = 0; i < hidden; ++i)
        gains.push_back(0.5f + float(random() % 100) / 100);
      writer.tensor(name, {hidden}, 0, bytesOf(gains));
    };
    const uint64_t headDim = hidden / heads;
    matrix("token_embd.weight", vocabulary, hidden);
    norm("output_norm.weight");
    matrix("output.weight", vocabulary, hidden);
    for (uint32_t i = 0; i < layers; ++i) {
      const std::string block = fmt::format("blk.{}.", i);
      norm(block + "attn_norm.weight");
      norm(block + "ffn_norm.weight");
      matrix(block + "attn_q.weight", hidden, hidden);
      matrix(block + "attn_k.weight", kvHeads * headDim, hidden);
      matrix(block + "attn_v.weight", kvHeads * headDim, hidden);
      matrix(block + "attn_output.weight", hidden, hidden);
      matrix(block + "ffn_gate.weight", inner, hidden);
      matrix(block + "ffn_up.weight", inner, hidden);
      matrix(block + "ffn_down.weight", hidden, inner);
    }
    return writer.file();
  }
};

/// Weights of the package that cores keep in blocks.
size_t inBlocks(const runtime::Package &package) {
  return size_t(std::count_if(package.weights.begin(), package.weights.end(), [](const auto &weight) {
    return weight->blocks != nullptr || (weight->element == pkg::ElementType::I8 && !weight->quantised);
  }));
}

bool sameBits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The largest difference of logits, as a share of the largest, where both files are placed op by op, and the bytes of
/// weights on a core with blocks and with numbers.
struct GeneralOutcome {
  double difference = 0;
  uint64_t blockBytes = 0, numberBytes = 0;
};

uint64_t weightBytes(const runtime::Package &package) {
  uint64_t bytes = 0;
  for (const auto &buffer : package.resident)
    if (buffer->kind == pkg::BufferKind::Weights)
      bytes += buffer->bytes;
  return bytes;
}

GeneralOutcome runGeneral(const std::string &blocks, const std::string &numbers, MeshSize mesh) {
  auto setup = [&](const std::string &model) {
    return Setup{.model = model,
                 .mesh = mesh,
                 .maxSeq = 8,
                 .overrides = {{"memory.sram_kib", "8192"}},
                 .place = compiler::PlaceChoice::General};
  };
  Runner stored(setup(blocks)), plain(setup(numbers));
  GeneralOutcome outcome{0, weightBytes(stored.package()), weightBytes(plain.package())};
  const std::vector<int32_t> prompt{1, 5, 99, 0, 7};
  outcome.difference = difference(stored.prefill(prompt), plain.prefill(prompt));
  for (int32_t token : {4, 9})
    outcome.difference = std::max(outcome.difference, difference(stored.decode(token), plain.decode(token)));
  return outcome;
}

/// Both files give the same logits after a prefill and after each of some decoded tokens. Returns how many weights lie
/// in blocks.
size_t checkSame(const std::string &blocks, const std::string &numbers, MeshSize mesh, uint32_t vocabulary) {
  CAPTURE(nameOf(mesh));
  Runner stored({.model = blocks, .mesh = mesh, .maxSeq = 16}), plain({.model = numbers, .mesh = mesh, .maxSeq = 16});
  std::vector<int32_t> prompt{1, 5, int32_t(vocabulary) - 1, 0, 7, 7, 3};
  CHECK(sameBits(stored.prefill(prompt), plain.prefill(prompt)));
  for (int32_t token : {4, 9, 2}) {
    std::vector<float> logits = stored.decode(token);
    CHECK(std::all_of(logits.begin(), logits.end(), [](float value) { return std::isfinite(value); }));
    CHECK(sameBits(logits, plain.decode(token)));
  }
  CHECK(inBlocks(plain.package()) == 0);
  return inBlocks(stored.package());
}

} // namespace

namespace {

/// Each type on `meshes`, or, with `inTurn`, on one of them.
void checkLlamaCpp(const std::vector<MeshSize> &meshes, bool inTurn) {
  TemporaryFolder folder;
  const std::string reference = sharedModels + "stories260k/reference/p1_once";
  const std::vector<int32_t> ids = toIds(loadNumpy(reference + ".tokens.npy"));
  const std::vector<double> logits = loadNumpy(reference + ".logits.npy");
  const size_t vocabulary = logits.size() / ids.size();
  size_t next = 0;
  for (const auto *type : {"f32", "F16", "BF16"}) {
    const std::string path = sharedModels + "gguf/stories260K." + type + ".gguf";
    auto tokenizer = take(runtime::readTokenizer(path));
    const std::vector<int32_t> prompt = take(tokenizer->encode("Once upon a time", true));
    REQUIRE(std::equal(prompt.begin(), prompt.end(), ids.begin()));
    const MeshSize own = meshes[next++ % meshes.size()];
    for (MeshSize mesh : inTurn ? std::vector{own} : meshes) {
      CAPTURE(type, nameOf(mesh));
      Runner runner({.model = path, .mesh = mesh, .maxSeq = 64});
      // 16-bit weights are other weights: their logits are near the reference's, the story is the same.
      const double tolerance = type == std::string("f32") ? 5e-5 : 2e-2;
      auto check = [&](size_t i, const std::vector<float> &actual) {
        auto wanted = std::span(logits).subspan((prompt.size() - 1 + i) * vocabulary, vocabulary);
        if (i < 8)
          CHECK(difference(actual, wanted) <= tolerance);
      };
      constexpr size_t count = 24;
      const std::vector<int32_t> wanted(ids.begin() + ptrdiff_t(prompt.size()),
                                        ids.begin() + ptrdiff_t(prompt.size() + count));
      CHECK(runner.greedy(prompt, count, check) == wanted);
    }
  }
}

} // namespace

TEST_CASE("files of llama.cpp tell their reference's stories", "[gguf]") {
  if (haveShared("gguf"))
    checkLlamaCpp({{5, 3}, {1, 1}, {4, 4}}, true);
}

TEST_CASE("files of llama.cpp tell their reference's stories on every mesh", "[.long]") {
  if (haveShared("gguf"))
    checkLlamaCpp({{5, 3}, {1, 1}, {4, 4}}, false);
}

TEST_CASE("each format of blocks computes what its numbers do", "[.long]") {
  TemporaryFolder folder;
  const std::string blocks = folder.path("blocks.gguf"), numbers = folder.path("numbers.gguf");
  for (BlockFormat format : allFormats()) {
    CAPTURE(factsOf(format).name);
    // Of 101 entries two rows of cores hold one twice.
    RandomLlama model{.layers = 1,
                      .vocabulary = 101,
                      .formatOf = [=](const std::string &) { return format; },
                      .seed = unsigned(format)};
    writeFile(blocks, model.file(false));
    writeFile(numbers, model.file(true));
    // Queries, keys and values are one product, gate and up another; then both outputs and the head. The table that is
    // looked up has whole blocks on a core if these are short.
    const size_t table = factsOf(format).weights == 32 ? 1 : 0;
    CHECK(checkSame(blocks, numbers, {2, 2}, model.vocabulary) == 3 + 1 + 2 + 1 + 1 + table);
    CHECK(checkSame(blocks, numbers, {1, 2}, model.vocabulary) == 3 + 1 + 2 + 1 + 1 + 1);
  }
}

TEST_CASE("formats are mixed within a product, on any mesh", "[gguf]") {
  TemporaryFolder folder;
  const std::string blocks = folder.path("blocks.gguf"), numbers = folder.path("numbers.gguf");
  RandomLlama model{.formatOf = [](const std::string &name) {
    return name.ends_with("attn_v.weight") || name.ends_with("ffn_down.weight") || name.starts_with("output")
               ? BlockFormat::Q6_K
           : name.ends_with("ffn_up.weight") ? BlockFormat::Q5_0
                                             : BlockFormat::Q4_K;
  }};
  writeFile(blocks, model.file(false));
  writeFile(numbers, model.file(true));
  for (MeshSize mesh : {MeshSize{1, 1}, MeshSize{4, 4}, MeshSize{5, 3}})
    checkSame(blocks, numbers, mesh, model.vocabulary);
}

TEST_CASE("blocks stay blocks where models are placed op by op", "[gguf]") {
  TemporaryFolder folder;
  const std::string blocks = folder.path("blocks.gguf"), numbers = folder.path("numbers.gguf");
  RandomLlama model{.layers = 1, .formatOf = [](const std::string &name) {
                      return name.ends_with("attn_v.weight")   ? BlockFormat::Q6_K
                             : name.ends_with("ffn_up.weight") ? BlockFormat::Q5_1
                                                               : BlockFormat::Q4_0;
                    }};
  writeFile(blocks, model.file(false));
  writeFile(numbers, model.file(true));
  // Numbers in f32 are turned so that vectors run along results, blocks are not: sums go in another order.
  CHECK(runGeneral(blocks, numbers, {2, 2}).difference <= 1e-5);
  // On one core nothing is held twice.
  const GeneralOutcome outcome = runGeneral(blocks, numbers, {1, 1});
  CHECK(outcome.difference <= 1e-5);
  CHECK(outcome.blockBytes * 5 <= outcome.numberBytes); // 4.5 to 6.6 bits instead of 32
}

TEST_CASE("each format of blocks placed op by op", "[.long]") {
  TemporaryFolder folder;
  const std::string blocks = folder.path("blocks.gguf"), numbers = folder.path("numbers.gguf");
  for (BlockFormat format : allFormats()) {
    CAPTURE(factsOf(format).name);
    RandomLlama model{.layers = 1, .formatOf = [=](const std::string &) { return format; }, .seed = unsigned(format)};
    writeFile(blocks, model.file(false));
    writeFile(numbers, model.file(true));
    CHECK(runGeneral(blocks, numbers, {2, 1}).difference <= 1e-5);
    const GeneralOutcome outcome = runGeneral(blocks, numbers, {1, 1});
    CHECK(outcome.difference <= 1e-5);
    CHECK(outcome.blockBytes * 3 <= outcome.numberBytes);
  }
}
