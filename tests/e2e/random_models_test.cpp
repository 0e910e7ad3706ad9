// The mesh engine with data against the graph's oracle and against double precision, on small random models and meshes
// with sizes that divide nothing. A failure prints the seed and the case; WEFT_SEED=SEED in the environment runs that
// one alone.
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/TransformerBuilder.h"
#include "tests/e2e/Runner.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <cstdlib>
#include <fmt/format.h>

using namespace weft;
using namespace weft::test;
using graph::Interpreter;

namespace {

constexpr double tolerance = 2e-5; // of the largest logit

/// What the graph says, computed without a mesh.
class Oracle {
public:
  Oracle(const TestModel &model, uint32_t maxSeq)
      : model(model), context(mlir::MLIRContext::Threading::DISABLED),
        module(take(graph::buildTransformer(context, model.config.transformer(), maxSeq, model))),
        forward(take(Interpreter::create(*module))), caches(forward.freshCaches()) {}

  std::vector<float> run(std::span<const int32_t> ids) {
    auto bytes = [&](const std::string &name) { return model.bytes(name); };
    std::vector<float> logits = take(forward.run(ids, position, bytes, caches));
    position += int64_t(ids.size());
    return logits;
  }

private:
  const TestModel &model;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Interpreter forward;
  std::vector<graph::HostCache> caches;
  int64_t position = 0;
};

struct Case {
  TestModel model;
  MeshSize mesh{1, 1};
  uint32_t prompt = 1, steps = 1, maxSeq = 2;
  compiler::GemmChoice gemm = compiler::GemmChoice::Auto;
  uint32_t reduceStage = 0; // of its routers; 0: they combine nothing
  std::vector<int32_t> ids; // prompt + steps of them

  std::string text() const {
    const LlamaSizes &c = model.config;
    return fmt::format(
        "mesh {} gemm {} reduce_stage {} prompt {} steps {} max-seq {}; vocab {} hidden {} inner {} layers {} heads {} "
        "kv {} head_dim {} {}",
        nameOf(mesh), int(gemm), reduceStage, prompt, steps, maxSeq, c.vocabSize, c.hiddenSize, c.intermediateSize,
        c.layers, c.heads, c.kvHeads, c.headDim, c.tiedEmbeddings ? "tied" : "untied");
  }
};

Case randomCase(uint32_t seed) {
  std::mt19937 random(seed);
  auto pick = [&](uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random); };
  Case each;
  LlamaSizes &config = each.model.config;
  config.hiddenSize = pick(3, 48);
  config.headDim = 2 * pick(1, 9);
  config.kvHeads = pick(1, 5);
  config.heads = config.kvHeads * pick(1, 4);
  config.intermediateSize = 2 * pick(1, 32) + 1;
  config.layers = pick(1, 2);
  config.vocabSize = 2 * pick(2, 40) + 1;
  config.maxPositions = 64;
  config.rmsNormEps = std::pow(10.0, -double(pick(5, 7)));
  config.tiedEmbeddings = pick(0, 1) == 1;
  config.rope = plainRope(double(pick(100, 100000)), config.headDim);
  // Every other model has one type for all weights, the rest a type for each.
  std::optional<frontend::WeightType> type;
  if (pick(0, 1) == 1)
    type = static_cast<frontend::WeightType>(pick(0, 2));
  addRandomWeights(each.model, random, type);

  each.mesh = {pick(1, 7), pick(1, 7)};
  uint32_t rows = each.mesh.height;
  switch (pick(0, 3)) {
  case 0:
    each.prompt = 1;
    break;
  case 1:
    each.prompt = pick(1, std::max(1u, rows - 1));
    break;
  default:
    each.prompt = rows + pick(1, 25);
  }
  each.steps = pick(1, 9);
  // A cache exactly as long as the sequence is a third of the cases.
  each.maxSeq = each.prompt + each.steps + (pick(0, 2) == 0 ? 0 : pick(1, 15));
  each.gemm = pick(0, 1) == 0 ? compiler::GemmChoice::MeshGemm : compiler::GemmChoice::Cannon;
  each.reduceStage = seed % 2 ? 1 + seed % 9 : 0;
  for (uint32_t i = 0; i < each.prompt + each.steps; ++i)
    each.ids.push_back(int32_t(pick(0, config.vocabSize - 1)));
  return each;
}

void checkCase(uint32_t seed) {
  Case each = randomCase(seed);
  INFO("seed " << seed << ": " << each.text());
  TemporaryFolder folder;
  writeModel(each.model, folder.path("model"));
  Oracle oracle(each.model, each.maxSeq);
  Runner runner({.model = folder.path("model"),
                 .mesh = each.mesh,
                 .maxSeq = each.maxSeq,
                 .gemm = each.gemm,
                 .reduceStage = each.reduceStage});
  std::vector<std::vector<double>> exact = referenceLogits(each.model, each.ids);
  auto check = [&](const std::vector<float> &logits, const std::vector<float> &graph, size_t last) {
    CAPTURE(last);
    CHECK(difference(logits, graph) <= tolerance);
    CHECK(difference(logits, exact[last]) <= tolerance);
  };
  auto prompt = std::span(each.ids).first(each.prompt);
  check(runner.prefill(prompt), oracle.run(prompt), each.prompt - 1);
  for (uint32_t i = each.prompt; i < each.prompt + each.steps; ++i)
    check(runner.decode(each.ids[i]), oracle.run(std::span(each.ids).subspan(i, 1)), i);
}

void checkCases(uint32_t first, uint32_t count) {
  if (const char *only = std::getenv("WEFT_SEED")) {
    checkCase(uint32_t(std::strtoul(only, nullptr, 10)));
    return;
  }
  for (uint32_t seed = first; seed < first + count; ++seed)
    checkCase(seed);
}

} // namespace

TEST_CASE("random models on random meshes compute what their graph says", "[random]") { checkCases(1, 10); }

TEST_CASE("many random models on random meshes compute what their graph says", "[.long]") { checkCases(1000, 300); }
