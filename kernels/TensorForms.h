// Forms of tensor ops that every lowering knows, in place of those that few do.
#pragma once

#include "mlir/IR/Operation.h"

namespace weft::kernels {

/// Inside `op`: aggregated ops such as linalg.softmax become what they are made of, tensor.gather a structured op,
/// tensor.scatter a loop, packing a transposition; a choice between tensors by one condition becomes a choice of their
/// elements, what computes a constant fills with it, and slices of one element have no stride.
mlir::LogicalResult normaliseTensors(mlir::Operation *op);

} // namespace weft::kernels
