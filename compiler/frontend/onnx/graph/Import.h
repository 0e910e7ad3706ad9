// An ONNX model as a tensor program: a module with @main.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

struct GraphOptions {
  /// Sizes of symbolic dimensions by name. A dimension without a name is INPUT.INDEX ("x.0"), and the length of a
  /// sequence has the name of the input.
  std::map<std::string, int64_t> dims;
  /// Whether ops of transformers are found in the graph and made ops of xf (raise/Raise.h).
  bool raise = true;
};

/// Builds @main of `model`: `xf` and linalg ops on static tensors, weights by name (those of `weightsOf`).
/// Errors name the node: an op that is unknown or has a type it cannot have, shapes that do not fit or that only the
/// program's inputs decide, a dimension that is not bound.
Result<mlir::OwningOpRef<mlir::ModuleOp>> buildGraph(mlir::MLIRContext &context, const Model &model,
                                                     const GraphOptions &options);

/// The weights that the module of `model` refers to: tensors too large to be in it.
std::unique_ptr<WeightSource> weightsOf(const Model &model);

/// Whether each dimension in `options` is one of the model, and each of the model's is bound.
Result<void> checkDims(const Model &model, const GraphOptions &options);

/// A dimension of the model's inputs that has no size yet, if there is one.
std::optional<std::string> firstOpenDim(const Model &model, const GraphOptions &options);

} // namespace weft::frontend::onnx
