// Kernels as one LLVM module with an entry point for each. Internal to compiler/codegen.
#pragma once

#include "hw-models/support/Result.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace weft::codegen {

/// Whether what runs programs may call `function`.
bool isKernel(mlir::func::FuncOp function);

/// Lowers a copy of `kernels` with the passes that `buildPipeline` adds, and gives each kernel its entry `void
/// name(void *const *operands, const int64_t *scalars)`. The kernel itself becomes the internal function `name.body`.
/// Errors are internal: a kernel that breaks the contract of kernels/README.md or cannot be lowered.
Result<std::unique_ptr<llvm::Module>> lowerKernels(mlir::ModuleOp kernels,
                                                   llvm::function_ref<void(mlir::OpPassManager &)> buildPipeline,
                                                   llvm::LLVMContext &context);

} // namespace weft::codegen
