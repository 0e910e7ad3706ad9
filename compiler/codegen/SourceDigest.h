// What a kernel is, for whoever keeps something about it, and what has been chosen for it. Internal to compiler.
#pragma once

#include "kernels/Tuning.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace weft::codegen {

/// Of the kernel's function as its builder wrote it, with its probe and the units that it is marked with, and of
/// codegenVersion; other attributes and locations do not count.
std::string sourceDigest(mlir::func::FuncOp kernel);
/// Sets tuningAttribute, or removes it.
void setTuning(mlir::func::FuncOp kernel, const kernels::Tuning &tuning);

} // namespace weft::codegen
