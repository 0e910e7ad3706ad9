// Exported decoders as text generators: the graph that is made of them says what the reference framework says, token by
// token from caches, and what is none is refused with the reason.
#include "tests/onnx/GeneratorCase.h"

using namespace weft;
using namespace weft::test;

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

namespace {

/// The first product of two computed values as quantize_dynamic writes it.
onnx::Model withRoundedScores(onnx::Model model) {
  auto &nodes = model.graph.nodes;
  auto isStored = [&](const std::string &name) {
    return std::any_of(model.graph.initializers.begin(), model.graph.initializers.end(),
                       [&](const auto &stored) { return stored.name == name; });
  };
  auto product = std::find_if(nodes.begin(), nodes.end(), [&](const onnx::Node &node) {
    return node.op == "MatMul" && !isStored(node.inputs[0]) && !isStored(node.inputs[1]);
  });
  REQUIRE(product != nodes.end());
  auto add = [&](const std::string &name, const std::string &op, std::vector<std::string> inputs,
                 std::vector<std::string> outputs) {
    onnx::Node node;
    node.name = name;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    nodes.push_back(std::move(node));
  };
  const onnx::Node old = *product;
  nodes.erase(product);
  add("left", "DynamicQuantizeLinear", {old.inputs[0]}, {"lq", "ls", "lz"});
  add("right", "DynamicQuantizeLinear", {old.inputs[1]}, {"rq", "rs", "rz"});
  add("scores", "MatMulInteger", {"lq", "rq", "lz", "rz"}, {"sum"});
  add("scale", "Mul", {"ls", "rs"}, {"both"});
  onnx::Attribute toFloat;
  toFloat.kind = onnx::Attribute::Kind::Int;
  toFloat.number = 1;
  add("real", "Cast", {"sum"}, {"real"});
  nodes.back().attributes["to"] = toFloat;
  add("scaled", "Mul", {"real", "both"}, {old.outputs[0]});
  return model;
}

} // namespace

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
  SECTION("attention in one node is named with what it has, not its cache") {
    model = llama.exported({.style = Exporter::GenAi});
    for (auto &node : model.graph.nodes)
      if (node.op == "GroupQueryAttention") {
        onnx::Attribute smooth;
        smooth.kind = onnx::Attribute::Kind::Int;
        smooth.number = 1;
        node.attributes["smooth_softmax"] = smooth;
      }
    CHECK_THAT(whyNot(model),
               Contains("(GroupQueryAttention) is attention in a form that is not known: its softmax is a "
                        "smooth one") &&
                   !Contains("cache"));
  }
  SECTION("products of integers of which none is a weight") {
    CHECK_THAT(whyNot(withRoundedScores(model)),
               Contains("node 'scores' (MatMulInteger) rounds both of its inputs") && Contains("MatMulConstBOnly"));
  }
}
