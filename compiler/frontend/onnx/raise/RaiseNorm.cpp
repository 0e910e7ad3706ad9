// Norms: ops of their own, and the nodes that exporters write for them.
#include "compiler/frontend/onnx/raise/Raise.h"

using namespace mlir;

namespace weft::frontend::onnx {

/// x / sqrt(mean(x²) + epsilon)
std::optional<std::string> Raiser::unscaledRms(const std::string &name, double &epsilon) {
  std::string x, variance;
  auto rootOf = [&](const std::string &root) -> std::optional<std::string> {
    if (const Node *node = p.madeBy(root, "Sqrt"))
      return node->inputs[0];
    if (auto both = p.operands(root, "Pow"); both && p.isNumber(both->second, 0.5))
      return both->first;
    return std::nullopt;
  };
  auto inverseOf = [&](const std::string &factor) -> std::optional<std::string> {
    if (const Node *node = p.madeBy(factor, "Reciprocal"))
      return rootOf(node->inputs[0]);
    if (auto both = p.operands(factor, "Div"); both && p.isNumber(both->first, 1))
      return rootOf(both->second);
    if (auto both = p.operands(factor, "Pow"); both && p.isNumber(both->second, -0.5))
      return both->first;
    return std::nullopt;
  };
  if (auto both = p.operands(name, "Mul", [&](const std::string &f) { return inverseOf(f).has_value(); })) {
    x = both->second;
    variance = *inverseOf(both->first);
  } else if (auto quotient = p.operands(name, "Div"); quotient && rootOf(quotient->second)) {
    x = quotient->first;
    variance = *rootOf(quotient->second);
  } else {
    return std::nullopt;
  }
  auto sum = p.shifted(variance);
  const Node *mean = sum ? p.madeBy(sum->other, "ReduceMean") : nullptr;
  if (!mean || !p.overLastAxis(*mean, "axes") || mean->number("keepdims", 1) != 1 ||
      p.squared(mean->inputs[0]) != p.source(x))
    return std::nullopt;
  epsilon = sum->number;
  return p.source(x);
}

/// x / sqrt(mean(x²) + epsilon) · gamma, in small ops or one
std::optional<Raiser::Norm> Raiser::rmsOf(const std::string &name) {
  Norm norm;
  if (auto [node, output] = p.maker(name);
      node && output == 0 && (node->op == "SimplifiedLayerNormalization" || node->op == "RMSNormalization") &&
      p.overLastAxis(*node, "axis"))
    return Norm{p.source(node->inputs[0]), node->inputs[1], "", node->real("epsilon", 1e-5)};
  std::optional<std::string> x;
  auto both = p.operands(name, "Mul", [&](const std::string &f) {
    x = unscaledRms(f, norm.epsilon);
    return x.has_value();
  });
  if (!both)
    return std::nullopt;
  norm.x = *x;
  norm.gamma = both->second;
  // Gemma's gain is one plus what is stored.
  if (auto offset = p.shifted(norm.gamma)) {
    norm.gamma = offset->other;
    norm.offset = offset->number;
  }
  return norm;
}

/// (x - mean) / sqrt(mean((x - mean)²) + epsilon) · gamma + beta
std::optional<Raiser::Norm> Raiser::layerOf(const std::string &name) {
  for (bool swap : {false, true}) {
    auto sum = p.operands(name, "Add");
    if (!sum)
      return std::nullopt;
    if (swap)
      std::swap(sum->first, sum->second);
    std::optional<Norm> norm = rmsOf(sum->first);
    auto difference = norm ? p.operands(norm->x, "Sub") : std::nullopt;
    const Node *mean = difference ? p.madeBy(difference->second, "ReduceMean") : nullptr;
    if (!mean || norm->offset != 0 || p.source(mean->inputs[0]) != difference->first || !p.overLastAxis(*mean, "axes"))
      continue;
    norm->x = difference->first;
    norm->beta = sum->second;
    norm->centred = true;
    return norm;
  }
  return std::nullopt;
}

std::optional<Raiser::Norm> Raiser::normOf(const std::string &name) {
  if (std::optional<Norm> layer = layerOf(name))
    return layer;
  return rmsOf(name);
}

Tensor Raiser::emitNorm(NodeBuilder &n, const Norm &norm, Tensor rows) {
  const int64_t size = p.value(norm.gamma).elements();
  Value gamma = weightVector(n, norm.gamma, size),
        beta = norm.beta.empty() ? Value() : weightVector(n, norm.beta, size);
  if (!gamma || (!norm.beta.empty() && !beta))
    return {};
  auto float64 = [&](double number) { return n.b.getF64FloatAttr(number); };
  Value result;
  if (norm.centred)
    result = n.b.create<xf::LayerNormOp>(n.loc, rows.value.getType(), rows.value, gamma, beta, float64(norm.epsilon));
  else
    result = n.b.create<xf::RmsNormOp>(n.loc, rows.value.getType(), rows.value, gamma, float64(norm.epsilon),
                                       norm.offset == 0 ? FloatAttr() : float64(norm.offset));
  return {result, ElementType::Float};
}

bool Raiser::raiseNorm(NodeBuilder &n) {
  const std::string &op = n.node.op, &out = n.node.outputs[0];
  std::optional<Norm> norm;
  if (op == "LayerNormalization" || op == "RMSNormalization" || op == "SimplifiedLayerNormalization") {
    if (!p.overLastAxis(n.node, "axis"))
      return false;
    norm = Norm{n.node.inputs[0],
                n.node.inputs[1],
                n.has(2) && op[0] == 'L' ? n.node.inputs[2] : "",
                n.real("epsilon", 1e-5),
                0,
                op[0] == 'L'};
    if (auto offset = p.shifted(norm->gamma); offset && !norm->centred) {
      norm->gamma = offset->other;
      norm->offset = offset->number;
    }
  } else {
    norm = normOf(out);
  }
  Tensor x = norm ? p.value(norm->x) : Tensor{}, gamma = norm ? p.value(norm->gamma) : Tensor{};
  if (!x || !isReal(x.type) || !gamma || gamma.elements() != x.size(x.rank() - 1) || x.shape() != p.value(out).shape())
    return false;
  // A norm of heads keeps the heads side by side.
  auto found = plain.find(p.source(norm->x));
  const int64_t size = gamma.elements();
  const bool wide = found != plain.end() && found->second.size(1) % size == 0;
  if (Tensor rows = emitNorm(n, *norm, rowsOf(n, norm->x, wide ? found->second.size(1) : size)); rows) {
    setRows(n, out, rows);
    return true;
  }
  return false;
}

/// Norms of a sum, as ONNX Runtime fuses them: input + skip (+ bias), which is the fourth output.
bool Raiser::raiseFused(NodeBuilder &n) {
  const bool centred = n.node.op == "SkipLayerNormalization";
  if (n.node.domain != "com.microsoft" || (!centred && n.node.op != "SkipSimplifiedLayerNormalization"))
    return false;
  Tensor x = p.value(n.node.inputs[0]), skip = p.value(n.node.inputs[1]);
  const size_t biasAt = centred ? 4 : 3;
  if (!x || !isReal(x.type) || x.elements() == 0 || x.shape() != skip.shape() ||
      (n.has(biasAt) && !p.isWeight(n.node.inputs[biasAt])))
    return false;
  const int64_t columns = x.size(x.rank() - 1);
  Tensor terms[] = {rowsOf(n, n.node.inputs[0], columns), rowsOf(n, n.node.inputs[1], columns)};
  if (n.has(biasAt)) { // of the product that one of them is
    const size_t i = linears.contains(p.source(n.node.inputs[0])) ? 0 : 1;
    if (terms[i] = withBias(n, n.node.inputs[i], n.node.inputs[biasAt], 0); !terms[i])
      return false;
  }
  Value sum = n.b.create<xf::AddOp>(n.loc, terms[0].value, terms[1].value);
  Norm norm{
      "", n.node.inputs[2], centred && n.has(3) ? n.node.inputs[3] : "", n.real("epsilon", centred ? 1e-12 : 1e-6),
      0,  centred};
  Tensor rows = emitNorm(n, norm, {sum, ElementType::Float});
  if (!rows)
    return false;
  setRows(n, n.node.outputs[0], rows);
  if (n.wants(3))
    setRows(n, n.node.outputs[3], {sum, ElementType::Float});
  return true;
}

} // namespace weft::frontend::onnx
