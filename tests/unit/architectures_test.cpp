// Each architecture against the reference framework: tests/data/architectures has tiny models with odd sizes, and what
// comes out of them there. The graph, interpreted, must say the same.
#include "compiler/frontend/huggingface/Architectures.h"
#include "compiler/graph/GraphModule.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/TensorInterpreter.h"
#include "compiler/graph/TransformerBuilder.h"
#include "tests/unit/architectures_support.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

using namespace weft;
using test::Fixture;
namespace fs = std::filesystem;

namespace {

constexpr double tolerance = 2e-5;
const fs::path sharedModels = fs::path(WEFT_SOURCE_DIR).parent_path() / "shared/models";

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

/// The largest difference, as a share of the largest expected value.
double difference(std::span<const float> actual, std::span<const double> expected) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    double error = std::abs(actual[i] - expected[i]);
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(expected[i]));
  }
  return worst / largest;
}

/// A generator's two phases, ready to run.
struct Phases {
  Phases(const frontend::TransformerConfig &config, uint32_t maxSeq, const frontend::WeightSource &weights)
      : context(mlir::MLIRContext::Threading::DISABLED),
        module(take(graph::buildTransformer(context, config, maxSeq, weights))) {
    REQUIRE(mlir::succeeded(mlir::verify(*module)));
    mlir::PassManager passes(&context);
    passes.addPass(graph::createSplitPhasesPass());
    passes.addPass(graph::createVerifyGraphPass());
    REQUIRE(mlir::succeeded(passes.run(*module)));
    prefill.emplace(take(graph::Interpreter::create(*module, "prefill")));
    decode.emplace(take(graph::Interpreter::create(*module, "decode")));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<graph::Interpreter> prefill, decode;
};

void checkGenerator(const Fixture &fixture, const frontend::TransformerConfig &config) {
  const std::vector<int32_t> ids = fixture.json.at("ids");
  const size_t prompt = fixture.json.at("prompt");
  const std::vector<std::vector<double>> expected = fixture.json.at("logits");
  Phases phases(config, uint32_t(ids.size() + 2), fixture);
  auto bytes = [&](const std::string &name) { return fixture.bytes(name); };
  std::vector<graph::HostCache> caches = phases.prefill->freshCaches();
  auto first = take(phases.prefill->run(std::span(ids).first(prompt), 0, bytes, caches));
  CHECK(difference(first, expected[0]) <= tolerance);
  for (size_t i = prompt; i < ids.size(); ++i) {
    CAPTURE(i);
    auto logits = take(phases.decode->run(std::span(&ids[i], 1), int64_t(i), bytes, caches));
    CHECK(difference(logits, expected[i - prompt + 1]) <= tolerance);
  }
}

/// The values of an input by name: those of the fixture, else the default of the program.
std::vector<std::byte> inputOf(const Fixture &fixture, const graph::TensorSpec &spec) {
  std::vector<std::byte> bytes(spec.bytes());
  const auto &inputs = fixture.json.at("inputs");
  if (spec.dtype == "float32") {
    std::vector<float> values = test::fixtureValues(spec.name, {spec.shape.begin(), spec.shape.end()});
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  std::vector<int64_t> values(bytes.size() / 8, spec.name == "attention_mask" ? 1 : 0);
  if (inputs.contains(spec.name))
    values = inputs[spec.name].at("values").get<std::vector<int64_t>>();
  REQUIRE(values.size() * 8 == bytes.size());
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

void checkEncoder(const Fixture &fixture, const frontend::TransformerConfig &config) {
  const auto &inputs = fixture.json.at("inputs");
  std::map<std::string, int64_t> dims = {{"batch", 2}};
  if (inputs.contains("input_ids"))
    dims["seq"] = inputs["input_ids"].at("shape")[1];
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = take(graph::buildTransformer(context, config, 0, fixture, dims));
  REQUIRE(mlir::succeeded(mlir::verify(*module)));
  auto program = take(graph::TensorInterpreter::create(*module));
  std::vector<std::vector<std::byte>> arguments;
  for (const graph::TensorSpec &spec : program.inputs())
    arguments.push_back(inputOf(fixture, spec));
  std::vector<std::span<const std::byte>> views(arguments.begin(), arguments.end());
  auto outputs = take(program.run(views, [&](const std::string &name) { return fixture.bytes(name); }));
  REQUIRE(outputs.size() == fixture.json.at("outputs").size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string &name = program.outputs()[i].name;
    CAPTURE(name);
    std::vector<float> actual(outputs[i].size() / 4);
    std::memcpy(actual.data(), outputs[i].data(), outputs[i].size());
    CHECK(difference(actual, fixture.json.at("outputs").at(name).get<std::vector<double>>()) <= tolerance);
  }
}

} // namespace

TEST_CASE("architectures say what the reference framework says", "[architectures]") {
  const fs::path path = GENERATE(from_range(test::fixturePaths()));
  INFO(path.filename());
  Fixture fixture(path);
  frontend::TransformerConfig config = take(fixture.read());
  if (config.kind == frontend::ModelKind::Generator)
    checkGenerator(fixture, config);
  else
    checkEncoder(fixture, config);
}

TEST_CASE("every architecture has a fixture", "[architectures]") {
  std::set<std::string> families, all;
  for (const fs::directory_entry &entry : fs::directory_iterator(test::fixtureFolder))
    if (entry.path().extension() == ".json") {
      const std::string architecture = take(Fixture(entry.path()).read()).architecture;
      for (const auto &known : frontend::hf::knownArchitectures())
        if (known.name == architecture)
          families.insert(known.family);
    }
  for (const auto &known : frontend::hf::knownArchitectures())
    all.insert(known.family);
  CHECK(families == all);
}

TEST_CASE("tiny models beside the checkout, as the reference framework runs them", "[architectures]") {
  for (const char *name : {"llama", "qwen2", "gpt2", "mixtral", "bert", "vit"}) {
    const std::string folder = (sharedModels / name).string();
    if (!fs::exists(folder)) {
      WARN("skipped: no " + folder);
      continue;
    }
    INFO(name);
    auto model = take(frontend::hf::readModel(folder));
    const test::StoredModel stored(folder);
    auto bytes = [&](const std::string &weight) { return stored.bytes(weight); };
    const std::vector<double> expected = test::loadNumpy(folder + "/reference.npz", "output");
    if (model.config.kind == frontend::ModelKind::Encoder) {
      const bool isVit = model.config.patches.has_value();
      std::map<std::string, int64_t> dims;
      if (!isVit)
        dims["seq"] = 12;
      mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
      auto module = take(graph::buildTransformer(context, model.config, 0, *model.weights, dims));
      auto program = take(graph::TensorInterpreter::create(*module));
      std::vector<std::vector<std::byte>> arguments;
      for (const graph::TensorSpec &spec : program.inputs()) {
        std::vector<double> values(spec.bytes() / spec.elementBytes, spec.name == "attention_mask" ? 1 : 0);
        if (spec.name == "input_ids" || spec.name == "pixel_values")
          values = test::loadNumpy(folder + "/reference.npz", spec.name);
        arguments.push_back(isVit ? test::bytesAs<float>(values) : test::bytesAs<int64_t>(values));
      }
      std::vector<std::span<const std::byte>> views(arguments.begin(), arguments.end());
      auto outputs = take(program.run(views, bytes));
      std::vector<float> actual(outputs[0].size() / 4);
      std::memcpy(actual.data(), outputs[0].data(), outputs[0].size());
      CHECK(difference(actual, expected) <= 5e-5);
      continue;
    }
    const std::vector<double> prompt = test::loadNumpy(folder + "/reference.npz", "input_ids");
    const std::vector<double> greedy = test::loadNumpy(folder + "/reference.npz", "greedy_ids");
    std::vector<int32_t> ids(prompt.begin(), prompt.end());
    Phases phases(model.config, uint32_t(ids.size() + greedy.size()), *model.weights);
    std::vector<graph::HostCache> caches = phases.prefill->freshCaches();
    std::vector<float> logits = take(phases.prefill->run(ids, 0, bytes, caches));
    CHECK(difference(logits, std::span(expected).last(logits.size())) <= 5e-5);
    for (size_t i = 0; i < greedy.size(); ++i) {
      auto next = int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
      CHECK(next == int32_t(greedy[i]));
      logits = take(phases.decode->run(std::span(&next, 1), int64_t(ids.size() + i), bytes, caches));
    }
  }
}
