// The body of a linalg.generic, evaluated on scalars and vectors. Internal to compiler/codegen.
#pragma once

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace weft::codegen {

/// How a body combines its output's old value with the rest.
enum class Combiner { Add, Max, MaxInteger };

/// The combiner of a body with one output whose old value is used once, by the operation that is yielded.
std::optional<Combiner> findCombiner(mlir::linalg::GenericOp op);
mlir::Value combine(mlir::OpBuilder &b, mlir::Location loc, Combiner kind, mlir::Value x, mlir::Value y);
/// The value that leaves the other operand of `combine` as it is, of scalar or vector `type`: of i32 for
/// MaxInteger, else of f32.
mlir::Value neutral(mlir::OpBuilder &b, mlir::Location loc, Combiner kind, mlir::Type type);
/// All lanes combined as a tree: halves, quarters, ... A scalar is returned as it is.
mlir::Value combineLanes(mlir::OpBuilder &b, mlir::Location loc, Combiner kind, mlir::Value vector);

/// True for a function of math/ that ExpandMath writes as a long expression.
bool isLongFunction(mlir::Operation &op);

/// True if every operation of the body works lane by lane. Of the loops' indices it may use those as i32.
bool isLanewise(mlir::linalg::GenericOp op);

/// The yielded values when the block arguments are `arguments`. An operation with a vector among its operands becomes a
/// vector operation of `lanes`; what depends on scalars only stays scalar. `index` gives the index of a loop as i32,
/// one a lane for the loop over lanes. Results are broadcast to `lanes` if lanes > 1.
llvm::SmallVector<mlir::Value> evaluateBody(mlir::OpBuilder &b, mlir::linalg::GenericOp op, mlir::ValueRange arguments,
                                            int64_t lanes, llvm::function_ref<mlir::Value(unsigned)> index);

} // namespace weft::codegen
