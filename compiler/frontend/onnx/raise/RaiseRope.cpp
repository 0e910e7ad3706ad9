// Rotary positions: x · cos + turned(x) · sin, with tables that are known, so that frequencies can be read from them.
#include "compiler/frontend/onnx/raise/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {

/// x of concat(-x[half:], x[:half]) along the last dimension.
std::optional<std::string> Raiser::halfTurned(const std::string &name) {
  const Node *concat = p.madeBy(name, "Concat");
  Tensor whole = p.value(name);
  if (!concat || concat->inputs.size() != 2 || !whole || whole.rank() < 1)
    return std::nullopt;
  const int64_t last = whole.rank() - 1, half = whole.size(last) / 2;
  if (const int64_t axis = concat->number("axis", 0); (axis != -1 && axis != last) || half * 2 != whole.size(last))
    return std::nullopt;
  // Half number `i` of which value?
  auto halfOf = [&](const std::string &part, int64_t i) -> std::optional<std::string> {
    auto [node, output] = p.maker(part);
    Tensor value = p.value(part);
    if (!node || (node->op != "Split" && node->op != "Slice") || !value || value.rank() != whole.rank() ||
        value.size(last) != half || p.value(node->inputs[0]).shape() != whole.shape())
      return std::nullopt;
    if (node->op == "Split") {
      const int64_t axis = node->number("axis", 0);
      return (axis == -1 || axis == last) && static_cast<int64_t>(output) == i
                 ? std::optional(p.source(node->inputs[0]))
                 : std::nullopt;
    }
    if (node->inputs.size() < 4)
      return std::nullopt;
    auto starts = p.integers(node->inputs[1]), axes = p.integers(node->inputs[3]);
    auto steps = node->inputs.size() > 4 ? p.integers(node->inputs[4]) : std::vector<int64_t>{1};
    if (!starts || !axes || !steps || starts->size() != 1 || ((*axes)[0] != -1 && (*axes)[0] != last) ||
        (*steps)[0] != 1)
      return std::nullopt;
    const int64_t start = (*starts)[0] < 0 ? (*starts)[0] + 2 * half : (*starts)[0];
    return start == i * half ? std::optional(p.source(node->inputs[0])) : std::nullopt;
  };
  const Node *negative = p.madeBy(concat->inputs[0], "Neg");
  auto second = negative ? halfOf(negative->inputs[0], 1) : std::nullopt, first = halfOf(concat->inputs[1], 0);
  return second && first && *second == *first ? first : std::nullopt;
}

/// x of stack(-x[..., 1::2], x[..., ::2]) with the last two dimensions made one: neighbours turn together.
std::optional<std::string> Raiser::pairsTurned(const std::string &name) {
  const Node *flat = p.madeBy(name, "Reshape"), *stack = flat ? p.madeBy(flat->inputs[0], "Concat") : nullptr;
  Tensor whole = p.value(name);
  if (!stack || stack->inputs.size() != 2 || !whole || whole.rank() < 1)
    return std::nullopt;
  const int64_t last = whole.rank() - 1, half = whole.size(last) / 2, axis = stack->number("axis", 0);
  Sizes stacked(whole.shape().drop_back()), column;
  stacked.append({half, 2});
  column = stacked;
  column.back() = 1;
  if (half * 2 != whole.size(last) || (axis != -1 && axis != last + 1) ||
      p.value(flat->inputs[0]).shape() != ArrayRef<int64_t>(stacked))
    return std::nullopt;
  // Every second entry, from entry `first` on, of which value?
  auto everySecond = [&](const std::string &part, int64_t first) -> std::optional<std::string> {
    const Node *slice = p.madeBy(part, "Slice");
    if (!slice || slice->inputs.size() != 5 || p.value(slice->inputs[0]).shape() != whole.shape())
      return std::nullopt;
    auto starts = p.integers(slice->inputs[1]), axes = p.integers(slice->inputs[3]),
         steps = p.integers(slice->inputs[4]);
    const bool fits = starts && axes && steps && *starts == std::vector<int64_t>{first} &&
                      *steps == std::vector<int64_t>{2} && axes->size() == 1 &&
                      ((*axes)[0] == -1 || (*axes)[0] == last) && p.value(part).size(last) == half;
    return fits ? std::optional(p.source(slice->inputs[0])) : std::nullopt;
  };
  auto inColumn = [&](const std::string &part) -> std::string {
    const Node *unsqueeze = p.madeBy(part, "Unsqueeze");
    return unsqueeze && p.value(part).shape() == ArrayRef<int64_t>(column) ? unsqueeze->inputs[0] : "";
  };
  const Node *negative = p.madeBy(inColumn(stack->inputs[0]), "Neg");
  auto second = negative ? everySecond(negative->inputs[0], 1) : std::nullopt;
  auto first = everySecond(inColumn(stack->inputs[1]), 0);
  return second && first && *second == *first ? first : std::nullopt;
}

