// How many tokens a machine's cores can keep, beside a model's weights. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Compile.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::compiler {

/// Of a planned module that has a program for decode. The layers may lie on as many meshes as `stages` says.
Capacity capacityOf(const CompileOptions &options, mlir::ModuleOp module, const Stages &stages, uint32_t alignBytes);

} // namespace weft::compiler
