// The steps from a function on tensors to a kernel. Internal to kernels/.
#pragma once

#include "kernels/TileKernels.h"

namespace weft::kernels {

/// The functions below that return a LogicalResult emit an error where they fail.

/// Ops on tensors that one-shot bufferization does not know, or copies for, as ops that it does well: concat, pad,
/// reshape, softmax; element by element ops fused into one another; loops that carry tensors write the carried ones.
/// With `trust` updates of those are left as they are, which takes no copy, but which bufferize() may refuse.
mlir::LogicalResult prepareTensors(mlir::func::FuncOp function, bool trust);
/// Arithmetic on scalars, wherever it stands: f16 and bf16 are computed in f32; division, shifts and conversions of all
/// values are defined.
mlir::LogicalResult defineArithmetic(mlir::func::FuncOp function);
/// What the next function needs to know of ops.
void registerBufferization(mlir::MLIRContext *context);
/// Tensors become buffers: results of `function` are written to new arguments after its tensors, copies are linalg ops,
/// and what remains to be allocated is an op at the beginning of the function. The first result is argument `updated`
/// after some updates: one buffer is both.
mlir::LogicalResult bufferize(mlir::func::FuncOp function, std::optional<unsigned> updated);
/// Booleans in memory become bytes.
void storeBooleansAsBytes(mlir::func::FuncOp function);
/// Allocations become parts of one buffer, a new argument before the indices, in which those that are never needed at
/// the same time overlap. Returns its size in bytes; without allocations there is no argument.
int64_t shareScratch(mlir::func::FuncOp function);
/// What a call computes and moves, with all loops at their trip counts and the longer branch taken.
Work workOf(mlir::func::FuncOp kernel);

} // namespace weft::kernels
