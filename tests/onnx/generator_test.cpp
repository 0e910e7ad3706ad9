// Exported decoders as text generators: the graph that is made of them says what the reference framework says, token by
// token from caches, and what is none is refused with the reason.
#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/generate/Branches.h"
#include "compiler/frontend/onnx/generate/Generator.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/OpSummary.h"
#include "compiler/graph/TransformerBuilder.h"
#include "runtime/support/MappedFile.h"
#include "runtime/weights/StoredBlocks.h"
#include "tests/onnx/DecoderExport.h"
#include "tests/onnx/SaveModel.h"
#include "tests/unit/architectures_support.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <set>
#include <unistd.h>

using namespace weft;
using namespace weft::test;
namespace onnx = weft::frontend::onnx;
using onnx::ElementType;

namespace {

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

/// A file that goes away with the object.
struct TemporaryModel {
  explicit TemporaryModel(const onnx::Model &model)
      : path((std::filesystem::temp_directory_path() / ("weft-generator-" + std::to_string(getpid()) + ".onnx"))
                 .string()) {
    saveModel(model, path);
  }
  ~TemporaryModel() { std::filesystem::remove(path); }
  std::string path;
};

double difference(const std::vector<float> &got, std::span<const double> wanted) {
  REQUIRE(got.size() == wanted.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - wanted[i]);
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return worst / largest;
}

/// Both phases of a module with @forward, ready to run.
struct Phases {
  explicit Phases(mlir::ModuleOp module) {
    mlir::PassManager passes(module.getContext());
    passes.addPass(graph::createSplitPhasesPass());
    passes.addPass(graph::createVerifyGraphPass());
    REQUIRE(mlir::succeeded(passes.run(module)));
    prefill.emplace(take(graph::Interpreter::create(module, "prefill")));
    decode.emplace(take(graph::Interpreter::create(module, "decode")));
  }
  /// Logits after a prompt and after each token that follows.
  std::vector<std::vector<float>> run(const std::vector<int32_t> &ids, size_t prompt,
                                      const graph::WeightBytes &weights) {
    std::vector<graph::HostCache> caches = prefill->freshCaches();
    std::vector<std::vector<float>> all = {take(prefill->run(std::span(ids).first(prompt), 0, weights, caches))};
    for (size_t i = prompt; i < ids.size(); ++i)
      all.push_back(take(decode->run(std::span(&ids[i], 1), static_cast<int64_t>(i), weights, caches)));
    return all;
  }
  std::optional<graph::Interpreter> prefill, decode;
};

struct Imported {
  explicit Imported(const std::string &path)
      : model(std::make_shared<const onnx::Model>(take(onnx::readModel(path, 0)))), weights(onnx::weightsOf(*model)),
        file(take(runtime::MappedFile::open(path))) {}

  std::vector<std::vector<float>> run(const std::vector<int32_t> &ids, size_t prompt, uint32_t maxSeq) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    onnx::Generator generator = take(onnx::findGenerator(model, "made"));
    auto module = take(onnx::buildGenerator(context, generator, maxSeq));
    graph::OpSummary summary = graph::summarizeOps(*module);
    CHECK(summary.generic.empty());
    ops = summary.transformer;
    return Phases(*module).run(ids, prompt, [&](const std::string &name) {
      const frontend::WeightInfo *info = weights->find(name);
      REQUIRE(info);
      if (info->apart)
        return numbersOf(*info);
      uint64_t bytes = info->type == frontend::WeightType::F32 ? 4 : 2;
      for (uint64_t size : info->shape)
        bytes *= size;
      return file.bytes().subspan(info->offset, bytes);
    });
  }

  /// Of codes whose scales lie apart.
  std::span<const std::byte> numbersOf(const frontend::WeightInfo &info) {
    auto from = [&](uint64_t offset) { return file.bytes().subspan(offset); };
    runtime::BlockedTensor tensor(info.apart->format, from(info.offset), from(info.apart->scales.offset),
                                  from(info.apart->zeros.offset), info.shape[1]);
    std::vector<float> &made = numbers[info.name];
    made.clear();
    for (uint64_t i = 0; i < info.shape[0] * info.shape[1]; ++i)
      made.push_back(tensor.at(i));
    return std::as_bytes(std::span(made));
  }

