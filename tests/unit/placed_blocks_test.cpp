// Experts that a GGUF file has in blocks, on regions of any kind: the mesh says what it says with the numbers that the
// blocks stand for.
#include "compiler/frontend/gguf/GgufModel.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/TransformerBuilder.h"
#include "runtime/support/MappedFile.h"
#include "tests/unit/gguf_mixture.h"
#include "tests/unit/grid_support.h"
#include "tests/unit/random_plan.h"

#include "mlir/Pass/PassManager.h"

#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>

using namespace weft;
using namespace weft::test;
using runtime::BlockFormat;

namespace {

constexpr uint32_t maxSeq = 16;

struct MeshShape {
  int64_t width = 1, height = 1;
};

/// A file's model on a mesh, its experts on regions.
class Placed {
public:
  Placed(const std::string &file, MeshShape mesh, const std::vector<place::ExpertChoice> &experts)
      : context(mlir::MLIRContext::Threading::DISABLED), model(take(frontend::gguf::readModel(file))),
        file(take(runtime::MappedFile::open(file))),
        module(take(graph::buildTransformer(context, model.config, maxSeq, *model.weights))),
        hardware(take(hw::load("rvv-lab", {{"memory.sram_kib", "2048"}}))) {
    place::PlaceOptions options;
    options.width = mesh.width;
    options.height = mesh.height;
    options.maxSeq = maxSeq;
    options.expertChoices = experts;
    mlir::PassManager passes(&context);
    passes.addPass(graph::createSplitPhasesPass());
    passes.addPass(place::createPlacePass(options));
    REQUIRE(mlir::succeeded(passes.run(*module)));
    package = compileGrid(*module, place::Mesh::make(mesh.width, mesh.height, true), *model.weights, hardware);
    engine.emplace(*package, hardware, fillFrom(*package, bytes()));
  }

  std::vector<float> run(std::span<const int32_t> given, size_t known) {
    return engine->run(given.size() == known ? "prefill" : "decode", given, uint32_t(known));
  }
  /// Parts of experts that lie in blocks, and all of them.
  std::pair<int64_t, int64_t> inBlocks() const {
    std::pair<int64_t, int64_t> count;
    for (const auto &weight : package->weights)
      if (!weight->core_rows.empty()) {
        count.first += weight->blocks != nullptr;
        ++count.second;
      }
    return count;
  }
  Result<std::vector<float>> interpret(std::span<const int32_t> given) {
    auto grid = place::GridInterpreter::create(
        *module, {[&](const std::string &name) { return model.weights->find(name); }, bytes()});
    return grid ? grid->prefill(given) : grid.takeError();
  }

private:
  std::function<std::span<const std::byte>(const std::string &)> bytes() const {
    return [this](const std::string &) { return file.bytes(); };
  }

  mlir::MLIRContext context;
  frontend::gguf::Model model;
  runtime::MappedFile file;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  hw::Hardware hardware;
  std::unique_ptr<runtime::Package> package;
  std::optional<Engine> engine;
};

/// A mixture in both forms.
struct Files {
  Files(const Mixture &mixture, const ExpertFormats &formats) {
    write(blocks(), mixtureFile(mixture, formats));
    write(numbers(), mixtureFile(mixture, formats, false, true));
  }
  std::string blocks() const { return folder.path + "/blocks.gguf"; }
  std::string numbers() const { return folder.path + "/numbers.gguf"; }

