// Kernels of a model as one RISC-V executable for the cores of a mesh.
#pragma once

#include "compiler/codegen/CoreTarget.h"
#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>

namespace weft::codegen {

/// Compiles the kernels of `kernels` as compileHostKernels() does, for a core. The image is a static ELF executable at
/// `target.codeAddress` with a symbol for each kernel, called with the same arguments (lp64d); code and constants lie
/// in one read-only segment, and there is no writable data. Results in f32 and integers are those of the host's
/// kernels, bit for bit but for the payload of a NaN. The same input gives the same bytes. No inner loop keeps what it
/// works with on the stack (CheckFrames.h); that this cannot be reached is an internal error. Errors: as
/// compileHostKernels().
Result<pkg::KernelObjectT> compileCoreKernels(mlir::ModuleOp kernels, const CoreTarget &target);
/// Kernels just as tuningAttribute has them, and those whose inner loops then keep on the stack what they work with, by
/// name and with a sentence. Errors: as compileHostKernels().
struct TunedKernels {
  pkg::KernelObjectT object;
  std::map<std::string, std::string> spills;
};
Result<TunedKernels> compileTunedKernels(mlir::ModuleOp kernels, const CoreTarget &target);
/// What compileCoreKernels() makes, as assembler text.
Result<std::string> assembleCoreKernels(mlir::ModuleOp kernels, const CoreTarget &target);

} // namespace weft::codegen
