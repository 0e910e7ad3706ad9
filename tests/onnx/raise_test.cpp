// Raised graphs compute what they computed before, on random inputs, and have the ops that were looked for.
#include "compiler/frontend/onnx/Reader.h"
#include "tests/onnx/Raised.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <iostream>

using namespace weft;
using namespace weft::test;
using frontend::onnx::ElementType;
namespace fs = std::filesystem;

namespace {

constexpr int64_t batch = 2, tokens = 5, heads = 4, size = 6, width = heads * size;

std::string rootMeanSquare(GraphMaker &g, const std::string &x, const std::string &gamma) {
  std::string mean = g.node("ReduceMean", {g.node("Pow", {x, g.constant(2)}), g.integers({-1})});
  std::string inverse = g.node("Reciprocal", {g.node("Sqrt", {g.node("Add", {mean, g.constant(1e-5F)})})});
  return g.node("Mul", {gamma, g.node("Mul", {x, inverse})});
}

/// [batch, tokens, count * size] as [batch, count, tokens, size].
std::string split(GraphMaker &g, const std::string &x, int64_t count) {
  return g.node("Transpose", {g.node("Reshape", {x, g.integers({batch, tokens, count, size})})},
                {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
}

std::string join(GraphMaker &g, const std::string &x) {
  return g.node("Reshape", {g.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}),
                            g.integers({batch, tokens, width})});
}

std::string project(GraphMaker &g, const std::string &x, int64_t in, int64_t out) {
  return g.node("MatMul", {x, g.random({in, out}, 0.3F)});
}

std::string causalMask(GraphMaker &g, int64_t window = tokens) {
  std::vector<float> mask;
  for (int64_t i = 0; i < tokens; ++i)
    for (int64_t j = 0; j < tokens; ++j)
      mask.push_back(j <= i && j > i - window ? 0 : -3.4e38F);
  return g.constant({1, 1, tokens, tokens}, mask);
}

struct Tables {
  std::string cosine, sine;
};

Tables tables(GraphMaker &g, int64_t first = 0) {
  std::vector<float> cosine, sine;
  for (int64_t i = 0; i < tokens; ++i)
    for (int64_t j = 0; j < size; ++j) {
      const float angle =
          static_cast<float>(i + first) * std::pow(100.0F, -2.0F * static_cast<float>(j % (size / 2)) / size);
      cosine.push_back(std::cos(angle));
      sine.push_back(std::sin(angle));
    }
  return {g.constant({1, 1, tokens, size}, cosine), g.constant({1, 1, tokens, size}, sine)};
}

std::string rotate(GraphMaker &g, const std::string &x, const Tables &t) {
  std::string last = g.integers({3}), step = g.integers({1});
  std::string first = g.node("Slice", {x, g.integers({0}), g.integers({size / 2}), last, step});
  std::string second = g.node("Slice", {x, g.integers({size / 2}), g.integers({INT64_MAX}), last, step});
  std::string turned = g.node("Concat", {g.node("Neg", {second}), first}, {{"axis", int64_t(-1)}});
  return g.node("Add", {g.node("Mul", {x, t.cosine}), g.node("Mul", {turned, t.sine})});
}

/// Each of `kv` heads for as many queries as share it.
std::string repeat(GraphMaker &g, const std::string &x, int64_t kv) {
  std::string wide =
      g.node("Expand", {g.node("Unsqueeze", {x, g.integers({2})}), g.integers({batch, kv, heads / kv, tokens, size})});
  return g.node("Reshape", {wide, g.integers({batch, heads, tokens, size})});
}

std::string swapLast(GraphMaker &g, const std::string &x) {
  return g.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
}

} // namespace

