// Attention that is one node already: ONNX's own, and those of ONNX Runtime's transformer tools.
#include "compiler/frontend/onnx/graph/Contrib.h"
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
      biases.push_back({"", bias, 1, 0});
  std::optional<Mask> mask = maskOf(n, biases, scores);
  if (!mask || (a.causal && scores[3] - scores[2] != a.past) || a.kvHeads == 0 || scores[1] % a.kvHeads != 0 ||
      a.k.size(1) % a.kvHeads != 0 || a.v.size(1) % a.kvHeads != 0)
    return false;
  const bool causal = a.causal || mask->causal;
  const int64_t window = mask->window && a.window ? std::min(mask->window, a.window) : std::max(mask->window, a.window);
  if (window != 0 && !causal)
    return false;
  const int64_t size = a.q.size(1) / scores[1];
  auto float64 = [&](double number) { return n.b.getF64FloatAttr(number); };
  auto integer = [&](int64_t number) { return n.b.getI64IntegerAttr(number); };
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(size));
  Value rows = n.b.create<xf::AttendOp>(
      n.loc, a.q.value, a.k.value, a.v.value, mask->bias ? mask->bias.value : Value(), integer(scores[1]),
      integer(a.kvHeads), float64(scale), causal ? n.b.getUnitAttr() : UnitAttr(),
      window != 0 ? integer(window) : IntegerAttr(), a.softcap != 0 ? float64(a.softcap) : FloatAttr(),
      scores[0] != 1 ? integer(scores[0]) : IntegerAttr());
  if (p.value(n.node.outputs[0]).rank() == 4)
    return setHeads(n, n.node.outputs[0], {rows, ElementType::Float});
  setRows(n, n.node.outputs[0], {rows, ElementType::Float});
  return true;
}

/// Keys and values after those of the caches that inputs `input` and the next one are; outputs `output` and the next
/// one are the caches afterwards. False: they are not caches of that kind.
bool Raiser::addCache(NodeBuilder &n, FusedAttention &a, size_t input, size_t output) {
  if (!n.has(input) || !n.has(input + 1))
    return !launch || launch->caches.empty();
  for (auto [rows, i] : {std::pair(&a.k, size_t(0)), std::pair(&a.v, size_t(1))}) {
    Tensor cache = p.value(n.node.inputs[input + i]);
    if (!cache || cache.rank() != 4 || !isReal(cache.type) || (launch && !n.wants(output + i)))
      return false;
    a.past = cache.size(2);
    std::optional<Heads> all =
        afterCache(n, p.source(n.node.inputs[input + i]), *rows, n.wants(output + i) ? n.node.outputs[output + i] : "");
    if (!all)
      return false;
    *rows = all->rows;
  }
  return true;
}

/// Whether each row of a mask has a key that it does not hide, as far as is known: ONNX gives zeros where there is
/// none.
bool Raiser::leavesAKey(const std::string &name, bool causal) {
  Tensor mask = p.value(name);
  std::optional<std::vector<double>> numbers = p.numbers(name);
  if (!numbers)
    return false;
  const auto keys = static_cast<size_t>(mask.size(mask.rank() - 1));
  const double least = mask.type == ElementType::Bool ? 1 : -1e30;
  if (causal) // and both together
    return llvm::all_of(*numbers, [&](double number) { return number >= least; });
  for (size_t row = 0; row + keys <= numbers->size(); row += keys)
    if (std::none_of(numbers->begin() + static_cast<int64_t>(row), numbers->begin() + static_cast<int64_t>(row + keys),
                     [&](double number) { return number >= least; }))
      return false;
  return true;
}

bool Raiser::raiseStandardAttention(NodeBuilder &n) {
  Tensor q = p.value(n.node.inputs[0]), k = p.value(n.node.inputs[1]), v = p.value(n.node.inputs[2]);
  if (n.has(6) || n.wants(3) || !isReal(q.type) || q.rank() != k.rank() || q.rank() != v.rank())
    return false;
  const bool flat = q.rank() == 3;
  FusedAttention a;
  const int64_t count = flat ? n.number("q_num_heads", 0) : q.size(1);
  a.kvHeads = flat ? n.number("kv_num_heads", 0) : k.size(1);
  auto rows = [&](size_t i, Tensor x) -> Tensor {
    if (flat)
      return rowsOf(n, n.node.inputs[i], x.size(2));
    std::optional<Heads> own = headsOf(n, n.node.inputs[i]);
    return own && own->factor == 1 && !own->cached ? own->rows : Tensor{};
  };
  a.q = rows(0, q);
  a.k = rows(1, k);
  a.v = rows(2, v);
  if (!a.q || !a.k || !a.v)
    return false;
  a.scale = n.real("scale", 0);
  a.softcap = n.real("softcap", 0);
  a.causal = n.number("is_causal", 0) != 0;
  if (!addCache(n, a, 4, 1))
    return false;
  const int64_t tokens = flat ? 1 : 2, keys = k.size(tokens) + a.past;
  if (n.has(3)) {
    Tensor mask = p.value(n.node.inputs[3]);
    if (mask.size(mask.rank() - 1) != keys || !leavesAKey(n.node.inputs[3], a.causal))
      return false;
    a.biases.push_back(asBias(n, mask));
  }
  return emitAttend(n, a, {q.size(0), count, q.size(tokens), keys});
}

