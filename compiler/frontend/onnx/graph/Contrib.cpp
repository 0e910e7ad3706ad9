// Fused ops that ONNX Runtime's transformer tools emit: norms with residuals, activations with biases, products with
// quantised weights. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "compiler/frontend/onnx/graph/Contrib.h"
#include "compiler/frontend/onnx/graph/Registry.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

Scalar geluErf(Scalar x) { return x * 0.5 * (errorFunction(x * std::sqrt(0.5)) + 1.0); }
Scalar geluTanh(Scalar x) {
  return x * 0.5 * (hyperbolicTangent((x + x * x * x * 0.044715) * std::sqrt(2 / M_PI)) + 1.0);
}

/// An activation of the input plus a bias, if there is one.
template <Scalar (*formula)(Scalar)> void biased(NodeBuilder &n) {
  Tensor x = n.in(0), bias = n.optional(1);
  if (!bias)
    return n.out(0, n.map(x, [](Scalar s) { return formula(s); }));
  n.out(0, n.combined(x.type, {x, bias}, [](ArrayRef<Scalar> a) { return formula(a[0] + a[1]); }));
}

void quickGelu(NodeBuilder &n) {
  const double alpha = n.real("alpha", 1.702);
  n.out(0, n.map(n.in(0), [&](Scalar x) { return x * sigmoid(x * alpha); }));
}

