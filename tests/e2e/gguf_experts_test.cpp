// Mixtures whose matrices a GGUF file has in blocks: experts on regions keep them in blocks, and say what experts on
// all cores say.
#include "tests/e2e/Runner.h"
#include "tests/unit/gguf_convert.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

using namespace weft;
using namespace weft::test;
using runtime::BlockFormat;

namespace {

constexpr double tolerance = 2e-5; // of the largest logit

struct Mixture {
  uint64_t hidden = 256, inner = 256, experts = 4, topK = 2, layers = 2;
  static constexpr uint64_t vocabulary = 48, heads = 4;

  nlohmann::json config() const {
    return {{"architectures", {"MixtralForCausalLM"}},
            {"model_type", "mixtral"},
            {"vocab_size", vocabulary},
            {"hidden_size", hidden},
            {"intermediate_size", inner},
            {"num_hidden_layers", layers},
            {"num_attention_heads", heads},
            {"num_key_value_heads", heads},
            {"num_local_experts", experts},
            {"num_experts_per_tok", topK},
            {"max_position_embeddings", 64},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 10000.0},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", false},
            {"sliding_window", nullptr},
            {"bos_token_id", 0},
            {"eos_token_id", 1}};
  }

  HfTensors tensors() const {
    std::mt19937 random(17);
    HfTensors result;
    auto matrix = [&](const std::string &name, uint64_t rows, uint64_t columns, float size) {
      std::normal_distribution<float> number(0, size / std::sqrt(float(columns)));
      HfTensor &tensor = result[name] = {{rows, columns}, std::vector<float>(rows * columns)};
      std::generate(tensor.values.begin(), tensor.values.end(), [&] { return number(random); });
    };
    auto ones = [&](const std::string &name) { result[name] = {{hidden}, std::vector<float>(hidden, 1.0F)}; };
    matrix("model.embed_tokens.weight", vocabulary, hidden, 16);
    matrix("lm_head.weight", vocabulary, hidden, 2);
    ones("model.norm.weight");
    for (uint64_t layer = 0; layer < layers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      ones(prefix + "input_layernorm.weight");
      ones(prefix + "post_attention_layernorm.weight");
      for (const char *projection : {"q", "k", "v", "o"})
        matrix(prefix + "self_attn." + projection + "_proj.weight", hidden, hidden, 1);
      matrix(prefix + "block_sparse_moe.gate.weight", experts, hidden, 2);
      for (uint64_t expert = 0; expert < experts; ++expert) {
        const std::string name = prefix + "block_sparse_moe.experts." + std::to_string(expert) + ".";
        matrix(name + "w1.weight", inner, hidden, 2);
        matrix(name + "w3.weight", inner, hidden, 2);
        matrix(name + "w2.weight", hidden, inner, 2);
      }
    }
    return result;
  }
};

/// Formats of gate, up and down; other matrices are numbers.
struct Formats {
  BlockFormat gate, up, down;

  std::optional<BlockFormat> operator()(const std::string &name) const {
    auto is = [&](const char *part) { return name.find(part) != std::string::npos; };
    return is("ffn_gate_exps")   ? std::optional(gate)
           : is("ffn_up_exps")   ? std::optional(up)
           : is("ffn_down_exps") ? std::optional(down)
                                 : std::nullopt;
  }
};

/// A mixture's file with experts in blocks.
class MixtureFile {
public:
  MixtureFile(const Mixture &mixture, const Formats &formats) : mixture(mixture) {
    ConvertOptions options{.formatOf = [&](const std::string &name, uint64_t) { return formats(name); }};
    std::ofstream file(path(), std::ios::binary);
    const std::string bytes = toGguf(mixture.config(), mixture.tensors(), options);
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
  for (const std::vector<double> &heat : {std::vector<double>{}, {6, 4, 3, 2}, {1, 1, 6, 6}}) {
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
