#include "compiler/frontend/onnx/raise/Raise.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

bool isF32(Tensor x) { return x && x.type == ElementType::Float && x.rank() >= 1 && x.elements() != 0; }

} // namespace

void Raiser::replace(const std::string &name, Tensor tensor) { p.scope.values[name] = Bound{{tensor}, false}; }

Tensor Raiser::rowsOf(NodeBuilder &n, const std::string &name, int64_t columns) {
  const std::string source = p.source(name);
  auto found = plain.find(source);
  Tensor x = found != plain.end() ? found->second : p.value(source);
  return n.reshape(x, {x.elements() / columns, columns});
}

void Raiser::setRows(NodeBuilder &n, const std::string &name, Tensor rows) {
  plain[name] = rows;
  replace(name, n.reshape(rows, Sizes(p.value(name).shape())));
}

void Raiser::setHeads(NodeBuilder &n, const std::string &name, Tensor rows) {
  heads[name] = rows;
  const Sizes shape(p.value(name).shape());
  replace(name, n.transpose(n.reshape(rows, {shape[0], shape[2], shape[1], shape[3]}), {0, 2, 1, 3}));
}

/// What leaves the order of elements as it is keeps the rows; a transpose of tokens and heads changes between the two
/// kinds.
bool Raiser::raiseMoves(NodeBuilder &n) {
  const std::string &op = n.node.op, &out = n.node.outputs[0];
  if (n.node.inputs.empty() || !isF32(p.value(out)))
    return false;
  const std::string in = p.source(n.node.inputs[0]);
  auto rows = plain.find(in);
  if (op == "Reshape" || op == "Squeeze" || op == "Unsqueeze" || op == "Flatten") {
    if (rows == plain.end())
      return false;
    setRows(n, out, Tensor(rows->second));
    return true;
  }
  if (op != "Transpose" || n.numbers("perm") != std::vector<int64_t>{0, 2, 1, 3})
    return false;
  if (auto found = heads.find(in); found != heads.end()) {
    setRows(n, out, Tensor(found->second));
    return true;
  }
  const Tensor y = p.value(out);
  if (rows == plain.end() || rows->second.size(1) != y.size(1) * y.size(3))
    return false;
  heads[out] = Tensor(rows->second);
  return true;
}

/// Rows of a table. Ids that count from the table's end are made to count from its beginning, as Gather has them.
bool Raiser::raiseEmbedding(NodeBuilder &n) {
  if (n.node.op != "Gather" || n.number("axis", 0) != 0)
    return false;
  Tensor table = p.value(n.node.inputs[0]), ids = p.value(n.node.inputs[1]);
  if (!isF32(table) || table.rank() != 2 || !ids || ids.rank() < 1 || ids.elements() == 0 ||
      !p.isWeight(n.node.inputs[0]))
    return false;
  const int64_t count = ids.elements(), size = table.size(0);
  Tensor list = n.reshape(ids, {count});
  list = n.elementwise(ElementType::Int64, {list}, [&](ArrayRef<Scalar> a) { return n.wrapIndex(a[0], size); });
  Value rows = n.b.create<xf::EmbeddingOp>(n.loc, list.value, table.value);
  setRows(n, n.node.outputs[0], {rows, ElementType::Float});
  return true;
}

/// Sums and products of two tensors of one shape, one of them raised: residuals, gates.
bool Raiser::raiseSum(NodeBuilder &n) {
  if (n.node.op != "Add" && n.node.op != "Mul")
    return false;
  const std::string &a = n.node.inputs[0], &b = n.node.inputs[1];
  Tensor x = p.value(a), y = p.value(b);
  if (!isF32(x) || !isF32(y) || x.shape() != y.shape() || (!hasRows(a) && !hasRows(b)))
    return false;
  const int64_t columns = plain[p.source(hasRows(a) ? a : b)].size(1);
  Value left = rowsOf(n, a, columns).value, right = rowsOf(n, b, columns).value;
  Value rows = n.node.op == "Add" ? n.b.create<xf::AddOp>(n.loc, left, right).getResult()
                                  : n.b.create<xf::MulOp>(n.loc, left, right).getResult();
  setRows(n, n.node.outputs[0], {rows, ElementType::Float});
  return true;
}

void Raiser::visit(NodeBuilder &n) {
  p.add(n.node);
  if (n.node.outputs.empty() || n.node.outputs[0].empty())
    return;
  splitLinear(n);
  if (raiseMoves(n) || raiseEmbedding(n) || raiseFused(n) || !isF32(p.value(n.node.outputs[0])))
    return;
  (void)(raiseNorm(n) || raiseGatedMlp(n) || raiseLinear(n) || raiseActivation(n) || raiseAttention(n) ||
         raiseFusedAttention(n) || raiseSum(n));
}

} // namespace weft::frontend::onnx
