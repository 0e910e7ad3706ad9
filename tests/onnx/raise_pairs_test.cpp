// Heads whose neighbours turn together, before they change places with tokens: GPT-J and CodeGen.
#include "tests/onnx/Raised.h"

#include <cmath>

using namespace weft;
using namespace weft::test;

namespace {

constexpr int64_t batch = 2, tokens = 4, heads = 4, size = 6, width = heads * size;

struct Tables {
  std::string cosine, sine;
};

/// [1, tokens, 1, turning], entries 2j and 2j + 1 alike, or j and j + turning / 2.
Tables tables(GraphMaker &g, int64_t turning, bool ofHalves = false) {
  std::vector<float> cosine, sine;
  for (int64_t i = 0; i < tokens; ++i)
    for (int64_t j = 0; j < turning; ++j) {
      const auto pair = static_cast<float>(ofHalves ? j % (turning / 2) : j / 2);
      const float angle = static_cast<float>(i) * std::pow(100.0F, -2 * pair / static_cast<float>(turning));
      cosine.push_back(std::cos(angle));
      sine.push_back(std::sin(angle));
    }
  return {g.constant({1, tokens, 1, turning}, cosine), g.constant({1, tokens, 1, turning}, sine)};
}

std::string slice(GraphMaker &g, const std::string &x, int64_t from, int64_t to, int64_t step = 1) {
  return g.node("Slice", {x, g.integers({from}), g.integers({to}), g.integers({3}), g.integers({step})});
}

/// Rows of [batch, tokens, heads, size] with the first `turning` entries of each head turned. `first`: which entry of a
/// pair stays as it is on its way to the other's place; 0 for a rotation.
std::string turn(GraphMaker &g, const std::string &x, const Tables &t, int64_t turning, int64_t first = 0) {
  std::string part = turning == size ? x : slice(g, x, 0, turning), last = g.integers({-1});
  std::string negative = g.node("Neg", {slice(g, part, 1 - first, INT64_MAX, 2)});
  std::string stacked =
      g.node("Concat",
             {g.node("Unsqueeze", {negative, last}), g.node("Unsqueeze", {slice(g, part, first, INT64_MAX, 2), last})},
             {{"axis", int64_t(-1)}});
  std::string turned = g.node("Reshape", {stacked, g.integers({0, 0, 0, -1})});
  std::string y = g.node("Add", {g.node("Mul", {part, t.cosine}), g.node("Mul", {turned, t.sine})});
  return turning == size ? y : g.node("Concat", {y, slice(g, x, turning, INT64_MAX)}, {{"axis", int64_t(-1)}});
}

std::string project(GraphMaker &g, const std::string &x) {
  return g.node("Reshape", {g.node("MatMul", {x, g.random({width, width}, 0.3F)}), g.integers({0, 0, heads, size})});
}

std::string transpose(GraphMaker &g, const std::string &x, const std::vector<int64_t> &order) {
  return g.node("Transpose", {x}, {{"perm", order}});
}

} // namespace

TEST_CASE("neighbours that turn before heads change places with tokens") {
  const int64_t turning = GENERATE(as<int64_t>(), 6, 4);
  CAPTURE(turning);
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width});
  Tables t = tables(g, turning);
  std::string q = transpose(g, turn(g, project(g, x), t, turning), {0, 2, 1, 3});
  std::string k = transpose(g, turn(g, project(g, x), t, turning), {0, 2, 1, 3});
  std::string v = transpose(g, project(g, x), {0, 2, 1, 3});
  std::string scores = g.node("MatMul", {q, transpose(g, k, {0, 1, 3, 2})});
  g.output(g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), v}));
  CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"rope", 2}, {"attend", 1}});
}

TEST_CASE("scores that something took the place of, scaled afterwards") {
  // Little enough to be none before, and no longer after: it cannot be added to the score then.
  const auto [scale, attends] = GENERATE(std::pair(1e-4F, false), std::pair(0.5F, true));
  CAPTURE(scale);
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width}), limit = g.floats("limit", {batch, 1, 1, tokens});
  std::string q = transpose(g, project(g, x), {0, 2, 1, 3}), k = transpose(g, project(g, x), {0, 2, 3, 1});
  std::string v = transpose(g, project(g, x), {0, 2, 1, 3});
  std::string seen = g.node("Less", {limit, g.constant(0.5F)});
  std::string scores = g.node("Where", {seen, g.node("MatMul", {q, k}), g.constant(-10000)});
  scores = g.node("Mul", {scores, g.constant(scale)});
  g.output(g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), v}));
  CHECK(raisedAndEqual(g.model)["attend"] == (attends ? 1 : 0));
}

TEST_CASE("a mask that is divided with the scores it was put on") {
  GraphMaker g;
  std::string x = g.floats("x", {batch, tokens, width}), limit = g.floats("limit", {batch, 1, 1, tokens});
  std::string q = transpose(g, project(g, x), {0, 2, 1, 3}), k = transpose(g, project(g, x), {0, 2, 3, 1});
  std::string v = transpose(g, project(g, x), {0, 2, 1, 3});
  std::string seen = g.node("Less", {limit, g.constant(0.5F)}), scores = g.node("MatMul", {q, k});
  // So little that keys are still seen: what is divided is the mask, too.
  scores = g.node("Add", {scores, g.node("Where", {seen, g.constant(0), g.constant(-2)})});
  scores = g.node("Div", {scores, g.constant(2.5F)});
  g.output(g.node("MatMul", {g.node("Softmax", {scores}, {{"axis", int64_t(-1)}}), v}));
  CHECK(raisedAndEqual(g.model) == Counts{{"linear", 3}, {"attend", 1}});
}

TEST_CASE("what only looks like neighbours that turn stays as it is") {
  const int64_t turning = 4;
  GraphMaker g;
  std::string x = project(g, g.floats("x", {batch, tokens, width}));
  SECTION("tables for halves") { g.output(turn(g, x, tables(g, turning, true), turning)); }
  SECTION("neighbours that turn the other way, or not at all") { g.output(turn(g, x, tables(g, turning), turning, 1)); }
  SECTION("sines of another scale than the cosines") {
    Tables t = tables(g, turning);
    t.sine = g.node("Mul", {t.sine, g.constant(1.01F)});
    g.output(turn(g, x, t, turning));
  }
  SECTION("a table with a row a head") {
    Tables t = tables(g, turning);
    for (std::string *table : {&t.cosine, &t.sine})
      *table = g.node("Reshape", {*table, g.integers({1, 1, heads, turning})});
    g.output(turn(g, x, t, turning));
  }
  SECTION("the rest is another's") {
    std::string whole = turn(g, x, tables(g, turning), turning);
    g.output(g.node("Concat", {slice(g, whole, 0, turning), slice(g, project(g, "x"), turning, INT64_MAX)},
                    {{"axis", int64_t(-1)}}));
    CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}, {"rope", 1}});
    return;
  }
  CHECK(raisedAndEqual(g.model) == Counts{{"linear", 2}}); // of what would turn, and of the rest
}
