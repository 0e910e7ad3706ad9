// Decoders whose weights are codes of few bits.
#include "compiler/frontend/onnx/graph/CodedMatrix.h"
#include "tests/onnx/GeneratorCase.h"

using namespace weft;
using namespace weft::test;

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

TEST_CASE("a table whose elements are of 4 bits is looked up as one of bytes is") {
  auto [name, length] = GENERATE(std::tuple("llama", 16), std::tuple("qwen2", 32));
  CAPTURE(name, length);
  Case model(name);
  ExportOptions options{
      .style = Exporter::GenAi, .bits = 4, .length = length, .zeros = true, .packedTokens = true, .tokensOfFour = true};
  auto run = [&](bool asNumbers) {
    options.asNumbers = asNumbers;
    TemporaryModel file(model.exported(options));
    return Imported(file.path).run(model.ids, model.prompt, static_cast<uint32_t>(model.ids.size() + 3));
  };
  CHECK(run(false) == run(true));
}

TEST_CASE("weights that DequantizeLinear makes numbers of, or that are multiplied as integers, stay codes") {
  using Codes = ExportOptions::Codes;
  auto [name, codes, bits, length, zeros] = GENERATE(
      std::tuple("llama", Codes::Dequantised, 4, 16, true), std::tuple("opt", Codes::Dequantised, 8, 32, true),
      std::tuple("qwen2", Codes::Dynamic, 8, 16, false), std::tuple("gpt_neox", Codes::Dynamic, 8, 16, true),
      std::tuple("llama", Codes::DynamicFused, 8, 16, true), std::tuple("gpt2", Codes::DynamicFused, 8, 16, true));
  CAPTURE(name, int(codes), bits, length, zeros);
  Case model(name);
  const Exporter style = name == std::string("gpt2") ? Exporter::Stacked : Exporter::Optimum;
  ExportOptions options{
      .style = style, .bits = bits, .length = length, .zeros = zeros, .codes = codes, .packedTokens = true};
  auto run = [&](bool asNumbers) {
    options.asNumbers = asNumbers;
    TemporaryModel file(model.exported(options));
    Imported imported(file.path);
    auto logits = imported.run(model.ids, model.prompt, static_cast<uint32_t>(model.ids.size() + 3));
    return std::tuple(logits, imported.ops, imported.numbers.empty());
  };
  const auto [logits, ops, noCodes] = run(false);
  const auto [wanted, plainOps, plain] = run(true);
  CHECK(logits == wanted);
  CHECK(ops == plainOps);
  CHECK(!noCodes);
  CHECK(plain);
}

