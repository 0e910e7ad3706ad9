// Branches, loops and sequences, whose lengths and trip counts are known or not.
#include "tests/onnx/Program.h"

#include <catch2/catch.hpp>

using namespace weft;
using namespace weft::test;

namespace {

std::vector<float> runFloats(const std::string &body, const std::vector<std::vector<std::byte>> &inputs,
                             size_t output = 0) {
  auto outputs = runModel(modelFile(body), inputs);
  INFO((outputs ? "" : outputs.error().message));
  REQUIRE(outputs);
  return valuesOf<float>((*outputs).at(output));
}

std::string messageOf(const std::string &body) {
  auto outputs = runModel(modelFile(body), {});
  REQUIRE(!outputs);
  return outputs.error().message;
}

const std::string branches = R"(
  then_branch = yes () => (float[2] a) { a = Mul(x, x) },
  else_branch = no () => (float[2] b) { b = Neg(x) })";

std::string loop(const std::string &count, const std::string &condition, const std::string &rows) {
  return "g (" + count + ", bool c, float[2] x) => (float[2] last, float[" + rows +
         "] all) {\n  last, all = Loop <body = step (int64 i, bool on, float[2] v) => "
         "(bool next, float[2] w, float[2] row) {\n    f = Cast<to = 1>(i)\n    w = Add(v, f)\n    row = Mul(w, x)\n   "
         " " +
         condition + "\n  }>(n, c, x)\n}";
}

} // namespace

TEST_CASE("If takes the branch that its condition says", "[onnx]") {
  std::string body = "g (bool c, float[2] x) => (float[2] y) { y = If <" + branches + ">(c) }";
  auto x = bytesOf<float>({3, -4});
  CHECK(runFloats(body, {{std::byte(1)}, x}) == std::vector<float>{9, 16});
  CHECK(runFloats(body, {{std::byte(0)}, x}) == std::vector<float>{-3, 4});
}

TEST_CASE("If with a known condition is its branch, whatever the other one is", "[onnx]") {
  std::string body = R"(g (float[2] x) => (float[2] y) {
    s = Shape(x)
    two = Constant <value = int64[1] {2}>()
    c = Equal(s, two)
    y = If <then_branch = yes () => (float[2] a) { a = Abs(x) }, else_branch = no () => (float[3] b) { b = Unheard(x) }>(c)
  })";
  CHECK(runFloats(body, {bytesOf<float>({3, -4})}) == std::vector<float>{3, 4});
}

TEST_CASE("branches of different shapes are refused by name", "[onnx]") {
  std::string body = R"(g (bool c, float[2] x) => (float[2] y) {
    y = If <then_branch = yes () => (float[2] a) { a = Abs(x) }, else_branch = no () => (float[4] b) { b = Concat <axis = 0>(x, x) }>(c)
  })";
  CHECK(messageOf(body).find("If of y") != std::string::npos);
}

TEST_CASE("Loop carries values and keeps rows, its count known or not", "[onnx]") {
  // v after steps 0, 1, 2 is x + 0, x + 1, x + 3; rows are v * x.
  const std::vector<float> last = {5, 1}, rows = {4, 4, 6, 2, 10, -2};
  auto x = bytesOf<float>({2, -2});
  auto check = [&](const std::string &body, bool countGiven) {
    std::vector<std::vector<std::byte>> inputs = {{std::byte(1)}, x};
    if (countGiven)
      inputs.insert(inputs.begin(), bytesOf<int64_t>({3}));
    CHECK(runFloats(body, inputs, 0) == last);
    CHECK(runFloats(body, inputs, 1) == rows);
  };
  check(loop("int64 n", "next = Identity(on)", "3, 2"), true);
  std::string known = loop("", "next = Identity(on)", "3, 2");
  known.replace(known.find("(, "), 3, "(");
  known.insert(known.find("{\n  last") + 2, "  n = Constant <value = int64 {3}>()\n");
  check(known, false);
}

TEST_CASE("Loop ends when its condition says so", "[onnx]") {
  std::string body = loop("int64 n", "two = Constant <value = int64 {2}>()\n    next = Less(i, two)", "3, 2");
  auto x = bytesOf<float>({2, -2});
  CHECK(runFloats(body, {bytesOf<int64_t>({100}), {std::byte(1)}, x}, 0) == std::vector<float>{5, 1});
  CHECK(runFloats(body, {bytesOf<int64_t>({100}), {std::byte(0)}, x}, 0) == std::vector<float>{2, -2});
}

TEST_CASE("a long Loop of a known count and a Loop that grows its value agree with the formula", "[onnx]") {
  std::string sum = R"(g (float[1] x) => (float[1] y) {
    n = Constant <value = int64 {100}>()
    c = Constant <value = bool {1}>()
    y = Loop <body = step (int64 i, bool on, float[1] v) => (bool next, float[1] w) { next = Identity(on) f = Cast<to = 1>(i) w = Add(v, f) }>(n, c, x)
  })";
  CHECK(runFloats(sum, {bytesOf<float>({0.5f})}) == std::vector<float>{4950.5f});
  std::string grow = R"(g (float[1] x) => (float[8] y) {
    n = Constant <value = int64 {3}>()
    c = Constant <value = bool {1}>()
    y = Loop <body = step (int64 i, bool on, float[k] v) => (bool next, float[m] w) { next = Identity(on) w = Concat <axis = 0>(v, v) }>(n, c, x)
  })";
  CHECK(runFloats(grow, {bytesOf<float>({7})}) == std::vector<float>(8, 7));
}

TEST_CASE("Scan walks along axes, forwards and backwards", "[onnx]") {
  std::string body = R"(g (float[2] s, float[3, 2] x) => (float[2] t, float[3, 2] all) {
    t, all = Scan <num_scan_inputs = 1, scan_input_directions = [1], body = step (float[2] a, float[2] r) => (float[2] b, float[2] row) { b = Add(a, r) row = Identity(b) }>(s, x)
  })";
  std::vector<std::vector<std::byte>> inputs = {bytesOf<float>({1, 1}), bytesOf<float>({1, 2, 3, 4, 5, 6})};
  CHECK(runFloats(body, inputs, 0) == std::vector<float>{10, 13});
  CHECK(runFloats(body, inputs, 1) == std::vector<float>{6, 7, 9, 11, 10, 13});
}

TEST_CASE("sequences of known length are lists of tensors", "[onnx]") {
  std::string body = R"(g (float[2] x, float[3] y) => (float[5] z, int64 n, float[2] e) {
    s = SequenceConstruct(x, x)
    t = SequenceInsert(s, y)
    zero = Constant <value = int64 {0}>()
    u = SequenceErase(t, zero)
    z = ConcatFromSequence <axis = 0>(u)
    n = SequenceLength(t)
    e = SequenceAt(u, zero)
  })";
  std::vector<std::vector<std::byte>> inputs = {bytesOf<float>({1, 2}), bytesOf<float>({3, 4, 5})};
  CHECK(runFloats(body, inputs, 0) == std::vector<float>{1, 2, 3, 4, 5});
  CHECK(runFloats(body, inputs, 2) == std::vector<float>{1, 2});
  auto outputs = runModel(modelFile(body), inputs);
  REQUIRE(outputs);
  CHECK(valuesOf<int64_t>((*outputs)[1]) == std::vector<int64_t>{3});
}
