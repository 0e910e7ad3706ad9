// What tuning found, put into the kernels of a compilation. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Compile.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::compiler {

using TunedKernels = std::map<std::string, std::vector<TunedKernel>>;

/// Marks kernels of `kernels` that are what they were when something of `tuned` was found, with a decision for each.
TuningUse tuneKernels(const TunedKernels &tuned, mlir::ModuleOp kernels, std::vector<Decision> &decisions);

/// Puts the loops of those kernels in the order that was found, where their code is that code.
void reorderKernels(const TunedKernels &tuned, mlir::ModuleOp kernels, pkg::KernelObjectT &object, TuningUse &use);

} // namespace weft::compiler