/// The halves of the last dimension: left * gelu(right).
void biasSplitGelu(NodeBuilder &n) {
  Tensor x = n.combined(n.in(0).type, {n.in(0), n.in(1)}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
  const int64_t last = x.rank() - 1, half = x.size(last) / 2;
  n.out(0, n.elementwise(x.type, {n.sliceAxis(x, last, 0, half), n.sliceAxis(x, last, half, half)},
                         [](ArrayRef<Scalar> a) { return a[0] * geluErf(a[1]); }));
}

struct Norm {
  Tensor result, mean, inverse;
};

/// Normalises the last dimensions from `axis` on; with `centre` around the mean. Gamma and beta may be null.
Norm normalise(NodeBuilder &n, Tensor x, int64_t axis, bool centre, double epsilon, Tensor gamma, Tensor beta,
               ElementType out) {
  Sizes axes;
  for (int64_t d = axis; d < x.rank(); ++d)
    axes.push_back(d);
  const ElementType type = computeType(x.type);
  Norm norm;
  Tensor centred = n.castTo(x, type);
  if (centre) {
    norm.mean = n.mean(centred, axes, true);
    centred = n.subtract(centred, norm.mean);
  }
  norm.inverse =
      n.map(n.mean(n.multiply(centred, centred), axes, true), [&](Scalar s) { return 1.0 / squareRoot(s + epsilon); });
  std::vector<Tensor> operands = {centred, norm.inverse};
  for (Tensor parameter : {gamma, beta})
    if (parameter)
      operands.push_back(parameter);
  n.broadcastOf(operands);
  norm.result = n.elementwise(out, operands, [&](ArrayRef<Scalar> a) {
    Scalar y = a[0] * a[1];
    size_t next = 2;
    if (gamma)
      y = y * cast(a[next++], type);
    return beta ? y + cast(a[next], type) : y;
  });
  return norm;
}

void simplifiedLayerNorm(NodeBuilder &n) {
  Tensor x = n.in(0);
  Norm norm = normalise(n, x, n.axisOf(n.number("axis", -1), x.rank()), false, n.real("epsilon", 1e-5), n.in(1), {},
                        n.in(1).type);
  n.out(0, norm.result);
  n.out(1, norm.inverse);
}

/// The norm of input + skip + bias, and that sum.
void skipNorm(NodeBuilder &n, bool centre, Tensor gamma, Tensor beta, Tensor bias) {
  Tensor x = n.in(0), skip = n.in(1);
  n.requireSameType({x, skip});
  n.require(n.broadcastOf({x, skip}) == Sizes(x.shape()), "its skip of [{}] does not fit",
            fmt::join(skip.shape(), ", "));
  std::vector<Tensor> terms = {x, skip};
  if (bias)
    terms.push_back(bias);
  n.broadcastOf(terms);
  Tensor sum =
      n.elementwise(x.type, terms, [](ArrayRef<Scalar> a) { return a.size() > 2 ? a[0] + a[1] + a[2] : a[0] + a[1]; });
  Norm norm = normalise(n, sum, x.rank() - 1, centre, n.real("epsilon", centre ? 1e-12 : 1e-6), gamma, beta, x.type);
  n.out(0, norm.result);
  if (centre)
    n.out(1, norm.mean);
  n.out(2, norm.inverse);
  n.out(3, sum);
}

void skipLayerNorm(NodeBuilder &n) { skipNorm(n, true, n.in(2), n.optional(3), n.optional(4)); }
void skipSimplifiedLayerNorm(NodeBuilder &n) { skipNorm(n, false, n.in(2), {}, n.optional(3)); }

/// Rows of `table` by `ids`.
Tensor lookUp(NodeBuilder &n, Tensor table, Tensor ids) {
  n.require(table.rank() == 2 && ids.rank() == 2, "a table of [{}] and ids of [{}]", fmt::join(table.shape(), ", "),
            fmt::join(ids.shape(), ", "));
  return n.generate(table.type, {ids.size(0), ids.size(1), table.size(1)}, [&](ArrayRef<Scalar> i) {
    return n.at(table, {n.wrapIndex(n.at(ids, {i[0], i[1]}), table.size(0)), i[2]});
  });
}

void embedLayerNorm(NodeBuilder &n) {
  embedNormed(n, {n.in(0), n.optional(1), n.in(2), n.in(3), n.optional(4), n.in(5), n.optional(6), n.optional(7),
                  n.optional(8)});
}

/// The last two dimensions exchanged; with `batch` the first moves before the last instead.
Tensor transposed(NodeBuilder &n, Tensor x, bool matrix, bool batch) {
  const int64_t rank = x.rank();
  n.require(rank >= 2 || (!matrix && !batch), "an operand of {} dimensions cannot be transposed", rank);
  Sizes order;
  for (int64_t d = 0; d < rank; ++d)
    order.push_back(d);
  if (batch) // [M, B…, K] is a batch of B
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (matrix)
    std::swap(order[order.size() - 1], order[order.size() - 2]);
  return n.transpose(x, order);
}

void fusedMatMul(NodeBuilder &n) {
  Tensor a = transposed(n, n.in(0), n.number("transA", 0) != 0, n.number("transBatchA", 0) != 0);
  Tensor b = transposed(n, n.in(1), n.number("transB", 0) != 0, n.number("transBatchB", 0) != 0);
  n.requireSameType({a, b});
  checkMatmul(n, a, b);
  const double alpha = n.real("alpha", 1);
  Tensor y = n.matmul(a, b, computeType(a.type));
  n.out(0, n.castTo(alpha == 1 ? y : n.map(y, [&](Scalar s) { return s * alpha; }), a.type));
}

/// T5's table of biases, looked up by how far a key is from its query: each distance has a bucket of its own up to a
/// half of them, then buckets grow with the logarithm. https://arxiv.org/abs/1910.10683, section 2.1.
void relativePositionBias(NodeBuilder &n) {
  Tensor table = n.in(0);
  auto lengthOf = [&](size_t i) {
    const std::vector<int64_t> known = n.mustKnow(i);
    n.require(known.size() == 1, "its input '{}' has {} elements", n.node.inputs[i], known.size());
    return n.sizeOf(known[0]);
  };
  const int64_t rows = lengthOf(1), keys = lengthOf(2), farthest = n.number("max_distance");
  const bool both = n.number("is_bidirectional", 0) != 0;
  n.require(table.rank() == 2 && rows > 0 && keys > 0 && table.size(0) >= 4 && table.size(0) % 2 == 0,
            "a table of [{}] for {} queries and {} keys", fmt::join(table.shape(), ", "), rows, keys);
  n.require(rows * keys < (int64_t(1) << 31) && farthest > 0 && farthest <= 1 << 20,
            "{} queries, {} keys and max_distance {} are too many", rows, keys, farthest);
  const int64_t buckets = both ? table.size(0) / 2 : table.size(0), exact = buckets / 2;
  n.require(farthest > exact, "max_distance {} is within the {} distances that have a bucket each", farthest, exact);
  const float growth =
      static_cast<float>(buckets - exact) / std::log(static_cast<float>(farthest) / static_cast<float>(exact));
  Sizes bucketOf; // by key - query + farthest; what is farther is in the same ones
  for (int64_t distance = -farthest; distance <= farthest; ++distance) {
    const int64_t far = both ? std::abs(distance) : std::max<int64_t>(-distance, 0);
    const float grown = std::log(static_cast<float>(std::max(far, exact)) / static_cast<float>(exact)) * growth;
    bucketOf.push_back((both && distance > 0 ? buckets : 0) +
                       (far < exact ? far : std::min(exact + static_cast<int64_t>(grown), buckets - 1)));
  }
  Tensor places = n.integers(ElementType::Int64, bucketOf, {2 * farthest + 1});
  n.out(0, n.generate(table.type, {1, table.size(1), rows, keys}, [&](ArrayRef<Scalar> i) {
    Scalar distance = maximum(minimum(i[3] - i[2], n.integer(farthest)), n.integer(-farthest));
    return n.at(table, {n.wrapIndex(n.at(places, {distance + n.integer(farthest)}), table.size(0)), i[1]});
  }));
}

} // namespace

