// softmax(scale · q · kᵀ + mask) · v, with what exporters put around it: heads in a dimension of their own, keys
// repeated for the queries that share them, the scale on either factor, masks as sums or selections.
#include "compiler/frontend/onnx/raise/Raise.h"

#include <cmath>
#include <set>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// A score below this is none: exporters write -inf, the least float or -10000.
constexpr double hidden = -9999;
/// Nor is one below this that was multiplied afterwards, as the scores it stands beside were.
constexpr double stillHidden = -1000;
/// And none is lower than that of halves.
constexpr double least = -65504;

} // namespace

/// Where(condition, scores, nothing), or the other way round: the condition as a bias.
std::optional<Raiser::Scores> Raiser::chosenScores(NodeBuilder &n, const Node &where) {
  for (size_t i : {1, 2}) {
    std::optional<double> other = p.number(where.inputs[3 - i]);
    if (!other || *other > hidden)
      continue;
    std::optional<Scores> scores = scoresOf(n, where.inputs[i]);
    if (!scores)
      continue;
    Tensor condition = p.value(where.inputs[0]);
    const double bias = *other;
    scores->biases.push_back({"",
                              n.elementwiseRaw(ElementType::Float, {condition},
                                               [&](ArrayRef<Scalar> a) {
                                                 Scalar zero = constantScalar(n.b, n.loc, ElementType::Float, 0);
                                                 return i == 1 ? select(a[0], zero, zero.same(bias))
                                                               : select(a[0], zero.same(bias), zero);
                                               }),
                              1, bias});
    return scores;
  }
  return std::nullopt;
}

bool Raiser::mergesHeads(const std::string &merged, const std::string &apart) {
  Tensor three = p.value(merged), four = p.value(apart);
  return three && four && three.rank() == 3 && four.rank() == 4 && four.size(0) * four.size(1) == three.size(0) &&
         four.shape().take_back(2) == three.shape().take_back(2);
}

std::string Raiser::apart(const std::string &name) {
  const std::string source = p.source(name);
  const Node *reshape = p.madeBy(source, "Reshape");
  return reshape && mergesHeads(source, reshape->inputs[0]) ? p.source(reshape->inputs[0]) : source;
}

std::optional<Raiser::Scores> Raiser::scoresOf(NodeBuilder &n, const std::string &name) {
  Tensor value = p.value(name);
  if (!value || value.rank() < 3 || value.rank() > 4 || !isReal(value.type))
    return std::nullopt;
  auto [node, output] = p.maker(name);
  const bool isFused = node && output == 0 && isPlainFused(*node);
  if (isFused || p.madeBy(name, "MatMul")) {
    Tensor q = p.value(node->inputs[0]), k = p.value(node->inputs[1]);
    if (q.rank() != value.rank() || k.rank() != value.rank() || q.elements() == 0 || k.elements() == 0)
      return std::nullopt;
    Scores scores{p.source(node->inputs[0]), p.source(node->inputs[1])};
    if (isFused) {
      scores.scale = node->real("alpha", 1);
      scores.keysByRow = node->number("transB", 0) != 0;
    }
    return scores;
  }
  if (const Node *reshape = p.madeBy(name, "Reshape"))
    return mergesHeads(name, reshape->inputs[0]) || mergesHeads(reshape->inputs[0], name)
               ? scoresOf(n, p.source(reshape->inputs[0]))
               : std::nullopt;
  // No score is lower than the number for none.
  if (auto both = p.operands(name, "Max", [&](const std::string &x) { return p.number(x).value_or(0) <= least; })) {
    std::optional<Scores> scores = scoresOf(n, both->second);
    if (scores)
      scores->floored = true;
    return scores;
  }
  if (const Node *where = p.madeBy(name, "Where"))
    return chosenScores(n, *where);
  if (auto scaled = p.scaled(name)) {
    // cap · tanh(scores / cap), or a scale.
    if (const Node *tangent = p.madeBy(scaled->other, "Tanh")) {
      auto inner = p.scaled(tangent->inputs[0]);
      std::optional<Scores> scores = inner ? scoresOf(n, inner->other) : std::nullopt;
      if (!scores || scores->softcap != 0 || scores->floored || !scores->biases.empty() ||
          std::fabs(inner->number * scaled->number - 1) > 1e-5)
        return std::nullopt;
      scores->softcap = scaled->number;
      return scores;
    }
    std::optional<Scores> scores = scoresOf(n, scaled->other);
    if (!scores || scores->softcap != 0 || scores->floored)
      return std::nullopt;
    scores->scale *= scaled->number;
    for (Bias &bias : scores->biases) {
      const double scale = bias.scale * scaled->number;
      if (bias.replaced * scale > stillHidden && bias.replaced != 0) // added to scores it would no longer hide them
        return std::nullopt;
      Tensor value = n.map(n.castTo(bias.value, ElementType::Float), [&](Scalar x) { return x * scaled->number; });
      bias = {"", value, scale, bias.replaced};
    }
    return scores;
  }
  auto sum = p.operands(name, "Add");
  if (!sum)
    return std::nullopt;
  for (bool swap : {false, true}) {
    if (swap)
      std::swap(sum->first, sum->second);
    Tensor bias = p.value(sum->second);
    if (!bias || !isReal(bias.type) || bias.rank() > value.rank() || p.madeBy(sum->second, "MatMul"))
      continue;
    if (std::optional<Scores> scores = scoresOf(n, sum->first)) {
      scores->biases.push_back({sum->second, bias, 1, 0});
      return scores;
    }
  }
  return std::nullopt;
}

