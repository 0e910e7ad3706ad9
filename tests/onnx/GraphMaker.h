// Small ONNX models, made node by node, and what they compute in the graph interpreter.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "compiler/graph/TensorInterpreter.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/MLIRContext.h"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace weft::test {

using Shape = std::vector<int64_t>;
using AttributeValue =
    std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;
using Attributes = std::map<std::string, AttributeValue>;

class GraphMaker {
public:
  explicit GraphMaker(int64_t opset = 18);

  std::string input(const std::string &name, frontend::onnx::ElementType type, const Shape &shape);
  std::string floats(const std::string &name, const Shape &shape) {
    return input(name, frontend::onnx::ElementType::Float, shape);
  }
  std::string constant(const Shape &shape, const std::vector<float> &numbers);
  std::string constant(float number) { return constant({}, {number}); }
  std::string integers(const Shape &shape, const std::vector<int64_t> &numbers);
  std::string integers(const std::vector<int64_t> &numbers) {
    return integers({static_cast<int64_t>(numbers.size())}, numbers);
  }
  /// Numbers below one, from a seed that grows with each call.
  std::string random(const Shape &shape, float scale = 0.5);

  /// The outputs' names, or the only one's.
  std::vector<std::string> nodes(const std::string &op, const std::vector<std::string> &inputs, size_t outputs,
                                 const Attributes &attributes = {}, const std::string &domain = "");
  std::string node(const std::string &op, const std::vector<std::string> &inputs, const Attributes &attributes = {},
                   const std::string &domain = "") {
    return nodes(op, inputs, 1, attributes, domain)[0];
  }
  /// Its shape and type are what the node gives.
  void output(const std::string &name);

  frontend::onnx::Model model;

private:
  std::string fresh(const std::string &kind) { return kind + "_" + std::to_string(next++); }
  int64_t next = 0;
  std::mt19937 seeded{17};
};

/// What a model computes, and the ops of xf in it.
struct Computed {
  std::vector<std::vector<std::byte>> outputs;
  std::map<std::string, int64_t> raised;
  std::vector<float> floats(size_t output = 0) const;
  std::vector<int64_t> longs(size_t output = 0) const;
};

Result<Computed> compute(const frontend::onnx::Model &model, const std::vector<std::vector<std::byte>> &inputs,
                         bool raise = true);

std::vector<std::byte> bytesOf(const std::vector<float> &numbers);
std::vector<std::byte> bytesOf(const std::vector<int64_t> &numbers);

/// Normal floats, or, of an integer type, numbers from 0 to 99.
std::vector<std::byte> randomInput(const frontend::onnx::ValueInfo &input, uint32_t seed);

/// The largest difference, over the largest of `wanted`.
double relativeError(const std::vector<float> &got, const std::vector<float> &wanted);

} // namespace weft::test
