// What the reader and the importer refuse: each with one message that names the culprit.
#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/graph/Import.h"
#include "tests/onnx/Program.h"

#include "mlir/IR/MLIRContext.h"

#include <catch2/catch.hpp>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <fstream>
#include <functional>

using namespace weft;
using namespace weft::test;
namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {

const std::string relu = "g (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }";

std::string messageOf(const std::string &file, const std::map<std::string, int64_t> &dims = {}) {
  auto outputs = runModel(file, {}, dims);
  REQUIRE(!outputs);
  CHECK(outputs.error().fault == Fault::User);
  return outputs.error().message;
}

/// The message for `body` after `change`.
std::string messageAfter(const std::string &body, const std::function<void(::onnx::ModelProto &)> &change) {
  ::onnx::ModelProto model;
  REQUIRE(model.ParseFromString(modelFile(body)));
  change(model);
  return messageOf(model.SerializeAsString());
}

::onnx::TensorProto *addTensor(::onnx::ModelProto &model, const std::string &name, int type,
                               std::vector<int64_t> dims) {
  auto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (int64_t dim : dims)
    tensor->add_dims(dim);
  return tensor;
}

} // namespace

TEST_CASE("a file that is cut off or is no model is refused, wherever it is cut", "[onnx]") {
  std::string file = modelFile(relu);
  for (size_t size = 0; size < file.size(); ++size) {
    auto model = frontend::onnx::parseModel(std::as_bytes(std::span(file).first(size)), "cut.onnx");
    if (!model)
      CHECK_THAT(model.error().message, Contains("cut.onnx"));
  }
  CHECK_THAT(messageOf(""), Contains("no graph"));
  CHECK_THAT(messageOf("GGUF\x03\x00\x00\x00"), Contains("not an ONNX model"));
  CHECK_THAT(messageOf(std::string(100, '\xff')), Contains("not an ONNX model"));
}

TEST_CASE("what is wrong in a graph is said with the node's name", "[onnx]") {
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { a = Add(x, b) b = Neg(a) y = Neg(b) }")),
             Contains("cycle") && Contains("Add of a"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { y = Neg(x) y = Abs(x) }")),
             Contains("Abs of y") && Contains("definition already"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { y = Add(x, z) }")),
             Contains("Add of y") && Contains("'z'"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { z = Neg(x) }")), Contains("output 'y'"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x, float[2] x) => (float[2] y) { y = Neg(x) }")),
             Contains("input 'x' twice"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { y = Frobnicate(x) }")),
             Contains("Frobnicate of y") && Contains("not known"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { y = com.microsoft.Frobnicate(x) }")),
             Contains("Frobnicate of y") && Contains("com.microsoft"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x, float[3] z) => (float[2] y) { y = Add(x, z) }")),
             Contains("Add of y") && Contains("broadcast"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x, int64[2] z) => (float[2] y) { y = Add(x, z) }")),
             Contains("Add of y") && Contains("one type"));
  CHECK_THAT(messageOf(modelFile("g (int64[2] x) => (int64[2] y) { y = Exp(x) }")),
             Contains("Exp of y") && Contains("int64"));
  CHECK_THAT(messageOf(modelFile("g (string[2] x) => (string[2] y) { y = Identity(x) }")), Contains("string"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[3] y) { y = Neg(x) }")), Contains("'y' is declared as [3]"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (int32[2] y) { y = Neg(x) }")), Contains("declared as int32"));
}

TEST_CASE("nodes may be in any order", "[onnx]") {
  auto outputs =
      runModel(modelFile("g (float[2] x) => (float[2] y) { y = Neg(a) a = Abs(x) }"), {bytesOf<float>({-1, 2})});
  REQUIRE(outputs);
  CHECK(valuesOf<float>((*outputs)[0]) == std::vector<float>{-1, -2});
}

