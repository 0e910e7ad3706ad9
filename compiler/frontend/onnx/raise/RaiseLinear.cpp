// Products with weights, activations, and the gated MLP that they make up.
#include "compiler/frontend/onnx/raise/Raise.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

bool isWeightType(Type type) { return type.isF32() || type.isF16() || type.isBF16(); }

Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

} // namespace

bool Raiser::isPlainFused(const Node &node) {
  return node.op == "FusedMatMul" && node.number("transA", 0) == 0 && node.number("transBatchA", 0) == 0 &&
         node.number("transBatchB", 0) == 0 && std::isfinite(node.real("alpha", 1));
}

/// Of a weight's elements.
ElementType Raiser::typeOf(Value weight) {
  const Type element = elementOf(weight);
  return element.isF32() ? ElementType::Float : element.isF16() ? ElementType::Float16 : ElementType::BFloat16;
}

/// A matrix as xf has it, out x in. `transposed`: it is stored so.
Value Raiser::weightMatrix(NodeBuilder &n, const std::string &name, bool transposed) {
  std::string from = p.source(name);
  if (!p.isWeight(from))
    return {};
  if (const Node *node = p.madeBy(from, "Transpose"); node && p.value(from).rank() == 2) {
    auto order = node->attributes.find("perm");
    if (order == node->attributes.end() || order->second.numbers == std::vector<int64_t>{1, 0}) {
      from = p.source(node->inputs[0]);
      transposed = !transposed;
    }
  }
  if (Tensor coded = codedMatrix(n, from, transposed))
    return coded.value;
  Tensor w = p.value(from);
  if (w.rank() != 2 || !isWeightType(elementOf(w.value)) || w.elements() == 0)
    return {};
  return transposed ? w.value : n.transpose(w, {1, 0}).value;
}

Value Raiser::weightVector(NodeBuilder &n, const std::string &name, int64_t size) {
  Tensor v = p.value(p.source(name));
  if (!v || !p.isWeight(name) || !isWeightType(elementOf(v.value)) || v.elements() != size || size == 0)
    return {};
  for (int64_t d = 0; d + 1 < v.rank(); ++d)
    if (v.size(d) != 1)
      return {};
  return n.reshape(v, {size}).value;
}

/// Of a launch a matrix that DequantizeLinear makes of codes, which stay so, out x in; null: it is none. `stored`: so
/// it is in the file, too.
Tensor Raiser::codedMatrix(NodeBuilder &n, const std::string &name, bool stored) {
  const Node *node = p.madeBy(name, "DequantizeLinear");
  std::optional<CodedMatrix> matrix = node && launch ? dequantisedBy(*node) : std::nullopt;
  return matrix ? inCodes(*node, n.codedWeight(*matrix, !stored)) : Tensor{};
}

Tensor Raiser::inCodes(const Node &node, Result<Tensor> weight) {
  if (weight)
    return *weight;
  if (unknown.empty())
    unknown =
        fmt::format("node '{}' ({}) cannot keep its weight in codes: {}", node.name, node.op, weight.error().message);
  return {};
}

std::optional<DynamicProduct> Raiser::dynamicProductOf(const Node &node) {
  return launch ? dynamicProduct(node, [&](const std::string &name) { return p.maker(name).first; }) : std::nullopt;
}

/// Of a launch a product with a weight in codes, for which the graph rounds x to 8 bits. Here it stays what it is, as
/// in every product with codes, so that a token's numbers do not depend on those beside it.
std::optional<Raiser::Linear> Raiser::dynamicLinearOf(NodeBuilder &n, const Node &node) {
  std::optional<DynamicProduct> product = dynamicProductOf(node);
  Tensor w = product ? inCodes(*product->product, n.codedWeight(product->w, true)) : Tensor{};
  if (!w || !isReal(p.value(product->x).type) || p.value(product->x).rank() < 2)
    return std::nullopt;
  Linear linear{p.source(product->x), {}, w.value, {}};
  if (!product->bias.empty() && !(linear.bias = weightVector(n, product->bias, w.size(0))))
    return std::nullopt;
  return linear;
}

