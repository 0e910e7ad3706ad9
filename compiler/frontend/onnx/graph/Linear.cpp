// Products and sums over shared dimensions: MatMul, Gemm, Einsum and their integer kin.
#include "compiler/frontend/onnx/graph/Contrib.h"
#include "compiler/frontend/onnx/graph/Registry.h"

#include <map>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

void matmulOp(NodeBuilder &n) {
  Tensor a = n.numeric(0), b = n.numeric(1);
  n.requireSameType({a, b});
  checkMatmul(n, a, b);
  n.out(0, n.matmul(a, b, a.type));
}

Tensor gemmOf(NodeBuilder &n) {
  Tensor a = n.numeric(0), b = n.numeric(1), c = n.optional(2);
  n.requireSameType({a, b});
  n.require(a.rank() == 2 && b.rank() == 2, "its operands must have two dimensions");
  const bool turnA = n.number("transA", 0) != 0, turnB = n.number("transB", 0) != 0;
  n.require(a.size(turnA ? 0 : 1) == b.size(turnB ? 1 : 0), "it sums over {} and {} elements", a.size(turnA ? 0 : 1),
            b.size(turnB ? 1 : 0));
  const double alpha = n.real("alpha", 1), beta = n.real("beta", 1);
  const ElementType type = a.type;
  // Labels: 0 rows, 1 columns, 2 the summed.
  Tensor y = n.contract({a, b}, {turnA ? Sizes{2, 0} : Sizes{0, 2}, turnB ? Sizes{1, 2} : Sizes{2, 1}}, {0, 1},
                        computeType(type));
  if (alpha != 1)
    y = n.map(y, [&](Scalar s) { return s * alpha; });
  if (c && beta != 0) {
    n.requireSameType({a, c});
    std::optional<Sizes> shape = broadcastShapes(y.shape(), c.shape());
    n.require(shape && ArrayRef<int64_t>(*shape) == y.shape(), "its addend of [{}] does not fit",
              fmt::join(c.shape(), ", "));
    y = n.elementwise(y.type, {y, c}, [&](ArrayRef<Scalar> s) { return s[0] + (beta == 1 ? s[1] : s[1] * beta); });
  }
  return n.castTo(y, type);
}

void gemm(NodeBuilder &n) { n.out(0, gemmOf(n)); }

/// ONNX Runtime's: an activation of it.
void fusedGemm(NodeBuilder &n) {
  Tensor y = gemmOf(n);
  const std::string kind = n.text("activation", "");
  const double alpha = n.real("activation_alpha", 0.01);
  n.require(kind == "Relu" || kind == "Tanh" || kind == "Sigmoid" || kind == "LeakyRelu",
            "activation '{}' is not supported", kind);
  n.out(0, n.map(y, [&](Scalar s) {
    if (kind == "Tanh")
      return hyperbolicTangent(s);
    if (kind == "Sigmoid")
      return s.same(1) / (s.same(1) + exponential(-s));
    return select(s > s.same(0), s, kind == "Relu" ? s.same(0) : s * alpha);
  }));
}

void matmulInteger(NodeBuilder &n) {
  Tensor a = subtractZero(n, n.in(0), n.optional(2), true), b = subtractZero(n, n.in(1), n.optional(3), false);
  checkMatmul(n, a, b);
  n.out(0, n.matmul(a, b, ElementType::Int32));
}

void qLinearMatmul(NodeBuilder &n) {
  Tensor aScale = n.in(1), bScale = n.in(4), yScale = n.in(6), yZero = n.in(7);
  Tensor a = subtractZero(n, n.in(0), n.in(2), true), b = subtractZero(n, n.in(3), n.in(5), false);
  checkMatmul(n, a, b);
  Tensor y = n.matmul(a, b, ElementType::Int32);
  if (aScale.rank() == 1 && aScale.elements() > 1)
    aScale = n.reshape(aScale, {aScale.elements(), 1});
  n.broadcastOf({y, aScale, bScale, yScale, yZero});
  n.out(0, n.elementwise(yZero.type, {y, aScale, bScale, yScale, yZero}, [&](ArrayRef<Scalar> s) {
    Scalar real = cast(s[0], s[1].type) * (s[1] * s[2] / s[3]);
    Scalar whole = cast(roundEven(real), ElementType::Int64) + cast(s[4], ElementType::Int64);
    const bool plain = isUnsigned(yZero.type);
    return cast(clamp(whole, plain ? 0 : -128, plain ? 255 : 127), yZero.type);
  }));
}

/// The labels of one operand: letters as numbers, an ellipsis as 1000 and on, right-aligned.
Sizes labelsOf(NodeBuilder &n, StringRef term, int64_t rank, int64_t ellipsis) {
  Sizes labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term.substr(i).starts_with("...")) {
      const int64_t own = rank < 0 ? ellipsis : rank - static_cast<int64_t>(term.size() - 3);
      for (int64_t k = ellipsis - own; k < ellipsis; ++k)
        labels.push_back(1000 + k);
      i += 2;
      continue;
    }
    n.require(isalpha(static_cast<unsigned char>(term[i])) != 0, "its equation has '{}'", std::string(1, term[i]));
    labels.push_back(term[i]);
  }
  n.require(rank < 0 || static_cast<int64_t>(labels.size()) == rank, "'{}' does not fit an operand of {} dimensions",
            term.str(), rank);
  return labels;
}

