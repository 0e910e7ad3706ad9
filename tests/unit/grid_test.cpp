// The grid level against its neighbours on random small models: what the graph means, the grid interpreted on all cores
// computes, and the mesh engine with data computes the very same bits.
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/TransformerBuilder.h"
#include "compiler/pipeline/Compile.h"
#include "tests/unit/grid_support.h"
#include "tools/RegisterEverything.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::test;

namespace {

/// Logits after the prompt and after each further token.
using Rows = std::vector<std::vector<float>>;

struct Case {
  TestModel model;
  std::vector<int32_t> ids;
  size_t prompt = 1;
  uint32_t maxSeq = 1, width = 1, height = 1;
  bool cannon = false;
  compiler::ReduceChoice reduce = compiler::ReduceChoice::Auto;
};

Case randomCase(uint32_t seed) {
  std::mt19937 random(seed);
  auto pick = [&](uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random); };
  Case made;
  made.model = randomModel(random);
  made.prompt = pick(1, 9);
  made.ids.resize(made.prompt + pick(1, 5));
  for (int32_t &id : made.ids)
    id = static_cast<int32_t>(pick(0, made.model.config.vocabSize - 1));
  // Every third cache is exactly as long as the sequence.
  made.maxSeq = static_cast<uint32_t>(made.ids.size()) + (seed % 3 == 0 ? 0 : pick(1, 20));
  made.width = pick(1, 6);
  made.height = pick(1, 6);
  made.cannon = pick(0, 1) == 1;
  made.reduce = seed % 2 ? compiler::ReduceChoice::Router : compiler::ReduceChoice::Core;
  return made;
}

Rows runGraph(const Case &tested) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = take(graph::buildTransformer(context, tested.model.config.transformer(), tested.maxSeq, tested.model));
  mlir::PassManager passes(&context);
  passes.addPass(graph::createSplitPhasesPass());
  REQUIRE(mlir::succeeded(passes.run(*module)));
  auto bytes = [&](const std::string &name) { return tested.model.bytes(name); };
  auto prefill = take(graph::Interpreter::create(*module, "prefill"));
  auto decode = take(graph::Interpreter::create(*module, "decode"));
  auto caches = prefill.freshCaches();
  std::span<const int32_t> ids = tested.ids;
  Rows rows = {take(prefill.run(ids.first(tested.prompt), 0, bytes, caches))};
  for (size_t i = tested.prompt; i < ids.size(); ++i)
    rows.push_back(take(decode.run(ids.subspan(i, 1), static_cast<int64_t>(i), bytes, caches)));
  return rows;
}

/// The largest difference, as a share of the largest expected logit.
double difference(const std::vector<float> &actual, const std::vector<float> &expected) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    double error = std::abs(double(actual[i]) - double(expected[i]));
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(double(expected[i])));
  }
  return worst / largest;
}

} // namespace

static void checkRandomModels(uint32_t first, uint32_t count) {
  for (uint32_t seed = first; seed < first + count; ++seed) {
    Case tested = randomCase(seed);
    CAPTURE(seed, tested.width, tested.height, tested.cannon, tested.maxSeq, tested.prompt, tested.ids.size());
    CAPTURE(tested.model.config.hiddenSize, tested.model.config.heads, tested.model.config.kvHeads,
            tested.model.config.headDim);
    TemporaryFolder folder;
    writeModel(tested.model, folder.path);
    compiler::CompileOptions options;
    options.model = folder.path;
    options.hardware = take(hw::load("rvv-lab", {{"routing.reduce_stage", std::to_string(1 + seed % 5)}}));
    options.reduce = tested.reduce;
    options.meshWidth = tested.width;
    options.meshHeight = tested.height;
    options.maxSeq = tested.maxSeq;
    options.gemm = tested.cannon ? compiler::GemmChoice::Cannon : compiler::GemmChoice::MeshGemm;
    auto package = take(compiler::compile(options)).package;
    options.until = compiler::Phase::Place;
    std::string text = take(compiler::compile(options)).ir;

    // What was printed is what is run, so that the text form is part of the test.
    mlir::DialectRegistry registry;
    registerEverything(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    auto placed = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    REQUIRE(placed);
    auto grid = take(place::GridInterpreter::create(*placed, provider(tested.model)));

    auto files = take(runtime::WeightFiles::open(*package));
    runtime::CoreFiller filler(*package, files);
    Engine engine(*package, options.hardware,
                  [&](uint32_t x, uint32_t y, std::span<std::byte> sram) { return filler.fill(x, y, sram); });

    Rows expected = runGraph(tested);
    std::span<const int32_t> ids = tested.ids;
    for (size_t launch = 0; launch < expected.size(); ++launch) {
      CAPTURE(launch);
      size_t known = tested.prompt + launch;
      auto given = launch == 0 ? ids.first(tested.prompt) : ids.subspan(known - 1, 1);
      std::vector<float> onGrid = launch == 0 ? take(grid.prefill(given)) : take(grid.decode(given[0]));
      std::vector<float> onMesh = engine.run(launch == 0 ? "prefill" : "decode", given, static_cast<uint32_t>(known));
      CHECK(difference(onGrid, expected[launch]) <= 2e-5);
      CHECK(onMesh == onGrid); // bit for bit
    }
    for (uint32_t layer = 0; layer < tested.model.config.layers; ++layer)
      for (const char *half : {"keys", "values"})
        for (uint32_t x = 0; x < tested.width; ++x)
          for (uint32_t y = 0; y < tested.height; ++y) {
            std::string name = fmt::format("cache{}.{}", layer, half);
            std::vector<float> cached = grid.cacheShard(name, x, y), resident = engine.resident(name, x, y);
            REQUIRE(cached.size() <= resident.size());
            resident.resize(cached.size()); // buffers end on 16 bytes
            CAPTURE(name, x, y);
            REQUIRE(cached == resident);
          }
  }
}

TEST_CASE("random models mean the same as graph, as grid and on the mesh", "[grid]") { checkRandomModels(0, 8); }

TEST_CASE("many random models mean the same as graph, as grid and on the mesh", "[.long]") {
  checkRandomModels(100, 60);
}
