// From what is known of a Llama to its graph in `xf`.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace weft::graph {

/// The module of GraphModule.h with the one function @forward. Loads the dialects it needs into `context`.
///
/// `maxSeq` is the longest sequence, at most the model's positions. Of `weights` only names, types and shapes are read.
/// Errors name the tensor or the key: a missing weight, a shape that is not the config's, sizes that do not fit
/// together, a bias (Llama's optional ones have no op yet).
Result<mlir::OwningOpRef<mlir::ModuleOp>> buildLlama(mlir::MLIRContext &context, const frontend::LlamaConfig &config,
                                                     uint32_t maxSeq, const frontend::WeightSource &weights);

} // namespace weft::graph
