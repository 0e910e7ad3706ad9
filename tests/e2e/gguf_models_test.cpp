// GGUF files of every family, compiled and run. Those of tests/data/architectures, laid out as converters do, against
// the reference framework; real models in blocks, against the same numbers in f32.
#include "tests/e2e/Runner.h"
#include "tests/e2e/StoredModel.h"
#include "tests/e2e/Tensors.h"

#include "tests/unit/architectures_support.h"
#include "tests/unit/gguf_convert.h"

#include <cstring>
#include <fstream>

using namespace weft;
using namespace weft::test;
using runtime::BlockFormat;

namespace {

constexpr double tolerance = 2e-5; // of the largest logit

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream file(path, std::ios::binary);
  REQUIRE(file.write(bytes.data(), std::streamsize(bytes.size())).flush());
}

HfTensors tensorsOf(const Fixture &fixture) {
  HfTensors tensors;
  for (const auto &[name, shape] : fixture.json.at("tensors").items())
    tensors[name] = {shape, fixtureValues(name, shape)};
  return tensors;
}

void checkGenerator(const std::string &name, MeshSize mesh, const ConvertOptions &options = {}) {
  CAPTURE(name, nameOf(mesh), options.older);
  TemporaryFolder folder;
  Fixture fixture(fixtureFolder / (name + ".json"));
  writeFile(folder.path("model.gguf"), toGguf(fixture.json.at("config"), tensorsOf(fixture), options));
  const std::vector<int32_t> ids = fixture.json.at("ids");
  const size_t prompt = fixture.json.at("prompt");
  const std::vector<std::vector<double>> expected = fixture.json.at("logits");
  Runner runner({.model = folder.path("model.gguf"),
                 .mesh = mesh,
                 .maxSeq = uint32_t(ids.size() + 2),
                 .hardware = "wse2", // whose cores run no RISC-V code, so that kernels are compiled for the host alone
                 .overrides = {{"memory.sram_kib", "512"}},
                 .place = compiler::PlaceChoice::Whole});
  CHECK(difference(runner.prefill(std::span(ids).first(prompt)), expected[0]) <= tolerance);
  for (size_t i = prompt; i < ids.size(); ++i)
    CHECK(difference(runner.decode(ids[i]), expected[i - prompt + 1]) <= tolerance);
}

/// A model in a format of blocks, and with the same numbers in f32: logits have the same bits.
void checkBlocks(const std::string &directory, BlockFormat format, MeshSize mesh) {
  CAPTURE(directory, factsOf(format).name, nameOf(mesh));
  TemporaryFolder folder;
  const auto config = nlohmann::json::parse(std::ifstream(directory + "/config.json"));
  ConvertOptions options{.formatOf = [&](const std::string &, uint64_t) { return std::optional(format); }};
  writeFile(folder.path("blocks.gguf"), toGguf(config, storedTensors(directory), options));
  options.asNumbers = true;
  writeFile(folder.path("numbers.gguf"), toGguf(config, storedTensors(directory), options));
  Runner blocks({.model = folder.path("blocks.gguf"), .mesh = mesh, .maxSeq = 32}),
      numbers({.model = folder.path("numbers.gguf"), .mesh = mesh, .maxSeq = 32});
  auto inBlocks = [](const Runner &runner) {
    return std::count_if(runner.package().weights.begin(), runner.package().weights.end(),
                         [](const auto &weight) { return weight->blocks != nullptr; });
  };
  CHECK(inBlocks(blocks) > 0);
  CHECK(inBlocks(numbers) == 0);
  const std::vector<int32_t> prompt{1, 403, 407, 261, 378};
  std::vector<float> logits = blocks.prefill(prompt);
  CHECK(logits == numbers.prefill(prompt));
  for (int step = 0; step < 4; ++step) {
    const int32_t next = argmax(logits);
    logits = blocks.decode(next);
    CHECK(std::all_of(logits.begin(), logits.end(), [](float value) { return std::isfinite(value); }));
    CHECK(logits == numbers.decode(next));
  }
}

} // namespace