TEST_CASE("symbolic dimensions are bound by name", "[onnx]") {
  std::string file = modelFile("g (float[batch, 2] x) => (float[batch, 2] y) { y = Neg(x) }");
  CHECK_THAT(messageOf(file), Contains("'batch' of input 'x'") && Contains("--dim batch=1"));
  CHECK_THAT(messageOf(file, {{"bacth", 1}}), Contains("bacth") && Contains("batch"));
  CHECK_THAT(messageOf(file, {{"batch", -1}}), Contains("batch=-1"));
  auto outputs = runModel(file, {bytesOf<float>({1, 2, 3, 4, 5, 6})}, {{"batch", 3}});
  REQUIRE(outputs);
  CHECK(valuesOf<float>((*outputs)[0]).size() == 6);
  auto none = runModel(file, {{}}, {{"batch", 0}});
  REQUIRE(none);
  CHECK((*none)[0].empty());
  std::string nameless = messageAfter(relu, [](auto &model) {
    model.mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(1)
        ->clear_dim_value();
  });
  CHECK_THAT(nameless, Contains("--dim x.1=8"));
}

TEST_CASE("all dimensions without a size are named at once", "[onnx]") {
  std::string file = modelFile("g (float[batch, n] x, float[n, m] y) => (float[batch, m] z) { z = MatMul(x, y) }");
  CHECK_THAT(messageOf(file), Contains("3 dimensions are without a size: 'batch' of input 'x', 'n' of input 'x', "
                                       "'m' of input 'y'; bind them, as in --dim batch=1,n=8,m=8"));
  CHECK_THAT(messageOf(file, {{"n", 4}}), Contains("2 dimensions are") && Contains("--dim batch=1,m=8"));
}

TEST_CASE("a dimension whose name is a sum or a product is computed", "[onnx]") {
  auto named = [](const std::string &name) {
    ::onnx::ModelProto model;
    REQUIRE(model.ParseFromString(
        modelFile("g (float[n, m] x, float[k] y) => (float[a, b] u, float[c] v) { u = Neg(x) v = Neg(y) }")));
    auto *shape = model.mutable_graph()->mutable_input(1)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape->mutable_dim(0)->set_dim_param(name);
    return model.SerializeAsString();
  };
  auto elements = [](const std::string &file, const std::map<std::string, int64_t> &dims, size_t count) {
    auto outputs = runModel(file, {std::vector<std::byte>(4 * 6), std::vector<std::byte>(4 * count)}, dims);
    INFO((outputs ? std::string() : outputs.error().message));
    REQUIRE(outputs);
    CHECK((*outputs)[1].size() == 4 * count);
  };
  const std::map<std::string, int64_t> sizes = {{"n", 2}, {"m", 3}};
  elements(named("n + 1"), sizes, 3);
  elements(named("2*n"), sizes, 4);
  elements(named("n+m * 2"), sizes, 8);
  elements(named("(n + m)*2"), sizes, 10);
  // What is given counts, since names of exporters need not be true, and then nothing is needed for it.
  elements(named("n + 1"), {{"n", 2}, {"m", 3}, {"n + 1", 7}}, 7);
  elements(named("past + 1"), {{"n", 2}, {"m", 3}, {"past + 1", 7}}, 7);
  // Spaces do not count.
  elements(named("past + 1"), {{"n", 2}, {"m", 3}, {"past+1", 7}}, 7);
  CHECK_THAT(messageOf(named("past+1"), {{"n", 2}, {"m", 3}, {"past + 1", 7}, {"past +1", 8}}),
             Contains("another spelling"));
  CHECK_THAT(messageOf(named("2 n"), {{"n", 2}, {"m", 3}, {"2n", 7}}), Contains("no such dimension"));
  // A name in it needs no dimension of its own.
  CHECK_THAT(messageOf(named("past + n"), sizes),
             Contains("'past' in 'past + n' of input 'y'") && Contains("--dim past=8"));
  elements(named("past + n"), {{"n", 2}, {"m", 3}, {"past", 4}}, 6);
  // Other names are names alone.
  for (const char *name : {"n - 1", "n +", "(n + 1", "max(n, 1)", "2 n", "", "n + 1)"})
    CHECK_THAT(messageOf(named(name), sizes),
               Contains("a dimension is without a size: '" + std::string(*name ? name : "y.0") + "' of"));
  CHECK_THAT(messageOf(named("n*99999999999"), sizes), Contains("'n*99999999999'") && Contains("2^32"));
  CHECK_THAT(messageOf(named("n*4000000000*m"), sizes), Contains("2^32"));
  // What does not fit is told with what was computed.
  ::onnx::ModelProto mask;
  REQUIRE(mask.ParseFromString(modelFile("g (float[seq] x, float[k] y) => (float[a] z) { z = Add(x, y) }")));
  auto *shape = mask.mutable_graph()->mutable_input(1)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape->mutable_dim(0)->set_dim_param("past + 1");
  CHECK_THAT(messageOf(mask.SerializeAsString(), {{"seq", 5}, {"past", 2}}),
             Contains("broadcast") &&
                 Contains("gave 'past + 1' as 3, which need not be true; --dim 'past + 1=N' binds it to "
                          "another size"));
}