TEST_CASE("a decoder's layer as torch exports it") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width});
  const int64_t kv = GENERATE(1, 2, 4), first = GENERATE(0, 7);
  Tables t = tables(g, first);
  std::string normed = rootMeanSquare(g, x, g.random({width}));
  std::string q = rotate(g, split(g, project(g, normed, width, width), heads), t);
  std::string k = rotate(g, split(g, project(g, normed, width, kv * size), kv), t);
  std::string v = split(g, project(g, normed, width, kv * size), kv);
  if (kv != heads) {
    k = repeat(g, k, kv);
    v = repeat(g, v, kv);
  }
  std::string scores = g.node("Mul", {g.node("MatMul", {q, swapLast(g, k)}), g.constant(0.4F)});
  std::string weights = g.node("Softmax", {g.node("Add", {scores, causalMask(g)})}, {{"axis", int64_t(-1)}});
  std::string mixed = project(g, join(g, g.node("MatMul", {weights, v})), width, width);
  std::string sum = g.node("Add", {x, mixed}), second = rootMeanSquare(g, sum, g.random({width}));
  std::string gate = project(g, second, width, 20), up = project(g, second, width, 20);
  std::string silu = g.node("Mul", {gate, g.node("Sigmoid", {gate})});
  g.output(g.node("Add", {sum, project(g, g.node("Mul", {silu, up}), 20, width)}));
  CHECK(raisedAndEqual(g.model) ==
        Counts{{"rms_norm", 2}, {"linear", 4}, {"rope", 2}, {"attend", 1}, {"gated_mlp", 1}, {"add", 2}});
}

TEST_CASE("an encoder's layer with norms written out, a mask that is an input, and a bias everywhere") {
  GraphMaker g(13);
  std::string x = g.floats("x", {batch, tokens, width}), mask = g.floats("mask", {batch, 1, 1, tokens});
  auto dense = [&](const std::string &in, int64_t from, int64_t to) {
    return g.node("Add", {project(g, in, from, to), g.random({to})});
  };
  auto norm = [&](const std::string &in) {
    std::string mean = g.node("ReduceMean", {in}, {{"axes", std::vector<int64_t>{-1}}});
    std::string centred = g.node("Sub", {in, mean});
    std::string variance =
        g.node("ReduceMean", {g.node("Pow", {centred, g.constant(2)})}, {{"axes", std::vector<int64_t>{-1}}});
    std::string deviation = g.node("Sqrt", {g.node("Add", {variance, g.constant(1e-6F)})});
    return g.node("Add", {g.node("Mul", {g.node("Div", {centred, deviation}), g.random({width})}), g.random({width})});
  };
  std::string q = split(g, dense(x, width, width), heads), v = split(g, dense(x, width, width), heads);
  std::string k = g.node("Transpose", {g.node("Reshape", {dense(x, width, width), g.integers({0, 0, heads, size})})},
                         {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
  std::string scores = g.node("Div", {g.node("MatMul", {q, k}), g.constant(std::sqrt(6.0F))});
  std::string weights = g.node("Softmax", {g.node("Add", {scores, mask})}, {{"axis", int64_t(3)}});
  std::string sum = norm(g.node("Add", {dense(join(g, g.node("MatMul", {weights, v})), width, width), x}));
  std::string inner = dense(sum, width, 30);
  std::string erf = g.node("Erf", {g.node("Div", {inner, g.constant(std::sqrt(2.0F))})});
  std::string product = g.node("Mul", {inner, g.node("Add", {erf, g.constant(1)})});
  std::string gelu = g.node("Mul", {product, g.constant(0.5F)});
  g.output(norm(g.node("Add", {dense(gelu, 30, width), sum})));
  CHECK(raisedAndEqual(g.model) ==
        Counts{{"linear", 6}, {"layer_norm", 2}, {"attend", 1}, {"activation", 1}, {"add", 2}});
}

TEST_CASE("scores with a cap, a window, a scale on both factors and norms of heads") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width});
  std::string gamma = g.random({size});
  std::string q =
      rootMeanSquare(g, split(g, project(g, x, width, width), heads), g.node("Add", {gamma, g.constant(1)}));
  std::string k = split(g, project(g, x, width, width), heads);
  q = g.node("Mul", {q, g.constant(0.7F)});
  std::string kt = g.node("Mul", {swapLast(g, k), g.constant(0.6F)});
  std::string v = split(g, project(g, x, width, width), heads);
  std::string scores = g.node("Div", {g.node("MatMul", {q, kt}), g.constant(2)});
  scores = g.node("Mul", {g.node("Tanh", {scores}), g.constant(2)});
  std::string weights = g.node("Softmax", {g.node("Add", {scores, causalMask(g, 3)})}, {{"axis", int64_t(-1)}});
  g.output(join(g, g.node("MatMul", {weights, v})));
  CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"rms_norm", 1}, {"attend", 1}});
}

