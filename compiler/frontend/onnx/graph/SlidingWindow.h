// Where a window stands on its input: what convolutions and pools have in common.
#pragma once

#include "compiler/frontend/onnx/graph/Node.h"

namespace weft::frontend::onnx {

/// One entry a spatial dimension.
struct Window {
  Sizes kernel, strides, dilations, before, after; // before and after: the padding
  Sizes in, out;
  size_t rank() const { return kernel.size(); }
  /// Elements from the first to the last that the kernel meets.
  int64_t extent(size_t i) const { return dilations[i] * (kernel[i] - 1) + 1; }
};

/// Reads strides, dilations, pads and auto_pad of a node whose input has the spatial sizes `in`, and computes `out`.
/// `ceil`: a last window that hangs over the end counts, if it begins before the padding at the end does.
Window windowOf(NodeBuilder &n, llvm::ArrayRef<int64_t> in, llvm::ArrayRef<int64_t> kernel, bool ceil = false);

/// The attribute `name`, or `otherwise` a spatial dimension; it fails if there are not `rank` or one is below `least`.
Sizes spatialNumbers(NodeBuilder &n, const std::string &name, size_t rank, int64_t otherwise, int64_t least);

/// `x` (batch, channels, spatial…) with all elements around it that the windows meet.
Tensor padForWindows(NodeBuilder &n, Tensor x, const Window &window, double number);

/// A tensor full of one number, made when the program runs.
Tensor fill(NodeBuilder &n, ElementType type, llvm::ArrayRef<int64_t> shape, double number);

/// An operand of a loop over windows.
struct WindowOperand {
  Tensor tensor;
  mlir::AffineMap map;
};

/// A reduction over windows: `body` gets an element of each operand, and last the running result, all of its type.
/// Of the `loops` those of the result come first, in its order; the others are reduced.
Tensor reduceWindows(NodeBuilder &n, llvm::ArrayRef<WindowOperand> operands, Tensor init, unsigned loops, Body body);

} // namespace weft::frontend::onnx