/// With a weight in codes, which stays so.
std::optional<Raiser::Linear> Raiser::packedLinearOf(NodeBuilder &n, const Node &node) {
  Tensor w = launch && &node == &n.node ? inCodes(node, n.packedWeight()) : Tensor{};
  if (!w || !isReal(p.value(node.inputs[0]).type))
    return std::nullopt;
  Linear linear{p.source(node.inputs[0]), {}, w.value, {}};
  const bool biased = node.inputs.size() > 5 && !node.inputs[5].empty();
  if (biased && !(linear.bias = weightVector(n, node.inputs[5], w.size(0))))
    return std::nullopt;
  return linear;
}

/// Of Gemm, or of FusedGemm before its activation.
std::optional<Raiser::Linear> Raiser::gemmOf(NodeBuilder &n, const Node &node) {
  const bool biased = node.inputs.size() > 2 && !node.inputs[2].empty();
  if (node.number("transA", 0) || node.real("alpha", 1) != 1 || (biased && node.real("beta", 1) != 1))
    return std::nullopt;
  Value w = weightMatrix(n, node.inputs[1], node.number("transB", 0) != 0);
  if (!w)
    return std::nullopt;
  Linear linear{p.source(node.inputs[0]), {}, w, {}};
  if (biased && !(linear.bias = weightVector(n, node.inputs[2], cast<RankedTensorType>(w.getType()).getDimSize(0))))
    return std::nullopt;
  return linear;
}

std::optional<Raiser::Linear> Raiser::linearOf(NodeBuilder &n, const std::string &name) {
  auto [node, output] = p.maker(name);
  if (!node || output != 0)
    return std::nullopt;
  if (node->op == "MatMul" && node->domain.empty()) {
    Tensor x = p.value(node->inputs[0]);
    if (!x || !isReal(x.type) || x.rank() < 2)
      return std::nullopt;
    if (Value w = weightMatrix(n, node->inputs[1], false))
      return Linear{p.source(node->inputs[0]), {}, w, {}};
    return std::nullopt;
  }
  if (isPlainFused(*node)) {
    Tensor x = p.value(node->inputs[0]);
    Value w = x && isReal(x.type) && x.rank() >= 2 ? weightMatrix(n, node->inputs[1], node->number("transB", 0) != 0)
                                                   : Value();
    return w ? std::optional(Linear{p.source(node->inputs[0]), {}, w, {}, node->real("alpha", 1)}) : std::nullopt;
  }
  if (node->op == "Gemm")
    return gemmOf(n, *node);
  if (node->op == "MatMulNBits")
    return packedLinearOf(n, *node);
  if (node->op == "Mul" || node->op == "DynamicQuantizeMatMul" || node->op == "MatMulIntegerToFloat")
    return dynamicLinearOf(n, *node);
  if (node->op != "Add" || node->inputs.size() != 2)
    return std::nullopt;
  for (size_t i : {0, 1}) {
    auto found = linears.find(p.source(node->inputs[i]));
    if (found == linears.end() || found->second.bias)
      continue;
    Linear linear = found->second;
    const int64_t size = cast<RankedTensorType>(linear.weight.getType()).getDimSize(0);
    if (p.value(node->inputs[1 - i]) && p.value(node->inputs[1 - i]).rank() <= p.value(name).rank() &&
        (linear.bias = weightVector(n, node->inputs[1 - i], size)))
      return linear;
  }
  return std::nullopt;
}

bool Raiser::raiseLinear(NodeBuilder &n) {
  static const std::map<std::string, xf::Activation> fused = {
      {"Relu", xf::Activation::Relu}, {"Tanh", xf::Activation::Tanh}, {"Sigmoid", xf::Activation::Sigmoid}};
  const bool isFused = n.node.op == "FusedGemm";
  const auto kind = isFused ? fused.find(n.text("activation", "")) : fused.end();
  std::optional<Linear> linear = !isFused              ? linearOf(n, n.node.outputs[0])
                                 : kind != fused.end() ? gemmOf(n, n.node)
                                                       : std::nullopt;
  if (!linear)
    return false;
  const auto type = cast<RankedTensorType>(linear->weight.getType());
  Tensor out = p.value(n.node.outputs[0]);
  if (out.size(out.rank() - 1) != type.getDimSize(0))
    return false;
  linear->rows = scaledRows(n, rowsOf(n, linear->x, type.getDimSize(1)).value, linear->factor);
  Value rows = n.b.create<xf::LinearOp>(n.loc, linear->rows, linear->weight, linear->bias);
  if (isFused)
    rows = n.b.create<xf::ActivationOp>(n.loc, rows, kind->second);
  else
    linears[n.node.outputs[0]] = *linear;
  setRows(n, n.node.outputs[0], {rows, ElementType::Float});
  return true;
}