/// How far entries of `name` may be from what they stand for.
double Raiser::precisionOf(const std::string &name) {
  // What was rounded to a half on its way here is known only as that.
  const ElementType type = p.value(name).type;
  return type == ElementType::Float16 ? 6e-4 : type == ElementType::BFloat16 ? 5e-3 : 4e-6;
}

/// The tables that heads of `shape` are multiplied by, if entries that turn together are alike.
std::optional<Raiser::Angles> Raiser::anglesOf(const std::string &cosines, const std::string &sines,
                                               ArrayRef<int64_t> shape, TurnForm form) {
  const int64_t rows = shape[static_cast<size_t>(form.tokenDim)], columns = shape.back();
  const int64_t behind = static_cast<int64_t>(shape.size()) - form.tokenDim;
  auto cosine = p.numbers(cosines), sine = p.numbers(sines);
  for (const std::string &table : {cosines, sines}) {
    Tensor tensor = p.value(table);
    if (!tensor || tensor.elements() != rows * columns || tensor.rank() < behind ||
        tensor.size(tensor.rank() - 1) != columns || tensor.size(tensor.rank() - behind) != rows)
      return std::nullopt;
  }
  if (!cosine || !sine || rows == 0 || columns < 2 || columns % 2 != 0)
    return std::nullopt;
  Angles angles{{}, {}, rows, columns / 2, std::max(precisionOf(cosines), precisionOf(sines))};
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t pair = 0; pair < angles.half; ++pair) {
      const auto at = static_cast<size_t>(row * columns + (form.interleaved ? 2 * pair : pair));
      const size_t twin = at + static_cast<size_t>(form.interleaved ? 1 : angles.half);
      if (std::fabs((*cosine)[at] - (*cosine)[twin]) > angles.precision ||
          std::fabs((*sine)[at] - (*sine)[twin]) > angles.precision)
        return std::nullopt;
      angles.cosines.push_back((*cosine)[at]);
      angles.sines.push_back((*sine)[at]);
    }
  return angles;
}

/// Frequencies, scale and first position such that row s has the angle (position + s) · frequency; false: there are
/// none. `position`: the first row's, if it is known.
bool Raiser::readAngles(const Angles &angles, std::optional<int64_t> position, Rope &rope) {
  const int64_t rows = angles.rows, half = angles.half;
  auto at = [&](const std::vector<double> &table, int64_t row, int64_t column) {
    return table[static_cast<size_t>(row * half + column)];
  };
  auto angleAt = [&](int64_t row, int64_t j) {
    return std::atan2(at(angles.sines, row, j), at(angles.cosines, row, j));
  };
  rope.scale = std::hypot(at(angles.sines, 0, 0), at(angles.cosines, 0, 0));
  auto nearest = [](double angle, double guess) { return angle + 2 * M_PI * std::round((guess - angle) / (2 * M_PI)); };
  for (int64_t j = 0; j < half; ++j) {
    if (rows == 1) { // any position would do
      rope.frequencies.push_back(angleAt(0, j) / static_cast<double>(position && *position > 0 ? *position : 1));
      continue;
    }
    // Rows ever further apart give ever more digits.
    double frequency = nearest(angleAt(1, j) - angleAt(0, j), 0.5);
    for (int64_t row = 2; row < rows; row = row * 2 < rows ? row * 2 : row + 1 < rows ? rows - 1 : rows) {
      frequency =
          nearest(angleAt(row, j) - angleAt(0, j), frequency * static_cast<double>(row)) / static_cast<double>(row);
      if (row == rows - 1)
        break;
    }
    // And so does the first row, if it is far from the beginning.
    if (position && *position > rows)
      frequency = nearest(angleAt(0, j), frequency * static_cast<double>(*position)) / static_cast<double>(*position);
    rope.frequencies.push_back(frequency);
  }
  // The slowest has turned the least, so that its angle says where it began.
  const double slowest = rope.frequencies.back();
  rope.position = position       ? *position
                  : rows == 1    ? 1
                  : slowest == 0 ? 0
                                 : static_cast<int64_t>(std::llround(angleAt(0, half - 1) / slowest));
  if (rope.position < 0 || !std::isfinite(rope.scale) || rope.scale == 0)
    return false;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < half; ++column) {
      // The exporter's angles are products in float32.
      const double angle = static_cast<double>(rope.position + row) * rope.frequencies[static_cast<size_t>(column)];
      const double tolerance = std::fabs(rope.scale) * (angles.precision + 3e-7 * std::fabs(angle));
      if (std::fabs(at(angles.cosines, row, column) - rope.scale * std::cos(angle)) > tolerance ||
          std::fabs(at(angles.sines, row, column) - rope.scale * std::sin(angle)) > tolerance)
        return false;
    }
  if (std::fabs(rope.scale - 1) < std::max(1e-6, angles.precision))
    rope.scale = 1;
  return true;
}

