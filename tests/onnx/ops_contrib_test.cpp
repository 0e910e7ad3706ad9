// ONNX Runtime's own ops against the same in ops of ONNX, or against their definition.
#include "tests/onnx/Arrays.h"

#include <catch2/catch.hpp>

#include <cmath>

using namespace weft;
using namespace weft::test;

namespace {

constexpr const char *microsoft = "com.microsoft";

/// The first output of the graph that `make` makes after input x.
std::vector<float> made(const Shape &shape, const std::function<std::string(GraphMaker &, const std::string &)> &make) {
  GraphMaker g(21);
  const std::string x = g.floats("x", shape);
  g.output(make(g, x));
  const Array input = random(shape, 7);
  Result<Computed> computed = compute(g.model, {bytesOf(input.data)}, false);
  if (!computed)
    FAIL(computed.error().message);
  return computed->floats();
}

std::string cast(GraphMaker &g, const std::string &x, int64_t type) { return g.node("Cast", {x}, {{"to", type}}); }

/// Codes of 8 bits, signed or not.
std::string codes(GraphMaker &g, const Shape &shape, bool isSigned, int seed) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>()); ++i)
    numbers.push_back((i * 37 + seed * 11) % 251 - (isSigned ? 125 : 0));
  return cast(g, g.integers(shape, numbers), isSigned ? 3 : 2);
}

/// The numbers that codes stand for.
std::string plain(GraphMaker &g, const std::string &w, const std::string &zero, const std::string &scale) {
  return g.node("Mul", {g.node("Sub", {cast(g, w, 1), cast(g, zero, 1)}), scale});
}

} // namespace

TEST_CASE("products of 8-bit numbers, and attention on them") {
  const bool isSigned = GENERATE(true, false);
  const int64_t width = 12, columns = 3 * width;
  auto both = [&](const char *what, auto fused, auto small) {
    CAPTURE(what);
    const Shape shape = {2, 5, width};
    auto build = [&](auto make) {
      return made(shape, [&](GraphMaker &g, const std::string &x) {
        const std::string w = codes(g, {width, columns}, isSigned, 1), zeros = codes(g, {columns}, isSigned, 2),
                          scales = g.random({columns}, 0.01F), bias = g.random({columns});
        const std::vector<std::string> q = g.nodes("DynamicQuantizeLinear", {x}, 3);
        return make(g, x, q, w, zeros, scales, bias);
      });
    };
    checkEqual(build(fused), build(small), 2e-5);
  };
  using Names = std::vector<std::string>;
  using Name = const std::string &;
  auto product = [](GraphMaker &g, Name, const Names &q, Name w, Name zeros, Name scales, Name bias) {
    return g.node("Add", {g.node("MatMul", {plain(g, q[0], q[2], q[1]), plain(g, w, zeros, scales)}), bias});
  };
  both(
      "MatMulIntegerToFloat",
      [](GraphMaker &g, Name, const Names &q, Name w, Name zeros, Name scales, Name bias) {
        return g.node("MatMulIntegerToFloat", {q[0], w, q[1], scales, q[2], zeros, bias}, {}, microsoft);
      },
      product);
  both(
      "DynamicQuantizeMatMul",
      [](GraphMaker &g, Name x, const Names &, Name w, Name zeros, Name scales, Name bias) {
        return g.node("DynamicQuantizeMatMul", {x, w, scales, zeros, bias}, {}, microsoft);
      },
      product);
  const Attributes attributes = {{"num_heads", int64_t(3)}, {"unidirectional", int64_t(1)}};
  both(
      "QAttention",
      [&](GraphMaker &g, Name, const Names &q, Name w, Name zeros, Name scales, Name bias) {
        return g.node("QAttention", {q[0], w, bias, q[1], scales, "", q[2], zeros}, attributes, microsoft);
      },
      [&](GraphMaker &g, Name, const Names &q, Name w, Name zeros, Name scales, Name bias) {
        return g.node("Attention", {plain(g, q[0], q[2], q[1]), plain(g, w, zeros, scales), bias}, attributes,
                      microsoft);
      });
}

TEST_CASE("a product of two matrices for each head, both in 8 bits") {
  auto product = [](bool fused) {
    return made({2, 3, 4, 6}, [&](GraphMaker &g, const std::string &x) {
      const std::string w = codes(g, {2, 3, 6, 5}, false, 1), zero = cast(g, g.integers({}, {120}), 2),
                        scale = g.node("Squeeze", {g.constant({1}, {0.02F})});
      if (fused)
        return g.node("DynamicQuantizeMatMul", {x, w, scale, zero}, {}, microsoft);
      const std::vector<std::string> q = g.nodes("DynamicQuantizeLinear", {x}, 3);
      return g.node("MatMul", {plain(g, q[0], q[2], q[1]), plain(g, w, zero, scale)});
    });
  };
  checkEqual(product(true), product(false), 2e-5);
}

