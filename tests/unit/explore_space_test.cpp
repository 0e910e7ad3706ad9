// Spaces: expressions, the reader of SPACE.yaml and what nobody should get past it, samplers, identity of points.
#include "explore/space/Points.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cmath>
#include <set>

using namespace weft;
using namespace weft::explore;

namespace {

/// Area is SRAM, which is enough to derive a mesh from a budget.
class TestEvaluator : public Evaluator {
public:
  bool offers(Fidelity fidelity) const override { return fidelity != Fidelity::Compiled; }
  std::string version(Fidelity) const override { return "test"; }
  double errorBound(Fidelity) const override { return 0.1; }
  std::vector<std::string> metricNames() const override { return {"area.core_mm2", "cycles", "joules"}; }
  std::vector<std::string> choiceNames() const override { return {"groups"}; }
  Result<void> check(const Workload &) const override { return success(); }
  std::map<std::string, double> figures(const hw::Hardware &hardware) const override {
    return {{"area.core_mm2", double(hardware.memory.sramBytes) / (1 << 20)}};
  }
  Result<Outcome> evaluate(const Point &point, Fidelity) const override {
    Outcome out;
    out.metrics = {{"cycles", double(point.hardware.latency.hop)}, {"joules", 2}};
    return out;
  }
};

const std::string head = R"(name: test
base: wse3
workloads: [{name: sum, kernel: allreduce, shape: [1, 8]}]
objectives: {cycles: min}
)";

Result<Space> read(const std::string &text) {
  static const TestEvaluator evaluator;
  return parseSpace(text, "test.yaml", vocabularyOf(evaluator));
}

std::string refusal(const std::string &text) {
  auto space = read(head + text);
  return space ? "" : space.error().message;
}

double valueOf(const std::string &text, const std::vector<double> &values = {}) {
  auto expression = Expression::parse(text);
  REQUIRE(expression);
  REQUIRE(expression->names().size() == values.size());
  return expression->evaluate(values);
}

} // namespace

TEST_CASE("expressions follow the rules of arithmetic") {
  CHECK(valueOf("1 + 2 * 3 - 4 / 2") == 5);
  CHECK(valueOf("(1 + 2) * -3") == -9);
  CHECK(valueOf("2 - 3 - 4") == -5);
  CHECK(valueOf("16 / 4 / 2") == 2);
  CHECK(valueOf("min(3, 1, 2) + max(1) + floor(1.9) + ceil(1.1) + round(2.5) + sqrt(9) + abs(-1) + log2(8)") ==
        1 + 1 + 1 + 2 + 3 + 3 + 1 + 3);
  CHECK(valueOf("1 < 2 and not 2 <= 1 or 0") == 1);
  CHECK(valueOf("1 == 1 and 1 != 1") == 0);
  CHECK(valueOf("a.b + c * a.b", {2, 3}) == 8);
  CHECK(valueOf("order - nothing - android", {5, 2, 1}) == 2);
  CHECK(valueOf("1e3 + .5") == 1000.5);
}

TEST_CASE("what has no value is no number, and no comparison makes one of it") {
  for (const char *text :
       {"1 / 0", "0 / 0", "sqrt(-1)", "log2(0)", "1 / 0 < 1", "not (1 / 0)", "min(1, 0 / 0)", "0 / 0 or 1"})
    CHECK(std::isnan(valueOf(text)));
}

TEST_CASE("texts that are no expressions are refused") {
  for (const char *text : {"", " ", "1 +", "(1", "1)", "1 2", "f(1)", "sqrt(1, 2)", "sqrt()", "min()", "a.", "1a",
                           "1..2", "1 < 2 < 3", "and", "a = 1", "\"x\"", "1e999", "$"}) {
    INFO(text);
    CHECK_FALSE(Expression::parse(text));
  }
  CHECK_FALSE(Expression::parse(std::string(100, '(') + "1" + std::string(100, ')')));
  CHECK_FALSE(Expression::parse(std::string(500, '-') + "1"));
  CHECK_FALSE(Expression::parse(std::string(2000, '1')));
}

