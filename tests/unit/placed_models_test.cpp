// Text generators of all kinds on meshes: each architecture's fixture against the reference framework's logits, and
// random models against their graph. The grid interpreted and the mesh engine must give the very same bits.
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/TransformerBuilder.h"
#include "tests/unit/architectures_support.h"
#include "tests/unit/grid_support.h"
#include "tests/unit/random_plan.h"
#include "tests/unit/random_transformer.h"

#include "mlir/Pass/PassManager.h"

#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace weft;
using namespace weft::test;

namespace {

constexpr double tolerance = 2e-5; // of the largest logit

struct MeshChoice {
  int64_t width = 1, height = 1;
  bool cannon = false;
  std::vector<place::ExpertChoice> experts = {}; // by layer; empty: what the compiler takes
};

/// The largest difference, as a share of the largest expected logit.
template <typename Expected> double difference(const std::vector<float> &actual, const Expected &expected) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    double error = std::abs(double(actual[i]) - double(expected[i]));
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(double(expected[i])));
  }
  return worst / largest;
}

using Bytes = std::function<std::span<const std::byte>(const std::string &name)>;

/// A model on a mesh, run by the grid interpreter and by the mesh engine.
class Placed {
public:
  Placed(const frontend::TransformerConfig &config, const frontend::WeightSource &weights, const Bytes &bytes,
         uint32_t maxSeq, const MeshChoice &choice)
      : context(mlir::MLIRContext::Threading::DISABLED),
        module(take(graph::buildTransformer(context, config, maxSeq, weights))),
        hardware(take(hw::load("rvv-lab", {{"routing.reduce_stage", "2"}}))) {
    place::PlaceOptions options;
    options.width = choice.width;
    options.height = choice.height;
    options.maxSeq = maxSeq;
    options.cannon = choice.cannon;
    options.expertChoices = choice.experts;
    options.costs.reduceStage = 2;
    mlir::PassManager passes(&context);
    passes.addPass(graph::createSplitPhasesPass());
    passes.addPass(graph::createVerifyGraphPass());
    passes.addPass(place::createPlacePass(options));
    passes.addPass(place::createGridVerifyPass());
    REQUIRE(mlir::succeeded(passes.run(*module)));
    place::WeightProvider provider{[&](const std::string &name) { return weights.find(name); }, bytes};
    package = compileGrid(*module, place::Mesh::make(choice.width, choice.height, !choice.cannon), weights, hardware);
    // The interpreter compiles kernels itself in grid_test.
    grid.emplace(take(place::GridInterpreter::create(*module, provider, package.get())));
    engine.emplace(*package, hardware, fillFrom(*package, bytes));
  }

  /// Of the newest of `known` tokens; `given` are those that the launch brings.
  std::vector<float> run(std::span<const int32_t> given, size_t known) {
    const bool prefill = given.size() == known;
    std::vector<float> onGrid = prefill ? take(grid->prefill(given)) : take(grid->decode(given[0]));
    CHECK(engine->run(prefill ? "prefill" : "decode", given, uint32_t(known)) == onGrid); // bit for bit
    return onGrid;
  }

private:
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  hw::Hardware hardware;
  std::optional<place::GridInterpreter> grid;
  std::unique_ptr<runtime::Package> package;
  std::optional<Engine> engine;
};

/// `rowsPerRegion`: 0: experts as the compiler takes them; else on regions of so many rows, one expert after the other.
void checkFixture(const std::string &name, MeshChoice choice, int64_t rowsPerRegion = 0) {
  CAPTURE(name, choice.width, choice.height, choice.cannon, rowsPerRegion);
  Fixture fixture(fixtureFolder / (name + ".json"));
  const frontend::TransformerConfig config = take(fixture.read());
  for (const frontend::LayerConfig &layer : config.layers)
    if (rowsPerRegion && layer.moe)
      choice.experts.push_back(
          {.layer = layer.name,
           .routed = true,
           .reason = "test",
           .plan = place::roundRobinPlan({.experts = int64_t(layer.moe->experts.size())},
                                         {.width = choice.width, .height = choice.height}, rowsPerRegion)});
  CHECK(choice.experts.empty() == (rowsPerRegion == 0));
  const std::vector<int32_t> ids = fixture.json.at("ids");
  const size_t prompt = fixture.json.at("prompt");
  const std::vector<std::vector<double>> expected = fixture.json.at("logits");
  Placed placed(
      config, fixture, [&](const std::string &weight) { return fixture.bytes(weight); }, uint32_t(ids.size() + 2),
      choice);
  for (size_t known = prompt; known <= ids.size(); ++known) {
    CAPTURE(known);
    auto given = known == prompt ? std::span(ids).first(prompt) : std::span(ids).subspan(known - 1, 1);
    CHECK(difference(placed.run(given, known), expected[known - prompt]) <= tolerance);
  }
}

std::string text(const place::ExpertPlan &plan) {
  return fmt::format("regions {} of {} rows, {} slots: {}", plan.regions, plan.rowsPerRegion, plan.slots,
                     fmt::join(plan.expert, " "));
}

