// Text from ONNX files on meshes, placed as layers: exported models beside the repository, and exports with caches.
#include "compiler/frontend/huggingface/Architectures.h"
#include "tests/e2e/Runner.h"
#include "tests/e2e/StoredModel.h"
#include "tests/onnx/DecoderExport.h"
#include "tests/onnx/SaveModel.h"
#include "tests/unit/architectures_support.h"

#include <algorithm>
#include <fstream>

using namespace weft;
using namespace weft::test;
namespace onnx = weft::frontend::onnx;

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

constexpr double tolerance = 5e-5; // of the largest logit
const MeshSize meshes[] = {{1, 1}, {4, 4}, {5, 3}};

Setup textSetup(const std::string &model, MeshSize mesh, uint32_t maxSeq) {
  Setup setup{.model = model, .mesh = mesh, .maxSeq = maxSeq};
  setup.place = compiler::PlaceChoice::Whole;
  setup.as = compiler::ImportAs::Text;
  return setup;
}

/// Position by position as in the reference, and the tokens that the same model gives from its safetensors.
void checkShared(const std::string &name, uint32_t maxSeq) {
  if (!haveShared(name + "/model.onnx"))
    return;
  const std::string folder = sharedModels + name, reference = folder + "/reference.npz";
  const std::vector<int32_t> ids = toIds(loadNumpy(reference, "input_ids"));
  const std::vector<double> logits = loadNumpy(reference, "output");
  const size_t vocabulary = logits.size() / ids.size(), prompt = 5;
  for (MeshSize mesh : meshes) {
    CAPTURE(name, nameOf(mesh));
    Runner fromOnnx(textSetup(folder + "/model.onnx", mesh, maxSeq));
    Setup stored{.model = folder, .mesh = mesh, .maxSeq = maxSeq};
    Runner fromSafetensors(stored);
    std::vector<float> seen = fromOnnx.prefill(std::span(ids).first(prompt));
    for (size_t i = prompt; i <= ids.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(seen, std::span(logits).subspan((i - 1) * vocabulary, vocabulary)) <= tolerance);
      if (i < ids.size())
        seen = fromOnnx.decode(ids[i]);
    }
    const auto first = std::span(ids).first(prompt);
    const size_t room = maxSeq - prompt;
    CHECK(fromOnnx.greedy(first, room) == fromSafetensors.greedy(first, room));
  }
}

/// A fixture's model as some exporter writes it.
onnx::Model exported(const std::string &name, const ExportOptions &options) {
  const Fixture fixture(fixtureFolder / (name + ".json"));
  auto values = [&](const std::string &weight) { return fixtureValues(weight, fixture.find(weight)->shape); };
  return exportDecoder(take(fixture.read()), values, options);
}

/// `file`: what the graph is called in a folder with others, which is compiled then; empty: the file is compiled.
void checkExport(const std::string &name, const ExportOptions &options, const std::string &file = "") {
  CAPTURE(name, static_cast<int>(options.style));
  const Fixture fixture(fixtureFolder / (name + ".json"));
  const std::vector<int32_t> ids = fixture.json.at("ids");
  const size_t prompt = fixture.json.at("prompt");
  const std::vector<std::vector<double>> expected = fixture.json.at("logits");
  TemporaryFolder folder;
  const std::string path = folder.path(file.empty() ? "graph.onnx" : file);
  if (!file.empty())
    std::ofstream(folder.path("decoder_with_past_model.onnx")) << "another one";
  saveModel(exported(name, options), path);
  for (MeshSize mesh : meshes) {
    CAPTURE(nameOf(mesh));
    Setup setup = textSetup(file.empty() ? path : folder.path(""), mesh, 19);
    setup.as = compiler::ImportAs::Auto; // caches say enough
    Runner runner(setup);
    CHECK(difference(runner.prefill(std::span(ids).first(prompt)), expected[0]) <= tolerance);
    for (size_t i = prompt; i < ids.size(); ++i)
      CHECK(difference(runner.decode(ids[i]), expected[i - prompt + 1]) <= tolerance);
  }
}

/// What compile says of a model that it does not take.
std::string refusal(const std::string &model, compiler::CompileOptions options = {}) {
  options.model = model;
  options.hardware = take(hw::load("rvv-lab", {}));
  auto compiled = compiler::compile(options);
  REQUIRE_FALSE(compiled);
  return compiled.error().message;
}

