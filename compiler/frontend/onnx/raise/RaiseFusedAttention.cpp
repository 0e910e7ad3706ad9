// Attention that is one node already: ONNX's own, and those of ONNX Runtime's transformer tools. Without a cache, whose
// lengths only the program's inputs know.
#include "compiler/frontend/onnx/graph/ContribAttention.h"
#include "compiler/frontend/onnx/raise/Raise.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// A mask of ONNX as what is added to scores: flags hide what is false.
Tensor asBias(NodeBuilder &n, Tensor mask) {
  if (mask.type != ElementType::Bool)
    return mask;
  return n.elementwiseRaw(ElementType::Float, {mask}, [&](ArrayRef<Scalar> a) {
    Scalar zero = constantScalar(n.b, n.loc, ElementType::Float, 0);
    return select(a[0], zero, zero.same(-INFINITY));
  });
}

} // namespace

/// The op, once its operands are rows. `scores`: batch, heads, rows, keys.
bool Raiser::emitAttend(NodeBuilder &n, const FusedAttention &a, ArrayRef<int64_t> scores) {
  std::vector<Bias> biases;
  for (Tensor bias : a.biases)
    if (bias)
      biases.push_back({"", bias});
  std::optional<Mask> mask = maskOf(n, biases, scores);
  if (!mask || (a.causal && scores[2] != scores[3]) || a.kvHeads == 0 || scores[1] % a.kvHeads != 0)
    return false;
  const int64_t size = a.q.size(1) / scores[1];
  auto float64 = [&](double number) { return n.b.getF64FloatAttr(number); };
  auto integer = [&](int64_t number) { return n.b.getI64IntegerAttr(number); };
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(size));
  Value rows = n.b.create<xf::AttendOp>(
      n.loc, a.q.value, a.k.value, a.v.value, mask->bias ? mask->bias.value : Value(), integer(scores[1]),
      integer(a.kvHeads), float64(scale), a.causal ? n.b.getUnitAttr() : UnitAttr(), IntegerAttr(),
      a.softcap != 0 ? float64(a.softcap) : FloatAttr(), scores[0] != 1 ? integer(scores[0]) : IntegerAttr());
  if (p.value(n.node.outputs[0]).rank() == 4)
    setHeads(n, n.node.outputs[0], {rows, ElementType::Float});
  else
    setRows(n, n.node.outputs[0], {rows, ElementType::Float});
  return true;
}

/// Whether each row of a mask has a key that it does not hide, as far as is known: ONNX gives zeros where there is
/// none.
bool Raiser::leavesAKey(const std::string &name, bool causal) {
  Tensor mask = p.value(name);
  std::optional<std::vector<double>> numbers = p.numbers(name);
  if (!numbers || causal)
    return false;
  const auto keys = static_cast<size_t>(mask.size(mask.rank() - 1));
  const double least = mask.type == ElementType::Bool ? 1 : -1e30;
  for (size_t row = 0; row + keys <= numbers->size(); row += keys)
    if (std::none_of(numbers->begin() + static_cast<int64_t>(row), numbers->begin() + static_cast<int64_t>(row + keys),
                     [&](double number) { return number >= least; }))
      return false;
  return true;
}

bool Raiser::raiseStandardAttention(NodeBuilder &n) {
  Tensor q = p.value(n.node.inputs[0]), k = p.value(n.node.inputs[1]), v = p.value(n.node.inputs[2]);
  if (n.has(4) || n.has(5) || n.has(6) || n.wants(1) || n.wants(2) || n.wants(3) || q.type != ElementType::Float ||
      q.rank() != k.rank() || q.rank() != v.rank())
    return false;
  const bool flat = q.rank() == 3;
  FusedAttention a;
  const int64_t count = flat ? n.number("q_num_heads", 0) : q.size(1);
  a.kvHeads = flat ? n.number("kv_num_heads", 0) : k.size(1);
  auto rows = [&](size_t i, Tensor x) -> Tensor {
    if (flat)
      return rowsOf(n, n.node.inputs[i], x.size(2));
    std::optional<Heads> own = headsOf(n, n.node.inputs[i]);
    return own && own->factor == 1 ? own->rows : Tensor{};
  };
  a.q = rows(0, q);
  a.k = rows(1, k);
  a.v = rows(2, v);
  if (!a.q || !a.k || !a.v)
    return false;
  a.scale = n.real("scale", 0);
  a.softcap = n.real("softcap", 0);
  a.causal = n.number("is_causal", 0) != 0;
  const int64_t tokens = flat ? 1 : 2;
  if (n.has(3)) {
    Tensor mask = p.value(n.node.inputs[3]);
    if (mask.size(mask.rank() - 1) != k.size(tokens) || !leavesAKey(n.node.inputs[3], a.causal))
      return false;
    a.biases.push_back(asBias(n, mask));
  }
  return emitAttend(n, a, {q.size(0), count, q.size(tokens), k.size(tokens)});
}