/// A product without a bias, done again with its part of one that all products share.
Tensor Raiser::withBias(NodeBuilder &n, const std::string &name, const std::string &bias, int64_t offset) {
  Tensor x = p.value(name);
  const int64_t columns = x.size(x.rank() - 1);
  if (bias.empty())
    return rowsOf(n, name, columns);
  auto found = linears.find(p.source(name));
  if (found == linears.end() || found->second.bias)
    return {};
  const Tensor stored = p.value(p.source(bias));
  if (stored.rank() != 1 || offset + columns > stored.size(0) || !isReal(stored.type))
    return {};
  Value own = n.sliceAxis(stored, 0, offset, columns).value;
  return {n.b.create<xf::LinearOp>(n.loc, found->second.rows, found->second.weight, own), ElementType::Float};
}

bool Raiser::raiseMultiHead(NodeBuilder &n) {
  Tensor q = p.value(n.node.inputs[0]);
  const std::string bias = n.has(3) ? n.node.inputs[3] : "";
  if (!n.has(1) || !n.has(2) || !isReal(q.type) || q.rank() != 3)
    return false;
  Tensor k = p.value(n.node.inputs[1]), v = p.value(n.node.inputs[2]);
  if (k.rank() != 3 || v.rank() != 3 || (!bias.empty() && !p.isWeight(bias)))
    return false;
  FusedAttention a;
  const int64_t count = n.number("num_heads", 0);
  a.kvHeads = count;
  a.q = withBias(n, n.node.inputs[0], bias, 0);
  a.k = withBias(n, n.node.inputs[1], bias, q.size(2));
  a.v = withBias(n, n.node.inputs[2], bias, q.size(2) + k.size(2));
  if (!a.q || !a.k || !a.v || !addCache(n, a, 6, 1))
    return false;
  a.scale = n.real("scale", 0);
  a.causal = n.number("unidirectional", 0) != 0;
  const int64_t keys = k.size(1) + a.past;
  a.biases = {maskBias(n, n.optional(4), q.size(0), q.size(1), keys, n.real("mask_filter_value", -10000)),
              n.optional(5)};
  return emitAttend(n, a, {q.size(0), count, q.size(1), keys});
}

/// One weight for queries, keys and values: three products with its parts. QAttention has it in codes.
bool Raiser::raiseRuntimeAttention(NodeBuilder &n) {
  const std::optional<DynamicProduct> codes = dynamicProductOf(n.node);
  const size_t maskAt = codes ? 5 : 3, pastAt = codes ? 8 : 4;
  const std::string from = codes ? codes->x : n.node.inputs[0];
  Tensor x = p.value(from), bias = n.optional(2);
  if (n.number("do_rotary", 0) != 0 || !isReal(x.type) || x.rank() != 3 ||
      (bias && (!p.isWeight(n.node.inputs[2]) || bias.rank() != 1)) || n.has(pastAt) != n.wants(1) ||
      (launch && n.has(pastAt) == launch->caches.empty()))
    return false;
  Value weight =
      codes ? inCodes(n.node, n.codedWeight(codes->w, true)).value : weightMatrix(n, n.node.inputs[1], false);
  if (!weight)
    return false;
  const Tensor w{weight, typeOf(weight)};
  std::vector<int64_t> widths = n.numbers("qkv_hidden_sizes");
  if (widths.empty())
    widths.assign(3, w.size(0) / 3);
  const Tensor rows = rowsOf(n, from, x.size(2));
  int64_t offset = 0;
  auto part = [&](int64_t width) -> Tensor {
    Value own = n.sliceAxis(w, 0, offset, width).value;
    Value ownBias = bias ? n.sliceAxis(bias, 0, offset, width).value : Value();
    offset += width;
    return {n.b.create<xf::LinearOp>(n.loc, rows.value, own, ownBias), ElementType::Float};
  };
  if (bias)
    bias = {p.value(p.source(n.node.inputs[2])).value, p.value(p.source(n.node.inputs[2])).type};
  FusedAttention a;
  a.kvHeads = n.number("num_heads", 0);
  a.q = part(widths[0]);
  a.k = part(widths[1]);
  a.v = part(widths[2]);
  a.scale = n.real("scale", 0);
  a.causal = n.number("unidirectional", 0) != 0;
  if (n.has(pastAt) && !addStackedCache(n, a, pastAt))
    return false;
  const int64_t keys = x.size(1) + a.past;
  a.biases = {maskBias(n, n.optional(maskAt), x.size(0), x.size(1), keys, n.real("mask_filter_value", -10000)),
              codes ? Tensor{} : n.optional(5)};
  return emitAttend(n, a, {x.size(0), a.kvHeads, x.size(1), keys});
}

