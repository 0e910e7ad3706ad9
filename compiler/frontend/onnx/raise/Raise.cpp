#include "compiler/frontend/onnx/raise/Raise.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

bool isRaisable(Tensor x) { return x && isReal(x.type) && x.rank() >= 1 && x.elements() != 0; }

bool keepsElements(const std::string &op) {
  return op == "Reshape" || op == "Squeeze" || op == "Unsqueeze" || op == "Flatten";
}

} // namespace

void Raiser::replace(const std::string &name, Tensor tensor) { p.scope.values[name] = Bound{{tensor}, false}; }

Tensor Raiser::rowsOf(NodeBuilder &n, const std::string &name, int64_t columns) {
  const std::string source = p.source(name);
  auto found = plain.find(source);
  Tensor x = found != plain.end() ? found->second : n.castTo(p.value(source), ElementType::Float);
  return n.reshape(x, {x.elements() / columns, columns});
}

void Raiser::setRows(NodeBuilder &n, const std::string &name, Tensor rows) {
  plain[name] = rows;
  const Tensor before = p.value(name);
  replace(name, n.castTo(n.reshape(rows, Sizes(before.shape())), before.type));
}

bool Raiser::setHeads(NodeBuilder &n, const std::string &name, Tensor rows) {
  const Tensor before = p.value(name);
  if (before.rank() < 3 || before.elements() == 0)
    return false;
  const int64_t tokens = before.size(before.rank() - 2), size = before.size(before.rank() - 1);
  const int64_t batch = rows.size(0) / tokens, count = rows.size(1) / size;
  const Sizes apart = {batch, count, tokens, size}, merged = {batch * count, tokens, size};
  if (batch * tokens != rows.size(0) || count * size != rows.size(1) ||
      (before.shape() != ArrayRef<int64_t>(apart) && before.shape() != ArrayRef<int64_t>(merged)))
    return false;
  heads[name] = rows;
  Tensor turned = n.transpose(n.reshape(rows, {batch, tokens, count, size}), {0, 2, 1, 3});
  replace(name, n.castTo(n.reshape(turned, Sizes(before.shape())), before.type));
  return true;
}

Value Raiser::rowsBehind(const std::string &name) {
  auto found = plain.find(p.source(name));
  return found == plain.end() ? Value() : found->second.value;
}

std::string Raiser::strayCache() {
  auto readerOf = [&](const std::string &name) -> std::string {
    for (const Node &node : p.importer.model.graph.nodes)
      if (llvm::is_contained(node.inputs, name))
        return fmt::format(", which node '{}' reads,", node.name);
    return "";
  };
  for (const auto &[before, after] : launch->caches) {
    const std::string next = p.source(after);
    const int64_t uses = llvm::count_if(cacheUses, [&](const CacheUse &use) {
      return use.before == before && p.source(use.after) == (use.turned ? p.headsTurned(next).value_or("") : next);
    });
    if (uses != 1)
      return fmt::format("{}cache '{}'{} is not one that an attention reads and that its output appends to",
                         unknownAttention.empty()
                             ? ""
                             : fmt::format("node '{}' is attention in a form that is not known; ", unknownAttention),
                         before, readerOf(before));
  }
  return "";
}

