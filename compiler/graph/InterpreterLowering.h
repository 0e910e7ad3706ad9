// From a function of xf ops to LLVM dialect that the JIT can run; internal to the interpreter.
#pragma once

#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace weft::graph {

/// A tensor (or, with no element type, an index) that crosses the border of the lowered function.
struct LoweredArgument {
  std::string param;             // the weight's name; empty for anything else
  mlir::Type elementType;        // null for an index
  std::vector<int64_t> shape;    // mlir::ShapedType::kDynamic where the launch decides
};

/// `_mlir_ciface_FUNCTION(arguments…, outputs…)`, each a memref descriptor or an index; it returns nothing.
struct LoweredFunction {
  mlir::OwningOpRef<mlir::ModuleOp> module; // LLVM dialect
  std::vector<LoweredArgument> arguments, outputs;
};

/// Works on a copy of `module`. Every result becomes an output buffer of the caller's. Buffers of tensor arguments may
/// be written.
Result<LoweredFunction> lowerForHost(mlir::ModuleOp module, const std::string &function);

} // namespace weft::graph
