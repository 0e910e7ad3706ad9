// The graph level against its oracle: `xf` interpreted as linalg must compute what a Llama computes.
#include "compiler/graph/GraphModule.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/TransformerBuilder.h"
#include "tests/unit/xf_reference.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

using namespace weft;
using graph::HostCache;
using graph::Interpreter;
using test::TestModel;

namespace {

const std::string sharedModels = WEFT_SOURCE_DIR "/../shared/models/";

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

mlir::OwningOpRef<mlir::ModuleOp> splitPhases(mlir::ModuleOp forward) {
  mlir::OwningOpRef<mlir::ModuleOp> module = forward.clone();
  mlir::PassManager manager(forward.getContext());
  manager.addPass(graph::createSplitPhasesPass());
  manager.addPass(graph::createVerifyGraphPass());
  REQUIRE(mlir::succeeded(manager.run(*module)));
  return module;
}

/// A model's two phases, ready to run, and one sequence.
struct Sequence {
  Sequence(const TestModel &model, uint32_t maxSeq, mlir::MLIRContext &context)
      : model(model), forward(take(graph::buildTransformer(context, model.config.transformer(), maxSeq, model))),
        phases(splitPhases(*forward)), prefillPhase(take(Interpreter::create(*phases, "prefill"))),
        decodePhase(take(Interpreter::create(*phases, "decode"))) {}

  std::vector<float> prefill(std::span<const int32_t> ids) {
    caches = prefillPhase.freshCaches();
    position = int64_t(ids.size());
    return take(prefillPhase.run(ids, 0, bytes(), caches));
  }
  std::vector<float> decode(int32_t id) {
    return take(decodePhase.run(std::span(&id, 1), position++, bytes(), caches));
  }
  graph::WeightBytes bytes() const {
    return [this](const std::string &name) { return model.bytes(name); };
  }

  const TestModel &model;
  mlir::OwningOpRef<mlir::ModuleOp> forward, phases;
  Interpreter prefillPhase, decodePhase;
  std::vector<HostCache> caches;
  int64_t position = 0;
};

/// The largest difference, as a share of the largest expected logit.
template <typename Expected> double difference(const std::vector<float> &actual, const Expected &expected) {
  REQUIRE(size_t(std::distance(expected.begin(), expected.end())) == actual.size());
  double worst = 0, largest = 0;
  auto wanted = expected.begin();
  for (float value : actual) {
    double error = std::abs(value - double(*wanted));
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(double(*wanted++)));
  }
  return worst / largest;
}

int32_t greedy(const std::vector<float> &logits) {
  return int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

bool haveShared(const std::string &model) {
  if (std::filesystem::exists(sharedModels + model))
    return true;
  WARN("skipped: no " + sharedModels + model);
  return false;
}

std::vector<int32_t> toIds(const std::vector<double> &values) { return {values.begin(), values.end()}; }

std::string errorOf(const TestModel &model, uint32_t maxSeq) {
  mlir::MLIRContext context;
  auto module = graph::buildTransformer(context, model.config.transformer(), maxSeq, model);
  REQUIRE_FALSE(module);
  return module.error().message;
}

} // namespace