/// Rows times a factor, which may undo the one that they have.
Value Raiser::scaledRows(NodeBuilder &n, Value rows, double factor) {
  if (auto before = rows.getDefiningOp<xf::ScaleOp>(); before && factor * before.getFactor().convertToDouble() == 1)
    return before.getX();
  return factor == 1 ? rows : n.b.create<xf::ScaleOp>(n.loc, rows, llvm::APFloat(factor)).getResult();
}

/// Parts of a product's columns are products with rows of the weight.
void Raiser::splitLinear(NodeBuilder &n) {
  if (n.node.op != "Split" && n.node.op != "Slice")
    return;
  auto found = linears.find(p.source(n.node.inputs[0]));
  Tensor whole = p.value(n.node.inputs[0]);
  if (found == linears.end())
    return splitHeads(n);
  for (const std::string &name : n.node.outputs) {
    std::optional<Pattern::Part> part = p.partOf(name);
    if (!part || part->axis != whole.rank() - 1 || part->size == 0)
      continue;
    Tensor rows = columnsOf(n, n.node.inputs[0], part->offset, part->size);
    Linear own = found->second;
    auto op = rows.value.getDefiningOp<xf::LinearOp>();
    own.weight = op.getW();
    own.bias = op.getBias();
    linears[name] = own;
    setRows(n, name, rows);
  }
}

/// The same where a product's columns are [heads, width], heads before tokens or behind: parts of each head's are
/// products with rows of the weight, too.
void Raiser::splitHeads(NodeBuilder &n) {
  const std::optional<std::string> turned = p.headsTurned(n.node.inputs[0]);
  const Node *reshape = p.madeBy(turned ? *turned : n.node.inputs[0], "Reshape");
  auto found = reshape ? linears.find(p.source(reshape->inputs[0])) : linears.end();
  const Tensor whole = p.value(n.node.inputs[0]);
  if (found == linears.end() || whole.rank() != 4)
    return;
  const Linear linear = found->second;
  const int64_t count = whole.size(turned ? 1 : 2), width = whole.size(3);
  const auto type = cast<RankedTensorType>(linear.weight.getType());
  if (count * width != type.getDimSize(0))
    return;
  for (const std::string &name : n.node.outputs) {
    std::optional<Pattern::Part> part = p.partOf(name);
    if (!part || part->axis != 3 || part->size == 0)
      continue;
    auto ofHeads = [&](Value of, Sizes rest) {
      Sizes apart = {count, width}, merged = {count * part->size};
      apart.append(rest);
      merged.append(rest);
      Tensor rows = n.reshape({of, typeOf(of)}, apart);
      return n.reshape(n.sliceAxis(rows, 1, part->offset, part->size), merged).value;
    };
    Linear own = linear;
    own.weight = ofHeads(linear.weight, {type.getDimSize(1)});
    own.bias = linear.bias ? ofHeads(linear.bias, {}) : Value();
    Value rows = n.b.create<xf::LinearOp>(n.loc, own.rows, own.weight, own.bias);
    if (turned)
      setHeads(n, name, {rows, ElementType::Float});
    else
      setRows(n, name, {rows, ElementType::Float});
    if (!turned && count == 1) // else the last dimension is not all of the product's columns
      linears[name] = own;
  }
}

/// Some of the heads that a product's columns are, [batch, tokens, heads, width]: a product with these heads' rows of
/// the weight.
bool Raiser::raiseSomeHeads(NodeBuilder &n) {
  if (n.node.op != "Split" && n.node.op != "Slice" && n.node.op != "Gather")
    return false;
  const Node *reshape = p.madeBy(n.node.inputs[0], "Reshape");
  auto found = reshape ? linears.find(p.source(reshape->inputs[0])) : linears.end();
  const Tensor whole = p.value(n.node.inputs[0]);
  if (found == linears.end() || whole.rank() != 4 ||
      whole.size(2) * whole.size(3) != cast<RankedTensorType>(found->second.weight.getType()).getDimSize(0))
    return false;
  bool raised = false;
  for (const std::string &name : n.node.outputs) {
    std::optional<Pattern::Part> part = p.partOf(name);
    if (!part || part->axis != 2 || part->size == 0)
      continue;
    setRows(n, name, columnsOf(n, reshape->inputs[0], part->offset * whole.size(3), part->size * whole.size(3)));
    raised = true;
  }
  return raised;
}