/// Keys or values before each head was repeated: Reshape(Expand(Unsqueeze(x))), or Expand(x) of the only head.
std::string Raiser::unrepeated(const std::string &name) {
  if (const Node *repeat = p.madeBy(name, "Expand")) {
    Tensor whole = p.value(name), x = p.value(repeat->inputs[0]);
    const bool isOnly = whole.rank() == 4 && x.rank() == 4 && x.size(1) == 1 && x.size(0) == whole.size(0) &&
                        x.shape().take_back(2) == whole.shape().take_back(2);
    return isOnly ? p.source(repeat->inputs[0]) : name;
  }
  const Node *merge = p.madeBy(name, "Reshape"), *repeat = merge ? p.madeBy(merge->inputs[0], "Expand") : nullptr;
  if (!repeat)
    return name;
  auto [split, output] = p.maker(repeat->inputs[0]);
  if (!split || (split->op != "Unsqueeze" && split->op != "Reshape"))
    return name;
  Tensor whole = p.value(name), wide = p.value(merge->inputs[0]), x = p.value(split->inputs[0]);
  if (whole.rank() != 4 || wide.rank() != 5 || x.rank() != 4)
    return name;
  const Sizes expected = {x.size(0), x.size(1), wide.size(2), x.size(2), x.size(3)};
  const Sizes merged = {x.size(0), x.size(1) * wide.size(2), x.size(2), x.size(3)};
  const Sizes single = {x.size(0), x.size(1), 1, x.size(2), x.size(3)};
  if (wide.shape() != ArrayRef<int64_t>(expected) || whole.shape() != ArrayRef<int64_t>(merged) ||
      p.value(repeat->inputs[0]).shape() != ArrayRef<int64_t>(single))
    return name;
  return p.source(split->inputs[0]);
}

/// The only head, which all queries share: [batch, 1, tokens, size] made of [batch, tokens, size]. Of keys and values
/// in one cache it is some of the columns.
std::optional<Raiser::Heads> Raiser::onlyHead(NodeBuilder &n, const std::string &name) {
  const Tensor x = p.value(name);
  auto [node, output] = p.maker(name);
  if (!node || (node->op != "Unsqueeze" && node->op != "Reshape") || x.size(1) != 1)
    return std::nullopt;
  const std::string flat = p.source(node->inputs[0]);
  if (p.value(flat).shape() != ArrayRef<int64_t>(Sizes{x.size(0), x.size(2), x.size(3)}))
    return std::nullopt;
  if (hasRows(flat))
    return Heads{rowsOf(n, flat, x.size(3)), 1};
  std::optional<Pattern::Part> part = p.partOf(flat);
  const Node *concat = part && part->axis == 2 ? p.madeBy(part->whole, "Concat") : nullptr;
  const int64_t axis = concat ? concat->number("axis", 0) : 0;
  if (!concat || concat->inputs.size() != 2 || (axis != 1 && axis != -2) || !hasRows(concat->inputs[1]))
    return std::nullopt;
  Tensor fresh = columnsOf(n, concat->inputs[1], part->offset, part->size);
  return afterCache(n, p.source(concat->inputs[0]), fresh, part->whole);
}