void embedNormed(NodeBuilder &n, const Embedding &e) {
  n.require(e.ids.rank() == 2, "its ids have {} dimensions", e.ids.rank());
  const int64_t batch = e.ids.size(0), rows = e.ids.size(1);
  std::vector<Tensor> terms = {lookUp(n, e.words, e.ids)};
  if (e.places) {
    terms.push_back(
        lookUp(n, e.positions, e.places.size(0) == batch ? e.places : n.broadcast(e.places, e.ids.shape())));
  } else {
    n.require(e.positions.rank() == 2 && e.positions.size(0) >= rows, "{} positions for {} tokens", e.positions.size(0),
              rows);
    terms.push_back(n.sliceAxis(e.positions, 0, 0, rows));
  }
  if (e.segments && e.segmentTable)
    terms.push_back(lookUp(n, e.segmentTable, e.segments));
  n.broadcastOf(terms);
  Tensor sum = n.elementwise(e.words.type, terms, [](ArrayRef<Scalar> a) {
    Scalar total = a[0] + a[1];
    return a.size() > 2 ? total + a[2] : total;
  });
  n.out(0, normalise(n, sum, 2, true, n.real("epsilon", 1e-12), e.gamma, e.beta, e.words.type).result);
  if (n.wants(1)) {
    Tensor count = n.filled(ElementType::Int32, {batch}, 0);
    if (e.mask)
      count = n.reduce(e.mask, {1}, Reduction::Sum, false,
                       [](Scalar s) { return select(equal(s, s.same(1)), s.same(1), s.same(0)); });
    n.out(1, n.castTo(count, ElementType::Int32));
  }
  n.out(2, sum);
}

void addContrib(Registry &r) {
  r.add("Gelu", biased<geluErf>, 1, microsoftDomain);
  r.add("BiasGelu", biased<geluErf>, 1, microsoftDomain);
  r.add("FastGelu", biased<geluTanh>, 1, microsoftDomain);
  r.add("QuickGelu", quickGelu, 1, microsoftDomain);
  r.add("BiasSplitGelu", biasSplitGelu, 1, microsoftDomain);
  // ONNX Runtime has this one in ONNX's own domain.
  r.add("SimplifiedLayerNormalization", simplifiedLayerNorm);
  r.add("SimplifiedLayerNormalization", simplifiedLayerNorm, 1, microsoftDomain);
  r.add("SkipLayerNormalization", skipLayerNorm, 1, microsoftDomain);
  r.add("SkipSimplifiedLayerNormalization", skipSimplifiedLayerNorm, 1, microsoftDomain);
  r.add("EmbedLayerNormalization", embedLayerNorm, 1, microsoftDomain);
  r.add("FusedMatMul", fusedMatMul, 1, microsoftDomain);
  r.add("TransposeMatMul", fusedMatMul, 1, microsoftDomain);
  r.add("RelativePositionBias", relativePositionBias, 1, microsoftDomain);
  // The same ops as ONNX's.
  for (const char *op : {"QuantizeLinear", "DequantizeLinear", "Trilu", "GridSample"})
    if (Lowering lowering = r.find("", op, 21))
      r.add(op, lowering, 1, microsoftDomain);
}

} // namespace weft::frontend::onnx
