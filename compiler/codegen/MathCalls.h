// Functions of math/ that kernels call: what has no expansion into vector arithmetic. Internal to compiler/codegen.
#pragma once

#include "hw-models/support/Result.h"

#include "mlir/IR/Operation.h"

namespace llvm {
class Module;
} // namespace llvm

namespace weft::codegen {

/// True for an operation that becomes a call of a function on one scalar; it is no part of a vector loop.
bool isCalledFunction(mlir::Operation &op);

/// Gives `module` the functions of compiler/codegen/math that it calls.
Result<void> linkMathFunctions(llvm::Module &module);

} // namespace weft::codegen