/// Columns of rows; of a product, the product with these rows of its weight.
Tensor Raiser::columnsOf(NodeBuilder &n, const std::string &name, int64_t offset, int64_t size) {
  auto found = linears.find(p.source(name));
  const Tensor x = p.value(name);
  if (found == linears.end())
    return n.sliceAxis(rowsOf(n, name, x.size(x.rank() - 1)), 1, offset, size);
  const Linear &whole = found->second;
  Value weight = n.sliceAxis({whole.weight, typeOf(whole.weight)}, 0, offset, size).value, bias;
  if (whole.bias)
    bias = n.sliceAxis({whole.bias, typeOf(whole.bias)}, 0, offset, size).value;
  return {n.b.create<xf::LinearOp>(n.loc, whole.rows, weight, bias), ElementType::Float};
}

/// down · (activation(gate · x) ∘ (up · x))
bool Raiser::raiseGatedMlp(NodeBuilder &n) {
  std::optional<Linear> down = n.node.op == "Add" ? std::nullopt : linearOf(n, n.node.outputs[0]);
  auto product = down && !down->bias ? p.operands(down->x, "Mul") : std::nullopt;
  if (!product)
    return false;
  for (bool swap : {false, true}) {
    if (swap)
      std::swap(product->first, product->second);
    std::optional<Activated> activated = activationOf(product->first);
    auto gate = activated ? linears.find(p.source(activated->x)) : linears.end(), up = linears.find(product->second);
    if (gate == linears.end() || down->factor != 1 || !activated->bias.empty() || activated->factor != 1 ||
        up == linears.end() || gate->second.bias || up->second.bias || gate->second.rows != up->second.rows ||
        gate->second.weight.getType() != up->second.weight.getType())
      continue;
    const auto type = cast<RankedTensorType>(down->weight.getType());
    if (type.getDimSize(0) != cast<RankedTensorType>(gate->second.weight.getType()).getDimSize(1))
      continue;
    Value x = gate->second.rows;
    Value rows =
        n.b.create<xf::GatedMlpOp>(n.loc, x, gate->second.weight, up->second.weight, down->weight, activated->kind);
    setRows(n, n.node.outputs[0], {rows, ElementType::Float});
    return true;
  }
  return false;
}

/// x of k · (x + 0.044715 x³), k = √(2/π).
std::optional<std::string> Raiser::cubicOf(const std::string &name) {
  auto outer = p.scaled(name);
  auto cubeOf = [&](const std::string &cube) -> std::optional<std::string> {
    if (auto both = p.operands(cube, "Pow"); both && p.isNumber(both->second, 3))
      return both->first;
    std::optional<std::string> x;
    auto both = p.operands(cube, "Mul", [&](const std::string &square) { return (x = p.squared(square)).has_value(); });
    return both && both->second == *x ? x : std::nullopt;
  };
  auto termOf = [&](const std::string &term) -> std::optional<std::string> {
    auto scaled = p.scaled(term);
    if (!scaled || !p.isAbout(term, scaled->number, 0.044715))
      return std::nullopt;
    return cubeOf(scaled->other);
  };
  if (!outer || !p.isAbout(name, outer->number, std::sqrt(2 / M_PI)))
    return std::nullopt;
  std::optional<std::string> x;
  auto sum = p.operands(outer->other, "Add", [&](const std::string &term) { return (x = termOf(term)).has_value(); });
  return sum && sum->second == *x ? x : std::nullopt;
}

