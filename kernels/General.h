// Kernels from functions on tensors: what no tile kernel computes. kernels/README.md, "Kernels from tensors", has the
// contract in prose.
#pragma once

#include "kernels/TileKernels.h"

#include "llvm/ADT/StringRef.h"

#include <optional>

namespace weft::kernels {

/// A kernel and the buffer that it needs beside its operands. Its operands, in order: a buffer for each tensor argument
/// of the function, one for each result, the scratch buffer if scratchBytes > 0, then the index arguments as scalars.
struct GeneralKernel : TileKernel {
  int64_t scratchBytes = 0; // i8, aligned to scratchAlignBytes
};
inline constexpr int64_t scratchAlignBytes = 8;

/// Adds to `module` the kernel that computes `function`, which may lie in any module of the same context and is left as
/// it is. Its arguments are tensors, then indices; its results are tensors; all have fixed shapes of any rank, with
/// elements f32, f64, f16, bf16, i1, i8, i16, i32, i64. The body is made of linalg, tensor, arith, math, scf and index
/// ops, with loops and branches on tensors too. Buffers are contiguous and row-major, i1 is a byte of 0 or 1, and a
/// tensor without elements is a buffer without bytes.
///
/// Argument `updated` and the first result, of one type, are one buffer, which stands where results do: the kernel
/// writes there what it changes and leaves the rest.
///
/// The name is `kind` and a digest of the body, so that equal functions are one kernel. Nothing is allocated when it
/// runs: values that are not results lie in the scratch buffer, at places that they share where they do not meet.
/// Arithmetic is defined for all values, and alike on cores and hosts, as kernels/README.md says. Loads are not
/// checked: indices that data decides are to be clamped by the function. For its probe all operands are zero. An op
/// that cannot be part of a kernel gets an error at its location.
mlir::FailureOr<GeneralKernel> buildGeneral(mlir::ModuleOp module, mlir::func::FuncOp function,
                                            llvm::StringRef kind = "general", std::optional<unsigned> updated = {});

/// What is known of a kernel that buildGeneral() made.
GeneralKernel describeGeneral(mlir::func::FuncOp kernel);
/// Whether `kernel` was made by buildGeneral().
bool isGeneral(mlir::func::FuncOp kernel);

} // namespace weft::kernels