TEST_CASE("a mask that selects scores") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width}), limit = g.floats("limit", {batch, 1, 1, tokens});
  std::string q = split(g, x, heads), k = split(g, project(g, x, width, width), heads), v = split(g, x, heads);
  std::string scores = g.node("MatMul", {q, swapLast(g, k)});
  std::string near = g.node("Less", {limit, g.constant(5)}); // the input is a normal number: all are
  scores = g.node("Where", {near, scores, g.constant(-1e9F)});
  g.output(join(g, g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), v})));
  CHECK(raisedAndEqual(g.model) == Counts{{"linear", 1}, {"attend", 1}});
}

TEST_CASE("fused ops of ONNX Runtime, one product for gate and up, and the other activations") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width}), skip = g.floats("skip", {batch, tokens, width});
  std::vector<std::string> normed = g.nodes("SkipSimplifiedLayerNormalization", {x, skip, g.random({width})}, 4,
                                            {{"epsilon", 1e-5}}, "com.microsoft");
  g.model.graph.nodes.back().outputs[1] = g.model.graph.nodes.back().outputs[2] = ""; // only the norm and the sum
  std::vector<std::string> both =
      g.nodes("Split", {project(g, normed[0], width, 28)}, 2, {{"axis", int64_t(2)}, {"num_outputs", int64_t(2)}});
  std::string gelu = g.node("Gelu", {both[0]}, {{"approximate", std::string("tanh")}});
  std::string y = project(g, g.node("Mul", {both[1], gelu}), 14, width);
  y = g.node("SkipLayerNormalization", {y, normed[3], g.random({width}), g.random({width})}, {}, "com.microsoft");
  y = g.node("FastGelu", {project(g, y, width, 9)}, {}, "com.microsoft");
  g.output(g.node("QuickGelu",
                  {g.node("Gemm", {g.node("Reshape", {y, g.integers({-1, 9})}), g.random({7, 9}), g.random({7})},
                          {{"transB", int64_t(1)}})},
                  {}, "com.microsoft"));
  CHECK(raisedAndEqual(g.model) ==
        Counts{{"rms_norm", 1}, {"layer_norm", 1}, {"add", 2}, {"gated_mlp", 1}, {"linear", 2}, {"activation", 2}});
}

