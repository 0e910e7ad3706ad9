// Passes of the dialect `xf`.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace weft::xf {

/// The attribute of a function argument that was an xf.param: the weight's name.
inline constexpr llvm::StringLiteral paramNameAttr = "xf.param";

/// On the rounding to f32 of a sine or cosine by which heads are turned: where it is near 0, an error that is small
/// beside 1 is nothing.
inline constexpr llvm::StringLiteral turningAttribute = "xf.turning";

/// Each computing op to linalg, tensor, arith and math. A kv_cache stays one value, joined and split by
/// unrealized_conversion_cast; parameters stay xf.param.
void populateDecomposeToLinalgPatterns(mlir::RewritePatternSet &patterns);

/// Arguments and results of type kv_cache become pairs. The body keeps its cache values behind casts.
void splitCachesInSignature(mlir::func::FuncOp function);

/// `--xf-decompose-to-linalg`, on a module: the patterns above, and then in each function a kv_cache argument or result
/// becomes a pair of tensors (keys, values), and each weight becomes one more argument, in the order of its first use,
/// with `xf.param = "name"`.
std::unique_ptr<mlir::Pass> createDecomposeToLinalgPass();

/// Registers the passes by name for tools.
void registerXfPasses();

} // namespace weft::xf
