// Algorithm choices of the place phase by predicted cost. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Compile.h"
#include "compiler/place/Place.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::compiler {

/// Mesh, capacity and cost constants from what was asked for.
place::PlaceOptions placeOptions(const CompileOptions &options, mlir::MLIRContext &context);

/// Predicted cycles of one GEMM's communication over all steps: a step ends when its slowest block has come.
int64_t gemmCycles(const CompileOptions &options, int64_t rows, int64_t inner, int64_t columns, bool cannon);

/// Sets what is left open in `place` for the products of `graph` and says why.
std::vector<Decision> chooseAlgorithms(const CompileOptions &options, mlir::ModuleOp graph, place::PlaceOptions &place);

} // namespace weft::compiler
