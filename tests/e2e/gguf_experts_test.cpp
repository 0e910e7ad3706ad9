// Mixtures whose matrices a GGUF file has in blocks: experts on regions keep them in blocks, and say what experts on
// all cores say.
#include "tests/e2e/Runner.h"
#include "tests/unit/gguf_mixture.h"

#include <fstream>
#include <set>

using namespace weft;
using namespace weft::test;
using runtime::BlockFormat;

namespace {

constexpr double tolerance = 2e-5; // of the largest logit

/// A mixture's file with experts in blocks.
class MixtureFile {
public:
  /// `older`: experts are tensors of their own, not one stack.
  MixtureFile(const Mixture &mixture, const ExpertFormats &formats, bool older = false) : mixture(mixture) {
    std::ofstream file(path(), std::ios::binary);
    const std::string bytes = mixtureFile(mixture, formats, older);
    REQUIRE(file.write(bytes.data(), std::streamsize(bytes.size())).flush());
  }
  std::string path() const { return folder.path("mixture.gguf"); }

  /// `heat`: how often each expert is chosen, in each layer; empty: all alike.
  compiler::Compilation compile(MeshSize mesh, place::ExpertsMode experts, const std::vector<double> &heat = {},
                                const std::string &dtype = "") const {
    compiler::CompileOptions options;
    options.model = path();
    options.hardware = take(hw::load("rvv-lab", {{"memory.sram_kib", "4096"}}));
    options.meshWidth = mesh.width;
    options.meshHeight = mesh.height;
    options.maxSeq = 24;
    options.experts = experts;
    options.dtype = dtype;
    if (!heat.empty())
      options.expertLoads = place::ExpertLoadFile{
          .path = "heat", .model = "", .layers = std::vector(mixture.layers, place::ExpertCounts{.counts = heat})};
    return take(compiler::compile(options));
  }

private:
  Mixture mixture;
  TemporaryFolder folder;
};

/// Bytes of a core for matrices of experts on regions.
uint64_t regionBytes(const runtime::Package &package) {
  uint64_t bytes = 0;
  for (const auto &buffer : package.resident)
    if (buffer->name.starts_with("experts."))
      bytes += buffer->bytes;
  return bytes;
}

/// Parts of matrices on regions: how many there are, and how many of them lie there in blocks.
std::pair<size_t, size_t> partsInBlocks(const runtime::Package &package) {
  size_t all = 0, inBlocks = 0;
  for (const auto &weight : package.weights)
    if (!weight->core_rows.empty()) {
      ++all;
      inBlocks += weight->blocks != nullptr;
    }
  return {all, inBlocks};
}

std::vector<int32_t> prompt() {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 13; ++i)
    ids.push_back(i * 7 % 47 + 1);
  return ids;
}

/// Greedy tokens, and the logits that chose them.
struct Spoken {
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>> logits;
};

Spoken speak(std::unique_ptr<runtime::Package> package) {
  Spoken spoken;
  Runner runner(std::move(package));
  spoken.tokens = runner.greedy(prompt(), 5, [&](size_t, const std::vector<float> &logits) {
    CHECK(std::all_of(logits.begin(), logits.end(), [](float value) { return std::isfinite(value); }));
    spoken.logits.push_back(logits);
  });
  return spoken;
}

/// The same tokens, from logits that differ by rounding alone.
void checkSame(const Spoken &actual, const Spoken &expected) {
  REQUIRE(actual.tokens == expected.tokens);
  for (size_t i = 0; i < actual.logits.size(); ++i)
    CHECK(difference(actual.logits[i], expected.logits[i]) <= tolerance);
}

