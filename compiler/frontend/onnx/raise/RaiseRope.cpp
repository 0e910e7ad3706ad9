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
  if (const int64_t axis = p.attribute(*concat, "axis", 0);
      (axis != -1 && axis != last) || half * 2 != whole.size(last))
    return std::nullopt;
  // Half number `i` of which value?
  auto halfOf = [&](const std::string &part, int64_t i) -> std::optional<std::string> {
    auto [node, output] = p.maker(part);
    Tensor value = p.value(part);
    if (!node || (node->op != "Split" && node->op != "Slice") || !value || value.rank() != whole.rank() ||
        value.size(last) != half || p.value(node->inputs[0]).shape() != whole.shape())
      return std::nullopt;
    if (node->op == "Split") {
      const int64_t axis = p.attribute(*node, "axis", 0);
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

/// Frequencies, scale and first position such that row s has the angle (position + s) · frequency; false: there are
/// none.
bool Raiser::readAngles(const std::string &cosines, const std::string &sines, int64_t rows, int64_t columns,
                        Rope &rope) {
  auto cosine = p.numbers(cosines), sine = p.numbers(sines);
  for (const std::string &table : {cosines, sines}) {
    Tensor tensor = p.value(table);
    if (!tensor || tensor.elements() != rows * columns || tensor.rank() < 2 ||
        tensor.size(tensor.rank() - 1) != columns || tensor.size(tensor.rank() - 2) != rows)
      return false;
  }
  if (!cosine || !sine || rows == 0 || columns < 2)
    return false;
  const int64_t half = columns / 2;
  auto at = [&](const std::vector<double> &table, int64_t row, int64_t column) {
    return table[static_cast<size_t>(row * columns + column)];
  };
  auto angleAt = [&](int64_t row, int64_t j) { return std::atan2(at(*sine, row, j), at(*cosine, row, j)); };
  rope.scale = std::hypot(at(*sine, 0, 0), at(*cosine, 0, 0));
  auto nearest = [](double angle, double guess) { return angle + 2 * M_PI * std::round((guess - angle) / (2 * M_PI)); };
  for (int64_t j = 0; j < half; ++j) {
    if (rows == 1) { // any position would do
      rope.frequencies.push_back(angleAt(0, j));
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
    rope.frequencies.push_back(frequency);
  }
  // The slowest has turned the least, so that its angle says where it began.
  const double slowest = rope.frequencies.back();
  rope.position = rows == 1 ? 1 : slowest == 0 ? 0 : static_cast<int64_t>(std::llround(angleAt(0, half - 1) / slowest));
  if (rope.position < 0 || !std::isfinite(rope.scale) || rope.scale == 0)
    return false;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      // The exporter's angles are products in float32.
      const double angle =
          static_cast<double>(rope.position + row) * rope.frequencies[static_cast<size_t>(column % half)];
      const double tolerance = std::fabs(rope.scale) * (4e-6 + 3e-7 * std::fabs(angle));
      if (std::fabs(at(*cosine, row, column) - rope.scale * std::cos(angle)) > tolerance ||
          std::fabs(at(*sine, row, column) - rope.scale * std::sin(angle)) > tolerance)
        return false;
    }
  if (std::fabs(rope.scale - 1) < 1e-6)
    rope.scale = 1;
  return true;
}

std::optional<Raiser::Rope> Raiser::ropeOf(const std::string &name) {
  auto sum = p.operands(name, "Add");
  Tensor whole = p.value(name);
  if (!sum || whole.rank() != 4)
    return std::nullopt;
  for (bool swap : {false, true}) {
    if (swap)
      std::swap(sum->first, sum->second);
    std::optional<std::string> x;
    auto second = p.operands(sum->second, "Mul", [&](const std::string &f) { return (x = halfTurned(f)).has_value(); });
    auto first = second ? p.operands(sum->first, "Mul", [&](const std::string &f) { return f == *x; }) : std::nullopt;
    Rope rope;
    if (!first || p.value(*x).shape() != whole.shape() ||
        !readAngles(first->second, second->second, whole.size(2), whole.size(3), rope))
      continue;
    rope.x = *x;
    return rope;
  }
  return std::nullopt;
}

Tensor Raiser::emitRope(NodeBuilder &n, const Rope &rope, Tensor rows, int64_t headDim, int64_t batch) {
  auto type = RankedTensorType::get({static_cast<int64_t>(rope.frequencies.size())}, n.b.getF64Type());
  auto op = n.b.create<xf::RopeOp>(n.loc, rows.value, n.index(rope.position), headDim,
                                   DenseElementsAttr::get(type, ArrayRef<double>(rope.frequencies)));
  if (rope.scale != 1)
    op.setScale(llvm::APFloat(rope.scale));
  if (batch != 1)
    op.setBatch(batch);
  return {op.getResult(), ElementType::Float};
}

} // namespace weft::frontend::onnx