TEST_CASE("a shape that only the program's inputs decide is refused with the input's name", "[onnx]") {
  std::string body = "g (float[2, 3] x, int64[2] s) => (float[a, b] y) { y = Reshape(x, s) }";
  CHECK_THAT(messageOf(modelFile(body)), Contains("Reshape of y") && Contains("'s'"));
}

TEST_CASE("tensors must have the bytes that their shape and type call for", "[onnx]") {
  auto message = [](int type, std::vector<int64_t> dims, size_t bytes) {
    return messageAfter(relu,
                        [&](auto &model) { addTensor(model, "w", type, dims)->set_raw_data(std::string(bytes, 'a')); });
  };
  CHECK_THAT(message(1, {2, 2}, 15), Contains("'w' has 15 bytes") && Contains("16"));
  CHECK_THAT(message(1, {3000}, 11999), Contains("'w' has 11999 bytes") && Contains("12000"));
  CHECK_THAT(message(1, {-1}, 4), Contains("'w'") && Contains("no tensor can have"));
  CHECK_THAT(message(1, {int64_t(1) << 32, int64_t(1) << 32}, 4), Contains("no tensor can have"));
  CHECK_THAT(message(1, {int64_t(1) << 62, 4}, 0), Contains("no tensor can have"));
  CHECK_THAT(message(99, {1}, 4), Contains("'w'") && Contains("type 99"));
  CHECK_THAT(message(8, {1}, 4), Contains("string"));
  CHECK_THAT(message(14, {1}, 8), Contains("complex64"));
  CHECK_THAT(message(22, {3}, 1), Contains("'w' has 1 bytes") && Contains("takes 2"));
  CHECK_THAT(messageAfter(relu, [](auto &model) { addTensor(model, "w", 1, {2})->add_float_data(1); }),
             Contains("'w' has 4 bytes"));
  CHECK_THAT(messageAfter(relu,
                          [](auto &model) {
                            addTensor(model, "w", 1, {1})->add_float_data(1);
                            addTensor(model, "w", 1, {1})->add_float_data(1);
                          }),
             Contains("initializer 'w' twice"));
}