/// One cache for keys and values: [2, batch, heads, tokens, size].
bool Raiser::addStackedCache(NodeBuilder &n, FusedAttention &a, size_t input) {
  Tensor cache = p.value(n.node.inputs[input]);
  if (!cache || cache.rank() != 5 || !isReal(cache.type))
    return false;
  a.past = cache.size(3);
  if (launch) {
    if (!launch->caches.contains(p.source(n.node.inputs[input])))
      return false;
    cacheUses.push_back({p.source(n.node.inputs[input]), n.node.outputs[1]});
    return true;
  }
  const int64_t batch = cache.size(1), columns = cache.size(2) * cache.size(4);
  for (auto [rows, i] : {std::pair(&a.k, int64_t(0)), std::pair(&a.v, int64_t(1))}) {
    Tensor half =
        n.reshape(n.sliceAxis(n.castTo(cache, ElementType::Float), 0, i, 1), Sizes(cache.shape().drop_front()));
    if (rows->size(1) != columns)
      return false;
    if (half.elements() == 0)
      continue;
    const int64_t fresh = rows->size(0) / batch;
    Tensor all = n.concat({n.reshape(n.transpose(half, {0, 2, 1, 3}), {batch, a.past, columns}),
                           n.reshape(*rows, {batch, fresh, columns})},
                          1);
    *rows = n.reshape(all, {batch * (a.past + fresh), columns});
  }
  return true;
}

/// GroupQueryAttention where the number of keys is known: its rows come right after those of the cache.
bool Raiser::raiseGroupQuery(NodeBuilder &n) {
  if (n.node.op != "GroupQueryAttention" || n.node.domain != "com.microsoft")
    return false;
  const int64_t heads = n.number("num_heads", 0), kvHeads = n.number("kv_num_heads", 0);
  Tensor x = p.value(n.node.inputs[0]);
  if (n.has(10) || n.has(11) || n.wants(3) || n.number("smooth_softmax", 0) == 1 || !isReal(x.type) || x.rank() != 3 ||
      heads < 1 || kvHeads < 1 || x.elements() == 0 || n.has(1) != n.has(2))
    return false;
  const int64_t batch = x.size(0), rows = x.size(1), past = n.has(3) ? p.value(n.node.inputs[3]).size(2) : 0;
  std::optional<std::vector<int64_t>> lengths = p.integers(n.node.inputs[5]);
  if (!lengths || !llvm::all_of(*lengths, [&](int64_t last) { return last == past + rows - 1; }) ||
      (n.has(9) && firstPosition(n.node.inputs[9], batch, rows) != past))
    return false;
  FusedAttention a;
  a.kvHeads = kvHeads;
  a.causal = true;
  const int64_t size = n.has(1) ? x.size(2) / heads : x.size(2) / (heads + 2 * kvHeads);
  if (n.has(1)) {
    a.q = rowsOf(n, n.node.inputs[0], x.size(2));
    a.k = rowsOf(n, n.node.inputs[1], p.value(n.node.inputs[1]).size(2));
    a.v = rowsOf(n, n.node.inputs[2], p.value(n.node.inputs[2]).size(2));
  } else {
    a.q = columnsOf(n, n.node.inputs[0], 0, heads * size);
    a.k = columnsOf(n, n.node.inputs[0], heads * size, kvHeads * size);
    a.v = columnsOf(n, n.node.inputs[0], (heads + kvHeads) * size, kvHeads * size);
  }
  if (n.number("do_rotary", 0) != 0) {
    std::optional<Rope> rope = tableRope(n.node.inputs[7], n.node.inputs[8], past, rows);
    if (!rope)
      return false;
    rope->interleaved = n.number("rotary_interleaved", 0) != 0;
    a.q = emitRope(n, *rope, a.q, size, batch);
    a.k = emitRope(n, *rope, a.k, size, batch);
  }
  if (!addCache(n, a, 3, 1))
    return false;
  a.scale = n.real("scale", 0);
  a.softcap = n.real("softcap", 0);
  a.window = std::max<int64_t>(n.number("local_window_size", -1), 0);
  return emitAttend(n, a, {batch, heads, rows, past + rows});
}

bool Raiser::raiseFusedAttention(NodeBuilder &n) {
  const bool contrib = n.node.domain == "com.microsoft", attention = n.node.op == "Attention";
  if (contrib && n.node.op == "QAttention")
    return dynamicProductOf(n.node) && raiseRuntimeAttention(n);
  if (!attention && !(contrib && n.node.op == "MultiHeadAttention"))
    return false;
  for (size_t i = 0; i < std::min<size_t>(3, n.inputs()); ++i)
    if (Tensor x = n.optional(i); x && (x.elements() == 0 || !isReal(x.type)))
      return false;
  if (attention)
    return contrib ? raiseRuntimeAttention(n) : raiseStandardAttention(n);
  return raiseMultiHead(n);
}

} // namespace weft::frontend::onnx