/// Tables with a row a position and a column a frequency, as fused ops have them.
std::optional<Raiser::Rope> Raiser::tableRope(const std::string &cosines, const std::string &sines, int64_t position,
                                              int64_t rows) {
  Tensor table = p.value(cosines);
  if (!table || table.rank() != 2 || table.shape() != p.value(sines).shape())
    return std::nullopt;
  // Neighbours of few rows say more.
  constexpr int64_t enough = 16;
  int64_t first = position, count = rows;
  if (!launch || launch->past == 0) {
    count = std::min(std::max(rows, enough), table.size(0) - first);
  }
  auto cosine = p.tableRows(cosines, first, count), sine = p.tableRows(sines, first, count);
  if (!cosine || !sine)
    return std::nullopt;
  Rope rope;
  Angles angles{*cosine, *sine, count, table.size(1), std::max(precisionOf(cosines), precisionOf(sines))};
  if (!readAngles(angles, position, rope))
    return std::nullopt;
  p.importer.positions = std::min(p.importer.positions, table.size(0));
  return rope;
}

/// The position of a sequence's first row, if those of all rows are known and follow it, in each sequence.
std::optional<int64_t> Raiser::firstPosition(const std::string &name, int64_t batch, int64_t rows) {
  std::optional<std::vector<int64_t>> positions = p.integers(name);
  if (!positions || positions->empty())
    return std::nullopt;
  const auto count = static_cast<int64_t>(positions->size());
  if (count == 1)
    return (*positions)[0];
  if (count != rows && count != batch * rows)
    return std::nullopt;
  for (int64_t i = 0; i < count; ++i)
    if ((*positions)[static_cast<size_t>(i)] != (*positions)[0] + i % rows)
      return std::nullopt;
  return (*positions)[0];
}

/// RotaryEmbedding, ONNX's and that of ONNX Runtime.
bool Raiser::raiseRotary(NodeBuilder &n) {
  const bool contrib = n.node.domain == "com.microsoft";
  if (n.node.op != "RotaryEmbedding" || n.real("scale", 1) != 1 || n.number("is_packed_batching", 0) != 0)
    return false;
  Tensor x = p.value(n.node.inputs[0]);
  const size_t cosines = contrib ? 2 : 1, positionsAt = contrib ? 1 : 3;
  Tensor table = p.value(n.node.inputs[cosines]);
  if (!x || !isReal(x.type) || (x.rank() != 3 && x.rank() != 4) || x.elements() == 0 || !table)
    return false;
  const int64_t batch = x.size(0), rows = x.rank() == 3 ? x.size(1) : x.size(2), half = table.size(table.rank() - 1);
  int64_t size = x.rank() == 4 ? x.size(3) : 0;
  if (int64_t heads = n.number("num_heads", 0); size == 0 && heads > 0)
    size = x.size(2) / heads;
  if (size == 0) // as the op has it, heads turn whole then
    size = 2 * half;
  std::optional<Rope> rope;
  if (n.has(positionsAt)) {
    std::optional<int64_t> first = firstPosition(n.node.inputs[positionsAt], batch, rows);
    rope = first ? tableRope(n.node.inputs[cosines], n.node.inputs[cosines + 1], *first, rows) : std::nullopt;
  } else if (batch == 1 && table.rank() == 3) {
    auto cosine = p.numbers(n.node.inputs[cosines]), sine = p.numbers(n.node.inputs[cosines + 1]);
    Rope own;
    const double precision = std::max(precisionOf(n.node.inputs[cosines]), precisionOf(n.node.inputs[cosines + 1]));
    if (cosine && sine &&
        readAngles({*cosine, *sine, rows, half, precision}, launch ? std::optional(launch->past) : std::nullopt, own))
      rope = own;
  }
  if (!rope)
    return false;
  rope->interleaved = n.number("interleaved", 0) != 0;
  if (x.rank() == 3) {
    setRows(n, n.node.outputs[0], emitRope(n, *rope, rowsOf(n, n.node.inputs[0], x.size(2)), size, batch));
    return true;
  }
  std::optional<Heads> inner = headsOf(n, n.node.inputs[0]);
  if (!inner || inner->factor != 1 || inner->cached)
    return false;
  return setHeads(n, n.node.outputs[0], emitRope(n, *rope, inner->rows, size, batch));
}

