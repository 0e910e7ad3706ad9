// Choices that must not change results: GEMM algorithm, types of weights, a trip through a file, timing without data.
#include "tests/e2e/Runner.h"

#include <fstream>
#include <map>

using namespace weft;
using namespace weft::test;
using compiler::GemmChoice;

namespace {

/// The longest hop of a message on the rings of each axis, in all launches of `program`.
std::map<char, uint32_t> ringHops(const Runner &runner, size_t launch) {
  const pkg::ProgramT &program = *runner.package().programs.at(launch == 0 ? 0 : 1);
  const runtime::LaunchReport &report = runner.session().reports().at(launch);
  REQUIRE(program.name == (launch == 0 ? "prefill" : "decode"));
  REQUIRE(report.channels.size() == program.channels.size());
  std::map<char, uint32_t> hops;
  for (size_t i = 0; i < program.channels.size(); ++i) {
    const std::string &name = program.channels[i]->name;
    if (name.find("_ring_") != std::string::npos && report.channels[i].messages > 0)
      hops[name[0]] = std::max(hops[name[0]], report.channels[i].maxHops);
  }
  return hops;
}

std::vector<int32_t> promptOf(size_t tokens) {
  Reference reference = bardReferences().at(1);
  std::vector<int32_t> prompt = reference.prompt;
  prompt.insert(prompt.end(), reference.greedy.begin(), reference.greedy.end());
  prompt.resize(tokens);
  return prompt;
}

/// The most hops of one step, along one axis with `cores` cores.
uint32_t meshGemmHops(uint32_t cores) { return std::min(2u, cores - 1); }
uint32_t cannonHops(uint32_t cores) { return cores - 1; }

void checkHops(MeshSize mesh, const Runner &runner, uint32_t (*expected)(uint32_t)) {
  std::map<char, uint32_t> hops = ringHops(runner, 0);
  CHECK(hops['x'] == expected(mesh.width)); // 0: no ring on an axis of one core
  CHECK(hops['y'] == expected(mesh.height));
}

} // namespace

/// Both algorithms on each mesh: the same tokens, and the hops that each is known for.
static void checkAlgorithms(const std::vector<MeshSize> &meshes) {
  std::vector<int32_t> prompt = promptOf(21);
  std::optional<std::vector<int32_t>> tokens;
  for (MeshSize mesh : meshes) {
    CAPTURE(nameOf(mesh));
    Runner meshGemm({.mesh = mesh, .gemm = GemmChoice::MeshGemm});
    Runner cannon({.mesh = mesh, .gemm = GemmChoice::Cannon});
    std::vector<int32_t> generated = meshGemm.greedy(prompt, 4);
    CHECK(cannon.greedy(prompt, 4) == generated);
    CHECK(generated == tokens.value_or(generated));
    tokens = generated;
    checkHops(mesh, meshGemm, meshGemmHops);
    checkHops(mesh, cannon, cannonHops);
    for (auto [axis, hops] : ringHops(meshGemm, 1))
      CHECK(hops <= 2); // the cache's shift in decode
  }
}

TEST_CASE("MeshGEMM moves at most two hops a step where Cannon's wrap-around crosses the mesh", "[algorithms]") {
  checkAlgorithms({{5, 7}, {8, 2}, {1, 6}});
}

TEST_CASE("MeshGEMM and Cannon on more meshes", "[.long]") {
  checkAlgorithms({{2, 2}, {3, 3}, {4, 4}, {8, 3}, {7, 7}, {16, 16}});
}

TEST_CASE("routers that combine words give the tokens that cores give, in fewer cycles", "[algorithms]") {
  std::vector<int32_t> prompt = promptOf(21);
  std::optional<std::vector<int32_t>> tokens;
  for (MeshSize mesh : {MeshSize{2, 3}, {5, 7}}) {
    CAPTURE(nameOf(mesh));
    Runner cores({.mesh = mesh, .reduce = compiler::ReduceChoice::Core, .reduceStage = 4});
    Runner routers({.mesh = mesh, .reduce = compiler::ReduceChoice::Router, .reduceStage = 4});
    std::vector<int32_t> generated = cores.greedy(prompt, 4);
    CHECK(routers.greedy(prompt, 4) == generated);
    CHECK(generated == tokens.value_or(generated));
    tokens = generated;
    CHECK(routers.session().reports().back().cycles < cores.session().reports().back().cycles);
  }
}

TEST_CASE("routers combine words where that is predicted to take fewer cycles", "[algorithms]") {
  auto programs = [](compiler::ReduceChoice reduce, uint32_t stage) {
    auto package = compileModel({.mesh = {5, 7}, .reduce = reduce, .reduceStage = stage});
    package->hardware_yaml.clear();
    package->hardware_digest = 0;
    return runtime::serialize(*package);
  };
  using enum compiler::ReduceChoice;
  std::vector<std::byte> cores = programs(Core, 4);
  CHECK(cores == programs(Auto, 0)); // the same bytes as on a machine without the unit
  CHECK(cores == programs(Auto, 60));
  const std::vector<std::byte> routers = programs(Router, 4);
  CHECK(routers != cores);
  CHECK(programs(Auto, 4) == routers);
}