void checkRandom(uint32_t seed, RandomKinds kinds = {}) {
  const bool regions = kinds.mixtures;
  RandomTransformer model(seed, kinds);
  std::mt19937 random(seed);
  auto pick = [&](uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random); };
  const uint32_t prompt = pick(1, 12), steps = pick(1, 5), maxSeq = prompt + steps + (seed % 3 ? pick(1, 20) : 0);
  MeshChoice choice{pick(1, 7), pick(1, 6), pick(0, 1) == 1};
  std::string plans;
  for (size_t layer = 0; regions && layer < model.config.layers.size(); ++layer) {
    const auto experts = int64_t(model.config.layers[layer].moe->experts.size());
    choice.experts.push_back({.layer = "test",
                              .shape = {},
                              .routed = true,
                              .reason = "test",
                              .plan = randomPlan(experts, choice.height, random)});
    plans += "; " + text(choice.experts.back().plan) + " of " + std::to_string(experts);
  }
  INFO("seed " << seed << ": mesh " << choice.width << "x" << choice.height << " prompt " << prompt << " steps "
               << steps << " max-seq " << maxSeq << " " << model.text() << plans);
  std::vector<int32_t> ids;
  for (uint32_t i = 0; i < prompt + steps; ++i)
    ids.push_back(int32_t(pick(0, model.config.vocabSize - 1)));
  Bytes bytes = [&](const std::string &name) { return model.bytes(name); };

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto graphModule = take(graph::buildTransformer(context, model.config, maxSeq, model));
  auto forward = take(graph::Interpreter::create(*graphModule));
  auto caches = forward.freshCaches();
  Placed placed(model.config, model, bytes, maxSeq, choice);
  for (uint32_t known = prompt; known <= ids.size(); ++known) {
    CAPTURE(known);
    auto given = known == prompt ? std::span(ids).first(prompt) : std::span(ids).subspan(known - 1, 1);
    auto expected = take(forward.run(given, known == prompt ? 0 : known - 1, bytes, caches));
    CHECK(difference(placed.run(given, known), expected) <= tolerance);
  }
}

void checkRandoms(uint32_t first, uint32_t count, RandomKinds kinds = {}) {
  if (const char *only = std::getenv("WEFT_SEED"))
    return checkRandom(uint32_t(std::strtoul(only, nullptr, 10)), kinds);
  for (uint32_t seed = first; seed < first + count; ++seed)
    checkRandom(seed, kinds);
}

} // namespace

TEST_CASE("decoders of each architecture compute on meshes what the reference framework does", "[placed]") {
  const std::string names[] = {"llama",
                               "qwen2",
                               "qwen3",
                               "mistral",
                               "gemma",
                               "gemma2",
                               "phi3",
                               "gpt2",
                               "gpt_neox",
                               "gpt_neox_serial",
                               "opt",
                               "opt_after",
                               "olmo2",
                               "mixtral",
                               "qwen3_moe",
                               "deepseek_v2",
                               "deepseek_v2_yarn",
                               "deepseek_v3"};
  const MeshChoice meshes[] = {{1, 1}, {4, 4}, {5, 3}, {3, 2, true}, {5, 7}, {2, 5, true}};
  for (size_t i = 0; i < std::size(names); ++i)
    checkFixture(names[i], meshes[i % std::size(meshes)]);
}

TEST_CASE("decoders of each architecture on all meshes", "[.long][placed]") {
  for (const auto &entry : std::filesystem::directory_iterator(fixtureFolder)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() != ".json" || !Fixture(entry.path()).json.contains("prompt"))
      continue;
    for (const MeshChoice &mesh :
         {MeshChoice{1, 1}, {4, 4}, {5, 3}, {3, 2, true}, {5, 7}, {2, 5, true}, {1, 6}, {8, 1}})
      checkFixture(name, mesh);
  }
}

TEST_CASE("random decoders on random meshes compute what their graph says", "[placed]") { checkRandoms(1, 5); }

TEST_CASE("many random decoders on random meshes compute what their graph says", "[.long][placed]") {
  checkRandoms(1000, 300);
}

TEST_CASE("random attention over latents computes what its graph says", "[placed][latent]") {
  checkRandoms(3000, 4, {.latents = true});
}

TEST_CASE("much random attention over latents computes what its graph says", "[.long][placed][latent]") {
  checkRandoms(4000, 200, {.latents = true});
  checkRandoms(5000, 100, {.mixtures = true, .latents = true});
}

TEST_CASE("mixtures of each architecture on regions compute what the reference framework does", "[placed][experts]") {
  checkFixture("mixtral", {4, 4}, 1);
  checkFixture("mixtral", {3, 2, true}, 2);
  checkFixture("qwen3_moe", {5, 3}, 2);
  checkFixture("qwen3_moe", {2, 7}, 3);
  checkFixture("deepseek_v2", {3, 4}, 2);
  checkFixture("deepseek_v3", {4, 3}, 1);
}

TEST_CASE("mixtures of each architecture on regions of all meshes", "[.long][placed][experts]") {
  for (const char *name : {"mixtral", "qwen3_moe", "deepseek_v2", "deepseek_v2_yarn", "deepseek_v3"})
    for (const MeshChoice &mesh : {MeshChoice{1, 1}, {4, 4}, {5, 3}, {3, 2, true}, {2, 7}})
      for (int64_t rows = 1; rows <= mesh.height; ++rows)
        checkFixture(name, mesh, rows);
}

TEST_CASE("experts on any regions compute what their graph says", "[placed][experts]") {
  checkRandoms(1, 5, {.mixtures = true});
}

TEST_CASE("many mixtures on any regions compute what their graph says", "[.long][placed][experts]") {
  checkRandoms(2000, 300, {.mixtures = true});
}