TEST_CASE("small ops as ONNX Runtime's optimiser joins them") {
  GraphMaker g;
  const std::string microsoft = "com.microsoft";
  std::string x = g.floats("x", {batch, tokens, width});
  SECTION("scores with a scale and transposed keys") {
    std::string q = split(g, project(g, x, width, width), heads), k = split(g, project(g, x, width, width), heads),
                v = split(g, x, heads);
    std::string scores = g.node("FusedMatMul", {q, k}, {{"transB", int64_t(1)}, {"alpha", 0.3}}, microsoft);
    scores = g.node("Add", {scores, causalMask(g)});
    g.output(join(g, g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), v})));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"attend", 1}});
  }
  SECTION("a half of gelu in the product behind it") {
    std::string y = project(g, x, width, 10), cube = g.node("Mul", {y, g.node("Mul", {y, y})});
    std::string inner = g.node("Add", {y, g.node("Mul", {cube, g.constant(0.044715F)})});
    std::string tangent = g.node("Tanh", {g.node("Mul", {inner, g.constant(0.7978845608F)})});
    y = g.node("Mul", {y, g.node("Add", {tangent, g.constant(1)})});
    const Attributes transposed = {{"transB", int64_t(1)}, {"alpha", 0.5}};
    y = g.node("FusedMatMul", {y, g.random({width, 10})}, transposed, microsoft);
    g.output(g.node("Add", {g.random({width}), y}));
    // Twice and half are nothing. What only some have is dropped with its users.
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"activation", 1}});
  }
  SECTION("a product with another factor, and what is no matrix") {
    std::string y = g.node("FusedMatMul", {project(g, x, width, 9), g.random({9, 7})}, {{"alpha", 0.7}}, microsoft);
    y = g.node("FusedMatMul", {y, g.random({tokens, 5})}, {{"transA", int64_t(1)}}, microsoft);
    g.output(y);
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"scale", 1}});
  }
  SECTION("biases of products in activations and norms") {
    std::string y = g.node("BiasGelu", {project(g, x, width, 11), g.random({11})}, {}, microsoft);
    y = g.node("FastGelu", {project(g, y, 11, width), g.random({width})}, {}, microsoft);
    y = g.node("QuickGelu", {project(g, y, width, width)}, {{"alpha", 1.0}}, microsoft);
    g.output(g.node("SkipLayerNormalization",
                    {x, project(g, y, width, width), g.random({width}), g.random({width}), g.random({width})}, {},
                    microsoft));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 4}, {"activation", 3}, {"add", 1}, {"layer_norm", 1}});
  }
  SECTION("the last steps of a norm with a mean") {
    std::string mean = g.node("ReduceMean", {x, g.integers({-1})}), difference = g.node("Sub", {x, mean});
    std::string scaled = g.node("SimplifiedLayerNormalization", {difference, g.random({width})}, {{"epsilon", 1e-4}});
    g.output(project(g, g.node("Add", {scaled, g.random({width})}), width, 9));
    CHECK(raisedAndEqual(g.model) == Counts{{"layer_norm", 1}, {"linear", 1}});
  }
  SECTION("an activation in a Gemm") {
    std::string y = g.node("Reshape", {x, g.integers({-1, width})});
    for (const char *kind : {"Relu", "Tanh", "Sigmoid", "LeakyRelu"})
      y = g.node("FusedGemm", {y, g.random({width, width}), g.random({width})},
                 {{"activation", std::string(kind)}, {"activation_alpha", 0.2}, {"transB", int64_t(1)}}, microsoft);
    g.output(y);
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"activation", 3}});
  }
}

TEST_CASE("gelu with the tangent written out") {
  GraphMaker g;
  std::string x = project(g, g.floats("x", {3, width}), width, 10);
  std::string cube = g.node("Pow", {x, g.constant(3)});
  std::string inner = g.node("Add", {x, g.node("Mul", {cube, g.constant(0.044715F)})});
  std::string tangent = g.node("Tanh", {g.node("Mul", {inner, g.constant(0.7978845608F)})});
  g.output(g.node("Mul", {g.node("Mul", {x, g.constant(0.5F)}), g.node("Add", {tangent, g.constant(1)})}));
  CHECK(raisedAndEqual(g.model) == Counts{{"linear", 1}, {"activation", 1}});
}