TEST_CASE("a model compiled twice gives the same bytes", "[algorithms]") {
  const Setup setup{.mesh = {5, 7}};
  CHECK(runtime::serialize(*compileModel(setup)) == runtime::serialize(*compileModel(setup)));
}

TEST_CASE("a package that went through a file runs the same", "[algorithms]") {
  TemporaryFolder folder;
  std::vector<int32_t> prompt = promptOf(9);
  Runner direct({.mesh = {5, 7}});
  REQUIRE(runtime::writePackage(direct.package(), folder.path("bard.weft")));
  Runner read(take(runtime::readPackage(folder.path("bard.weft"))));
  CHECK(runtime::serialize(read.package()) == runtime::serialize(direct.package()));
  CHECK(read.prefill(prompt) == direct.prefill(prompt)); // to the bit
  CHECK(read.decode(5) == direct.decode(5));
  for (size_t i = 0; i < 2; ++i)
    CHECK(read.session().reports().at(i).cycles == direct.session().reports().at(i).cycles);
}

TEST_CASE("timing without data takes the cycles of the run with data", "[algorithms]") {
  for (MeshSize mesh : {MeshSize{1, 1}, MeshSize{3, 2}, MeshSize{5, 7}, MeshSize{16, 16}}) {
    CAPTURE(nameOf(mesh));
    std::unique_ptr<runtime::Package> package = compileModel({.mesh = mesh});
    Runner timing(std::make_unique<runtime::Package>(*package), true), data(std::move(package));
    runtime::GenerateOptions options;
    options.maxNew = 6;
    std::vector<int32_t> prompt = promptOf(11);
    (void)data.greedy(prompt, 6);
    CHECK(timing.prefill(prompt).empty());
    for (int32_t token = 0; token < 5; ++token) // which ones does not matter
      CHECK(timing.decode(token).empty());
    REQUIRE(timing.session().reports().size() == data.session().reports().size());
    for (size_t i = 0; i < data.session().reports().size(); ++i) {
      const runtime::LaunchReport &timed = timing.session().reports()[i], &run = data.session().reports()[i];
      CHECK(timed.cycles == run.cycles);
      CHECK(timed.cycles > 0);
      CHECK(timed.counters.wordHops == run.counters.wordHops);
      uint64_t byOp = 0;
      for (const runtime::OpTime &op : timed.ops)
        byOp += op.cycles;
      CHECK(byOp == timed.cycles);
    }
  }
}

TEST_CASE("--dtype rounds the weights and nothing else", "[algorithms]") {
  std::mt19937 random(7);
  TestModel model;
  model.config = {.vocabSize = 51,
                  .hiddenSize = 37,
                  .intermediateSize = 45,
                  .layers = 2,
                  .heads = 6,
                  .kvHeads = 3,
                  .headDim = 10,
                  .maxPositions = 32,
                  .rope = plainRope(10000, 10)};
  addRandomWeights(model, random, frontend::WeightType::F32);
  TemporaryFolder folder;
  writeModel(model, folder.path("model"));
  std::vector<int32_t> ids = {3, 50, 0, 17, 17, 8, 42, 1};
  std::vector<std::vector<double>> unrounded = referenceLogits(model, ids);
  for (auto [name, type] : {std::pair("f32", frontend::WeightType::F32), std::pair("f16", frontend::WeightType::F16),
                            std::pair("bf16", frontend::WeightType::BF16)}) {
    CAPTURE(name);
    std::vector<std::vector<double>> expected = referenceLogits(withWeightsAs(model, type), ids);
    Runner runner({.model = folder.path("model"), .mesh = {4, 3}, .maxSeq = 16, .dtype = name});
    std::vector<float> logits = runner.prefill(std::span(ids).first(5));
    CHECK(difference(logits, expected[4]) <= 2e-5);
    for (size_t i = 5; i < ids.size(); ++i) {
      logits = runner.decode(ids[i]);
      CHECK(difference(logits, expected[i]) <= 2e-5);
    }
    // The rounding is there: a type that was ignored would be as near to the weights as stored.
    CHECK((difference(logits, unrounded.back()) <= 2e-5) == (type == frontend::WeightType::F32));
  }
}

TEST_CASE("bard-1m's bf16 weights lose nothing as f32", "[algorithms]") {
  Reference reference = bardReferences().at(2);
  Runner stored({.mesh = {3, 5}}), wide({.mesh = {3, 5}, .dtype = "f32"});
  std::vector<float> logits = stored.prefill(reference.prompt);
  CHECK(wide.prefill(reference.prompt) == logits); // to the bit: widening is exact, the order of sums the same
  CHECK(difference(logits, reference.lastLogits) <= 5e-5);
}