/// For several plans: the routed way says what the dense one says, with all matrices in blocks, in as much SRAM as was
/// predicted, `most` of what numbers would take at most.
void checkRouted(const MixtureFile &file, MeshSize mesh, double most) {
  CAPTURE(nameOf(mesh));
  auto dense = file.compile(mesh, place::ExpertsMode::Dense);
  CHECK(partsInBlocks(*dense.package).first == 0);
  const Spoken expected = speak(std::move(dense.package));
  std::set<std::vector<int>> plans;
  for (const std::vector<double> &heat : {std::vector<double>{}, {2, 3, 4, 6}}) {
    CAPTURE(heat);
    compiler::Compilation routed = file.compile(mesh, place::ExpertsMode::Routed, heat);
    const auto [parts, inBlocks] = partsInBlocks(*routed.package);
    CHECK(parts > 0);
    CHECK(inBlocks == parts);
    uint64_t predicted = 0, asNumbers = 0;
    for (const place::ExpertChoice &choice : routed.experts) {
      CHECK(choice.routed);
      const place::ExpertLimits limits{.width = mesh.width, .height = mesh.height};
      place::ExpertShape numbers = choice.shape;
      numbers.blocks.clear();
      predicted += planBytes(choice.plan, choice.shape, limits);
      asNumbers += planBytes(choice.plan, numbers, limits);
      plans.insert(choice.plan.expert);
    }
    const uint64_t bytes = regionBytes(*routed.package), buffers = 2 * routed.experts.size();
    CHECK(bytes >= predicted);
    CHECK(bytes < predicted + 16 * buffers); // each ends where the machine aligns
    CHECK(double(bytes) < most * double(asNumbers));
    checkSame(speak(std::move(routed.package)), expected);
  }
  CHECK(plans.size() > 1);
}

} // namespace

TEST_CASE("experts in blocks of 32 say the same on regions as on all cores", "[gguf][experts]") {
  const MixtureFile file({.hidden = 480, .inner = 96}, {BlockFormat::Q4_0, BlockFormat::Q5_1, BlockFormat::IQ4_NL});
  checkRouted(file, {4, 4}, 0.35);
  checkRouted(file, {5, 3}, 0.3);
}

TEST_CASE("experts in blocks of 256 say the same on regions as on all cores", "[gguf][experts]") {
  const MixtureFile file({.hidden = 512, .inner = 256, .layers = 1},
                         {BlockFormat::Q4_K, BlockFormat::Q6_K, BlockFormat::Q8_0});
  checkRouted(file, {4, 4}, 0.35);
}

TEST_CASE("matrices of experts whose blocks a mesh cuts too finely are numbers, others stay in blocks",
          "[gguf][experts]") {
  const MixtureFile file({.hidden = 512, .inner = 256, .layers = 1},
                         {BlockFormat::Q8_0, BlockFormat::Q8_0, BlockFormat::Q8_0});
  auto routed = file.compile({5, 3}, place::ExpertsMode::Routed);
  // 108 hidden features a core and 86 inner ones in a region of three rows; in one of one row all 256.
  const bool wholeInner = routed.experts.at(0).plan.rowsPerRegion == 1;
  for (const auto &weight : routed.package->weights)
    if (!weight->core_rows.empty()) {
      const bool down = weight->name.find("ffn_down_exps") != std::string::npos;
      CAPTURE(weight->name, wholeInner);
      CHECK((weight->blocks != nullptr) == (down && wholeInner));
    }
  checkSame(speak(std::move(routed.package)), speak(file.compile({5, 3}, place::ExpertsMode::Dense).package));
}

TEST_CASE("experts in blocks that are tensors of their own lie on regions as those of a stack do", "[gguf][experts]") {
  const Mixture mixture{.hidden = 256, .inner = 64, .layers = 1};
  const ExpertFormats formats{BlockFormat::Q4_1, BlockFormat::Q4_1, BlockFormat::Q5_0};
  const MixtureFile stack(mixture, formats), own(mixture, formats, true);
  auto one = stack.compile({3, 2}, place::ExpertsMode::Routed), other = own.compile({3, 2}, place::ExpertsMode::Routed);
  CHECK(partsInBlocks(*one.package).second > 0);
  CHECK(partsInBlocks(*other.package) == partsInBlocks(*one.package));
  CHECK(speak(std::move(other.package)).logits == speak(std::move(one.package)).logits);
}

TEST_CASE("experts in blocks go the way that is predicted to take fewer cycles, numbers by request",
          "[gguf][experts]") {
  const MixtureFile file({.hidden = 256, .inner = 64, .layers = 1},
                         {BlockFormat::Q4_0, BlockFormat::Q4_0, BlockFormat::Q8_0});
  const auto chosen = file.compile({4, 4}, place::ExpertsMode::Auto);
  const place::ExpertChoice &choice = chosen.experts.at(0);
  CHECK(choice.reason == "predicted");
  CHECK(choice.routed == (choice.routedCycles < choice.denseCycles));
  CHECK((partsInBlocks(*chosen.package).second > 0) == choice.routed);
  const auto halves = file.compile({4, 4}, place::ExpertsMode::Routed, {}, "f16");
  CHECK(partsInBlocks(*halves.package).first > 0);
  CHECK(partsInBlocks(*halves.package).second == 0);
}
