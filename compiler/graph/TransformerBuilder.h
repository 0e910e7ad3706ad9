// From what is known of a transformer to its graph in `xf`.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <string>

namespace weft::graph {

/// The graph of a model. A generator's is the module of GraphModule.h with the one function @forward and room for
/// `maxSeq` tokens, at most the model's positions. An encoder's has @main, a tensor program: `dims` binds its sizes
/// "batch" (default 1) and, for models of tokens, "seq" (default 128, or all positions where there are fewer).
/// Loads the dialects it needs into `context`. Of `weights` only names, types and shapes are read.
///
/// Errors name the tensor or the key: a missing weight, a shape that is not the config's, sizes that do not fit
/// together, a dimension that the model does not have.
Result<mlir::OwningOpRef<mlir::ModuleOp>> buildTransformer(mlir::MLIRContext &context,
                                                           const frontend::TransformerConfig &config, uint32_t maxSeq,
                                                           const frontend::WeightSource &weights,
                                                           const std::map<std::string, int64_t> &dims = {});

} // namespace weft::graph
