// Values that are known at compile time: exporters compute shapes with ops, and a shape must be a number here.
//
// It evaluates the IR that the lowerings have made, so that an op has one meaning. Scalars are folded by MLIR itself.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

/// A weight's bytes, if they may be read; `name` as in xf.param.
using ReadParam = std::function<std::optional<std::vector<std::byte>>(const std::string &name)>;

class Evaluator {
public:
  explicit Evaluator(ReadParam readParam) : readParam(std::move(readParam)) {}

  /// The elements of a tensor, row-major; null: not known, or too large to be worth it. Valid as long as this object.
  const std::vector<mlir::Attribute> *evaluate(mlir::Value tensor);

  /// Larger tensors and longer loops are evaluated from now on.
  void allowMore(int64_t elements, int64_t steps) {
    mostElements = elements;
    mostSteps = steps;
  }

  /// Needed when values are erased: another may get the place of one.
  void forget() { memo.clear(); }

  /// Arguments of the function that `value` depends on, in order of their number.
  static std::vector<mlir::BlockArgument> argumentsBehind(mlir::Value value);

private:
  using Elements = std::vector<mlir::Attribute>;
  using Scalars = llvm::DenseMap<mlir::Value, mlir::Attribute>;

  std::optional<Elements> compute(mlir::Value tensor);
  std::optional<Elements> computeGeneric(mlir::Operation *op, unsigned result);
  std::optional<Elements> computeMove(mlir::Operation *op);
  std::optional<Elements> computeSlice(mlir::Operation *slice);
  std::optional<Elements> computeWrites(mlir::Operation *loop);
  bool runWrites(mlir::Operation *loop, Scalars known, Elements &out, int64_t &stepsLeft);
  mlir::Attribute scalarOf(mlir::Value value, const Scalars &known);
  bool runBody(mlir::Block &block, llvm::ArrayRef<int64_t> indices, Scalars &known);
  bool runOp(mlir::Operation &op, llvm::ArrayRef<int64_t> indices, Scalars &known);

  // Shapes, axes and small tables. What has more elements is computed when the program runs.
  int64_t mostElements = 4096, mostSteps = 1 << 16;
  ReadParam readParam;
  unsigned depth = 0;                                   // of evaluate() in itself
  std::map<const void *, std::optional<Elements>> memo; // by value; elements stay where they are
};

} // namespace weft::frontend::onnx