  std::shared_ptr<const onnx::Model> model;
  std::unique_ptr<frontend::WeightSource> weights;
  std::map<std::string, std::vector<float>> numbers;
  runtime::MappedFile file;
  std::map<std::string, int64_t> ops;
};

/// A fixture's model exported, and what it must say.
struct Case {
  explicit Case(const std::string &name)
      : fixture(fixtureFolder / (name + ".json")), config(take(fixture.read())), ids(fixture.json.at("ids")),
        prompt(fixture.json.at("prompt")), expected(fixture.json.at("logits")) {}

  onnx::Model exported(const ExportOptions &options) const {
    return exportDecoder(
        config, [&](const std::string &name) { return fixtureValues(name, fixture.find(name)->shape); }, options);
  }

  /// What our own graph of the same config says, for one that differs from the fixture's.
  void expectOwn(uint32_t maxSeq) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    auto module = take(graph::buildTransformer(context, config, maxSeq, fixture));
    expected.clear();
    for (const auto &logits : Phases(*module).run(ids, prompt, [&](const std::string &n) { return fixture.bytes(n); }))
      expected.emplace_back(logits.begin(), logits.end());
  }

  void check(const ExportOptions &options, double tolerance = 3e-5) { check(exported(options), tolerance); }

  void check(const onnx::Model &exported, double tolerance = 3e-5) {
    TemporaryModel file(exported);
    Imported imported(file.path);
    auto got = imported.run(ids, prompt, static_cast<uint32_t>(ids.size() + 3));
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(got[i], expected[i]) <= tolerance);
    }
    CHECK(imported.ops["attention"] == static_cast<int64_t>(config.layers.size()));
    CHECK(imported.ops["kv_append"] == static_cast<int64_t>(config.layers.size()));
  }

  Fixture fixture;
  frontend::TransformerConfig config;
  std::vector<int32_t> ids;
  size_t prompt;
  std::vector<std::vector<double>> expected;
};

std::string whyNot(const onnx::Model &model) {
  TemporaryModel file(model);
  auto generator =
      onnx::findGenerator(std::make_shared<const onnx::Model>(take(onnx::readModel(file.path, 0))), "made");
  REQUIRE_FALSE(generator);
  return generator.error().message;
}

} // namespace

TEST_CASE("exports in small ops say what the reference framework says") {
  auto name = GENERATE(as<std::string>(), "llama", "llama_linear", "qwen2", "qwen3", "mistral", "gemma", "gemma2",
                       "gpt2", "gpt_neox", "gpt_neox_serial", "opt", "olmo2");
  auto style = GENERATE(Exporter::Optimum, Exporter::WithoutCache);
  CAPTURE(name, static_cast<int>(style));
  Case(name).check({.style = style});
}

TEST_CASE("exports as older versions make them say what the reference framework says") {
  auto name = GENERATE(as<std::string>(), "llama", "qwen2", "gpt2", "gpt_neox", "opt", "gemma2", "mistral");
  auto style = GENERATE(Exporter::Optimum, Exporter::WithoutCache);
  CAPTURE(name, static_cast<int>(style));
  Case(name).check({.style = style, .older = true});
}

TEST_CASE("exports in fused ops say what the reference framework says") {
  SECTION("GroupQueryAttention") {
    auto name = GENERATE(as<std::string>(), "llama", "llama_linear", "qwen2", "mistral", "gemma2");
    auto style = GENERATE(Exporter::GenAi, Exporter::GenAiPacked);
    CAPTURE(name, static_cast<int>(style));
    Case(name).check({.style = style});
  }
  SECTION("Attention and RotaryEmbedding of ONNX") {
    auto name = GENERATE(as<std::string>(), "llama", "qwen2", "mistral", "gemma2", "gpt_neox");
    CAPTURE(name);
    Case(name).check({.style = Exporter::Attention23});
  }
  SECTION("MultiHeadAttention") {
    auto name = GENERATE(as<std::string>(), "gpt_neox", "opt");
    CAPTURE(name);
    Case(name).check({.style = Exporter::MultiHead});
  }
  SECTION("Attention of ONNX Runtime, keys and values in one cache") {
    auto name = GENERATE(as<std::string>(), "gpt2", "opt");
    CAPTURE(name);
    Case(name).check({.style = Exporter::Stacked});
  }
}