std::optional<Raiser::Rope> Raiser::ropeOf(const std::string &name, int64_t tokenDim) {
  auto sum = p.operands(name, "Add");
  Tensor whole = p.value(name);
  if (!sum || whole.rank() != 4)
    return std::nullopt;
  auto ropeWith = [&](const std::string &straight, const std::string &turned, bool interleaved) -> std::optional<Rope> {
    Rope rope;
    rope.interleaved = interleaved;
    auto second = p.operands(turned, "Mul", [&](const std::string &factor) {
      std::optional<std::string> x = interleaved ? pairsTurned(factor) : halfTurned(factor);
      rope.x = x.value_or("");
      return x.has_value();
    });
    auto first = second ? p.operands(straight, "Mul", [&](const std::string &f) { return f == rope.x; }) : std::nullopt;
    std::optional<Angles> angles = first && p.value(rope.x).shape() == whole.shape()
                                       ? anglesOf(first->second, second->second, whole.shape(), {interleaved, tokenDim})
                                       : std::nullopt;
    const bool fits = angles && readAngles(*angles, launch ? std::optional(launch->past) : std::nullopt, rope);
    return fits ? std::optional(rope) : std::nullopt;
  };
  for (bool interleaved : {false, true})
    for (const auto &[straight, turned] : {*sum, std::pair(sum->second, sum->first)})
      if (std::optional<Rope> rope = ropeWith(straight, turned, interleaved))
        return rope;
  return std::nullopt;
}

/// Heads [batch, .., .., size] that turn whole, or in part: Concat(rope(x[..., :r]), x[..., r:]).
std::optional<Raiser::Turn> Raiser::turnOf(const std::string &name, int64_t tokenDim) {
  const Node *concat = p.madeBy(name, "Concat");
  if (!concat) {
    std::optional<Rope> rope = ropeOf(name, tokenDim);
    return rope ? std::optional(Turn{*rope, rope->x}) : std::nullopt;
  }
  const Tensor x = p.value(name);
  const int64_t axis = concat->number("axis", 0);
  if (concat->inputs.size() != 2 || x.rank() != 4 || (axis != 3 && axis != -1))
    return std::nullopt;
  std::optional<Rope> rope = ropeOf(p.source(concat->inputs[0]), tokenDim);
  std::optional<Pattern::Part> turned = rope ? p.partOf(rope->x) : std::nullopt, rest = p.partOf(concat->inputs[1]);
  if (!turned || !rest || turned->whole != rest->whole || turned->axis != 3 || rest->axis != 3 || turned->offset != 0 ||
      rest->offset != turned->size || p.value(turned->whole).shape() != x.shape())
    return std::nullopt;
  return Turn{*rope, turned->whole};
}

/// Heads that turn before they change places with tokens, so that they lie side by side in rows.
bool Raiser::raiseTurnedRows(NodeBuilder &n) {
  const std::string &out = n.node.outputs[0];
  std::optional<Turn> turn = n.node.op == "Add" || n.node.op == "Concat" ? turnOf(out, 1) : std::nullopt;
  if (!turn || !hasRows(turn->whole))
    return false;
  const Tensor y = p.value(out), rows = plain[p.source(turn->whole)];
  if (rows.size(0) != y.size(0) * y.size(1))
    return false;
  setRows(n, out, emitRope(n, turn->rope, rows, y.size(3), y.size(0)));
  return true;
}

Tensor Raiser::emitRope(NodeBuilder &n, const Rope &rope, Tensor rows, int64_t headDim, int64_t batch) {
  auto type = RankedTensorType::get({static_cast<int64_t>(rope.frequencies.size())}, n.b.getF64Type());
  auto op = n.b.create<xf::RopeOp>(n.loc, rows.value, n.index(rope.position), headDim,
                                   DenseElementsAttr::get(type, ArrayRef<double>(rope.frequencies)));
  if (rope.scale != 1)
    op.setScale(llvm::APFloat(rope.scale));
  op.setInterleaved(rope.interleaved);
  if (batch != 1)
    op.setBatch(batch);
  return {op.getResult(), ElementType::Float};
}

} // namespace weft::frontend::onnx