  TemporaryFolder folder;

private:
  static void write(const std::string &path, const std::string &bytes) {
    std::ofstream file(path, std::ios::binary);
    REQUIRE(file.write(bytes.data(), std::streamsize(bytes.size())).flush());
  }
};

/// Of a layer; what one token alone gets has the same bits, and with one expert a token all has.
void checkPlan(const Files &files, const Mixture &mixture, MeshShape mesh, const place::ExpertPlan &plan,
               int64_t &inBlocks) {
  INFO(fmt::format("{}x{}: regions {} of {} rows, {} slots: {}", mesh.width, mesh.height, plan.regions,
                   plan.rowsPerRegion, plan.slots, fmt::join(plan.expert, " ")));
  const std::vector<place::ExpertChoice> choices(
      mixture.layers, {.layer = "test", .shape = {}, .routed = true, .reason = "test", .plan = plan});
  Placed blocks(files.blocks(), mesh, choices), numbers(files.numbers(), mesh, choices);
  inBlocks += blocks.inBlocks().first;
  CHECK(blocks.inBlocks().second > 0);
  CHECK(numbers.inBlocks().first == 0);
  const std::vector<int32_t> ids = {3, 17, 40, 5, 11, 29, 8, 33, 2, 46};
  constexpr size_t prompt = 7;
  for (size_t known = prompt; known <= ids.size(); ++known) {
    CAPTURE(known);
    auto given = known == prompt ? std::span(ids).first(prompt) : std::span(ids).subspan(known - 1, 1);
    const std::vector<float> actual = blocks.run(given, known), expected = numbers.run(given, known);
    float largest = 0, worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      REQUIRE(std::isfinite(actual[i]));
      largest = std::max(largest, std::abs(expected[i]));
      worst = std::max(worst, std::abs(actual[i] - expected[i]));
    }
    CHECK(largest > 0);
    CHECK(worst <= (mixture.topK == 1 ? 0 : 2e-5F * largest));
  }
}

void checkPlans(const ExpertFormats &formats, uint64_t topK, const std::vector<MeshShape> &meshes, uint32_t seed,
                int rounds = 1) {
  const Mixture mixture{.hidden = 96, .inner = 64, .experts = 5, .topK = topK, .layers = 1};
  const Files files(mixture, formats);
  std::mt19937 random(seed);
  int64_t inBlocks = 0;
  for (MeshShape mesh : meshes)
    for (int round = 0; round < rounds; ++round)
      checkPlan(files, mixture, mesh, randomPlan(5, mesh.height, random), inBlocks);
  CHECK(inBlocks > 0);
}

} // namespace

TEST_CASE("experts in blocks on any regions say what their numbers do", "[placed][experts][blocks]") {
  checkPlans({BlockFormat::Q5_1, BlockFormat::Q4_1, BlockFormat::IQ4_NL}, 3, {{4, 4}, {5, 3}}, 2);
}

TEST_CASE("one expert a token, in blocks on any regions, says what its numbers do, bit for bit",
          "[placed][experts][blocks]") {
  checkPlans({BlockFormat::Q8_0, BlockFormat::Q4_1, BlockFormat::Q5_0}, 1, {{3, 8}, {5, 3}}, 3);
}

TEST_CASE("experts in blocks on regions of many meshes", "[.long][placed][experts][blocks]") {
  constexpr std::array formats{BlockFormat::Q4_0, BlockFormat::Q4_1, BlockFormat::Q5_0,
                               BlockFormat::Q5_1, BlockFormat::Q8_0, BlockFormat::IQ4_NL};
  for (size_t i = 0; i < formats.size(); ++i)
    checkPlans({formats[i], formats[(i + 1) % formats.size()], formats[(i + 3) % formats.size()]}, i % 3 + 1,
               {{4, 4}, {5, 3}, {3, 8}, {1, 1}, {8, 2}}, uint32_t(100 + i), 2);
}

TEST_CASE("the grid interpreter says that it knows no blocks", "[placed][blocks]") {
  const Mixture mixture{.hidden = 96, .inner = 64, .layers = 1};
  const Files files(mixture, {BlockFormat::Q8_0, BlockFormat::Q8_0, BlockFormat::Q8_0});
  const place::ExpertPlan plan = place::roundRobinPlan({.experts = 4}, {.width = 2, .height = 2}, 1);
  Placed placed(files.blocks(), {2, 2},
                {{.layer = "test", .shape = {}, .routed = true, .reason = "test", .plan = plan}});
  const auto result = placed.interpret(std::vector<int32_t>{1, 2, 3});
  REQUIRE(!result);
  CHECK_THAT(result.error().message, Catch::Matchers::Contains("knows no weights that stay in blocks"));
}