std::optional<Raiser::Heads> Raiser::headsOf(NodeBuilder &n, const std::string &given) {
  const std::string name = apart(given);
  Tensor x = p.value(name);
  if (!x || x.rank() != 4 || !isReal(x.type) || x.elements() == 0)
    return std::nullopt;
  const int64_t batch = x.size(0), count = x.size(1), tokens = x.size(2), size = x.size(3);
  if (auto found = heads.find(name); found != heads.end())
    return Heads{found->second, 1};
  if (const Node *concat = p.madeBy(name, "Concat"); concat && concat->inputs.size() == 2) {
    const int64_t axis = concat->number("axis", 0);
    std::optional<Heads> fresh = axis == 2 || axis == -2 ? headsOf(n, concat->inputs[1]) : std::nullopt;
    if (fresh && fresh->factor == 1 && !fresh->cached)
      if (std::optional<Heads> all = afterCache(n, p.source(concat->inputs[0]), fresh->rows, name))
        return all;
  }
  if (std::optional<Heads> only = onlyHead(n, name))
    return only;
  if (auto scaled = p.scaled(name)) {
    std::optional<Heads> inner = headsOf(n, scaled->other);
    if (inner)
      inner->factor *= scaled->number;
    return inner;
  }
  if (std::optional<Turn> turn = turnOf(name, 2)) {
    std::optional<Heads> inner = headsOf(n, turn->whole);
    if (inner && inner->factor == 1 && !inner->cached) {
      Tensor rows = emitRope(n, turn->rope, inner->rows, size, batch);
      heads[name] = rows;
      return Heads{rows, 1};
    }
  }
  if (std::optional<Norm> norm = normOf(name); norm && p.value(norm->gamma).elements() == size) {
    std::optional<Heads> inner = headsOf(n, norm->x);
    if (Tensor rows = inner && inner->factor == 1 && !inner->cached ? emitNorm(n, *norm, inner->rows) : Tensor{}) {
      heads[name] = rows;
      return Heads{rows, 1};
    }
  }
  if (std::optional<std::string> turned = p.headsTurned(name))
    return turnedHeads(n, *turned, count * size);
  x = n.castTo(x, ElementType::Float);
  return Heads{n.reshape(n.transpose(x, {0, 2, 1, 3}), {batch * tokens, count * size}), 1};
}

/// Rows of [batch, tokens, heads, size], of which the first may be a cache's, whose heads come first.
std::optional<Raiser::Heads> Raiser::turnedHeads(NodeBuilder &n, const std::string &name, int64_t columns) {
  const Node *concat = p.madeBy(name, "Concat");
  const int64_t axis = concat ? concat->number("axis", 0) : 0;
  const bool joined = concat && concat->inputs.size() == 2 && (axis == 1 || axis == -3);
  if (std::optional<std::string> cache = joined ? p.headsTurned(concat->inputs[0]) : std::nullopt) {
    std::optional<std::string> apart = p.headsTurned(concat->inputs[1]);
    std::optional<Heads> own = apart ? headsOf(n, *apart) : Heads{rowsOf(n, concat->inputs[1], columns), 1};
    if (own && own->factor == 1 && !own->cached)
      if (std::optional<Heads> all = afterCache(n, *cache, own->rows, p.source(name), true))
        return all;
  }
  return Heads{rowsOf(n, name, columns), 1};
}

/// Rows of keys or values that come after those of [batch, heads, tokens, size] `cache`; `after` is both.
std::optional<Raiser::Heads> Raiser::afterCache(NodeBuilder &n, const std::string &cache, Tensor fresh,
                                                const std::string &after, bool turned) {
  if (launch) {
    if (!launch->caches.contains(cache))
      return std::nullopt;
    if (llvm::none_of(cacheUses, [&](const CacheUse &use) { return use.before == cache && use.after == after; }))
      cacheUses.push_back({cache, after, turned});
    return Heads{fresh, 1, true};
  }
  Tensor before = n.castTo(p.value(cache), ElementType::Float);
  if (before.rank() != 4 || before.size(1) * before.size(3) != fresh.size(1))
    return std::nullopt;
  if (before.elements() == 0)
    return Heads{fresh, 1};
  const int64_t batch = before.size(0), past = before.size(2), columns = fresh.size(1), rows = fresh.size(0) / batch;
  Tensor old = n.reshape(n.transpose(before, {0, 2, 1, 3}), {batch, past, columns});
  Tensor all = n.concat({old, n.reshape(fresh, {batch, rows, columns})}, 1);
  return Heads{n.reshape(all, {batch * (past + rows), columns}), 1};
}