TEST_CASE("random models compute what the double-precision reference computes", "[xf]") {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  for (uint32_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TestModel model = test::randomModel(random);
    auto pick = [&](uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random); };
    uint32_t prompt = pick(1, 9), steps = pick(1, 4);
    std::vector<int32_t> ids(prompt + steps);
    for (int32_t &id : ids)
      id = int32_t(pick(0, model.config.vocabSize - 1));
    std::vector<std::vector<double>> expected = test::referenceLogits(model, ids);

    // The cache is exactly as long as the sequence on every third seed.
    Sequence sequence(model, prompt + steps + (seed % 3 == 0 ? 0 : pick(1, 20)), context);
    REQUIRE(mlir::succeeded(mlir::verify(*sequence.forward)));
    std::vector<float> afterPrompt = sequence.prefill(std::span(ids).first(prompt));
    CHECK(difference(afterPrompt, expected[prompt - 1]) <= 1e-5);
    for (uint32_t i = prompt; i < ids.size(); ++i)
      CHECK(difference(sequence.decode(ids[i]), expected[i]) <= 1e-5);

    // prefill(n) is prefill(1) and n - 1 decodes, in logits and in caches.
    std::vector<HostCache> caches = sequence.caches;
    std::vector<float> logits = sequence.prefill(std::span(ids).first(1));
    for (uint32_t i = 1; i < prompt; ++i)
      logits = sequence.decode(ids[i]);
    CHECK(difference(logits, afterPrompt) <= 1e-5);
    for (uint32_t i = prompt; i < ids.size(); ++i)
      sequence.decode(ids[i]);
    for (size_t layer = 0; layer < caches.size(); ++layer) {
      CHECK(difference(sequence.caches[layer].keys, caches[layer].keys) <= 1e-5);
      CHECK(difference(sequence.caches[layer].values, caches[layer].values) <= 1e-5);
    }

    // The graph before the split means the same, in two launches of several tokens each.
    if (seed % 4 == 1 && prompt > 1) {
      Interpreter whole = take(Interpreter::create(*sequence.forward));
      std::vector<HostCache> fresh = whole.freshCaches();
      (void)take(whole.run(std::span(ids).first(prompt / 2), 0, sequence.bytes(), fresh));
      auto rest = take(whole.run(std::span(ids).subspan(prompt / 2), prompt / 2, sequence.bytes(), fresh));
      CHECK(difference(rest, expected.back()) <= 1e-5);
    }
  }
}

TEST_CASE("bard-1m says what its reference says", "[xf]") {
  std::string folder = WEFT_SOURCE_DIR "/examples/models/bard-1m";
  TestModel model = test::loadModel(folder);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Sequence sequence(model, 128, context);
  std::ifstream file(folder + "/reference.json");
  const nlohmann::json json = nlohmann::json::parse(file); // named: a loop over a part of a temporary would dangle
  REQUIRE(json.at("references").size() == 4);
  for (const auto &reference : json.at("references")) {
    std::vector<int32_t> prompt = reference.at("prompt_ids"), wanted = reference.at("greedy_ids"), actual;
    std::vector<float> logits = sequence.prefill(prompt);
    CHECK(difference(logits, reference.at("last_logits").get<std::vector<double>>()) <= 5e-5);
    for (size_t i = 0; i < wanted.size(); ++i) {
      actual.push_back(greedy(logits));
      logits = sequence.decode(actual.back());
    }
    CHECK(actual == wanted);
  }
}

TEST_CASE("the tiny Llama of the reference framework, token by token", "[xf]") {
  if (!haveShared("llama"))
    return;
  TestModel model = test::loadModel(sharedModels + "llama");
  std::string reference = sharedModels + "llama/reference.npz";
  std::vector<int32_t> ids = toIds(test::loadNumpy(reference, "input_ids"));
  std::vector<int32_t> wanted = toIds(test::loadNumpy(reference, "greedy_ids"));
  std::vector<double> output = test::loadNumpy(reference, "output");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Sequence sequence(model, uint32_t(ids.size() + wanted.size()), context);
  std::vector<float> logits;
  for (size_t i = 0; i < ids.size(); ++i) {
    logits = i == 0 ? sequence.prefill(std::span(ids).first(1)) : sequence.decode(ids[i]);
    CHECK(difference(logits, std::span(output).subspan(i * logits.size(), logits.size())) <= 5e-5);
  }
  std::vector<int32_t> actual;
  for (size_t i = 0; i < wanted.size(); ++i) {
    actual.push_back(greedy(logits));
    logits = sequence.decode(actual.back());
  }
  CHECK(actual == wanted);
}

TEST_CASE("stories260k, the prompt with two near-equal logits", "[xf]") {
  if (!haveShared("stories260k"))
    return;
  TestModel model = test::loadModel(sharedModels + "stories260k");
  std::string reference = sharedModels + "stories260k/reference/p4_long";
  std::vector<int32_t> ids = toIds(test::loadNumpy(reference + ".tokens.npy"));
  std::vector<double> output = test::loadNumpy(reference + ".logits.npy");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Sequence sequence(model, uint32_t(ids.size()), context);
  for (size_t i = 0; i < ids.size(); ++i) {
    CAPTURE(i);
    std::vector<float> logits = i == 0 ? sequence.prefill(std::span(ids).first(1)) : sequence.decode(ids[i]);
    auto wanted = std::span(output).subspan(i * logits.size(), logits.size());
    CHECK(difference(logits, wanted) <= 5e-5);
    CHECK(greedy(logits) == std::max_element(wanted.begin(), wanted.end()) - wanted.begin());
  }
}