TEST_CASE("words, positions and segments in 8 bits") {
  auto embedded = [&](bool inCodes) {
    return made({1}, [&](GraphMaker &g, const std::string &x) {
      const std::string ids = cast(g, g.integers({2, 3}, {4, 0, 2, 1, 3, 5}), 6),
                        segments = cast(g, g.integers({2, 3}, {0, 1, 1, 1, 0, 0}), 6);
      const Shape shapes[] = {{6, 8}, {4, 8}, {2, 8}, {8}, {8}};
      std::vector<std::string> tables, scales, zeros, numbers;
      for (int i = 0; i < 5; ++i) {
        tables.push_back(codes(g, shapes[i], false, i));
        scales.push_back(
            g.node("Reshape", {g.constant({1}, {0.01F * float(i + 1)}), g.integers(std::vector<int64_t>())}));
        zeros.push_back(cast(g, g.integers({}, {100 + i}), 2));
        numbers.push_back(plain(g, tables.back(), zeros.back(), scales.back()));
      }
      std::vector<std::string> inputs = {ids, segments};
      const std::vector<std::string> &from = inCodes ? tables : numbers;
      inputs.insert(inputs.end(), from.begin(), from.end());
      inputs.push_back("");
      if (inCodes) {
        inputs.insert(inputs.end(), scales.begin(), scales.end());
        inputs.insert(inputs.end(), zeros.begin(), zeros.end());
      }
      const std::string y = g.node(inCodes ? "QEmbedLayerNormalization" : "EmbedLayerNormalization", inputs,
                                   {{"epsilon", 1e-5}}, microsoft);
      return g.node("Add", {y, x});
    });
  };
  checkEqual(embedded(true), embedded(false));
}

TEST_CASE("what an op of 8 bits needs and is not there is refused") {
  auto why = [](const std::function<std::string(GraphMaker &, const std::string &)> &make) {
    GraphMaker g(21);
    g.output(make(g, g.floats("x", {2, 3})));
    Result<Computed> computed = compute(g.model, {bytesOf(random({2, 3}, 1).data)}, false);
    REQUIRE(!computed);
    return computed.error().message;
  };
  using Catch::Matchers::Contains;
  auto embedding = [](GraphMaker &g, const Shape &ids, bool words) {
    const std::string table = codes(g, {4, 8}, false, 1), row = codes(g, {8}, false, 2), zero = codes(g, {}, false, 3),
                      scale = g.node("Squeeze", {g.constant({1}, {0.02F})}),
                      places = cast(g, g.integers(ids, std::vector<int64_t>(ids.empty() ? 1 : 6)), 6);
    return g.node("QEmbedLayerNormalization",
                  {places, "", words ? table : "", table, "", row, row, "", scale, scale, "", scale, scale, zero, zero,
                   "", zero, zero},
                  {}, microsoft);
  };
  CHECK_THAT(why([&](GraphMaker &g, const std::string &) { return embedding(g, {2, 3}, false); }), Contains("input"));
  CHECK_THAT(why([&](GraphMaker &g, const std::string &) { return embedding(g, {}, true); }),
             Contains("its ids have 0 dimensions"));
  CHECK_THAT(why([&](GraphMaker &g, const std::string &x) {
               return g.node("DynamicQuantizeMatMul", {x, g.random({3, 4}), g.random({4})}, {}, microsoft);
             }),
             Contains("multiplies float32, not bytes"));
  CHECK_THAT(why([&](GraphMaker &g, const std::string &x) {
               return g.node("DynamicQuantizeMatMul", {x, codes(g, {3, 4}, true, 1), g.random({2, 1, 4})}, {},
                             microsoft);
             }),
             Contains("a scale or bias of [2, 1, 4]"));
  CHECK_THAT(why([&](GraphMaker &g, const std::string &) {
               return g.node("RelativePositionBias",
                             {g.random({8, 2}), g.integers({2000000000}), g.integers({2000000000})},
                             {{"max_distance", int64_t(64)}}, microsoft);
             }),
             Contains("are too many"));
}

TEST_CASE("biases by distance, each near one with a bucket of its own and far ones by the logarithm") {
  const bool both = GENERATE(true, false);
  const int64_t rows = 9, keys = 14, heads = 2, buckets = 8, farthest = 10;
  Array table = random({buckets, heads}, 3), wanted({1, heads, rows, keys});
  forEach(wanted.shape, [&](const Shape &at) {
    int64_t distance = at[3] - at[2], bucket = 0, count = buckets;
    if (both) {
      count /= 2;
      bucket = distance > 0 ? count : 0;
      distance = std::abs(distance);
    } else {
      distance = std::max<int64_t>(-distance, 0);
    }
    const int64_t exact = count / 2;
    bucket +=
        distance < exact
            ? distance
            : std::min(count - 1, exact + int64_t(std::log(float(distance) / float(exact)) /
                                                  std::log(float(farthest) / float(exact)) * float(count - exact)));
    wanted[at] = table[{bucket, at[1]}];
  });
  GraphMaker g(21);
  const std::string x = g.floats("x", table.shape);
  g.output(g.node("RelativePositionBias", {x, g.integers({rows}), g.integers({keys})},
                  {{"is_bidirectional", int64_t(both)}, {"max_distance", farthest}}, microsoft));
  Result<Computed> computed = compute(g.model, {bytesOf(table.data)}, false);
  REQUIRE(computed);
  CHECK(computed->floats() == wanted.data);
}

TEST_CASE("an activation that a Gemm does not know is refused") {
  GraphMaker g(21);
  const std::string x = g.floats("x", {2, 3});
  g.output(g.node("FusedGemm", {x, x}, {{"transB", int64_t(1)}, {"activation", std::string("Softsign")}}, microsoft));
  Result<Computed> computed = compute(g.model, {bytesOf(random({2, 3}, 1).data)}, false);
  REQUIRE(!computed);
  CHECK_THAT(computed.error().message, Catch::Matchers::Contains("activation 'Softsign' is not supported"));
}
