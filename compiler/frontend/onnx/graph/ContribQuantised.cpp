// ONNX Runtime's ops on 8-bit numbers, as its quantize_dynamic and its optimiser write them.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "compiler/frontend/onnx/graph/Contrib.h"
#include "compiler/frontend/onnx/graph/Registry.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// An integer product scaled back: (a - aZero) · (b - bZero) * scale + bias, in `type`. Zeros and bias may be null.
struct ScaledProduct {
  Tensor a, aZero, b, bZero, scale, bias;
};
Tensor computed(NodeBuilder &n, const ScaledProduct &p, ElementType type) {
  for (const Tensor &codes : {p.a, p.b})
    n.require(codes.type == ElementType::Int8 || codes.type == ElementType::UInt8, "it multiplies {}, not bytes",
              nameOf(codes.type));
  Tensor a = subtractZero(n, p.a, p.aZero, true), b = subtractZero(n, p.b, p.bZero, false);
  checkMatmul(n, a, b);
  Tensor sum = n.matmul(a, b, ElementType::Int32);
  for (const Tensor &each : {p.scale, p.bias})
    n.require(!each || n.broadcastOf({sum, each}) == Sizes(sum.shape()),
              "a scale or bias of [{}] for a product of [{}]",
              each ? fmt::join(each.shape(), ", ") : fmt::join(sum.shape(), ", "), fmt::join(sum.shape(), ", "));
  Tensor y =
      n.elementwise(type, {sum, p.scale}, [&](ArrayRef<Scalar> s) { return cast(s[0], type) * cast(s[1], type); });
  if (!p.bias)
    return y;
  return n.elementwise(type, {y, p.bias}, [](ArrayRef<Scalar> s) { return s[0] + s[1]; });
}

/// The product of two scales, which fit each other.
Tensor both(NodeBuilder &n, Tensor a, Tensor b) {
  n.requireSameType({a, b});
  n.broadcastOf({a, b});
  return n.multiply(a, b);
}

void matMulIntegerToFloat(NodeBuilder &n) {
  Tensor scale = both(n, n.in(2), n.in(3));
  n.out(0, computed(n, {n.in(0), n.optional(4), n.in(1), n.optional(5), scale, n.optional(6)}, scale.type));
}

void dynamicQuantizeMatMul(NodeBuilder &n) {
  const DynamicCodes a = dynamicCodes(n, n.floats(0));
  Tensor scale = both(n, a.scale, n.in(2));
  n.out(0, computed(n, {a.codes, a.zero, n.in(1), n.optional(3), scale, n.optional(4)}, scale.type));
}

void qAttention(NodeBuilder &n) {
  Tensor x = n.in(0), scale = both(n, n.in(3), n.in(4));
  n.require(x.rank() == 3, "its input has {} dimensions", x.rank());
  Tensor all = computed(n, {x, n.optional(6), n.in(1), n.optional(7), scale, n.in(2)}, scale.type);
  attendMerged(n, {all, n.optional(5), n.optional(8), {}});
}

/// EmbedLayerNormalization with a scale and a zero point for each of its tables.
void qEmbedLayerNorm(NodeBuilder &n) {
  auto table = [&](size_t codes, size_t scale, size_t zero) {
    Tensor from = n.in(codes), by = n.in(scale), above = n.in(zero);
    n.require(by.elements() == 1 && above.elements() == 1, "a scale of [{}] and a zero point of [{}]",
              fmt::join(by.shape(), ", "), fmt::join(above.shape(), ", "));
    return n.elementwise(by.type, {from, n.reshape(by, {}), n.reshape(above, {})}, [&](ArrayRef<Scalar> s) {
      return cast(cast(s[0], ElementType::Int32) - cast(s[2], ElementType::Int32), by.type) * s[1];
    });
  };
  embedNormed(n, {n.in(0),
                  n.optional(1),
                  table(2, 8, 13),
                  table(3, 9, 14),
                  n.has(4) ? table(4, 10, 15) : Tensor{},
                  table(5, 11, 16),
                  table(6, 12, 17),
                  n.optional(7),
                  {}});
}

} // namespace

void addContribQuantised(Registry &r) {
  r.add("MatMulIntegerToFloat", matMulIntegerToFloat, 1, microsoftDomain);
  r.add("DynamicQuantizeMatMul", dynamicQuantizeMatMul, 1, microsoftDomain);
  r.add("QAttention", qAttention, 1, microsoftDomain);
  r.add("QEmbedLayerNormalization", qEmbedLayerNorm, 1, microsoftDomain);
}

} // namespace weft::frontend::onnx
