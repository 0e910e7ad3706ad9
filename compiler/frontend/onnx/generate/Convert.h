// From the one launch of a text generator that a graph was looked at as to @forward, which holds for all of them.
#pragma once

#include "compiler/frontend/onnx/graph/Import.h"

namespace weft::frontend::onnx {

struct Converted {
  mlir::OwningOpRef<mlir::ModuleOp> module; // of compiler/graph/GraphModule.h
  uint32_t vocabSize = 0, layers = 0;
  /// What may differ from launch to launch only by rounding, or by what a launch shows, in the order of the ops.
  struct Rotation {
    std::vector<double> frequencies;
    double scale = 1;
  };
  std::vector<Rotation> rotations;
  std::vector<int64_t> windows; // of attentions; 0: none
  std::string rest;             // everything else, as text
};

/// What convertLaunch() says, behind the node's name, of attention without a mask.
inline constexpr const char *notCausal = "is attention that is not causal";
/// What to do about a graph that was exported for one token at a time.
inline constexpr const char *exportAgain =
    "give the one that was exported without caches beside it (decoder_model.onnx), or export both merged";

/// `main` is what buildLaunch() made of `launch`. Error: an op that was not raised, by its node's name, or what a
/// generator cannot have.
Result<Converted> convertLaunch(mlir::ModuleOp main, const GeneratorLaunch &launch, const std::string &name,
                                uint32_t maxSeq);

} // namespace weft::frontend::onnx