/// Rows of the keys whose transpose [batch, heads, size, tokens] the scores are made with.
std::optional<Raiser::Heads> Raiser::keysOf(NodeBuilder &n, const std::string &given) {
  const std::string name = apart(given);
  if (auto scaled = p.scaled(name)) {
    std::optional<Heads> inner = keysOf(n, scaled->other);
    if (inner)
      inner->factor *= scaled->number;
    return inner;
  }
  Tensor transposed = p.value(name);
  if (const Node *node = p.madeBy(name, "Transpose")) {
    auto order = node->attributes.find("perm");
    if (order == node->attributes.end())
      return std::nullopt;
    if (order->second.numbers == std::vector<int64_t>{0, 1, 3, 2})
      return headsOf(n, unrepeated(node->inputs[0]));
    if (order->second.numbers == std::vector<int64_t>{0, 2, 1})
      return headsOf(n, unrepeated(apart(node->inputs[0])));
    if (order->second.numbers == std::vector<int64_t>{0, 2, 3, 1})
      return turnedHeads(n, node->inputs[0], transposed.size(1) * transposed.size(2));
  }
  if (!transposed || transposed.rank() != 4 || !isReal(transposed.type))
    return std::nullopt;
  transposed = n.castTo(transposed, ElementType::Float);
  return Heads{n.reshape(n.transpose(transposed, {0, 3, 1, 2}),
                         {transposed.size(0) * transposed.size(3), transposed.size(1) * transposed.size(2)}),
               1};
}

/// What a mask whose numbers are known comes to, if it hides what a causal one does, or nothing.
std::optional<Raiser::Mask> Raiser::knownMask(const Bias &bias, int64_t rows, int64_t keys) {
  Tensor mask = bias.value;
  std::optional<std::vector<double>> numbers = bias.name.empty() ? p.numbers(mask) : p.numbers(bias.name);
  if (!numbers || numbers->empty())
    return std::nullopt;
  if (llvm::all_of(*numbers, [](double number) { return number == 0; }))
    return Mask{};
  if (static_cast<int64_t>(numbers->size()) != rows * keys || mask.rank() < 2 || mask.size(mask.rank() - 1) != keys ||
      mask.size(mask.rank() - 2) != rows || !llvm::all_of(*numbers, [&](double number) {
        return number == 0 || (number / bias.scale < hidden && (bias.scale == 1 || number < stillHidden));
      }))
    return std::nullopt;
  auto sees = [&](int64_t row, int64_t key) { return (*numbers)[static_cast<size_t>(row * keys + key)] == 0; };
  // The window is what the last row, which may look furthest back, sees.
  int64_t first = 0;
  while (first < keys && !sees(rows - 1, first))
    ++first;
  const int64_t window = keys - first;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t key = 0; key < keys; ++key) {
      const int64_t own = row + keys - rows;
      if (sees(row, key) != (key <= own && key > own - window))
        return std::nullopt;
    }
  if (keys < rows)
    return std::nullopt;
  return Mask{true, first == 0 ? 0 : window, {}};
}

std::optional<Raiser::Mask> Raiser::maskOf(NodeBuilder &n, const std::vector<Bias> &biases, ArrayRef<int64_t> scores) {
  Mask mask;
  for (const Bias &bias : biases) {
    if (std::optional<Mask> known = knownMask(bias, scores[2], scores[3])) {
      mask.causal |= known->causal;
      mask.window =
          mask.window && known->window ? std::min(mask.window, known->window) : std::max(mask.window, known->window);
      continue;
    }
    ArrayRef<int64_t> given = bias.value.shape();
    Sizes shape(4 - given.size(), 1);
    shape.append(given.begin(), given.end());
    // Of merged heads each may have its own.
    if (given.size() == 3 && given[0] == scores[0] * scores[1])
      shape = {scores[0], scores[1], given[1], given[2]};
    std::optional<Sizes> both = broadcastShapes(shape, scores);
    if (!both || ArrayRef<int64_t>(*both) != scores)
      return std::nullopt;
    Tensor own = n.reshape(n.castTo(bias.value, ElementType::Float), shape);
    if (shape[3] != scores[3]) {
      shape[3] = scores[3];
      own = n.broadcast(own, shape);
    }
    mask.bias = mask.bias ? n.add(mask.bias, own) : own;
  }
  return mask;
}

/// Whether each head's bias grows evenly with the key, by a slope of its own.
bool Raiser::isAlibi(Tensor bias) {
  std::optional<std::vector<double>> numbers = p.numbers(bias);
  const int64_t heads = bias.size(1), rows = bias.size(2), keys = bias.size(3);
  if (!numbers || heads < 2 || keys < 3)
    return false;
  std::set<double> slopes;
  for (int64_t head = 0; head < heads; ++head) {
    const auto lastRow = numbers->begin() + (head * rows + rows - 1) * keys; // sees the most keys
    const double slope = lastRow[keys - 1] - lastRow[keys - 2];
    for (int64_t key = 1; key < keys; ++key)
      if (slope == 0 || std::fabs(lastRow[key] - lastRow[key - 1] - slope) > 1e-3 * std::fabs(slope))
        return false;
    slopes.insert(slope);
  }
  return static_cast<int64_t>(slopes.size()) == heads;
}