TEST_CASE("bounds with one thing on the left are found to contradict") {
  CHECK(refusal("method: {kind: grid}\nconstraints: [\"cycles * 2 <= 3\", \"cycles*2 >= 3\"]").empty());
  for (const char *pair : {"\"cycles <= 3\", \"cycles > 3\"", "\"cycles == 2\", \"cycles >= 3\"",
                           "\"cycles == 1\", \"cycles == 2\"", "\"cycles < 1\", \"cycles > 5\""})
    CHECK(refusal(fmt::format("method: {{kind: grid}}\nconstraints: [{}]", pair)).find("contradict") !=
          std::string::npos);
}

TEST_CASE("a grid has each combination once, the last axis and the workload first") {
  const TestEvaluator evaluator;
  auto space =
      read(head +
           "axes: {latency.hop: {range: [1, 3]}, latency.ramp: [5, 4], choice.groups: [a, 7]}\nmethod: {kind: grid}\n");
  REQUIRE(space);
  REQUIRE(space->points() == 12);
  const Points points(*space, evaluator);
  std::set<std::string> inputs;
  for (uint64_t i = 0; i < 12; ++i)
    inputs.insert(points.at(i).inputs);
  CHECK(inputs.size() == 12);
  CHECK(points.at(0).inputs == R"({"workload":"sum","latency.hop":1,"latency.ramp":5,"choice.groups":"a"})");
  CHECK(points.at(1).inputs == R"({"workload":"sum","latency.hop":1,"latency.ramp":5,"choice.groups":7})");
  CHECK(points.at(11).point.hardware.latency.hop == 3);
  CHECK(points.at(11).point.hardware.latency.ramp == 4);
}

TEST_CASE("ranges have the values a person expects") {
  auto texts = [&](const std::string &axis) {
    auto space = read(head + "axes: {" + axis + "}\nmethod: {kind: random, points: 1}\n");
    REQUIRE(space);
    return space->axes[0].texts;
  };
  using Texts = std::vector<std::string>;
  CHECK(texts("latency.hop: {range: [1, 8], step: 3}") == Texts{"1", "4", "7"});
  CHECK(texts("parallelism.clock_ghz: {range: [0.1, 0.5], step: 0.1}") == Texts{"0.1", "0.2", "0.3", "0.4", "0.5"});
  CHECK(texts("memory.sram_kib: {log: [16, 256], points: 5}") == Texts{"16", "32", "64", "128", "256"});
  CHECK(texts("parallelism.clock_ghz: {range: [0.1, 0.5]}").empty());
  CHECK(texts("parallelism.mesh: [[4, 4], [8, 2]]") == Texts{"[4, 4]", "[8, 2]"});
}

TEST_CASE("a Latin hypercube has one point in each stratum of each axis") {
  const TestEvaluator evaluator;
  constexpr size_t count = 64;
  auto space = read(head + fmt::format("axes: {{parallelism.clock_ghz: {{range: [1, 2]}}, var.x: {{log: [1, "
                                       "4]}}}}\nmethod: {{kind: lhs, points: {}, seed: 3}}\n",
                                       count));
  REQUIRE(space);
  const Points points(*space, evaluator);
  std::set<size_t> clocks, xs;
  for (size_t i = 0; i < count; ++i) {
    const Candidate candidate = points.at(i);
    clocks.insert(size_t((candidate.point.hardware.parallelism.clockGhz - 1) * count));
    xs.insert(size_t(std::log(candidate.axisNumbers[1]) / std::log(4.0) * count));
  }
  CHECK(clocks.size() == count);
  CHECK(xs.size() == count);
}