TEST_CASE("weights of few bits that are no stored weight are refused") {
  ExportOptions options{.style = Exporter::GenAi, .bits = 4, .length = 16, .zeros = true};
  for (int64_t length : {int64_t(512), int64_t(8)}) { // no format of a core has such blocks
    options.length = length;
    CHECK_THAT(whyNot(Case("llama").exported(options)),
               Catch::Matchers::Contains("MatMulNBits") &&
                   Catch::Matchers::Contains(length == 8
                                                 ? "block_size 8 is no power of two of at least 16"
                                                 : "cores know blocks of 16, 32, 64, 128 or 256 weights, not of 512"));
  }
  options.length = 16;
  std::vector<onnx::Node> computed;
  auto refused = [&](auto change) {
    onnx::Model model = Case("llama").exported(options);
    computed.clear();
    for (onnx::Node &node : model.graph.nodes)
      if (node.op == "MatMulNBits")
        change(model, node);
    model.graph.nodes.insert(model.graph.nodes.begin(), computed.begin(), computed.end());
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
  // Tensors that are right, but not stored as they are used: computed ones, and zero points that are no integers.
  for (size_t input : {1, 2}) {
    const std::string why = refused([&](onnx::Model &, onnx::Node &node) {
      onnx::Node same;
      same.op = input == 1 ? "BitwiseNot" : "Abs";
      same.name = "computed." + node.name;
      same.inputs = {node.inputs[input]};
      same.outputs = {node.inputs[input] + ".computed"};
      node.inputs[input] = same.outputs[0];
      computed.push_back(same);
    });
    CHECK_THAT(why, Contains("(MatMulNBits) cannot keep its weight in codes: its " +
                             std::string(input == 1 ? "codes" : "scales") + " '") &&
                        Contains(".computed' are computed by another node"));
  }
  CHECK_THAT(refused([&](onnx::Model &model, onnx::Node &node) {
               onnx::TensorData &zeros = initializer(model, node.inputs[3]);
               zeros.type = ElementType::Float;
               zeros.shape = initializer(model, node.inputs[2]).shape;
               zeros.bytes = initializer(model, node.inputs[2]).bytes;
             }),
             Contains("(MatMulNBits) cannot keep its weight in codes: its zero points '") &&
                 Contains("are of float32, not of bytes"));
}

TEST_CASE("a table of few bits that is not stored as it is looked up is named, not what comes after it") {
  using Catch::Matchers::Contains;
  ExportOptions options{.style = Exporter::GenAi, .bits = 4, .length = 16, .zeros = true};
  options.packedTokens = true;
  auto refused = [&](auto change) {
    onnx::Model model = Case("llama").exported(options);
    auto table = std::find_if(model.graph.nodes.begin(), model.graph.nodes.end(),
                              [](const onnx::Node &node) { return node.op == "GatherBlockQuantized"; });
    REQUIRE(table != model.graph.nodes.end());
    for (onnx::TensorData &data : model.graph.initializers) // rows of 20, which are not whole blocks
      if (data.name == table->inputs[0])
        data.bytes.resize(static_cast<size_t>(data.shape[0] * data.shape[1]));
      else if (data.name == table->inputs[2])
        data.shape[1] = 2;
    change(model, *table);
    return whyNot(model);
  };
  const std::string why = "(GatherBlockQuantized) cannot keep its weight in codes: its codes '";
  CHECK_THAT(refused([](onnx::Model &model, onnx::Node &node) {
               onnx::Node other;
               other.op = "BitwiseNot";
               other.name = "moves";
               other.inputs = {node.inputs[0]};
               other.outputs = {"moved"};
               node.inputs[0] = "moved";
               model.graph.nodes.insert(model.graph.nodes.begin(), other);
             }),
             Contains(why + "moved' are computed by another node"));
}

TEST_CASE("codes are a weight only if scales and zero points are as its rows need them") {
  std::map<std::string, onnx::TensorData> tensors;
  auto tensor = [&](const std::string &name, ElementType type, std::vector<int64_t> shape, bool inFile) {
    onnx::TensorData &data = tensors[name];
    data.name = data.weight = name;
    data.type = type;
    data.shape = std::move(shape);
    if (inFile)
      data.range = onnx::FileRange{0, 0, 1 << 20};
    else
      data.bytes.resize(size_t(data.elements()) * (type == ElementType::Float ? 4 : 1), std::byte{1});
  };
  tensor("codes", ElementType::UInt8, {40, 6}, true);
  tensor("here", ElementType::UInt8, {40, 6}, false);
  tensor("one", ElementType::Float, {}, false);
  tensor("zero", ElementType::UInt8, {}, false);
  tensor("a column", ElementType::Float, {6}, true);
  tensor("a row", ElementType::Float, {40}, true);
  tensor("zeros", ElementType::UInt8, {6}, true);
  tensor("signed", ElementType::Int8, {6}, true);
  tensor("blocks", ElementType::Float, {3, 6}, true);
  tensor("zero blocks", ElementType::UInt8, {3, 6}, true);
  tensor("double", ElementType::Double, {}, false);
  auto find = [&](const std::string &name) -> const onnx::TensorData * {
    auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : &found->second;
  };
  auto formatOf = [&](const onnx::CodedMatrix &matrix, bool transposed) -> std::string {
    auto weight = onnx::codedWeight(matrix, transposed, find);
    return weight ? runtime::nameOf(weight->apart->format) : weight.error().message;
  };
  CHECK(formatOf({"codes", "one", "zero"}, false) == "8 bits x 32, f32 scales, zeros, one scale, by rows");
  CHECK(formatOf({"codes", "a column", "zeros", 1}, true) ==
        "8 bits x 32, f32 scales, zeros, a scale a row, by columns");
  CHECK(formatOf({"codes", "a column", "zeros", -1}, true) ==
        "8 bits x 32, f32 scales, zeros, a scale a row, by columns");
  CHECK(formatOf({"codes", "blocks", "zero blocks", 0, 16}, true) == "8 bits x 16, f32 scales, zeros, by columns");
  const char *const noSharers = "its scales '";
  const std::tuple<onnx::CodedMatrix, bool, const char *> others[] = {
      {{"codes", "one", ""}, false, "have no zero point"}, // bytes from 0 on, which no core's block has
      {{"here", "one", "zero"}, false, "not stored as raw bytes"},
      {{"codes", "double", "zero"}, false, "its scales 'double' are of float64"},
      {{"codes", "a column", "zeros", 1}, false, noSharers}, // a scale along the row
      {{"codes", "a row", "zeros", 1}, true, noSharers},     // not as many as there are columns
      {{"codes", "a column", "signed", 1}, true, "'signed' are not of uint8"},
      {{"codes", "a column", "zero", 1}, true, "as many as its scales"},
      {{"codes", "blocks", "zero blocks", 1, 16}, true, noSharers}, // blocks along the other dimension
      {{"codes", "blocks", "zero blocks", 0, 32}, true, noSharers}, // another number of blocks
      {{"codes", "blocks", "zero blocks", 0, 20}, true, "blocks of 16, 32, 64, 128 or 256 weights, not of 20"},
      {{"a row", "one", "zero"}, false, "are of float32, not of 4 or 8 bits"},
      {{"zeros", "one", "zero"}, false, "[6] are no matrix"},
      {{"codes", "nothing", "zero"}, false, "its scales 'nothing' are computed by another node"},
      {{"codes", "one", "nothing"}, false, "its zero points 'nothing' are computed by another node"}};
  for (const auto &[matrix, transposed, why] : others)
    CHECK_THAT(formatOf(matrix, transposed), Catch::Matchers::Contains(why));
}

TEST_CASE("a product in integers is one of numbers only if it is scaled by what its own input was") {
  const ExportOptions options{.bits = 8, .zeros = true, .codes = ExportOptions::Codes::Dynamic};
  auto refused = [&](auto change) {
    onnx::Model model = Case("qwen2").exported(options);
    std::vector<onnx::Node *> rounded, products, scales;
    for (onnx::Node &node : model.graph.nodes)
      if (node.op == "DynamicQuantizeLinear")
        rounded.push_back(&node);
      else if (node.op == "MatMulInteger")
        products.push_back(&node);
      else if (node.op == "Mul" && !rounded.empty() && node.inputs[0] == rounded.back()->outputs[1])
        scales.push_back(&node);
    change(*rounded.front(), *products.back(), *scales.back());
    return whyNot(model);
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(
      refused([](onnx::Node &first, onnx::Node &product, onnx::Node &) { product.inputs[2] = first.outputs[2]; }),
      Contains("none of the ops"));
  CHECK_THAT(refused([](onnx::Node &first, onnx::Node &, onnx::Node &scale) { scale.inputs[0] = first.outputs[1]; }),
             Contains("none of the ops"));
  CHECK_THAT(refused([](onnx::Node &, onnx::Node &product, onnx::Node &) { product.inputs.resize(2); }),
             Contains("none of the ops"));
}

TEST_CASE("a product in integers without the zero point of its input is none of numbers") {
  onnx::Model model = Case("qwen2").exported({.bits = 8, .codes = ExportOptions::Codes::Dynamic});
  for (onnx::Node &node : model.graph.nodes)
    if (node.op == "DynamicQuantizeLinear")
      node.outputs[2] = "";
    else if (node.op == "MatMulInteger")
      node.inputs[2] = "";
  CHECK_THAT(whyNot(model), Catch::Matchers::Contains("none of the ops"));
}

TEST_CASE("what an optimiser has doubled or moved is the same decoder") {
  Case model("llama");
  auto logits = [&](const onnx::Model &graph) {
    TemporaryModel file(graph);
    return Imported(file.path).run(model.ids, model.prompt, static_cast<uint32_t>(model.ids.size() + 3));
  };
  onnx::Model plain = model.exported({}), changed = plain;
  std::vector<onnx::Node> &nodes = changed.graph.nodes;
  auto node = [](const char *op, std::vector<std::string> inputs, const std::string &output) {
    onnx::Node made;
    made.op = op;
    made.name = "made." + output;
    made.inputs = std::move(inputs);
    made.outputs = {output};
    return made;
  };
  auto turned = [&](const std::string &x, const std::string &y) {
    onnx::Node made = node("Transpose", {x}, y);
    made.attributes["perm"].kind = onnx::Attribute::Kind::Ints;
    made.attributes["perm"].numbers = {0, 2, 1, 3};
    return made;
  };
  SECTION("a look-up of the tokens") {
    auto gather = std::find_if(nodes.begin(), nodes.end(), [](const onnx::Node &each) {
      return each.op == "Gather" && each.inputs[1] == "input_ids";
    });
    REQUIRE(gather != nodes.end());
    const std::string rows = gather->outputs[0];
    onnx::Node second = *gather;
    second.name = "again";
    second.outputs = {"rows again"};
    bool first = true;
    for (onnx::Node &each : nodes)
      for (std::string &input : each.inputs)
        if (input == rows && !std::exchange(first, false))
          input = "rows again";
    nodes.insert(gather + 1, second);
  }
  SECTION("a cache's transpose") {
    size_t moved = 0;
    for (size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].op == "Concat" && nodes[i].inputs[0].starts_with("past_key_values.")) {
        const onnx::Node concat = nodes[i];
        const std::string own = std::to_string(moved++);
        onnx::Node joined = node("Concat", {"past turned " + own, "fresh turned " + own}, "joined " + own);
        joined.attributes["axis"].kind = onnx::Attribute::Kind::Int;
        joined.attributes["axis"].number = 1;
        nodes[i] = turned("joined " + own, concat.outputs[0]);
        nodes.insert(nodes.begin() + std::ptrdiff_t(i), {turned(concat.inputs[0], "past turned " + own),
                                                         turned(concat.inputs[1], "fresh turned " + own), joined});
        i += 3;
      }
    CHECK(moved == 4);
  }
  CHECK(logits(changed) == logits(plain));
}

TEST_CASE("the same codes may be two matrices") {
  // 8 bits x 16 and 4 bits x 32 of as many bytes: each is the numbers that its own node says.
  onnx::Node eight;
  eight.op = "MatMulNBits";
  eight.domain = "com.microsoft";
  eight.inputs = {"x", "codes", "scales"};
  auto number = [](int64_t value) {
    onnx::Attribute attribute;
    attribute.kind = onnx::Attribute::Kind::Int;
    attribute.number = value;
    return attribute;
  };
  eight.attributes = {{"K", number(16)}, {"N", number(2)}, {"bits", number(8)}, {"block_size", number(16)}};
  onnx::Node four = eight;
  four.attributes["bits"] = number(4);
  four.attributes["block_size"] = number(32);
  onnx::TensorData codes, scales;
  codes.type = ElementType::UInt8;
  codes.weight = "codes";
  codes.range = onnx::FileRange{0, 0, 32};
  scales.type = ElementType::Float;
  scales.weight = "scales";
  scales.range = onnx::FileRange{0, 32, 8};
  auto find = [&](const std::string &name) { return name == "codes" ? &codes : name == "scales" ? &scales : nullptr; };
  auto first = onnx::packedWeight(eight, find), second = onnx::packedWeight(four, find);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->name != second->name);
  four.attributes["K"] = number(32);
  four.attributes["N"] = number(2);
  REQUIRE(onnx::packedWeight(four, find));
  CHECK(onnx::packedWeight(four, find)->name != second->name);
  four.attributes["K"] = number(33); // two blocks
  CHECK(!onnx::packedWeight(four, find));
}

TEST_CASE("a decoder whose attention multiplies integers that are no weight is refused by that product's name") {
  onnx::Model model = Case("qwen2").exported({.bits = 8, .codes = ExportOptions::Codes::Dynamic});
  onnx::Node computed;
  for (onnx::Node &node : model.graph.nodes)
    if (node.op == "MatMulInteger" && computed.inputs.empty()) {
      computed.op = "BitwiseNot";
      computed.name = "computes";
      computed.inputs = {node.inputs[1]};
      computed.outputs = {"computed"};
      node.inputs[1] = "computed";
      node.name = "product";
    }
  model.graph.nodes.insert(model.graph.nodes.begin(), computed);
  CHECK_THAT(whyNot(model), Catch::Matchers::Contains("node 'product' (MatMulInteger) cannot keep its weight in codes: "
                                                      "its codes 'computed' are computed by another node"));
}