TEST_CASE("what only looks alike stays as it is") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width});
  SECTION("a norm over another axis") {
    std::string mean = g.node("ReduceMean", {g.node("Mul", {x, x}), g.integers({1})});
    std::string deviation = g.node("Sqrt", {g.node("Add", {mean, g.constant(1e-5F)})});
    g.output(g.node("Mul", {g.node("Div", {x, deviation}), g.random({width})}));
  }
  SECTION("a norm of one tensor with the root of another") {
    std::string other = g.node("Neg", {g.node("Exp", {x})});
    std::string mean = g.node("ReduceMean", {g.node("Mul", {other, other}), g.integers({-1})});
    std::string deviation = g.node("Sqrt", {g.node("Add", {mean, g.constant(1e-5F)})});
    g.output(g.node("Mul", {g.node("Div", {x, deviation}), g.random({width})}));
  }
  SECTION("a product of two activations") {
    g.output(g.node("MatMul", {x, g.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}})}));
  }
  SECTION("a sigmoid of something else") { g.output(g.node("Mul", {x, g.node("Sigmoid", {g.node("Neg", {x})})})); }
  SECTION("a table of angles that are no multiples") {
    std::string table = g.random({1, 1, tokens, size});
    g.output(rotate(g, split(g, x, heads), {table, table}));
  }
  CHECK(raisedAndEqual(g.model).empty());
}

TEST_CASE("attention that is one node") {
  GraphMaker g(23);
  std::string x = g.floats("x", {batch, tokens, width});
  const Attributes four = {{"num_heads", heads}};
  SECTION("ONNX's own, causal, with fewer heads of keys and a cap") {
    g.output(g.node("Attention",
                    {project(g, x, width, width), project(g, x, width, 2 * size), project(g, x, width, 2 * size)},
                    {{"q_num_heads", heads},
                     {"kv_num_heads", int64_t(2)},
                     {"is_causal", int64_t(1)},
                     {"softcap", 3.0},
                     {"scale", 0.3}}));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"attend", 1}});
  }
  SECTION("ONNX's own of four dimensions, with a mask that is known") {
    std::string q = split(g, project(g, x, width, width), heads), v = split(g, x, heads);
    g.output(join(g, g.node("Attention", {q, q, v, g.random({tokens, tokens})})));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 1}, {"attend", 1}});
  }
  SECTION("a mask that only the input knows may hide all keys of a row") {
    std::string mask = g.node("Greater", {g.floats("mask", {batch, 1, tokens, tokens}), g.constant(-9)});
    std::string q = split(g, project(g, x, width, width), heads);
    g.output(join(g, g.node("Attention", {q, q, q, mask})));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 1}});
  }
  SECTION("one weight for queries, keys and values") {
    g.output(g.node("Attention", {x, g.random({width, 3 * width}, 0.3F), g.random({3 * width})},
                    {{"num_heads", heads}, {"unidirectional", int64_t(1)}}, "com.microsoft"));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"attend", 1}});
  }
  SECTION("one bias for queries, keys and values, and a bias of scores") {
    g.output(g.node("MultiHeadAttention",
                    {project(g, x, width, width), project(g, x, width, width), project(g, x, width, width),
                     g.random({3 * width}), "", g.floats("scores", {1, heads, tokens, tokens})},
                    four, "com.microsoft"));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"attend", 1}});
  }
}