TEST_CASE("random points cover the values evenly") {
  const TestEvaluator evaluator;
  auto space = read(
      head +
      "axes: {latency.hop: {range: [1, 4]}, latency.ramp: [1, 2]}\nmethod: {kind: random, points: 8000, seed: 9}\n");
  REQUIRE(space);
  const Points points(*space, evaluator);
  std::map<std::pair<int, int>, int> seen;
  for (uint64_t i = 0; i < 8000; ++i) {
    const auto &latency = points.at(i).point.hardware.latency;
    ++seen[{latency.hop, latency.ramp}];
  }
  REQUIRE(seen.size() == 8);
  for (const auto &[values, times] : seen) // five standard deviations of 1000 are about 150
    CHECK(std::abs(times - 1000) < 150);
}

TEST_CASE("derived keys see what stands above them, constraints see the finished machine") {
  const TestEvaluator evaluator;
  auto space = read(head + R"yaml(axes: {memory.sram_kib: [64, 256]}
let: {side: "floor(sqrt(400 / area.core_mm2 / 4))"
}
derive: {parallelism.mesh: "[side, min(side, 20)]"}
constraints: ["mesh.cores * area.core_mm2 <= 100"]
method: {kind: grid}
)yaml");
  REQUIRE(space);
  const Points points(*space, evaluator);
  const Candidate small = points.at(0), large = points.at(1);
  CHECK(small.point.hardware.parallelism.meshWidth == 40);
  CHECK(small.point.hardware.parallelism.meshHeight == 20);
  CHECK(large.point.hardware.parallelism.meshWidth == 20);
  CHECK_FALSE(small.refusal);
  CHECK(large.inputs == R"({"workload":"sum","memory.sram_kib":256,"parallelism.mesh":[20, 20]})");
  auto refused = read(head + "axes: {memory.sram_kib: [64, 96]}\nderive: {parallelism.mesh: \"[memory.sram_kib / 64, "
                             "4]\"}\nmethod: {kind: grid}\n");
  REQUIRE(refused);
  const Candidate half = Points(*refused, evaluator).at(1);
  REQUIRE(half.refusal);
  CHECK(half.refusal->reasonKind == "derive");
  CHECK(half.refusal->reason.find("1.5") != std::string::npos);
}

TEST_CASE("a point is the same in whatever space it stands") {
  const TestEvaluator evaluator;
  auto digestOf = [&](const std::string &text, uint64_t ordinal, Fidelity fidelity = Fidelity::Engine) {
    auto space = read(head + text);
    REQUIRE(space);
    return Points(*space, evaluator).at(ordinal).digest(fidelity, "1");
  };
  const std::string one = digestOf("axes: {latency.hop: [1, 3], latency.ramp: [2]}\nmethod: {kind: grid}\n", 1);
  CHECK(one == digestOf("axes: {latency.ramp: [1, 2], latency.hop: [3]}\nmethod: {kind: grid}\n", 1));
  CHECK(
      one ==
      digestOf("axes: {latency.ramp: [2]}\nlet: {a: \"1 + 2\"}\nderive: {latency.hop: a}\nmethod: {kind: grid}\n", 0));
  CHECK(one != digestOf("axes: {latency.hop: [1, 3], latency.ramp: [2]}\nmethod: {kind: grid}\n", 0));
  CHECK(one !=
        digestOf("axes: {latency.hop: [1, 3], latency.ramp: [2]}\nmethod: {kind: grid}\n", 1, Fidelity::Analytic));
  // A key that an axis sets to what the base has anyway changes nothing.
  auto base = hw::load("wse3");
  REQUIRE(base);
  CHECK(digestOf("method: {kind: grid}\n", 0) ==
        digestOf(fmt::format("axes: {{latency.hop: [{}]}}\nmethod: {{kind: grid}}\n", base->latency.hop), 0));
}

TEST_CASE("a machine of a point is the one that its inputs give") {
  const TestEvaluator evaluator;
  auto space = read(
      head + "axes: {latency.hop: [2], parallelism.clock_ghz: [0.7], memory.sram_kib: [96]}\nmethod: {kind: grid}\n");
  REQUIRE(space);
  hw::Hardware made = Points(*space, evaluator).at(0).point.hardware;
  hw::refresh(made);
  auto loaded = hw::load("wse3", {{"latency.hop", "2"}, {"parallelism.clock_ghz", "0.7"}, {"memory.sram_kib", "96"}});
  REQUIRE(loaded);
  CHECK(made.digest == loaded->digest);
  CHECK(hw::parse(made.yaml, "made"));
}

