// Tensor-level building blocks that the lowerings of all ops share: broadcast, reduce, gather, move, contract.
#pragma once

#include "compiler/frontend/onnx/graph/Scalar.h"

#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace weft::frontend::onnx {

using Sizes = llvm::SmallVector<int64_t, 6>;

/// A tensor of the ONNX graph: a value of static shape, and what its elements mean. Null: an optional input not given.
struct Tensor {
  mlir::Value value;
  ElementType type = ElementType::Undefined;

  explicit operator bool() const { return static_cast<bool>(value); }
  llvm::ArrayRef<int64_t> shape() const { return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape(); }
  int64_t rank() const { return static_cast<int64_t>(shape().size()); }
  int64_t size(int64_t dim) const { return shape()[static_cast<size_t>(dim)]; }
  int64_t elements() const;
};

/// The product of `shape`; the largest number if it is beyond int64.
int64_t elementsOf(llvm::ArrayRef<int64_t> shape);
/// More elements no tensor may have; a size that is checked against it cannot overflow in a few sums and products.
constexpr int64_t mostElementsOfTensor = int64_t(1) << 40;
/// The shape that NumPy broadcasts both to; none: they do not fit.
std::optional<Sizes> broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

enum class Reduction { Sum, Product, Maximum, Minimum };

using Body = llvm::function_ref<Scalar(llvm::ArrayRef<Scalar>)>;

/// Emits into one place. Shapes must fit; whoever calls has checked them.
class Blocks {
public:
  Blocks(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  // ---- values out of nothing
  Tensor scalar(ElementType type, double number);
  Tensor integers(ElementType type, llvm::ArrayRef<int64_t> values, llvm::ArrayRef<int64_t> shape);
  Tensor filled(ElementType type, llvm::ArrayRef<int64_t> shape, double number);
  Tensor empty(ElementType type, llvm::ArrayRef<int64_t> shape);
  mlir::Value index(int64_t number);
  Scalar integer(int64_t number) { return constantInteger(b, loc, ElementType::Int64, number); }

  // ---- elementwise
  /// `body` of the operands' elements, broadcast as NumPy does, cast to `out`. Half floats reach the body as float32.
  Tensor elementwise(ElementType out, llvm::ArrayRef<Tensor> operands, Body body);
  /// The same on the elements as they are: for choosing and moving.
  Tensor elementwiseRaw(ElementType out, llvm::ArrayRef<Tensor> operands, Body body);
  Tensor map(Tensor x, llvm::function_ref<Scalar(Scalar)> body);
  Tensor castTo(Tensor x, ElementType to, Saturate saturate = Saturate::Yes, RoundScale round = RoundScale::Up);
  Tensor add(Tensor a, Tensor b);
  Tensor subtract(Tensor a, Tensor b);
  Tensor multiply(Tensor a, Tensor b);
  Tensor divide(Tensor a, Tensor b);

  // ---- reductions
  /// Over `axes` (not negative, distinct). Half floats are accumulated in float32, which the result has then.
  /// `before` is applied to each element first.
  Tensor reduce(Tensor x, llvm::ArrayRef<int64_t> axes, Reduction kind, bool keepDims,
                llvm::function_ref<Scalar(Scalar)> before = {});
  Tensor mean(Tensor x, llvm::ArrayRef<int64_t> axes, bool keepDims);
  /// exp(x - max) / sum along `axes`, in float32 at least; with `logarithmic` its logarithm.
  Tensor softmax(Tensor x, llvm::ArrayRef<int64_t> axes, bool logarithmic = false);

  // ---- movement
  Tensor reshape(Tensor x, llvm::ArrayRef<int64_t> shape);
  Tensor transpose(Tensor x, llvm::ArrayRef<int64_t> order);
  Tensor slice(Tensor x, llvm::ArrayRef<int64_t> offsets, llvm::ArrayRef<int64_t> sizes,
               llvm::ArrayRef<int64_t> strides = {});
  /// `part` of one axis.
  Tensor sliceAxis(Tensor x, int64_t axis, int64_t offset, int64_t size);
  Tensor concat(llvm::ArrayRef<Tensor> parts, int64_t axis);
  /// `part` written into `whole` at `offsets`.
  Tensor insert(Tensor part, Tensor whole, llvm::ArrayRef<int64_t> offsets);
  Tensor pad(Tensor x, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, double number);
  Tensor broadcast(Tensor x, llvm::ArrayRef<int64_t> shape);
  Tensor unsqueeze(Tensor x, int64_t axis);

  // ---- by index
  /// A tensor whose element at `indices` (int64) is what `body` gives; it may read other tensors with at().
  Tensor generate(ElementType out, llvm::ArrayRef<int64_t> shape, Body body);
  /// One element; indices are int64 and in bounds.
  Scalar at(Tensor x, llvm::ArrayRef<Scalar> indices);
  /// A negative index counts from the end; then it is kept within [0, size), so that no index reaches outside.
  Scalar wrapIndex(Scalar index, int64_t size);

  // ---- contractions
  /// NumPy's matmul: batch dimensions broadcast, rank 1 as row or column. Half floats accumulate in float32, and
  /// the result has the type `out`.
  Tensor matmul(Tensor a, Tensor b, ElementType out);
  /// Sum over the labels that `outLabels` lacks of the product of the operands; labels are small numbers, one a
  /// dimension. In `accumulate`, which the result has.
  Tensor contract(llvm::ArrayRef<Tensor> operands, llvm::ArrayRef<Sizes> labels, llvm::ArrayRef<int64_t> outLabels,
                  ElementType accumulate);

  mlir::OpBuilder &b;
  mlir::Location loc;

private:
  Tensor generic(ElementType out, llvm::ArrayRef<Tensor> operands, Body body, bool widen);
};

/// Axes that `rank` has, from ONNX's, which may be negative; sorted. None: one is out of range or there twice.
std::optional<Sizes> normalizedAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

} // namespace weft::frontend::onnx
