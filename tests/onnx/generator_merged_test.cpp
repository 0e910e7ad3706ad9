// Decoders with caches and without in one file: which branch is taken, and what is refused.
#include "tests/onnx/GeneratorCase.h"

using namespace weft;
using namespace weft::test;

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
  SECTION("weights of few bits") {
    ExportOptions options{.bits = 8, .asNumbers = true};
    auto logits = [&](const onnx::Model &exported) {
      TemporaryModel file(exported);
      return Imported(file.path).run(model.ids, model.prompt, static_cast<uint32_t>(model.ids.size() + 3));
    };
    const auto expected = logits(model.exported(options));
    options.asNumbers = false;
    const onnx::Model codes = model.exported(options);
    options.style = Exporter::WithoutCache;
    CHECK(logits(merged(codes, model.exported(options))) == expected);
  }
  SECTION("the one without caches does something that a generator does not") {
    onnx::Node shape;
    shape.name = shape.op = "Shape";
    shape.inputs = {"past_key_values.0.key"};
    shape.outputs = {"nobody.reads.this"};
    without.graph.nodes.push_back(shape);
    without.graph.inputs.push_back(*std::find_if(with.graph.inputs.begin(), with.graph.inputs.end(),
                                                 [](const auto &input) { return input.name.ends_with("0.key"); }));
    model.check(merged(with, without));
  }
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