TEST_CASE("outcomes without an objective, or beyond a constraint, are refused") {
  const TestEvaluator evaluator;
  auto space =
      read(head + "axes: {latency.hop: [2, 5]}\nconstraints: [\"cycles * joules < 6\"]\nmethod: {kind: grid}\n");
  REQUIRE(space);
  const Points points(*space, evaluator);
  for (uint64_t i : {0, 1}) {
    const Candidate candidate = points.at(i);
    auto outcome = evaluator.evaluate(candidate.point, Fidelity::Engine);
    REQUIRE(outcome);
    points.judge(candidate, *outcome);
    CHECK((outcome->status == Outcome::Status::Ok) == (i == 0));
    CHECK(outcome->metrics.size() == 2);
    Outcome empty;
    points.judge(candidate, empty);
    CHECK(empty.reasonKind == "no figure");
  }
}

TEST_CASE("bad spaces are refused with what, where and why") {
  const std::pair<const char *, const char *> cases[] = {
      {"method: {kind: grid}\naxes: {latency.hop: {range: [1, 4], stop: 2}}", "'stop'"},
      {"method: {kind: grid}\naxes: {latency.hop: 3}", "it wants a list"},
      {"method: {kind: grid}\naxes: {latency.hop: [2, 2]}", "listed twice"},
      {"method: {kind: grid}\naxes: {latency.hop: {range: [1, 4], step: 0}}", "step of 0"},
      {"method: {kind: grid}\naxes: {latency.hop: {range: [1, 4], step: 0.5}}", "whole number"},
      {"method: {kind: grid}\naxes: {latency.hop: {range: [1, 4], log: [1, 4]}}", "it wants"},
      {"method: {kind: grid}\naxes: {parallelism.clock_ghz: {range: [1, 2]}}", "step"},
      {"method: {kind: grid}\naxes: {parallelism.clock_ghz: {log: [1, 2]}}", "points"},
      {"method: {kind: grid}\naxes: {parallelism.core.kind: [rvv]}", "space for each kind"},
      {"method: {kind: grid}\naxes: {parallelism.core.vlen: [128]}", "only cores of kind rvv"},
      {"method: {kind: grid}\naxes: {name: [a]}", "says nothing"},
      {"method: {kind: grid}\naxes: {var.x: [word]}", "are numbers"},
      {"method: {kind: grid, points: 3}", "remove the key"},
      {"method: {kind: lhs, points: 0}", "from 1 to"},
      {"method: {kind: lhs, points: 99999999999}", "from 1 to"},
      {"method: {kind: random, points: 5, parents: 8}", "unknown key 'parents'"},
      {"method: {kind: grid}\nlet: {cycles2: cycles}", "known only when"},
      {"method: {kind: grid}\nlet: {a: b}", "unknown name 'b'"},
      {"method: {kind: grid}\nlet: {min.x: 1}", "new"},
      {"method: {kind: grid}\nderive: {name: 1}", "with a number"},
      {"method: {kind: grid}\nderive: {parallelism.mesh: 4}", "[width, height]"},
      {"method: {kind: grid}\naxes: {latency.hop: [1]}\nderive: {latency.hop: 2}", "an axis, too"},
      {"method: {kind: grid}\nfidelity: {filter: engine, front: analytic}", "rougher"},
      {"method: {kind: grid}\nfidelity: {filter: engine, check: 0.1}", "finer"},
      {"method: {kind: grid}\nfidelity: {check: 2}", "from 0 to 1"},
      {"method: {kind: grid}\nconstraints: 3", "list"},
  };
  for (const auto &[text, says] : cases) {
    INFO(text);
    const std::string message = refusal(text);
    INFO(message);
    CHECK(message.find(says) != std::string::npos);
    CHECK(message.starts_with("test.yaml"));
  }
}
