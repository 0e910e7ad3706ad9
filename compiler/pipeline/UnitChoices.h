// Where custom units pay: kernels compiled with and without, and measured. Internal to compiler/pipeline.
#pragma once

#include "compiler/codegen/CoreTarget.h"
#include "compiler/pipeline/Compile.h"
#include "kernels/TileKernels.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::compiler {

/// How the bytes of quantised weights lie: in words for the unit `dot`, if the core has it and the largest product of
/// `grid`, a module after the place phase, is faster with it. Adds a decision if there is a choice.
Result<kernels::ByteOrder> chooseByteOrder(const CompileOptions &options, const codegen::CoreTarget &target,
                                           mlir::ModuleOp grid, std::vector<Decision> &decisions);

/// Marks the kernels of `kernels` that are faster with the unit `exp` (codegen::unitsAttribute), with a decision for
/// each that has exponentials. `fabric` is the module that calls them.
Result<void> chooseExp(const CompileOptions &options, const codegen::CoreTarget &target, mlir::ModuleOp fabric,
                       mlir::ModuleOp kernels, std::vector<Decision> &decisions);

} // namespace weft::compiler