/// x · ½ · (1 + erf(x / √2)), or with the tangent, its factors in any order.
std::optional<Raiser::Activated> Raiser::geluOf(const std::string &name) {
  // Factors of the product, down to `x` and to what is no product.
  std::vector<std::string> factors;
  double number = 1;
  auto take = [&](auto &&self, const std::string &factor, int depth) -> void {
    if (auto scaled = p.scaled(factor); scaled && depth < 4) {
      number *= scaled->number;
      return self(self, scaled->other, depth + 1);
    }
    if (auto both = p.operands(factor, "Mul"); both && depth < 2) {
      self(self, both->first, depth + 1);
      return self(self, both->second, depth + 1);
    }
    factors.push_back(p.source(factor));
  };
  if (!p.operands(name, "Mul"))
    return std::nullopt;
  take(take, name, 0);
  for (size_t i = 0; i < factors.size(); ++i) {
    auto sum = p.shifted(factors[i]);
    if (!sum || sum->number != 1)
      continue;
    std::optional<std::string> x;
    xf::Activation kind = xf::Activation::Gelu;
    if (const Node *erf = p.madeBy(sum->other, "Erf")) {
      auto inner = p.scaled(erf->inputs[0]);
      if (inner && p.isAbout(erf->inputs[0], inner->number, std::sqrt(0.5)))
        x = inner->other;
    } else if (const Node *tangent = p.madeBy(sum->other, "Tanh")) {
      x = cubicOf(tangent->inputs[0]);
      kind = xf::Activation::GeluTanh;
    }
    // An optimiser may have moved the half into the product that follows.
    const bool whole = number == 1;
    if (!x || (!whole && !(std::fabs(number - 0.5) <= 1e-7)) || factors.size() != 2 || factors[1 - i] != p.source(*x))
      continue;
    return Activated{kind, *x, "", whole ? 2.0 : 1.0};
  }
  return std::nullopt;
}

std::optional<Raiser::Activated> Raiser::activationOf(const std::string &name) {
  auto [node, output] = p.maker(name);
  if (!node || output != 0 || node->inputs.empty())
    return std::nullopt;
  const std::string &x = node->inputs[0], &op = node->op;
  const bool alone = node->inputs.size() == 1 || node->inputs[1].empty();
  if (op == "Tanh")
    return Activated{xf::Activation::Tanh, x};
  if (op == "Sigmoid")
    return Activated{xf::Activation::Sigmoid, x};
  if (op == "Relu")
    return Activated{xf::Activation::Relu, x};
  if (op == "Swish" && node->real("alpha", 1) == 1)
    return Activated{xf::Activation::Silu, x};
  if (op == "QuickGelu") {
    const double alpha = node->real("alpha", 1.702);
    if (alpha == 1)
      return Activated{xf::Activation::Silu, x};
    if (std::fabs(alpha - 1.702) < 1e-6)
      return Activated{xf::Activation::QuickGelu, x};
  }
  if (op == "FastGelu")
    return Activated{xf::Activation::GeluTanh, x, alone ? "" : node->inputs[1]};
  if (op == "BiasGelu")
    return Activated{xf::Activation::Gelu, x, alone ? "" : node->inputs[1]};
  if (op == "Gelu") {
    auto found = node->attributes.find("approximate");
    const bool tangent = found != node->attributes.end() && found->second.text == "tanh";
    return Activated{tangent ? xf::Activation::GeluTanh : xf::Activation::Gelu, x, alone ? "" : node->inputs[1]};
  }
  std::optional<Activated> gated;
  auto both = p.operands(name, "Mul", [&](const std::string &factor) {
    const Node *sigmoid = p.madeBy(factor, "Sigmoid");
    if (!sigmoid)
      return false;
    gated = Activated{xf::Activation::Silu, p.source(sigmoid->inputs[0])};
    if (auto scaled = p.scaled(gated->x); scaled && p.isAbout(gated->x, scaled->number, 1.702))
      gated = Activated{xf::Activation::QuickGelu, scaled->other};
    return true;
  });
  if (both && gated && both->second == gated->x)
    return gated;
  return geluOf(name);
}

bool Raiser::raiseActivation(NodeBuilder &n) {
  std::optional<Activated> activated = activationOf(n.node.outputs[0]);
  if (!activated || !hasRows(activated->x) || p.value(activated->x).shape() != p.value(n.node.outputs[0]).shape() ||
      (!activated->bias.empty() && !p.isWeight(activated->bias)))
    return false;
  Tensor x = withBias(n, activated->x, activated->bias, 0);
  if (!x)
    return false;
  Value rows = n.b.create<xf::ActivationOp>(n.loc, x.value, activated->kind);
  setRows(n, n.node.outputs[0], {scaledRows(n, rows, activated->factor), ElementType::Float});
  return true;
}

} // namespace weft::frontend::onnx
