// What ONNX Runtime's own ops share, among them and with ONNX's.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#pragma once

#include "compiler/frontend/onnx/graph/Node.h"

namespace weft::frontend::onnx {

/// What a mask adds to the scores, as [batch, 1, rows or 1, keys]; null without one. It is lengths, ends and starts, or
/// a flag for each key; `filter` is added where it hides one. It fails for masks of other shapes.
Tensor maskBias(NodeBuilder &n, Tensor mask, int64_t batch, int64_t rows, int64_t keys, double filter);

/// Attention whose queries, keys and values are the columns of `all` [batch, rows, columns]: the node's outputs. Any of
/// the others may be null; `bias` is added to scores.
struct MergedAttention {
  Tensor all, mask, past, bias;
};
void attendMerged(NodeBuilder &n, const MergedAttention &attention);

/// Rows of tables by tokens, positions and segments, added and normed: the node's outputs. Of `segments` both may be
/// null, and so may `beta`, `mask` and `places`, each token's row of positions.
struct Embedding {
  Tensor ids, segments, words, positions, segmentTable, gamma, beta, mask, places;
};
void embedNormed(NodeBuilder &n, const Embedding &embedding);

/// Fails if the product of `a` and `b`, as MatMul has it, does not exist.
void checkMatmul(NodeBuilder &n, Tensor a, Tensor b);

/// x less its zero point, as int32. That is null, of one element, or of one for each column or, with `rows`, row of the
/// last two dimensions.
Tensor subtractZero(NodeBuilder &n, Tensor x, Tensor zero, bool rows);

/// x in 8 bits from 0 on, as DynamicQuantizeLinear makes it: x is about (codes - zero) · scale.
struct DynamicCodes {
  Tensor codes, scale, zero;
};
DynamicCodes dynamicCodes(NodeBuilder &n, Tensor x);

} // namespace weft::frontend::onnx