TEST_CASE("attention after what a cache holds") {
  GraphMaker g(23);
  constexpr int64_t past = 3, kv = 2;
  std::string x = g.floats("x", {batch, tokens, width});
  std::string keys = g.floats("past.key", {batch, kv, past, size}),
              values = g.floats("past.value", {batch, kv, past, size});
  auto cached = [&](const std::string &cache, const std::string &rows) {
    return g.node("Concat", {cache, rows}, {{"axis", int64_t(-2)}});
  };
  SECTION("written out, with a window and a mask of rows that begin later") {
    auto repeated = [&](const std::string &cache) {
      std::string all = cached(cache, split(g, project(g, x, width, kv * size), kv));
      std::string wide = g.node("Expand", {g.node("Unsqueeze", {all, g.integers({2})}),
                                           g.integers({batch, kv, heads / kv, past + tokens, size})});
      return g.node("Reshape", {wide, g.integers({batch, heads, past + tokens, size})});
    };
    std::vector<float> mask;
    for (int64_t i = 0; i < tokens; ++i)
      for (int64_t j = 0; j < past + tokens; ++j)
        mask.push_back(j <= i + past && j > i + past - 4 ? 0 : -INFINITY);
    std::string scores = g.node("MatMul", {split(g, x, heads), swapLast(g, repeated(keys))});
    scores = g.node("Add", {scores, g.constant({1, 1, tokens, past + tokens}, mask)});
    g.output(join(g, g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), repeated(values)})));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"attend", 1}});
  }
  SECTION("ONNX's own") {
    std::vector<std::string> made =
        g.nodes("Attention", {x, project(g, x, width, kv * size), project(g, x, width, kv * size), "", keys, values}, 3,
                {{"q_num_heads", heads}, {"kv_num_heads", kv}, {"is_causal", int64_t(1)}});
    for (const std::string &name : made)
      g.output(name);
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"attend", 1}});
  }
  SECTION("grouped queries whose number of keys is known") {
    std::vector<std::string> made =
        g.nodes("GroupQueryAttention",
                {x, project(g, x, width, kv * size), project(g, x, width, kv * size), keys, values,
                 g.node("Cast", {g.integers({past + tokens - 1, past + tokens - 1})}, {{"to", int64_t(6)}}),
                 g.node("Cast", {g.integers({}, {past + tokens})}, {{"to", int64_t(6)}})},
                3, {{"num_heads", heads}, {"kv_num_heads", kv}, {"local_window_size", int64_t(4)}, {"softcap", 3.0}},
                "com.microsoft");
    for (const std::string &name : made)
      g.output(name);
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"attend", 1}});
  }
  SECTION("keys and values in one") {
    std::string both = g.floats("past", {2, batch, heads, past, size});
    std::vector<std::string> made =
        g.nodes("Attention", {x, g.random({width, 3 * width}, 0.3F), g.random({3 * width}), "", both}, 2,
                {{"num_heads", heads}, {"unidirectional", int64_t(1)}}, "com.microsoft");
    for (const std::string &name : made)
      g.output(name);
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"attend", 1}});
  }
}

TEST_CASE("halves are raised as float32, and stay halves elsewhere") {
  GraphMaker g;
  const auto type = GENERATE(ElementType::Float16, ElementType::BFloat16);
  auto narrow = [&](const std::string &name) { return g.node("Cast", {name}, {{"to", static_cast<int64_t>(type)}}); };
  auto wide = [&](const std::string &name) { return g.node("Cast", {name}, {{"to", int64_t(1)}}); };
  std::string x = narrow(g.floats("x", {batch, tokens, width}));
  std::string mean = g.node("ReduceMean", {g.node("Pow", {wide(x), g.constant(2)}), g.integers({-1})});
  std::string root = g.node("Sqrt", {g.node("Add", {mean, g.constant(1e-5F)})});
  std::string normed = g.node("Mul", {narrow(g.random({width})), narrow(g.node("Div", {wide(x), root}))});
  auto dense = [&](const std::string &in, int64_t to) {
    return g.node("MatMul", {in, narrow(g.random({width, to}, 0.2F))});
  };
  std::string q = split(g, dense(normed, width), heads), k = split(g, dense(normed, width), heads),
              v = split(g, dense(normed, width), heads);
  std::string scores = g.node("Add", {g.node("MatMul", {q, swapLast(g, k)}), narrow(causalMask(g))});
  std::string weights = narrow(g.node("Softmax", {wide(scores)}, {{"axis", int64_t(-1)}}));
  g.output(wide(g.node("Add", {x, dense(join(g, g.node("MatMul", {weights, v})), width)})));
  CHECK(raisedAndEqual(g.model, type == ElementType::Float16 ? 4e-3 : 3e-2) ==
        Counts{{"rms_norm", 1}, {"linear", 4}, {"attend", 1}, {"add", 1}});
}

