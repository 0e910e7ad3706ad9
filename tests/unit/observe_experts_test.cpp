// Which experts routers choose, watched in the graph: against the same rules in plain C++.
#include "compiler/graph/ObserveExperts.h"
#include "compiler/graph/TensorInterpreter.h"

#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <random>

using namespace weft;

namespace {

constexpr size_t rows = 37, hidden = 6, experts = 6, inner = 3;

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

std::vector<float> randomNumbers(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> numbers(-1, 1);
  std::vector<float> result(count);
  std::generate(result.begin(), result.end(), [&] { return numbers(random); });
  return result;
}

/// @main of one layer: `moe` is its op's text from the router on.
std::string program(const std::string &scoring, const std::string &bias, const std::string &attributes) {
  std::string text = R"(
    func.func @main(%x: tensor<37x6xf32> {xf.name = "x", xf.dtype = "float32"})
        -> (tensor<37x6xf32> {xf.name = "y", xf.dtype = "float32"}) {
      %r = xf.param "r" : tensor<6x6xf32>
      %b = xf.param "b" : tensor<6xf32>
)";
  std::string gates, ups, downs, in, out;
  for (size_t i = 0; i < experts; ++i) {
    const std::string n = std::to_string(i), comma = i ? ", " : "";
    text += "      %g" + n + " = xf.param \"g" + n + "\" : tensor<3x6xf32>\n      %u" + n + " = xf.param \"u" + n +
            "\" : tensor<3x6xf32>\n      %d" + n + " = xf.param \"d" + n + "\" : tensor<6x3xf32>\n";
    gates += comma + "%g" + n;
    ups += comma + "%u" + n;
    downs += comma + "%d" + n;
    in += comma + "tensor<3x6xf32>";
    out += comma + "tensor<6x3xf32>";
  }
  return text + "      %y = xf.moe silu " + scoring + " %x, %r " + bias + " gate(" + gates + ") up(" + ups + ") down(" +
         downs + ") " + attributes + " : tensor<37x6xf32>, tensor<6x6xf32>, (" + in + "), (" + in + "), (" + out +
         ")\n      return %y : tensor<37x6xf32>\n    }\n";
}

/// The outputs of @main, watched or not.
std::vector<std::vector<float>> run(const std::string &text, bool watched, const std::vector<float> &x,
                                    std::map<std::string, std::vector<float>> &weights) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::linalg::LinalgDialect,
                      mlir::math::MathDialect, mlir::scf::SCFDialect, mlir::tensor::TensorDialect, xf::XfDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  REQUIRE(module);
  if (watched)
    REQUIRE(graph::observeExperts(*module, "main") == 1);
  REQUIRE(mlir::succeeded(mlir::verify(*module)));
  auto interpreter = take(graph::TensorInterpreter::create(*module));
  const std::vector<std::span<const std::byte>> inputs = {std::as_bytes(std::span(x))};
  std::vector<std::vector<float>> results;
  for (const auto &bytes : take(interpreter.run(
           inputs, [&](const std::string &name) { return std::as_bytes(std::span(weights.at(name))); }))) {
    results.emplace_back(bytes.size() / sizeof(float));
    std::memcpy(results.back().data(), bytes.data(), bytes.size());
  }
  return results;
}

/// The `count` largest of `values`, of equal ones the earlier.
std::vector<size_t> best(const std::vector<double> &values, size_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::pair(-values[a], a) < std::pair(-values[b], b); });
  order.resize(count);
  return order;
}

struct Model {
  std::vector<float> x = randomNumbers(rows * hidden, 1);
  std::map<std::string, std::vector<float>> weights;
  Model() {
    weights["r"] = randomNumbers(experts * hidden, 2);
    weights["b"] = randomNumbers(experts, 3);
    for (size_t i = 0; i < experts; ++i)
      for (const char *name : {"g", "u", "d"})
        weights[name + std::to_string(i)] = randomNumbers(inner * hidden, static_cast<uint32_t>(10 + i));
  }
  std::vector<double> logits(size_t row) const {
    std::vector<double> result(experts, 0);
    for (size_t e = 0; e < experts; ++e)
      for (size_t k = 0; k < hidden; ++k)
        result[e] += double(x[row * hidden + k]) * double(weights.at("r")[e * hidden + k]);
    return result;
  }
};

void checkChosen(const std::vector<float> &chosen, size_t row, const std::vector<size_t> &expected) {
  INFO("row " << row);
  REQUIRE(chosen.size() == rows * experts);
  for (size_t e = 0; e < experts; ++e)
    CHECK(chosen[row * experts + e] ==
          (std::find(expected.begin(), expected.end(), e) != expected.end() ? 1.0F : 0.0F));
}

} // namespace

TEST_CASE("the best experts of each row are seen, and what the layer computes stays as it was", "[experts]") {
  Model model;
  const std::string text = program("softmax", "", "{top_k = 2 : i64, normalize}");
  auto plain = run(text, false, model.x, model.weights), watched = run(text, true, model.x, model.weights);
  REQUIRE(watched.size() == 2);
  CHECK(watched[0] == plain[0]);
  for (size_t row = 0; row < rows; ++row)
    checkChosen(watched[1], row, best(model.logits(row), 2));
}

TEST_CASE("groups and biases decide what is seen, too", "[experts]") {
  Model model;
  auto watched =
      run(program("sigmoid", "bias(%b : tensor<6xf32>)", "{top_k = 2 : i64, groups = 3 : i64, top_groups = 2 : i64}"),
          true, model.x, model.weights);
  for (size_t row = 0; row < rows; ++row) {
    std::vector<double> scores = model.logits(row), ofGroups(3);
    for (size_t e = 0; e < experts; ++e)
      scores[e] = 1 / (1 + std::exp(-scores[e])) + double(model.weights.at("b")[e]);
    for (size_t group = 0; group < 3; ++group)
      ofGroups[group] = std::max(scores[2 * group], scores[2 * group + 1]);
    const std::vector<size_t> groups = best(ofGroups, 2);
    for (size_t e = 0; e < experts; ++e)
      if (std::find(groups.begin(), groups.end(), e / 2) == groups.end())
        scores[e] = -1e9;
    checkChosen(watched[1], row, best(scores, 2));
  }
}
