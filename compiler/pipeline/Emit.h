// The package phase: from fabric programs with colours and addresses to the package's object tree.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/Hardware.h"
#include "runtime/package/PackageFile.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace weft::compiler {

/// Fills in classes, programs and resident buffers; weights and constants, too, unless the package has shapes only.
/// `kernels` are those of the package, in its order; `weights` is where the model's tensors lie.
Result<void> emitPrograms(mlir::ModuleOp module, const frontend::WeightSource &weights, runtime::Package &package);

} // namespace weft::compiler
