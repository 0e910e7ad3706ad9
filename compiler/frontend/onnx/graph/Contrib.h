// Masks as ONNX Runtime's attention ops have them.
#pragma once

#include "compiler/frontend/onnx/graph/Node.h"

namespace weft::frontend::onnx {

/// What a mask adds to the scores, as [batch, 1, rows or 1, keys]; null without one. It is lengths, ends and starts, or
/// a flag for each key; `filter` is added where it hides one. It fails for masks of other shapes.
Tensor maskBias(NodeBuilder &n, Tensor mask, int64_t batch, int64_t rows, int64_t keys, double filter);

} // namespace weft::frontend::onnx