TEST_CASE("batch and heads in one dimension, taken apart as they were or otherwise") {
  // As many heads as tokens, so that masks of either look alike.
  constexpr int64_t sequences = 2, count = 3, rows = 3, width = 4, merged = sequences * count;
  GraphMaker g;
  std::string x = g.floats("x", {sequences, rows, count * width});
  auto heads = [&] {
    std::string y =
        g.node("Reshape", {project(g, x, count * width, count * width), g.integers({sequences, rows, count, width})});
    return g.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  };
  auto mergedHeads = [&] { return g.node("Reshape", {heads(), g.integers({merged, rows, width})}); };
  std::string q = mergedHeads(), v = mergedHeads();
  std::string k = g.node("Transpose", {mergedHeads()}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
  std::string scores = g.node("MatMul", {q, k});
  const std::vector<float> causal = {0, -1e30F, -1e30F, 0, 0, -1e30F, 0, 0, 0};
  auto attend = [&](const std::string &of) {
    return g.node("MatMul", {g.node("Softmax", {of}, {{"axis", int64_t(-1)}}), v});
  };
  SECTION("as they were") {
    std::string y = g.node("Add", {scores, g.constant({1, rows, rows}, causal)});
    g.output(g.node("Reshape", {attend(y), g.integers({sequences, count, rows, width})}));
    CHECK(raisedAndEqual(g.model).at("attend") == 1);
  }
  SECTION("each with a bias of its own") {
    std::string y = g.node("Add", {scores, g.random({merged, 1, rows})});
    y = g.node("Add", {y, g.constant({1, rows, rows}, causal)});
    g.output(g.node("Reshape", {attend(y), g.integers({sequences, count, rows, width})}));
    CHECK(raisedAndEqual(g.model).at("attend") == 1);
  }
  SECTION("scores have them apart") {
    std::string apart = g.node("Reshape", {scores, g.integers({sequences, count, rows, rows})});
    apart = g.node("Add", {apart, g.constant({1, 1, rows, rows}, causal)});
    apart = g.node("Max", {apart, g.constant(-3e38F)});
    g.output(attend(g.node("Reshape", {apart, g.integers({merged, rows, rows})})));
    CHECK(raisedAndEqual(g.model).at("attend") == 1);
  }
  SECTION("as other heads") {
    auto shape = GENERATE(Shape{merged, 1, rows, width}, Shape{count, sequences, rows, width});
    std::string apart = g.node("Reshape", {attend(scores), g.integers(shape)});
    g.output(g.node("Transpose", {apart}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}));
    raisedAndEqual(g.model);
  }
  SECTION("all of them as one sequence's") {
    std::string apart = g.node("Reshape", {scores, g.integers({1, merged, rows, rows})});
    apart = g.node("Add", {apart, g.constant({1, 1, rows, rows}, causal)});
    std::string y = attend(apart);
    g.output(g.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}));
    raisedAndEqual(g.model);
  }
  SECTION("a mask of heads is none of tokens") {
    std::string apart = g.node("Reshape", {scores, g.integers({sequences, count, rows, rows})});
    apart = g.node("Add", {apart, g.constant({1, count, 1, rows}, causal)});
    g.output(attend(g.node("Reshape", {apart, g.integers({merged, rows, rows})})));
    raisedAndEqual(g.model);
  }
  SECTION("a floor that is scaled cuts scores off") {
    std::string floored = g.node("Max", {g.node("Mul", {scores, g.constant(1e5F)}), g.constant(-7e4F)});
    g.output(attend(g.node("Mul", {floored, g.constant(1e-5F)})));
    raisedAndEqual(g.model);
  }
  SECTION("parts of each head's columns of a product, and parts of these") {
    std::string y = g.node(
        "Reshape", {project(g, x, count * width, 2 * count * width), g.integers({sequences, rows, count, 2 * width})});
    auto slice = [&](const std::string &of, int64_t from, int64_t to) {
      return g.node("Slice", {of, g.integers({from}), g.integers({to}), g.integers({-1}), g.integers({1})});
    };
    std::string second = slice(y, width, 2 * width);
    g.output(slice(second, 1, width));
    g.output(slice(slice(y, 0, width), 0, 1));
    g.output(g.node("Mul", {g.node("Sigmoid", {second}), slice(y, 0, width)}));
    raisedAndEqual(g.model);
  }
}

