// GGUF files of every family, compiled and run. Those of tests/data/architectures, laid out as converters do, against
// the reference framework; real models in blocks, against the same numbers in f32.
#include "tests/e2e/Runner.h"
#include "tests/e2e/Tensors.h"

#include "runtime/package/BlockShape.h"
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
                 .overrides = {{"memory.sram_kib", "512"}}});
  CHECK(difference(runner.prefill(std::span(ids).first(prompt)), expected[0]) <= tolerance);
  for (size_t i = prompt; i < ids.size(); ++i)
    CHECK(difference(runner.decode(ids[i]), expected[i - prompt + 1]) <= tolerance);
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