/// Matrices as codes whose scales lie apart, and as the numbers that those stand for: logits have the same bits.
void checkCodes(ExportOptions options, MeshSize mesh) {
  CAPTURE(options.bits, options.length, options.zeros, nameOf(mesh));
  const frontend::TransformerConfig config = take(frontend::hf::readModel(bard)).config;
  const HfTensors tensors = storedTensors(bard);
  TemporaryFolder folder;
  auto runner = [&](const std::string &file, bool asNumbers) {
    options.asNumbers = asNumbers;
    auto values = [&](const std::string &name) { return tensors.at(name).values; };
    saveModel(exportDecoder(config, values, options), folder.path(file));
    return Runner(textSetup(folder.path(file), mesh, 32));
  };
  Runner codes = runner("codes.onnx", false), numbers = runner("numbers.onnx", true);
  const std::vector<int32_t> prompt{1, 403, 407, 261, 378};
  CHECK(codes.prefill(prompt) == numbers.prefill(prompt));
  for (int32_t id : {17, 250, 3})
    CHECK(codes.decode(id) == numbers.decode(id));
  auto inBlocks = [](const Runner &runner) {
    return std::count_if(runner.package().weights.begin(), runner.package().weights.end(),
                         [](const auto &weight) { return weight->blocks != nullptr; });
  };
  CHECK(inBlocks(numbers) == 0);
  CHECK(inBlocks(codes) > 0);
}

} // namespace

TEST_CASE("an ONNX file that gives no text says why", "[onnx]") {
  TemporaryFolder folder;
  const std::string path = folder.path("graph.onnx");
  onnx::Model model = exported("llama", {});
  compiler::CompileOptions longer;
  longer.maxSeq = 19;
  SECTION("an input that a generator has no use for") {
    model.graph.inputs[1].name = "something";
    for (auto &node : model.graph.nodes)
      std::replace(node.inputs.begin(), node.inputs.end(), std::string("attention_mask"), std::string("something"));
    saveModel(model, path);
    const std::string why = "its input 'something' is none of a text generator's";
    // The reason comes before what tensors would need, and the file is named once.
    CHECK_THAT(refusal(path), StartsWith(path + ": it is no text generator: " + why) && Contains("--dim batch_size=1"));
    CHECK(refusal(path).find(path, 1) == std::string::npos);
    longer.dims = {{"batch_size", 1}};
    CHECK_THAT(refusal(path, longer), Contains("--max-seq is for models that generate text") && Contains(why));
  }
  SECTION("an op that no layer has") {
    for (auto &node : model.graph.nodes)
      if (node.op == "Sigmoid")
        node.op = "Softsign";
    saveModel(model, path);
    CHECK_THAT(refusal(path), StartsWith(path + ": it is no text generator: node '"));
    CHECK(refusal(path).find(path, 1) == std::string::npos);
    longer.as = compiler::ImportAs::Text;
    CHECK_THAT(refusal(path, longer), StartsWith(path + ": no text can be generated: node '"));
  }
  SECTION("sizes for tensors") {
    saveModel(model, path);
    longer.dims = {{"batch_size", 1}};
    CHECK_THAT(refusal(path, longer), Contains("gives no text: --dim") && Contains("--as text"));
    longer.dims.clear();
    longer.as = compiler::ImportAs::Tensors;
    CHECK_THAT(refusal(path, longer), Contains("gives no text: --as tensors"));
  }
  SECTION("a fixed number of tokens") {
    saveModel(exported("llama", {.style = Exporter::WithoutCache, .tokens = 9}), path);
    CHECK_THAT(refusal(path, longer), Contains("exported for 9 tokens; --as text"));
  }
}

TEST_CASE("a folder with several ONNX files asks for one of them", "[onnx]") {
  TemporaryFolder folder;
  std::ofstream(folder.path("b.onnx")) << "one";
  std::ofstream(folder.path("a.onnx")) << "another one";
  CHECK_THAT(refusal(folder.path("")), Contains("several ONNX files") && Catch::Matchers::EndsWith("a.onnx, b.onnx"));
}

TEST_CASE("codes of exported models stay codes on cores", "[onnx]") {
  using frontend::onnx::ElementType;
  checkCodes({.style = Exporter::GenAi, .bits = 4, .length = 32, .zeros = true, .packedTokens = true}, {2, 2});
  checkCodes({.style = Exporter::GenAiPacked, .type = ElementType::Float16, .bits = 8, .length = 16}, {3, 1});
}

TEST_CASE("exported models give text as their safetensors do", "[onnx]") { checkShared("llama", 40); }

TEST_CASE("more exported models give text as their safetensors do", "[.long]") {
  checkShared("qwen2", 40);
  checkShared("gpt2", 12); // as many positions as it was exported with
}

TEST_CASE("exports with caches give the reference's logits on meshes", "[onnx]") {
  checkExport("qwen2", {.style = Exporter::Optimum}, "decoder_model_merged.onnx");
  checkExport("gpt2", {.style = Exporter::Stacked});
}

TEST_CASE("more exports with caches give the reference's logits on meshes", "[.long]") {
  checkExport("gemma2", {.style = Exporter::Optimum});
  checkExport("mistral", {.style = Exporter::GenAiPacked});
  checkExport("gpt_neox", {.style = Exporter::MultiHead});
}
