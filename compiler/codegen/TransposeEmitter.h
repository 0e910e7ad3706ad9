// Copies of a matrix that change the order of its dimensions, for cores with vector registers. Internal to
// compiler/codegen.
#pragma once

#include "compiler/codegen/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace weft::codegen {

/// If `op` only copies a matrix to its transpose, writes it as loops that load along a row of the source and store that
/// vector with a stride; else, and for a host, does nothing and returns false. A strided store takes a cycle an element
/// on the cores that have been measured, so that loading with a stride or through segments would be no faster; rows of
/// the source have a fixed length, while how many there are is known when the kernel runs.
bool emitTranspose(mlir::RewriterBase &b, mlir::linalg::GenericOp op, VectorShape shape);

} // namespace weft::codegen