TEST_CASE("the builder names what is wrong with a model", "[xf]") {
  std::mt19937 random(1);
  const TestModel good = test::randomModel(random);
  const std::string name = "model.layers.0.self_attn.k_proj.weight";

  TestModel missing = good;
  missing.weights.erase(name);
  CHECK_THAT(errorOf(missing, 8), Catch::Contains("no tensor '" + name + "'"));

  TestModel narrow = good;
  narrow.weights.at(name).info.shape[1] += 1;
  CHECK_THAT(errorOf(narrow, 8), Catch::Contains(name) && Catch::Contains("config asks for"));

  CHECK_THAT(errorOf(good, 65), Catch::Contains("--max-seq"));
  CHECK_THAT(errorOf(good, 0), Catch::Contains("--max-seq"));

  // What no config file can say.
  auto errorOfConfig = [&](const std::function<void(frontend::TransformerConfig &)> &change) {
    frontend::TransformerConfig config = good.config.transformer();
    change(config);
    mlir::MLIRContext context;
    auto module = graph::buildTransformer(context, config, 8, good);
    REQUIRE_FALSE(module);
    return module.error().message;
  };
  CHECK_THAT(errorOfConfig([](auto &config) { config.layers.clear(); }), Catch::Contains("num_hidden_layers is 0"));
  CHECK_THAT(errorOfConfig([](auto &config) { config.layers.front().attention.kvHeads = 0; }),
             Catch::Contains("num_key_value_heads is 0"));
  CHECK_THAT(errorOfConfig([](auto &config) { config.rope.inverseFrequencies.resize(1000, 1.0); }),
             Catch::Contains("values of a head turn"));
  CHECK_THAT(errorOfConfig([](auto &config) { config.layers.front().mlpNorms.pre.epsilon = -1; }),
             Catch::Contains("epsilon of a norm"));
}

TEST_CASE("the interpreter refuses what the graph does not define", "[xf]") {
  std::mt19937 random(2);
  TestModel model = test::randomModel(random);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Sequence sequence(model, 4, context);
  auto caches = sequence.prefillPhase.freshCaches();
  auto errorOfRun = [&](const Interpreter &phase, std::vector<int32_t> ids, int64_t position) {
    auto result = phase.run(ids, position, sequence.bytes(), caches);
    REQUIRE_FALSE(result);
    return result.error().message;
  };
  CHECK_THAT(errorOfRun(sequence.prefillPhase, {0, 1, 2, 3, 4}, 0), Catch::Contains("do not fit a cache of 4"));
  CHECK_THAT(errorOfRun(sequence.prefillPhase, {0}, 1), Catch::Contains("position 0"));
  CHECK_THAT(errorOfRun(sequence.prefillPhase, {-1}, 0), Catch::Contains("outside the vocabulary"));
  CHECK_THAT(errorOfRun(sequence.prefillPhase, {int32_t(model.config.vocabSize)}, 0),
             Catch::Contains("outside the vocabulary"));
  CHECK_THAT(errorOfRun(sequence.decodePhase, {0, 1}, 0), Catch::Contains("takes 1"));
  CHECK_THAT(errorOfRun(sequence.decodePhase, {0}, 4), Catch::Contains("do not fit"));

  auto shortWeights = [&](const std::string &name) { return model.bytes(name).subspan(1); };
  auto result = sequence.prefillPhase.run(std::vector<int32_t>{0}, 0, shortWeights, caches);
  REQUIRE_FALSE(result);
  CHECK_THAT(result.error().message, Catch::Contains("bytes, but its type has"));
  CHECK_FALSE(Interpreter::create(*sequence.phases, "forward"));
}
