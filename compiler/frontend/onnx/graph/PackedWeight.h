// Weights of few bits whose codes, scales and zero points are three tensors of the model.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/frontend/onnx/Model.h"

#include <functional>
#include <optional>
#include <string>

namespace weft::frontend::onnx {

/// The initializer of a name; null: there is none.
using FindInitializer = std::function<const TensorData *(const std::string &name)>;

/// The matrix that a node com.microsoft.MatMulNBits multiplies by, N rows of K numbers, or that GatherBlockQuantized
/// takes rows of. None: it is another node, its attributes and tensors do not go together, or they are computed, not in
/// files or of no ApartFormat (runtime/weights/BlockFormat.h).
std::optional<WeightInfo> packedWeight(const Node &node, const FindInitializer &find);

} // namespace weft::frontend::onnx