TEST_CASE("queries' heads of a product, and behind them one of keys and one of values") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width});
  std::string all = g.node("Reshape", {project(g, x, width, width + 2 * size), g.integers({0, 0, heads + 2, size})});
  auto apart = [&](const std::string &y, int64_t count) {
    return g.node("Reshape", {g.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}),
                              g.integers({batch, count, tokens, size})});
  };
  std::string q = g.node("Slice", {all, g.integers({0}), g.integers({-2}), g.integers({2}), g.integers({1})});
  std::string k = g.node("Gather", {all, g.integers({-2})}, {{"axis", int64_t(2)}});
  SECTION("Gather") {
    std::string v = g.node("Gather", {all, g.integers({heads + 1})}, {{"axis", int64_t(2)}});
    std::string scores = g.node("MatMul", {apart(q, heads), swapLast(g, apart(k, 1))});
    g.output(join(g, g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), apart(v, 1)})));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"attend", 1}});
  }
  SECTION("of several sequences' heads as one's") { // the dimension that is cut is none of the product's columns
    std::string other = g.node("Reshape", {all, g.integers({batch, heads + 2, tokens, size})});
    g.output(g.node("Gather", {other, g.integers({1})}, {{"axis", int64_t(2)}}));
    raisedAndEqual(g.model);
  }
  SECTION("two of them, or the same one twice, by Gather") {
    g.output(g.node("Gather", {all, g.integers({1, 1})}, {{"axis", int64_t(2)}}));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 1}});
  }
}

TEST_CASE("softmax over another axis is no attention") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width}), q = split(g, x, heads);
  std::string scores = g.node("MatMul", {q, swapLast(g, q)});
  g.output(join(g, g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(2)}}), q})));
  CHECK(raisedAndEqual(g.model).empty());
}

TEST_CASE("exported models beside the repository") {
  const fs::path models = fs::path(WEFT_SOURCE_DIR).parent_path() / "shared/models";
  const std::map<std::string, Counts> expected = {
      {"llama",
       {{"embedding", 1}, {"rms_norm", 5}, {"linear", 9}, {"rope", 4}, {"attend", 2}, {"gated_mlp", 2}, {"add", 4}}},
      {"qwen2",
       {{"embedding", 1}, {"rms_norm", 5}, {"linear", 9}, {"rope", 4}, {"attend", 2}, {"gated_mlp", 2}, {"add", 4}}},
      {"gpt2", {{"embedding", 1}, {"layer_norm", 5}, {"linear", 13}, {"attend", 2}, {"activation", 2}, {"add", 5}}},
      {"bert", {{"embedding", 2}, {"layer_norm", 5}, {"linear", 13}, {"attend", 2}, {"activation", 3}, {"add", 6}}},
      {"vit", {{"layer_norm", 5}, {"linear", 13}, {"attend", 2}, {"activation", 2}, {"add", 4}}}};
  for (const auto &[name, counts] : expected) {
    const fs::path path = models / name / "model.onnx";
    if (!fs::exists(path)) {
      std::cout << "SKIPPED: " << path << " is not there\n";
      continue;
    }
    INFO(path);
    Result<frontend::onnx::Model> model = frontend::onnx::readModel(path.string());
    REQUIRE(model);
    CHECK(raisedAndEqual(*model, 1e-4) == counts);
  }
}
