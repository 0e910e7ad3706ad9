// Does it fit? Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Compile.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::compiler {

/// Compares the planned module with the machine's SRAM. The error has the budget of the fullest core class and the two
/// nearest remedies, each found by compiling again up to the plan phase. With shapes only a model whose layers fit one
/// by one is refused, too, if it is more than the whole machine holds.
Result<void> checkBudget(const CompileOptions &options, mlir::ModuleOp module, uint32_t alignBytes);

/// How many meshes the planned module needs for its layers, and how many the machine has.
Stages stagesOf(const CompileOptions &options, mlir::ModuleOp module);

/// Compares code and constants of the kernels with what the machine reserves for them. `bufferBytes`: what buffers take
/// on the fullest core. The error names the largest kernels and what would make room.
Result<void> checkCode(const CompileOptions &options, const pkg::KernelObjectT &object, uint64_t bufferBytes);

} // namespace weft::compiler
