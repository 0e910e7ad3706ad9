// What the lowering of one node sees: its inputs, attributes and known values, and where its results go.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "compiler/frontend/onnx/graph/Blocks.h"
#include "compiler/frontend/onnx/graph/CodedMatrix.h"
#include "hw-models/support/Result.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <optional>
#include <set>
#include <vector>

namespace weft::frontend::onnx {

class Importer;
struct Scope;

/// Thrown by NodeBuilder::fail() and caught where the node's lowering was called, both in this folder; it crosses no
/// frame of MLIR. It is what keeps a lowering a few lines long.
struct LoweringFailure {
  Error error;
};

/// A name's value: one tensor, or the tensors of a sequence.
struct Bound {
  std::vector<Tensor> parts;
  bool isSequence = false;
};

class NodeBuilder : public Blocks {
public:
  NodeBuilder(Importer &importer, Scope &scope, const Node &node, int64_t opset, mlir::OpBuilder &builder);

  const Node &node;
  const int64_t opset;

  /// Ends the lowering with a message about this node.
  template <typename... Args> [[noreturn]] void fail(fmt::format_string<Args...> format, Args &&...args) const {
    failWith(fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args> void require(bool holds, fmt::format_string<Args...> format, Args &&...args) const {
    if (!holds)
      failWith(fmt::format(format, std::forward<Args>(args)...));
  }

  // ---- inputs and outputs
  size_t inputs() const { return node.inputs.size(); }
  size_t outputs() const { return node.outputs.size(); }
  bool has(size_t i);
  bool wants(size_t i) const { return i < node.outputs.size() && !node.outputs[i].empty(); }
  /// Input `i`; it fails if there is none, or if it is a sequence.
  Tensor in(size_t i);
  /// The same of floats, and of floats or integers of a byte and more.
  Tensor floats(size_t i);
  Tensor numeric(size_t i);
  Tensor optional(size_t i) { return has(i) ? in(i) : Tensor{}; }
  std::vector<Tensor> all();
  const Bound &bound(size_t i);
  void out(size_t i, Tensor tensor);
  void outBound(size_t i, Bound bound);

  // ---- attributes
  bool hasAttribute(const std::string &name) const { return find(name) != nullptr; }
  int64_t number(const std::string &name, int64_t otherwise) const;
  int64_t number(const std::string &name); // required
  double real(const std::string &name, double otherwise) const;
  std::string text(const std::string &name, const std::string &otherwise) const;
  std::vector<int64_t> numbers(const std::string &name) const;
  std::vector<float> reals(const std::string &name) const;
  const Attribute *find(const std::string &name) const;
  /// After the node's lowering: an input or attribute that it has not asked for is one that the op does not have, or
  /// not with these others, and must not go unheard.
  void refuseUnread() const;
  /// The same; it fails if the attribute is of another kind. `what`: what it should be.
  const Attribute *typed(const std::string &name, Attribute::Kind kind, std::string_view what) const;

  // ---- what is known at compile time
  /// The integers of input `i`, if its value is known.
  std::optional<std::vector<int64_t>> known(size_t i);
  std::optional<std::vector<int64_t>> known(Tensor tensor);
  std::optional<std::vector<double>> knownReals(Tensor tensor);
  /// The same, or a message that names the input and what would help.
  std::vector<int64_t> mustKnow(size_t i);
  /// The message that input `i` decides a shape, but is known only when the program runs.
  [[noreturn]] void decidesShape(size_t i);
  /// An attribute of that name (older opsets), else the known input `i`, else nothing if it is not given.
  std::optional<std::vector<int64_t>> attributeOrKnown(const std::string &name, size_t i);
  /// The static shape that the model declares for output `i`, if it does.
  std::optional<Sizes> declared(size_t i);
  /// The declared shape of the first output, or a message that input `i` decides it and is not known.
  Sizes mustDeclare(size_t i);

  // ---- checks
  int64_t axisOf(int64_t axis, int64_t rank);
  Sizes axesOf(llvm::ArrayRef<int64_t> axes, int64_t rank);
  /// `size`, which must be one that a dimension can have.
  int64_t sizeOf(int64_t size);
  void requireSameType(llvm::ArrayRef<Tensor> tensors);
  Sizes broadcastOf(llvm::ArrayRef<Tensor> tensors);
  /// elementwise() of this node's operands after the checks.
  Tensor combined(ElementType out, llvm::ArrayRef<Tensor> operands, Body body);

  /// Lowers a subgraph (attribute `name`) where the builder stands; `arguments` are its inputs.
  std::vector<Bound> runGraph(const std::string &name, llvm::ArrayRef<Bound> arguments);
  /// The element type that a subgraph declares for its output `i`.
  ElementType typeOfResult(const std::string &name, size_t i);
  /// Whether the first result of a loop's body is plainly its second input, or true: it never ends the loop.
  bool goesOnAlways(const std::string &name);
  /// After values have been thrown away, what is known of them must be, too.
  void forgetKnown();
  /// The graph of an attribute, or a message.
  const Graph &graphOf(const std::string &name);
  /// A tensor of the model: a constant, or a weight if it is large.
  Tensor constant(const TensorData &data);
  /// Of a text generator's node its weight of few bits as the file has it (CodedMatrix.h). Error::User: it has none.
  Result<Tensor> packedWeight();
  /// The same of a matrix, `transposed` or not.
  Result<Tensor> codedWeight(const CodedMatrix &matrix, bool transposed);

private:
  Result<Tensor> paramOf(llvm::function_ref<Result<WeightInfo>(const FindInitializer &find)> read);
  [[noreturn]] void failWith(const std::string &what) const;

  Importer &importer;
  Scope &scope;
  mutable std::set<std::string> readAttributes;
  size_t readInputs = 0; // up to this one
};

} // namespace weft::frontend::onnx