TEST_CASE("external data stay below the model's folder and must be there", "[onnx]") {
  const fs::path folder = fs::path(WEFT_BINARY_DIR) / "onnx-external";
  fs::create_directories(folder / "data");
  std::ofstream(folder / "data/w.bin", std::ios::binary) << std::string(4096, '\0') << std::string(8192, 'w');
  auto load = [&](const std::string &location, const std::string &offset, const std::string &length) {
    ::onnx::ModelProto model;
    REQUIRE(model.ParseFromString(modelFile("g (float[2048] x) => (float[2048] y) { y = Add(x, w) }")));
    auto *tensor = addTensor(model, "w", 1, {2048});
    tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
    for (auto [key, value] :
         {std::pair("location", location), std::pair("offset", offset), std::pair("length", length)}) {
      auto *entry = tensor->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    std::string file = model.SerializeAsString();
    return frontend::onnx::parseModel(std::as_bytes(std::span(file)), (folder / "model.onnx").string());
  };
  auto good = load("data/w.bin", "4096", "8192");
  REQUIRE(good);
  const auto &range = good->graph.initializers[0].range;
  REQUIRE(range);
  CHECK(good->files[range->file] == (folder / "data/w.bin").string());
  CHECK(range->offset == 4096);
  CHECK(frontend::onnx::weightsOf(*good)->find("w")->offset == 4096);

  auto message = [&](const std::string &location, const std::string &offset = "0", const std::string &length = "8192") {
    auto model = load(location, offset, length);
    REQUIRE(!model);
    CHECK_THAT(model.error().message, Contains("'w'"));
    return model.error().message;
  };
  CHECK_THAT(message("../w.bin"), Contains("below the model's own folder"));
  CHECK_THAT(message("data/../../w.bin"), Contains("below the model's own folder"));
  CHECK_THAT(message("/etc/passwd"), Contains("below the model's own folder"));
  CHECK_THAT(message(""), Contains("below the model's own folder"));
  CHECK_THAT(message("data"), Contains("no file"));
  CHECK_THAT(message("gone.bin"), Contains("gone.bin") && Contains("no file"));
  CHECK_THAT(message("data/w.bin", "8192"), Contains("which has 12288"));
  CHECK_THAT(message("data/w.bin", "18446744073709551615"), Contains("which has 12288"));
  CHECK_THAT(message("data/w.bin", "99999999999999999999"), Contains("no number"));
  CHECK_THAT(message("data/w.bin", "-4"), Contains("no number"));
  CHECK_THAT(message("data/w.bin", "0", "8191"), Contains("8191 bytes"));
}

TEST_CASE("large initializers stay in the file", "[onnx]") {
  ::onnx::ModelProto model;
  REQUIRE(model.ParseFromString(modelFile("g (float[2048] x) => (float[2048] y) { z = Add(x, w) y = Add(z, v) }")));
  std::vector<float> values(2048);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i);
  addTensor(model, "small", 1, {1})->add_float_data(1);
  addTensor(model, "w", 1, {2048})->set_raw_data(values.data(), values.size() * 4);
  auto *typed = addTensor(model, "v", 1, {2048});
  for (float value : values)
    typed->add_float_data(value);
  std::string file = model.SerializeAsString();
  auto read = frontend::onnx::parseModel(std::as_bytes(std::span(file)), "large.onnx");
  INFO((read ? "" : read.error().message));
  REQUIRE(read);
  CHECK(!read->graph.initializers[0].range);
  for (size_t i : {1, 2}) {
    const auto &range = read->graph.initializers[i].range;
    REQUIRE(range);
    CHECK(read->graph.initializers[i].bytes.empty());
    CHECK(std::memcmp(file.data() + range->offset, values.data(), range->bytes) == 0);
  }
}

