// Models that see whole sequences, as tensor programs. Internal to compiler/graph.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <string>

namespace weft::graph {

/// buildTransformer() for ModelKind::Encoder.
Result<mlir::OwningOpRef<mlir::ModuleOp>> buildEncoder(mlir::MLIRContext &context,
                                                       const frontend::TransformerConfig &config,
                                                       const frontend::WeightSource &weights,
                                                       const std::map<std::string, int64_t> &dims);

} // namespace weft::graph