bool Raiser::raiseAttention(NodeBuilder &n) {
  auto product = n.node.op == "MatMul" ? p.operands(n.node.outputs[0], "MatMul") : std::nullopt;
  if (!product)
    return false;
  // Rows without a key may have been made zeros: where no mask hides them all, there are none.
  bool guarded = false;
  std::string probabilities = product->first;
  if (const Node *where = p.madeBy(probabilities, "Where"); where && p.isNumber(where->inputs[1], 0))
    if (const Node *test = p.madeBy(where->inputs[0], "IsNaN");
        test && p.source(test->inputs[0]) == p.source(where->inputs[2])) {
      guarded = true;
      probabilities = p.source(where->inputs[2]);
    }
  const std::string merged = probabilities; // with [batch, heads] apart, or not
  if (!p.madeBy(probabilities, "Softmax"))
    probabilities = apart(probabilities);
  const Node *softmax = p.madeBy(probabilities, "Softmax");
  Tensor weights = softmax ? p.value(merged) : Tensor{};
  // Before opset 13 a softmax without an axis was over all dimensions but the first.
  if (!softmax || weights.rank() < 3 || weights.rank() > 4 || !p.overLastAxis(*softmax, "axis") ||
      (n.opset < 13 && !softmax->attributes.contains("axis")))
    return false;
  std::optional<Scores> scores = scoresOf(n, p.source(softmax->inputs[0]));
  const std::string allValues = apart(product->second);
  const Tensor queries = scores ? p.value(apart(scores->q)) : Tensor{};
  if (!queries || queries.rank() != 4 || p.value(allValues).rank() != 4)
    return false;
  const int64_t batch = queries.size(0), count = queries.size(1), size = queries.size(3);
  const Sizes shape = {batch, count, queries.size(2), weights.size(weights.rank() - 1)};
  if (weights.elements() != elementsOf(shape))
    return false;
  std::optional<Heads> q = headsOf(n, scores->q),
                       k = scores->keysByRow ? headsOf(n, unrepeated(apart(scores->k))) : keysOf(n, scores->k);
  const bool repeated = k && k->rows.size(1) == count * size;
  const std::string values = repeated ? allValues : unrepeated(allValues);
  std::optional<Heads> v = headsOf(n, values);
  if (!q || !k || !v || v->factor != 1)
    return false;
  // A factor on rows of queries or keys is one on the scores.
  for (Heads *each : {&*q, &*k})
    if (auto scaled = each->rows.value.getDefiningOp<xf::ScaleOp>()) {
      each->factor *= scaled.getFactor().convertToDouble();
      each->rows.value = scaled.getX();
    }
  const int64_t kvCount = p.value(values).size(1);
  // Keys and values have as many heads, on as many batches.
  const int64_t keys = k->cached ? launch->tokens : shape[3];
  if (kvCount == 0 || count % kvCount != 0 || k->rows.size(1) != kvCount * size || k->rows.size(0) != batch * keys ||
      v->rows.size(0) != k->rows.size(0) || k->cached != v->cached || (launch && k->cached == launch->caches.empty()))
    return false;
  std::optional<Mask> mask = maskOf(n, scores->biases, shape);
  if (!mask || (guarded && mask->bias))
    return false;
  auto float64 = [&](double number) { return n.b.getF64FloatAttr(number); };
  auto integer = [&](int64_t number) { return n.b.getI64IntegerAttr(number); };
  auto attend = n.b.create<xf::AttendOp>(
      n.loc, q->rows.value, k->rows.value, v->rows.value, mask->bias ? mask->bias.value : Value(), integer(count),
      integer(kvCount), float64(scores->scale * q->factor * k->factor), mask->causal ? n.b.getUnitAttr() : UnitAttr(),
      mask->window ? integer(mask->window) : IntegerAttr(),
      scores->softcap != 0 ? float64(scores->softcap) : FloatAttr(), batch != 1 ? integer(batch) : IntegerAttr());
  if (launch && mask->bias && isAlibi(mask->bias))
    attend->setAttr(alibiAttr, n.b.getUnitAttr());
  return setHeads(n, n.node.outputs[0], {attend.getResult(), ElementType::Float});
}

} // namespace weft::frontend::onnx