/// A label that an operand has twice becomes its diagonal.
Tensor diagonal(NodeBuilder &n, Tensor x, Sizes &labels) {
  Sizes own, shape;
  for (auto [label, size] : llvm::zip(labels, x.shape())) {
    auto found = llvm::find(own, label);
    if (found == own.end()) {
      own.push_back(label);
      shape.push_back(size);
    } else {
      n.require(shape[static_cast<size_t>(found - own.begin())] == size, "its equation ties sizes that differ");
    }
  }
  if (own.size() == labels.size())
    return x;
  Tensor y = n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    SmallVector<Scalar> from;
    for (int64_t label : labels)
      from.push_back(i[static_cast<size_t>(llvm::find(own, label) - own.begin())]);
    return n.at(x, from);
  });
  labels = own;
  return y;
}

void einsum(NodeBuilder &n) {
  std::string equation = n.text("equation", "");
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  std::vector<Tensor> operands = n.all();
  n.require(!operands.empty() && terms.size() == operands.size(), "its equation '{}' is not for {} operands", equation,
            operands.size());
  n.requireSameType(operands);
  int64_t ellipsis = 0;
  for (auto [term, operand] : llvm::zip(terms, operands))
    if (term.contains("..."))
      ellipsis = std::max(ellipsis, operand.rank() - static_cast<int64_t>(term.size() - 3));
  std::vector<Sizes> labels;
  std::map<int64_t, int64_t> sizes, uses;
  for (size_t i = 0; i < operands.size(); ++i) {
    labels.push_back(labelsOf(n, terms[i], operands[i].rank(), ellipsis));
    for (int64_t label : labels[i])
      ++uses[label];
    operands[i] = diagonal(n, operands[i], labels[i]);
    for (auto [label, size] : llvm::zip(labels[i], operands[i].shape()))
      sizes[label] = std::max(sizes[label], size);
  }
  // A dimension of one that another operand repeats is dropped.
  for (size_t i = 0; i < operands.size(); ++i) {
    Sizes keptShape, keptLabels;
    for (auto [label, size] : llvm::zip(labels[i], operands[i].shape())) {
      n.require(size == sizes[label] || size == 1, "its equation ties sizes {} and {}", size, sizes[label]);
      if (size == sizes[label]) {
        keptShape.push_back(size);
        keptLabels.push_back(label);
      }
    }
    operands[i] = n.reshape(operands[i], keptShape);
    labels[i] = keptLabels;
  }
  Sizes out;
  if (equation.find("->") != std::string::npos) {
    out = labelsOf(n, right, -1, ellipsis);
  } else { // those that are there once, in the order of letters, after the ellipsis
    for (int64_t k = 0; k < ellipsis; ++k)
      out.push_back(1000 + k);
    for (auto [label, count] : uses)
      if (label < 1000 && count == 1)
        out.push_back(label);
  }
  for (int64_t label : out)
    n.require(sizes.contains(label) && llvm::count(out, label) == 1,
              "its equation '{}' has a result that no operand gives", equation);
  n.out(0, n.castTo(n.contract(operands, labels, out, computeType(operands[0].type)), operands[0].type));
}

} // namespace

void checkMatmul(NodeBuilder &n, Tensor a, Tensor b) {
  n.require(a.rank() >= 1 && b.rank() >= 1, "it has an operand without dimensions");
  const int64_t inner = a.size(a.rank() - 1), other = b.size(std::max<int64_t>(b.rank() - 2, 0));
  n.require(inner == other, "it sums over {} and {} elements", inner, other);
  auto batch = [](Tensor x) { return x.shape().drop_back(std::min<size_t>(2, x.shape().size())); };
  n.require(broadcastShapes(batch(a), batch(b)).has_value(), "its batch dimensions cannot be broadcast");
}

Tensor subtractZero(NodeBuilder &n, Tensor x, Tensor zero, bool rows) {
  if (zero && zero.rank() == 1 && zero.elements() > 1 && rows)
    zero = n.reshape(zero, {zero.elements(), 1});
  if (!zero)
    return n.castTo(x, ElementType::Int32);
  n.require(n.broadcastOf({x, zero}) == Sizes(x.shape()), "a zero point of [{}] for [{}]",
            fmt::join(zero.shape(), ", "), fmt::join(x.shape(), ", "));
  return n.elementwise(ElementType::Int32, {x, zero}, [](ArrayRef<Scalar> s) {
    return cast(s[0], ElementType::Int32) - cast(s[1], ElementType::Int32);
  });
}

void addLinear(Registry &r) {
  r.add("MatMul", matmulOp);
  r.add("Gemm", gemm);
  r.add("FusedGemm", fusedGemm, 1, microsoftDomain);
  r.add("MatMulInteger", matmulInteger);
  r.add("QLinearMatMul", qLinearMatmul);
  r.add("Einsum", einsum);
}

} // namespace weft::frontend::onnx