TEST_CASE("large tensors of one name, and in nodes, are weights of their own", "[onnx]") {
  ::onnx::ModelProto model;
  REQUIRE(model.ParseFromString(modelFile(R"(g (bool c, float[2048] x) => (float[2048] y) {
    k = Constant <value = float[1] {0}>()
    z = If <then_branch = yes () => (float[2048] a) { a = Add(x, k) }, else_branch = no () => (float[2048] b) { b = Neg(x) }>(c)
    y = Add(z, k)
  })")));
  std::string bytes(8192, '\x3f');
  for (auto &node : *model.mutable_graph()->mutable_node())
    if (node.op_type() == "Constant") {
      auto *tensor = node.mutable_attribute(0)->mutable_t();
      tensor->Clear();
      tensor->set_data_type(1);
      tensor->add_dims(2048);
      tensor->set_raw_data(bytes);
    }
  addTensor(model, "w", 1, {2048})->set_raw_data(bytes);
  std::string file = model.SerializeAsString();
  auto read = frontend::onnx::parseModel(std::as_bytes(std::span(file)), "large.onnx");
  REQUIRE(read);
  CHECK(read->weights.size() == 2);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = frontend::onnx::buildGraph(context, *read, {});
  INFO((module ? "" : module.error().message));
  CHECK(module);
}

TEST_CASE("large tensors of types below a byte stay packed in the file", "[onnx]") {
  ::onnx::ModelProto model;
  std::string body = "g (float[9001] x) => (float[9001] y) { f = Cast <to = 1>(w) y = Add(x, f) }";
  REQUIRE(model.ParseFromString(modelFile(body)));
  std::string packed(4501, '\0');
  std::vector<float> expected(9001);
  for (size_t i = 0; i < expected.size(); ++i) {
    const int value = static_cast<int>(i * 7 % 16) - 8;
    expected[i] = static_cast<float>(value);
    packed[i / 2] = static_cast<char>(packed[i / 2] | (value & 15) << (i % 2 * 4));
  }
  addTensor(model, "w", 22, {9001})->set_raw_data(packed);
  auto outputs = runModel(model.SerializeAsString(), {bytesOf(std::vector<float>(9001, 0.0f))});
  INFO((outputs ? "" : outputs.error().message));
  REQUIRE(outputs);
  CHECK(valuesOf<float>((*outputs)[0]) == expected);
}

TEST_CASE("functions of a model are inlined, and may not call themselves", "[onnx]") {
  ::onnx::ModelProto model;
  REQUIRE(model.ParseFromString(modelFile("g (float[2] x) => (float[2] y) { y = my.Twice(x) }")));
  auto *opset = model.add_opset_import();
  opset->set_domain("my");
  opset->set_version(1);
  auto *function = model.add_functions();
  function->set_name("Twice");
  function->set_domain("my");
  function->add_input("a");
  function->add_output("b");
  auto *node = function->add_node();
  node->set_op_type("Add");
  node->add_input("a");
  node->add_input("a");
  node->add_output("b");
  auto *import = function->add_opset_import();
  import->set_domain("");
  import->set_version(18);
  auto outputs = runModel(model.SerializeAsString(), {bytesOf<float>({1, 2})});
  INFO((outputs ? "" : outputs.error().message));
  REQUIRE(outputs);
  CHECK(valuesOf<float>((*outputs)[0]) == std::vector<float>{2, 4});
  node->set_op_type("Twice");
  node->set_domain("my");
  node->mutable_input()->RemoveLast();
  CHECK_THAT(messageOf(model.SerializeAsString()), Contains("calls itself"));
}

TEST_CASE("attributes of another kind and numbers that wrap are refused by the node's name", "[onnx]") {
  auto onlyNode = [](const std::string &inputs, const std::string &node) {
    return messageOf(modelFile("g (" + inputs + ") => (float[a, b, c, d] y) { y = " + node + " }"));
  };
  CHECK_THAT(onlyNode("float[2, 3] x", "Softmax <axis = \"last\"> (x)"), Contains("'axis' is not an integer"));
  CHECK_THAT(onlyNode("int64[2, 3] x", "Softmax (x)"), Contains("Softmax of y") && Contains("int64"));
  CHECK_THAT(onlyNode("float[1, 4, 2, 2] x", "DepthToSpace <blocksize = 4294967296> (x)"),
             Contains("DepthToSpace of y") && Contains("4294967296"));
  CHECK_THAT(onlyNode("float[1, 1, 0, 2] x", "SpaceToDepth <blocksize = 9223372036854775807> (x)"),
             Contains("SpaceToDepth of y"));
  CHECK_THAT(onlyNode("float[1, 1, 3, 3] x, float[1, 1, 2, 2] w", "ConvTranspose <output_shape = [4]> (x, w)"),
             Contains("ConvTranspose of y") && Contains("output_shape"));
  CHECK_THAT(
      onlyNode("float[1, 1, 8, 8] x", "MaxPool <kernel_shape = [8589934593, 1], dilations = [2147483648, 1]> (x)"),
      Contains("MaxPool of y") && Contains("kernel"));
  CHECK_THAT(onlyNode("float[2, 3] x, int64[2, 4] i, float[2, 4] u", "ScatterElements <axis = 0> (x, i, u)"),
             Contains("ScatterElements of y") && Contains("outside dimension 1"));
  CHECK_THAT(onlyNode("float[2, 3, 4] x, int64[3, 1] i", "GatherND <batch_dims = 1> (x, i)"),
             Contains("GatherND of y") && Contains("batches"));
  CHECK_THAT(onlyNode("float[4, 4] x, int64[3] l", "ReverseSequence (x, l)"), Contains("ReverseSequence of y"));
  CHECK_THAT(messageOf(modelFile("g (float[6] x) => (float[a] y) { y = Split <num_outputs = 1000000000000> (x) }")),
             Contains("Split of y") && Contains("1000000000000"));
  CHECK_THAT(messageOf(modelFile("g (float[2] x) => (float[2] y) { y = Neg(x) }", 99)), Contains("opset 99"));
}

TEST_CASE("norms of integers are integers, and no axes may mean none", "[onnx]") {
  auto values = [](const std::string &body, const std::vector<std::byte> &x) {
    auto outputs = runModel(modelFile(body), {x});
    INFO((outputs ? "" : outputs.error().message));
    REQUIRE(outputs);
    return (*outputs).front();
  };
  CHECK(valuesOf<int32_t>(values("g (int32[2] x) => (int32[1] y) { y = ReduceL2(x) }", bytesOf<int32_t>({3, -4}))) ==
        std::vector<int32_t>{5});
  CHECK(valuesOf<float>(values("g (float[2] x) => (float[2] y) { y = ReduceLogSumExp <noop_with_empty_axes = 1> (x) }",
                               bytesOf<float>({3, -4}))) == std::vector<float>{3, -4});
  // An attribute that says nothing new beside axes is no unknown one.
  CHECK(valuesOf<float>(values("g (float[2] x) => (float[1] y) { a = Constant <value = int64[1] {0}>() "
                               "y = ReduceMean <noop_with_empty_axes = 0> (x, a) }",
                               bytesOf<float>({3, -4}))) == std::vector<float>{-0.5F});
}

TEST_CASE("sizes that no memory holds are refused, not allocated", "[onnx]") {
  CHECK_THAT(messageOf(modelFile("g (float[1099511627776, 1099511627776] x) => (float[1] y) { y = Neg(x) }")),
             Contains("too large"));
  std::string tile = R"(g (float[1024] x) => (float[a] y) {
    n = Constant <value = int64[1] {9223372036854775807}>()
    y = Tile(x, n)
  })";
  CHECK_THAT(messageOf(modelFile(tile)), Contains("Tile of y"));
  std::string pad = R"(g (float[4] x) => (float[a] y) {
    n = Constant <value = int64[2] {9223372036854775807, 9223372036854775807}>()
    y = Pad(x, n)
  })";
  CHECK_THAT(messageOf(modelFile(pad)), Contains("Pad of y"));
  std::string expand = R"(g (float[1] x) => (float[a, b] y) {
    n = Constant <value = int64[2] {1099511627776, 1099511627776}>()
    y = Expand(x, n)
  })";
  CHECK_THAT(messageOf(modelFile(expand)), Contains("Expand of y"));
}
