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

/// One launch of a text generator that a graph is looked at as: `tokens` ids after `past` that its caches hold. What
/// ids, caches and logits are called; other inputs have the values that such a launch gives them.
struct GeneratorLaunch {
  std::string ids, logits;
  std::map<std::string, std::string> caches; // inputs, and the output that is each one's next value
  int64_t past = 0, tokens = 0;
  std::map<std::string, std::vector<int64_t>> fixed;
};

struct GraphOptions {
  /// Sizes of symbolic dimensions by name. A dimension without a name is INPUT.INDEX ("x.0"), and the length of a
  /// sequence has the name of the input. A name that is a sum or a product of others is computed (graph/Dims.h).
  std::map<std::string, int64_t> dims;
  /// Whether ops of transformers are found in the graph and made ops of xf (raise/Raise.h).
  bool raise = true;
  /// Not null: @main gives the rows of its logits alone, attention has the rows of this launch alone as keys and
  /// values, and what it needs of caches stands in attributes (raise/Raise.h). For Generator.h.
  const GeneratorLaunch *launch = nullptr;
};

/// Builds @main of `model`: `xf` and linalg ops on static tensors, weights by name (those of `weightsOf`).
/// Errors name the node: an op that is unknown or has a type it cannot have, shapes that do not fit or that only the
/// program's inputs decide, a dimension that is not bound.
Result<mlir::OwningOpRef<mlir::ModuleOp>> buildGraph(mlir::MLIRContext &context, const Model &model,
                                                     const GraphOptions &options);

struct LaunchGraph {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  int64_t positions = 0; // that the model's tables have; INT64_MAX: any
  std::string unknown;   // the first node that is a layer's op by itself and was not understood, and why; or empty
};
/// The same of a launch of a text generator; `options.launch` is not null.
Result<LaunchGraph> buildLaunch(mlir::MLIRContext &context, const Model &model, const GraphOptions &options);

/// Whether the graph of such a launch can be lowered at all, whatever it generates.
Result<void> checkLaunch(mlir::MLIRContext &context, const Model &model, const GraphOptions &options);

/// The weights that the module of `model` refers to: tensors too large to be in it.
std::unique_ptr<WeightSource> weightsOf(const Model &model);

} // namespace weft::frontend::onnx