/// What leaves the order of elements as it is keeps the rows; a transpose of tokens and heads changes between the two
/// kinds.
bool Raiser::raiseMoves(NodeBuilder &n) {
  const std::string &op = n.node.op, &out = n.node.outputs[0];
  if (n.node.inputs.empty() || !isRaisable(p.value(out)))
    return false;
  const std::string in = p.source(n.node.inputs[0]);
  auto rows = plain.find(in);
  if (keepsElements(op)) {
    if (auto same = heads.find(in);
        same != heads.end() && (mergesHeads(in, out) || p.value(in).shape() == p.value(out).shape()))
      return setHeads(n, out, Tensor(same->second));
    if (rows == plain.end())
      return false;
    const Tensor y = p.value(out);
    if (auto product = linears.find(in); product != linears.end() && y.size(y.rank() - 1) == rows->second.size(1))
      linears[out] = Linear(product->second);
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
  const Node *gather = &n.node;
  Tensor table;
  if (n.node.op == "GatherBlockQuantized") {
    if (launch)
      table = inCodes(n.node, n.packedWeight());
  } else if (std::optional<CodedMatrix> codes = launch ? dequantisedBy(n.node) : std::nullopt) {
    gather = p.madeBy(codes->codes, "Gather"); // rows of codes become numbers
    if (!gather || !p.isWeight(gather->inputs[0]))
      return false;
    codes->codes = gather->inputs[0];
    table = inCodes(n.node, n.codedWeight(*codes, false));
  } else if (n.node.op == "Gather" && p.isWeight(n.node.inputs[0])) {
    table = codedMatrix(n, n.node.inputs[0], true);
    if (!table)
      table = p.value(n.node.inputs[0]);
  }
  if (!isRaisable(table) || table.rank() != 2 || (gather->op == "Gather" && gather->number("axis", 0) != 0))
    return false;
  const Tensor ids = p.value(gather->inputs[1]);
  if (!ids || ids.rank() < 1 || ids.elements() == 0)
    return false;
  const int64_t count = ids.elements(), size = table.size(0);
  Tensor list = n.reshape(ids, {count});
  if (!launch)
    list = n.elementwise(ElementType::Int64, {list}, [&](ArrayRef<Scalar> a) { return n.wrapIndex(a[0], size); });
  else if (raisePositions(n, table, *gather))
    return true;
  else if (list = p.value(launch->ids); list.elements() != count) // below the table's height: the runtime sees to it
    return false;
  else
    list = n.reshape(list, {count});
  // Optimisers double nodes: tokens that are looked up again are the same rows.
  auto param = launch ? table.value.getDefiningOp<xf::ParamOp>() : xf::ParamOp();
  const std::string &out = n.node.outputs[0];
  if (param)
    if (auto [first, isNew] = embedded.try_emplace(param.getName().str(), out); !isNew) {
      setRows(n, out, Tensor(plain[first->second]));
      if (p.value(out).shape() == p.value(first->second).shape() && p.value(out).type == p.value(first->second).type)
        p.setSame(out, first->second);
      return true;
    }
  Value rows = n.b.create<xf::EmbeddingOp>(n.loc, list.value, table.value);
  setRows(n, out, {rows, ElementType::Float});
  return true;
}

/// Whether ids of a launch are none of its tokens: then they must be positions.
bool Raiser::raisePositions(NodeBuilder &n, Tensor table, const Node &gather) {
  std::string ids = p.source(gather.inputs[1]);
  for (auto [node, output] = p.maker(ids); node && output == 0; std::tie(node, output) = p.maker(ids)) {
    const bool isCast = node->op == "Cast" && isInteger(p.value(ids).type) && isInteger(p.value(node->inputs[0]).type);
    if (!keepsElements(node->op) && !isCast)
      break;
    ids = p.source(node->inputs[0]);
  }
  if (ids == launch->ids)
    return false;
  std::optional<std::vector<int64_t>> rows = p.integers(gather.inputs[1]);
  // As many rows as there are tokens are cut from a table that has more.
  if (auto part = p.partOf(gather.inputs[0]);
      part && part->axis == 0 && part->offset == 0 && part->size == launch->past + launch->tokens)
    table = p.value(part->whole);
  const int64_t offset = rows ? rows->front() - launch->past : -1;
  if (!rows || static_cast<int64_t>(rows->size()) != launch->tokens || offset < 0)
    return true; // stays as it is
  for (auto [i, row] : llvm::enumerate(*rows))
    if (row != rows->front() + static_cast<int64_t>(i))
      return true;
  positionRows[n.node.outputs[0]] = {table.value, offset};
  p.importer.positions = std::min(p.importer.positions, table.size(0) - offset);
  return true;
}

/// Sums and products of two tensors of one shape, one of them raised: residuals, gates.
bool Raiser::raiseSum(NodeBuilder &n) {
  if (n.node.op != "Add" && n.node.op != "Mul")
    return false;
  const std::string &a = n.node.inputs[0], &b = n.node.inputs[1];
  Tensor x = p.value(a), y = p.value(b);
  if (!isRaisable(x) || !isRaisable(y) || x.elements() != y.elements() || (!hasRows(a) && !hasRows(b)))
    return false;
  const int64_t columns = plain[p.source(hasRows(a) ? a : b)].size(1);
  if (launch && n.node.op == "Add")
    for (const auto &[table, tokens] : {std::pair(a, b), std::pair(b, a)}) {
      auto found = positionRows.find(p.source(table));
      std::pair<Value, int64_t> rows = found == positionRows.end() ? std::pair<Value, int64_t>() : found->second;
      // A graph for one number of tokens has the rows themselves.
      if (!rows.first && launch->caches.empty() && !hasRows(table) && p.isWeight(table) &&
          p.value(table).elements() == launch->tokens * columns) {
        rows = {n.reshape(p.value(p.source(table)), {launch->tokens, columns}).value, 0};
        p.importer.positions = std::min(p.importer.positions, launch->tokens);
      }
      if (!rows.first || !hasRows(tokens) || cast<RankedTensorType>(rows.first.getType()).getDimSize(1) != columns)
        continue;
      Value sum =
          n.b.create<xf::AddPositionsOp>(n.loc, plain[p.source(tokens)].value.getType(), plain[p.source(tokens)].value,
                                         rows.first, n.index(launch->past), rows.second);
      setRows(n, n.node.outputs[0], {sum, ElementType::Float});
      return true;
    }
  if (x.shape() != y.shape())
    return false;
  Value left = rowsOf(n, a, columns).value, right = rowsOf(n, b, columns).value;
  Value rows = n.node.op == "Add" ? n.b.create<xf::AddOp>(n.loc, left, right).getResult()
                                  : n.b.create<xf::MulOp>(n.loc, left, right).getResult();
  setRows(n, n.node.outputs[0], {rows, ElementType::Float});
  return true;
}

bool Raiser::raiseScale(NodeBuilder &n) {
  if (n.node.op != "Mul" && n.node.op != "Div")
    return false;
  auto scaled = p.scaled(n.node.outputs[0]);
  if (!scaled || !std::isfinite(scaled->number) || !hasRows(scaled->other) ||
      p.value(scaled->other).elements() != p.value(n.node.outputs[0]).elements())
    return false;
  Value rows = plain[p.source(scaled->other)].value;
  setRows(n, n.node.outputs[0],
          {n.b.create<xf::ScaleOp>(n.loc, rows, llvm::APFloat(scaled->number)), ElementType::Float});
  return true;
}

/// Of a launch, the last token's row.
bool Raiser::raiseLast(NodeBuilder &n) {
  if (!launch || (n.node.op != "Gather" && n.node.op != "Slice"))
    return false;
  std::optional<Pattern::Part> last = p.lastOf(n.node.outputs[0]);
  if (!last || !hasRows(last->whole))
    return false;
  Tensor whole = p.value(last->whole), rows = plain[p.source(last->whole)];
  if (last->axis != whole.rank() - 2 || whole.size(last->axis) != rows.size(0))
    return false;
  setRows(n, n.node.outputs[0], {n.b.create<xf::LastRowOp>(n.loc, rows.value), ElementType::Float});
  return true;
}

void Raiser::visit(NodeBuilder &n) {
  p.add(n.node);
  if (n.node.outputs.empty() || n.node.outputs[0].empty())
    return;
  splitLinear(n);
  if (n.node.op == "MatMulInteger" && launch && unknown.empty()) // integers, which nothing is raised from
    noteUnstored(n.node);
  if (raiseMoves(n) || raiseSomeHeads(n) || raiseEmbedding(n) || raiseFused(n) ||
      !isRaisable(p.value(n.node.outputs[0])))
    return;
  const bool raised = raiseNorm(n) || raiseGatedMlp(n) || raiseLinear(n) || raiseActivation(n) || raiseAttention(n) ||
                      raiseFusedAttention(n) || raiseGroupQuery(n) || raiseRotary(n) || raiseTurnedRows(n) ||
                      raiseLast(n) || raiseSum(n) || raiseScale(n);
  if (!raised && unknownAttention.empty() && n.node.op == "MatMul" && p.madeBy(apart(n.node.inputs[0]), "Softmax"))
    unknownAttention = n.node.name;
  if (!raised && launch && unknown.empty())
    noteUnknown(n);
}

} // namespace weft::frontend::onnx