TEST_CASE("decoders of every family in GGUF files say what the reference framework says", "[gguf]") {
  for (const char *name : {"llama", "llama_linear", "llama_yarn", "mistral", "mixtral", "qwen2_whole", "qwen3",
                           "qwen3_moe", "gemma", "gemma2", "phi3", "olmo2", "gpt2", "gpt_neox", "gpt_neox_sums"})
    checkGenerator(name, {3, 2});
  checkGenerator("mixtral", {2, 2}, {.older = true});
}

TEST_CASE("DeepSeek's GGUF files, new ones and old ones", "[gguf]") {
  for (bool older : {false, true})
    for (const char *name : {"deepseek_v2", "deepseek_v2_yarn", "deepseek_v3"})
      checkGenerator(name, {3, 2}, {.older = older});
}

TEST_CASE("an encoder in a GGUF file", "[gguf]") {
  TemporaryFolder folder;
  Fixture fixture(fixtureFolder / "bert.json");
  writeFile(folder.path("model.gguf"), toGguf(fixture.json.at("config"), tensorsOf(fixture)));
  const auto &inputs = fixture.json.at("inputs");
  compiler::CompileOptions options;
  options.model = folder.path("model.gguf");
  options.hardware = take(hw::load("rvv-mesh-16", {}));
  options.meshWidth = 3;
  options.meshHeight = 2;
  options.dims = {{"batch", 2}, {"seq", inputs.at("input_ids").at("shape")[1]}};
  const auto compilation = take(compiler::compile(options));
  std::vector<Bytes> values;
  for (const auto &input : compilation.package->programs.at(0)->inputs)
    values.push_back(bytesAs<int64_t>(inputs.at(input->name).at("values").get<std::vector<double>>()));
  const std::vector<Bytes> results = runProgram(*compilation.package, values);
  REQUIRE(results.size() == 1);
  std::vector<float> hidden(results[0].size() / 4);
  std::memcpy(hidden.data(), results[0].data(), results[0].size());
  CHECK(difference(hidden, fixture.json.at("outputs").at("last_hidden_state").get<std::vector<double>>()) <= tolerance);
}

TEST_CASE("real models in blocks compute what their numbers do", "[gguf]") {
  checkBlocks(bard, BlockFormat::Q4_0, {2, 2});
  if (haveShared("stories260k"))
    checkBlocks(sharedModels + "stories260k", BlockFormat::Q8_0, {2, 1});
}

TEST_CASE("real models in all formats that their rows divide into, on any mesh", "[.long]") {
  for (BlockFormat format : {BlockFormat::Q4_0, BlockFormat::Q4_1, BlockFormat::Q5_0, BlockFormat::Q5_1,
                             BlockFormat::Q8_0, BlockFormat::IQ4_NL})
    for (MeshSize mesh : {MeshSize{1, 1}, MeshSize{4, 4}, MeshSize{5, 3}})
      checkBlocks(bard, format, mesh);
}

TEST_CASE("bard-1m in blocks of eight bits tells its own stories", "[gguf]") {
  TemporaryFolder folder;
  const auto config = nlohmann::json::parse(std::ifstream(bard + "/config.json"));
  ConvertOptions options{.formatOf = [](const std::string &, uint64_t) { return std::optional(BlockFormat::Q8_0); }};
  writeFile(folder.path("model.gguf"), toGguf(config, storedTensors(bard), options));
  Runner runner({.model = folder.path("model.gguf"), .mesh = {2, 2}, .maxSeq = 128});
  const Reference reference = bardReferences()[0];
  constexpr size_t count = 16;
  CHECK(runner.greedy(reference.prompt, count, [&](size_t i, const std::vector<float> &logits) {
    if (i == 0)
      CHECK(difference(logits, reference.lastLogits) <= 0.05);
  }) == std::vector<int32_t>(reference.greedy.begin(), reference.greedy.begin() + count));
}