/// A product without a bias, done again with its part of one that all products share.
Tensor Raiser::withBias(NodeBuilder &n, const std::string &name, Tensor bias, int64_t offset) {
  Tensor x = p.value(name);
  const int64_t columns = x.size(x.rank() - 1);
  if (!bias)
    return rowsOf(n, name, columns);
  auto found = linears.find(p.source(name));
  if (found == linears.end() || found->second.bias)
    return {};
  Value own = n.sliceAxis(bias, 0, offset, columns).value;
  return {n.b.create<xf::LinearOp>(n.loc, found->second.rows, found->second.weight, own), ElementType::Float};
}

bool Raiser::raiseMultiHead(NodeBuilder &n) {
  Tensor q = p.value(n.node.inputs[0]), bias = n.optional(3);
  if (!n.has(1) || !n.has(2) || n.has(6) || n.wants(1) || n.wants(2) || q.type != ElementType::Float || q.rank() != 3)
    return false;
  Tensor k = p.value(n.node.inputs[1]), v = p.value(n.node.inputs[2]);
  if (k.rank() != 3 || v.rank() != 3 || (bias && !p.isWeight(n.node.inputs[3])))
    return false;
  FusedAttention a;
  const int64_t count = n.number("num_heads", 0);
  a.kvHeads = count;
  a.q = withBias(n, n.node.inputs[0], bias, 0);
  a.k = withBias(n, n.node.inputs[1], bias, q.size(2));
  a.v = withBias(n, n.node.inputs[2], bias, q.size(2) + k.size(2));
  if (!a.q || !a.k || !a.v)
    return false;
  a.scale = n.real("scale", 0);
  a.causal = n.number("unidirectional", 0) != 0;
  a.biases = {maskBias(n, n.optional(4), q.size(0), q.size(1), k.size(1), n.real("mask_filter_value", -10000)),
              n.optional(5)};
  return emitAttend(n, a, {q.size(0), count, q.size(1), k.size(1)});
}

/// One weight for queries, keys and values: three products with its parts.
bool Raiser::raiseRuntimeAttention(NodeBuilder &n) {
  Tensor x = p.value(n.node.inputs[0]), bias = n.optional(2);
  if (n.has(4) || n.wants(1) || x.type != ElementType::Float || (bias && !p.isWeight(n.node.inputs[2])))
    return false;
  Value weight = weightMatrix(n, n.node.inputs[1], false);
  if (!weight || !cast<RankedTensorType>(weight.getType()).getElementType().isF32())
    return false;
  const Tensor w{weight, ElementType::Float};
  std::vector<int64_t> widths = n.numbers("qkv_hidden_sizes");
  if (widths.empty())
    widths.assign(3, w.size(0) / 3);
  const Tensor rows = rowsOf(n, n.node.inputs[0], x.size(2));
  int64_t offset = 0;
  auto part = [&](int64_t width) -> Tensor {
    Value own = n.sliceAxis(w, 0, offset, width).value;
    Value ownBias = bias ? n.sliceAxis(bias, 0, offset, width).value : Value();
    offset += width;
    return {n.b.create<xf::LinearOp>(n.loc, rows.value, own, ownBias), ElementType::Float};
  };
  FusedAttention a;
  a.kvHeads = n.number("num_heads", 0);
  a.q = part(widths[0]);
  a.k = part(widths[1]);
  a.v = part(widths[2]);
  a.scale = n.real("scale", 0);
  a.causal = n.number("unidirectional", 0) != 0;
  a.biases = {maskBias(n, n.optional(3), x.size(0), x.size(1), x.size(1), n.real("mask_filter_value", -10000)),
              n.optional(5)};
  return emitAttend(n, a, {x.size(0), a.kvHeads, x.size(1), x.size(1)});
}

bool Raiser::raiseFusedAttention(NodeBuilder &n) {
  const bool contrib = n.node.domain == "com.microsoft", attention = n.node.op == "Attention";
  if (!attention && !(contrib && n.node.op == "MultiHeadAttention"))
    return false;
  for (size_t i = 0; i < std::min<size_t>(3, n.inputs()); ++i)
    if (Tensor x = n.optional(i); x && (x.elements() == 0 || x.type != ElementType::Float))
      return false;
  if (attention)
    return contrib ? raiseRuntimeAttention(n) : raiseStandardAttention(n);
  return raiseMultiHead(n);
}

} // namespace weft::frontend::onnx
