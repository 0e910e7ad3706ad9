// Weights of few bits whose codes, scales and zero points are three tensors of the model.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/frontend/onnx/Model.h"

#include <array>
#include <optional>

namespace weft::frontend::onnx {

/// Initializers that a node's second to fourth input are; null: there is none, or the input is computed.
using PackedParts = std::array<const TensorData *, 3>;

/// The matrix that a node com.microsoft.MatMulNBits multiplies by, as one weight of N rows of K numbers. None: it is
/// another node, its attributes and tensors do not go together, or they are not in files or of no ApartFormat
/// (runtime/weights/BlockFormat.h).
std::optional<WeightInfo> packedWeight(const Node &node, const PackedParts &parts);

} // namespace weft::frontend::onnx
