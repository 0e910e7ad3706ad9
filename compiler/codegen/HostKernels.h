// Kernels of a model as one shared object for the host.
#pragma once

#include "compiler/codegen/HostTarget.h"
#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <vector>

namespace weft::codegen {

/// Compiles every func.func of `kernels` that carries `weft.kernel` (and what they call); `kernels` is left as it is. The image
/// is an ELF shared object that exports one `void name(void *const *operands, const int64_t *scalars)` for each and needs no other
/// library. The same module and target give the same bytes. Errors: a kernel that cannot be lowered (internal), a target this
/// LLVM does not have, no room for temporary files.
Result<pkg::KernelObjectT> compileHostKernels(mlir::ModuleOp kernels, const HostTarget &target);

/// Name and operand sizes in bytes of each kernel, in the order of the module.
std::vector<std::unique_ptr<pkg::KernelT>> describeKernels(mlir::ModuleOp kernels);

} // namespace weft::codegen
