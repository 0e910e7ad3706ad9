// Merged decoders, as Optimum writes them: one graph for launches with caches and one without, as branches of an If
// that an input chooses.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <string>

namespace weft::frontend::onnx {

/// The input that chooses a branch; empty: the model is not merged.
std::string branchInput(const Model &model);

/// The model with the nodes of one branch in place of each If that `input` decides. The input is a constant now, and
/// others that no node reads any more are gone. Error: a name in a branch that the graph around it has, too.
Result<Model> takeBranch(const Model &model, const std::string &input, bool value);

} // namespace weft::frontend::onnx