TEST_CASE("weights of few bits are the numbers that they stand for") {
  auto [name, style, type, bits, length, zeros] =
      GENERATE(std::tuple("llama", Exporter::GenAi, ElementType::Float, 4, 16, false),
               std::tuple("qwen2", Exporter::GenAiPacked, ElementType::Float16, 4, 32, true),
               std::tuple("opt", Exporter::Optimum, ElementType::Float, 2, 16, true),
               std::tuple("gpt_neox", Exporter::MultiHead, ElementType::Float16, 8, 256, true),
               std::tuple("llama", Exporter::GenAi, ElementType::BFloat16, 8, 16, false));
  CAPTURE(name, bits, length, zeros);
  Case model(name);
  ExportOptions options{.style = style, .type = type, .bits = bits, .length = length, .zeros = zeros};
  auto run = [&](bool asNumbers) {
    options.asNumbers = asNumbers;
    TemporaryModel file(model.exported(options));
    Imported imported(file.path);
    auto logits = imported.run(model.ids, model.prompt, static_cast<uint32_t>(model.ids.size() + 3));
    return std::pair(logits, imported.ops);
  };
  CHECK(run(false) == run(true));
}

TEST_CASE("weights of few bits that are no stored weight are refused") {
  ExportOptions options{.style = Exporter::GenAi, .bits = 4, .length = 16, .zeros = true};
  auto refused = [&](auto change) {
    onnx::Model model = Case("llama").exported(options);
    for (onnx::Node &node : model.graph.nodes)
      if (node.op == "MatMulNBits")
        change(model, node);
    return whyNot(model);
  };
  auto initializer = [](onnx::Model &model, const std::string &name) -> onnx::TensorData & {
    return *std::find_if(model.graph.initializers.begin(), model.graph.initializers.end(),
                         [&](const onnx::TensorData &data) { return data.name == name; });
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(refused([](onnx::Model &, onnx::Node &node) { node.attributes["bits"].number = 3; }),
             Contains("weights of 3 bits are not supported"));
  CHECK_THAT(refused([](onnx::Model &, onnx::Node &node) { node.attributes["K"].number += 16; }),
             Contains("MatMulNBits") && Contains("columns"));
  CHECK_THAT(refused([&](onnx::Model &model, onnx::Node &node) {
               onnx::TensorData &scales = initializer(model, node.inputs[2]);
               scales.shape[0] -= 1;
               scales.bytes.resize(scales.bytes.size() - 4);
             }),
             Contains("scales for"));
  CHECK_THAT(refused([&](onnx::Model &model, onnx::Node &node) {
               initializer(model, node.inputs[1]).type = ElementType::Int8;
             }),
             Contains("its weights of"));
}

TEST_CASE("a model with long and short frequencies, exported with the short ones") {
  auto style = GENERATE(Exporter::Optimum, Exporter::GenAi, Exporter::GenAiPacked);
  Case phi("phi3");
  phi.config.rope.longInverseFrequencies.clear();
  phi.expectOwn(30);
  phi.check({.style = style});
}

TEST_CASE("neighbours that turn together, and a mask cut from a stored one") {
  auto name = GENERATE(as<std::string>(), "llama", "gpt_neox");
  auto style = GENERATE(Exporter::Optimum, Exporter::WithoutCache);
  CAPTURE(name, static_cast<int>(style));
  Case model(name);
  model.config.rope.interleaved = true;
  model.config.maxPositions = 1100; // a mask of more numbers than are evaluated
  model.expectOwn(30);
  model.check({.style = style, .pairs = true});
}

TEST_CASE("a sequence beyond the graph's tables is refused with the remedy") {
  Case llama("llama");
  llama.config.rope.interleaved = true;
  llama.config.maxPositions = 40;
  TemporaryModel file(llama.exported({.pairs = true}));
  auto generator =
      take(onnx::findGenerator(std::make_shared<const onnx::Model>(take(onnx::readModel(file.path, 0))), "made"));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  CHECK(onnx::buildGenerator(context, generator, 40));
  auto tooLong = onnx::buildGenerator(context, generator, 41);
  REQUIRE_FALSE(tooLong);
  CHECK_THAT(tooLong.error().message, Catch::Matchers::Contains("smaller --max-seq"));
  CHECK(tooLong.error().message.find(file.path, 1) == std::string::npos);
}

TEST_CASE("keys and values of the only head, side by side in one cache") {
  Case gpt2("gpt2");
  for (auto &layer : gpt2.config.layers) {
    frontend::AttentionConfig &a = layer.attention;
    a.kvHeads = 1;
    for (frontend::LinearConfig *part : {&a.k, &a.v}) {
      part->weight = part->weight.rows(0, a.headDim);
      part->bias = part->bias.rows(0, a.headDim);
    }
  }
  gpt2.expectOwn(30);
  const ExportOptions options{.style = Exporter::SideBySide};
  SECTION("as they are") { gpt2.check(options); }
  SECTION("what is read lacks the launch's own tokens") {
    onnx::Model model = gpt2.exported(options);
    for (auto &node : model.graph.nodes)
      if (node.op == "Split" && node.inputs[0] == "present.1.key_value")
        node.inputs[0] = "past_key_values.1.key_value";
    CHECK_FALSE(whyNot(model).empty());
  }
  SECTION("another value goes out") {
    onnx::Model model = gpt2.exported(options);
    onnx::Node node;
    node.name = node.op = "Neg";
    node.inputs = {"present.1.key_value"};
    node.outputs = {"negative"};
    model.graph.nodes.push_back(node);
    for (auto &output : model.graph.outputs)
      if (output.name == "present.1.key_value")
        output.name = "negative";
    CHECK_THAT(whyNot(model), Catch::Matchers::Contains("cache 'past_key_values.1.key_value'"));
  }
}

TEST_CASE("halves are computed with as float32") {
  auto [type, tolerance] = GENERATE(std::pair(ElementType::Float16, 4e-3), std::pair(ElementType::BFloat16, 3e-2));
  auto style = GENERATE(Exporter::Optimum, Exporter::GenAi, Exporter::Attention23);
  auto name = GENERATE(as<std::string>(), "llama", "mistral");
  CAPTURE(name, static_cast<int>(style), static_cast<int>(type));
  Case(name).check({.style = style, .type = type}, tolerance);
}

TEST_CASE("a graph for one number of tokens goes on as it began") {
  Case llama("llama");
  llama.check({.style = Exporter::WithoutCache, .tokens = 9});
  llama.check({.style = Exporter::Optimum, .tokens = 5, .past = 6});
}

/// A decoder with caches and one without as branches of one If, as Optimum merges them: weights lie around it, small
/// constants in the branches, whose results have the names that the If gives them.
static onnx::Model merged(const onnx::Model &withCaches, onnx::Model without) {
  onnx::Model model = withCaches;
  std::erase_if(model.graph.initializers, [&](const auto &data) {
    return data.shape.empty() ||
           std::none_of(without.graph.initializers.begin(), without.graph.initializers.end(),
                        [&](const auto &other) { return other.name == data.name && other.bytes == data.bytes; });
  });
  auto branch = [&](const onnx::Model &of, const std::string &name) {
    auto graph = std::make_shared<onnx::Graph>();
    graph->name = name;
    graph->nodes = of.graph.nodes;
    graph->outputs = of.graph.outputs;
    std::set<std::string> around;
    for (const auto &data : model.graph.initializers)
      around.insert(data.name);
    for (const auto &data : of.graph.initializers)
      if (!around.contains(data.name))
        graph->initializers.push_back(data);
    onnx::Attribute attribute;
    attribute.kind = onnx::Attribute::Kind::Graph;
    attribute.graph = graph;
    return attribute;
  };
  onnx::Node node;
  node.name = "optimum::if";
  node.op = "If";
  node.inputs = {"use_cache_branch"};
  for (const auto &output : model.graph.outputs)
    node.outputs.push_back(output.name);
  // What the decoder without caches gives as caches nobody reads here.
  for (const auto &output : model.graph.outputs)
    if (output.name != "logits") {
      without.graph.outputs.push_back(output);
      onnx::Node copy;
      copy.name = output.name;
      copy.op = "Identity";
      copy.inputs = {"logits"};
      copy.outputs = {output.name};
      without.graph.nodes.push_back(copy);
    }
  node.attributes["then_branch"] = branch(withCaches, "with_past");
  node.attributes["else_branch"] = branch(without, "no_past");
  model.graph.nodes = {node};
  onnx::ValueInfo choice;
  choice.name = "use_cache_branch";
  choice.type = {onnx::ValueType::Container::Tensor, ElementType::Bool, {{onnx::Dimension{1, ""}}}};
  model.graph.inputs.push_back(choice);
  return model;
}

TEST_CASE("merged decoders take the branch with caches, or the other one where that has no mask") {
  using Catch::Matchers::Contains;
  auto name = GENERATE(as<std::string>(), "llama", "gpt2", "gemma2");
  CAPTURE(name);
  Case model(name);
  onnx::Model with = model.exported({}), without = model.exported({.style = Exporter::WithoutCache});
  SECTION("both are whole") { model.check(merged(with, without)); }
  SECTION("the one with caches sees all keys, as one token does") {
    for (auto &node : with.graph.nodes)
      if (node.op == "LessOrEqual")
        node.op = "GreaterOrEqual";
    model.check(merged(with, without));
  }
  SECTION("whatever else is wrong with the one with caches is an error") {
    for (auto &node : with.graph.nodes)
      if (node.op == "Softmax")
        node.op = "Softmaxx";
    CHECK_THAT(whyNot(merged(with, without)), Catch::Matchers::Contains("Softmaxx"));
  }
  SECTION("what is wrong with the one without caches is an error, too") {
    for (auto &node : without.graph.nodes)
      if (node.op == "Softmax")
        node.op = "Softmaxx";
    CHECK_THAT(whyNot(merged(with, without)), Contains("its branch without caches") && Contains("Softmaxx"));
  }
  SECTION("the one without caches is another model") {
    model.config.layers[1].attention.scale *= 1.5;
    CHECK_THAT(whyNot(merged(with, model.exported({.style = Exporter::WithoutCache}))), Contains("not the same model"));
  }
  SECTION("neither is a generator") {
    for (auto *each : {&with, &without})
      for (auto &node : each->graph.nodes)
        if (node.op == "LessOrEqual")
          node.op = "GreaterOrEqual";
    CHECK_THAT(whyNot(merged(with, without)), Catch::Matchers::Contains("causal"));
  }
  SECTION("a name of the branch is one of the graph around it") {
    onnx::Model both = merged(with, without);
    CHECK(onnx::branchInput(both) == "use_cache_branch");
    CHECK(onnx::branchInput(with).empty());
    both.graph.initializers.push_back(both.graph.initializers[0]);
    both.graph.initializers.back().name = both.graph.nodes[0].attributes["then_branch"].graph->nodes[0].outputs[0];
    auto taken = onnx::takeBranch(both, "use_cache_branch", true);
    REQUIRE_FALSE(taken);
    CHECK_THAT(taken.error().message, Catch::Matchers::Contains("node 'optimum::if'"));
  }
  SECTION("two branches with one name for different things") {
    onnx::Model both = merged(with, without);
    both.graph.nodes.push_back(both.graph.nodes[0]);
    both.graph.nodes.back().name = "another";
    for (std::string &output : both.graph.nodes.back().outputs)
      output += ".again";
    auto taken = onnx::takeBranch(both, "use_cache_branch", true);
    REQUIRE_FALSE(taken);
    CHECK_THAT(taken.error().message, Catch::Matchers::Contains("node 'another'"));
  }
  SECTION("something else reads the choice, too") {
    onnx::Model both = merged(with, without);
    onnx::Node other;
    other.name = other.op = "Not";
    other.inputs = {"use_cache_branch"};
    other.outputs = {"unused"};
    both.graph.nodes.push_back(other);
    model.check(both);
  }
  SECTION("a choice of another name is not ours to make") {
    onnx::Model both = merged(with, without);
    both.graph.inputs.back().name = both.graph.nodes[0].inputs[0] = "flag";
    CHECK(onnx::branchInput(both).empty());
    CHECK_THAT(whyNot(both), Catch::Matchers::Contains("'flag'"));
  }
}

TEST_CASE("what is no text generator is refused with the reason") {
  using Catch::Matchers::Contains;
  Case llama("llama");
  onnx::Model model = llama.exported({});
  SECTION("attention that sees what comes later") {
    for (auto &node : model.graph.nodes)
      if (node.op == "LessOrEqual")
        node.op = "GreaterOrEqual";
    CHECK_THAT(whyNot(model), Contains("causal"));
  }
  SECTION("caches that come out changed") {
    for (auto &node : model.graph.nodes) {
      std::replace(node.inputs.begin(), node.inputs.end(), std::string("present.1.key"), std::string("joined"));
      std::replace(node.outputs.begin(), node.outputs.end(), std::string("present.1.key"), std::string("joined"));
    }
    onnx::Node node;
    node.name = "changed";
    node.op = "Neg";
    node.inputs = {"joined"};
    node.outputs = {"present.1.key"};
    model.graph.nodes.push_back(node);
    CHECK_THAT(whyNot(model), Contains("cache 'past_key_values"));
  }
  SECTION("an input that nothing is known of") {
    GraphMaker other;
    model.graph.inputs.push_back(model.graph.inputs[0]);
    model.graph.inputs.back().name = "temperature";
    CHECK_THAT(whyNot(model), Contains("'temperature'"));
  }
  SECTION("an op that no layer has") {
    for (auto &node : model.graph.nodes)
      if (node.op == "Sigmoid") {
        node.op = "Softsign";
        node.name = "odd one";
        break;
      }
    CHECK_THAT(whyNot(model), Contains("node 'odd one'"));
  }
  SECTION("ids that are changed before they are looked up") {
    for (auto &node : model.graph.nodes)
      for (auto &name : node.inputs)
        if (name == "input_ids" && node.op == "Gather")
          name = "other_ids";
    onnx::Node node;
    node.name = "other";
    node.op = "Neg";
    node.inputs = {"input_ids"};
    node.outputs = {"other_ids"};
    model.graph.nodes.insert(model.graph.nodes.begin(), node);
    CHECK_FALSE(whyNot(model).empty());
  }
  SECTION("one token at a time") {
    CHECK_THAT(whyNot(llama.exported({.tokens = 1, .past = 8})), Contains("1 token") && Contains("without caches"));
  }
  SECTION("no mask, as where it was exported for one token at a time") {
    for (auto &node : model.graph.nodes)
      if (node.op == "Where")
        node.inputs[2] = node.inputs[1];
    CHECK_THAT(whyNot(model), Contains("no mask") && Contains("exported without caches"));
  }
  SECTION("a bias that grows with the key") {
    model = llama.exported({.alibi = true});
    CHECK_THAT(whyNot(model), Contains("node '") && Contains("ALiBi"));
    CHECK_THAT(whyNot(llama.exported({.style = Exporter::WithoutCache, .alibi = true})), Contains("ALiBi"));
    for (auto &input : model.graph.inputs)
      if (input.name.starts_with("past"))
        input.type.shape->erase(input.type.shape->begin());
    CHECK_THAT(whyNot(model), Contains("node '") && Contains("ALiBi") && Contains("batch and heads in one dimension"));
  }
  SECTION("heads in the dimension of sequences") {
    for (auto &input : model.graph.inputs)
      if (input.name.starts_with("past"))
        input.type.shape->erase(input.type.shape->begin());
    CHECK_THAT(whyNot(model), Contains("cache 'past_key_values.0.key' has batch and heads in one dimension"));
    CHECK_THAT(whyNot(model), !Contains("ALiBi"));
  }
  SECTION("attention of another form names its node") {
    for (auto &node : model.graph.nodes)
      if (node.op == "Softmax")
        node.attributes["axis"].number = 2;
    CHECK_THAT(whyNot(model), Contains("is attention in a form that is not known") && Contains("reads,"));
  }
}
