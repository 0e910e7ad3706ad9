// Attention and rotary positions as ops of their own (opset 23 on).
#include "compiler/frontend/onnx/graph/Registry.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// [B, S, heads * size] as [B, heads, S, size]; what has four dimensions stays.
Tensor splitHeads(NodeBuilder &n, Tensor x, const char *attribute) {
  if (x.rank() == 4)
    return x;
  n.require(x.rank() == 3, "it has an operand of {} dimensions", x.rank());
  const int64_t heads = n.number(attribute);
  n.require(heads > 0 && x.size(2) % heads == 0, "{} columns for {} heads", x.size(2), heads);
  return n.transpose(n.reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), {0, 2, 1, 3});
}

struct Parts {
  Tensor q, k, v, mask, valid; // valid: the number of keys that count, for each batch
  int64_t past = 0;
};

/// Whether key `j` counts for query `i` of batch `b`, by position; nothing: all do.
std::optional<Scalar> visible(NodeBuilder &n, const Parts &p, bool causal, ArrayRef<Scalar> at) {
  std::optional<Scalar> result;
  Scalar valid = n.integer(0);
  if (p.valid) {
    valid = cast(n.at(p.valid, {at[0]}), ElementType::Int64);
    result = at[3] < valid;
  }
  if (!causal)
    return result;
  // Queries stand at the end of the keys: those of a cache, or those that count.
  Scalar offset = p.valid && p.past == 0 ? valid - n.integer(p.q.size(2)) : n.integer(p.past);
  Scalar before = at[3] <= at[2] + offset;
  return result ? *result & before : before;
}

/// Scores where keys count, and minus infinity elsewhere, plus the mask.
Tensor masked(NodeBuilder &n, Tensor scores, const Parts &p, bool causal) {
  const double nothing = -INFINITY;
  if (p.mask) {
    Tensor mask = p.mask;
    const int64_t missing = scores.size(3) - mask.size(mask.rank() - 1);
    if (missing > 0) { // a mask may end before the keys do
      Sizes low(mask.shape().size(), 0), high(mask.shape().size(), 0);
      high.back() = missing;
      mask = n.pad(mask, low, high, mask.type == ElementType::Bool ? 0 : nothing);
    }
    n.require(n.broadcastOf({scores, mask}) == Sizes(scores.shape()), "its mask of [{}] does not fit scores of [{}]",
              fmt::join(p.mask.shape(), ", "), fmt::join(scores.shape(), ", "));
    if (mask.type == ElementType::Bool)
      scores = n.elementwiseRaw(scores.type, {mask, scores},
                                [&](ArrayRef<Scalar> a) { return select(a[0], a[1], a[1].same(nothing)); });
    else
      scores = n.combined(scores.type, {scores, mask}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
  }
  if (!causal && !p.valid)
    return scores;
  return n.generate(scores.type, scores.shape(), [&](ArrayRef<Scalar> at) {
    Scalar score = n.at(scores, at);
    return select(*visible(n, p, causal, at), score, score.same(nothing));
  });
}

/// Softmax of each row; a row without any key is zero.
Tensor probabilities(NodeBuilder &n, Tensor scores) {
  const ElementType type = computeType(scores.type);
  Tensor top = n.reduce(scores, {3}, Reduction::Maximum, true);
  top = n.map(top, [](Scalar s) { return select(equal(s, s.same(-INFINITY)), s.same(0), s); });
  Tensor powers = n.elementwise(type, {scores, top}, [](ArrayRef<Scalar> a) { return exponential(a[0] - a[1]); });
  Tensor sum = n.reduce(powers, {3}, Reduction::Sum, true);
  return n.elementwise(scores.type, {powers, sum}, [](ArrayRef<Scalar> a) {
    Scalar none = equal(a[1], a[1].same(0));
    return a[0] / select(none, a[1].same(1), a[1]);
  });
}

/// Heads of queries in groups that share one of keys: [B, kv, group, S, size]. Labels: 0 batch, 1 key head, 2 group, 3
/// query, 4 key, 5 size.
Tensor grouped(NodeBuilder &n, Tensor q, int64_t kvHeads) {
  return n.reshape(q, {q.size(0), kvHeads, q.size(1) / kvHeads, q.size(2), q.size(3)});
}

void attention(NodeBuilder &n) {
  Parts p{splitHeads(n, n.floats(0), "q_num_heads"), splitHeads(n, n.floats(1), "kv_num_heads"),
          splitHeads(n, n.floats(2), "kv_num_heads"), n.optional(3), n.optional(6)};
  const bool flat = n.in(0).rank() == 3;
  if (n.has(4) && n.has(5)) {
    p.past = n.in(4).size(2);
    p.k = n.concat({n.in(4), p.k}, 2);
    p.v = n.concat({n.in(5), p.v}, 2);
  }
  const int64_t batch = p.q.size(0), heads = p.q.size(1), kvHeads = p.k.size(1), rows = p.q.size(2), keys = p.k.size(2);
  n.require(kvHeads > 0 && heads % kvHeads == 0 && p.v.size(1) == kvHeads && p.k.size(3) == p.q.size(3) &&
                p.v.size(2) == keys && p.k.size(0) == batch && p.v.size(0) == batch,
            "queries of [{}], keys of [{}] and values of [{}] do not fit", fmt::join(p.q.shape(), ", "),
            fmt::join(p.k.shape(), ", "), fmt::join(p.v.shape(), ", "));
  const ElementType type = p.q.type;
  const double scale = std::sqrt(n.real("scale", 1 / std::sqrt(static_cast<double>(p.q.size(3)))));
  const double cap = n.real("softcap", 0);
  const int64_t mode = n.number("qk_matmul_output_mode", 0);
  const auto precision = static_cast<ElementType>(n.number("softmax_precision", static_cast<int64_t>(type)));
  n.require(isFloat(precision) && isFloat(type), "it computes in {}", nameOf(isFloat(type) ? precision : type));

  // Both factors are scaled, so that half floats do not overflow.
  auto scaled = [&](Tensor x) { return n.map(x, [&](Scalar s) { return s * scale; }); };
  Tensor scores = n.contract({grouped(n, scaled(p.q), kvHeads), scaled(p.k)}, {{0, 1, 2, 3, 5}, {0, 1, 4, 5}},
                             {0, 1, 2, 3, 4}, computeType(type));
  scores = n.reshape(n.castTo(scores, type), {batch, heads, rows, keys});
  Tensor shown = scores;
  if (cap > 0)
    scores = n.map(scores, [&](Scalar s) { return hyperbolicTangent(s / cap) * cap; });
  if (mode == 1)
    shown = scores;
  scores = masked(n, scores, p, n.number("is_causal", 0) != 0);
  if (mode == 2)
    shown = scores;
  Tensor weights = probabilities(n, n.castTo(scores, precision));
  if (mode == 3)
    shown = weights;
  Tensor y = n.contract({grouped(n, n.castTo(weights, type), kvHeads), p.v}, {{0, 1, 2, 3, 4}, {0, 1, 4, 5}},
                        {0, 1, 2, 3, 5}, computeType(type));
  y = n.reshape(n.castTo(y, type), {batch, heads, rows, p.v.size(3)});
  if (flat)
    y = n.reshape(n.transpose(y, {0, 2, 1, 3}), {batch, rows, heads * p.v.size(3)});
  n.out(0, y);
  n.out(1, p.k);
  n.out(2, p.v);
  n.out(3, n.castTo(shown, type));
}

/// The rows of a table of cosines or sines that positions name, with a dimension for heads: [B, 1, S, half].
Tensor tableRows(NodeBuilder &n, Tensor table, Tensor positions) {
  if (positions) {
    n.require(table.rank() == 2 && positions.rank() == 2, "its tables have {} dimensions", table.rank());
    table = n.generate(table.type, {positions.size(0), positions.size(1), table.size(1)}, [&](ArrayRef<Scalar> i) {
      Scalar row = n.wrapIndex(n.at(positions, {i[0], i[1]}), table.size(0));
      return n.at(table, {row, i[2]});
    });
  }
  n.require(table.rank() == 3, "its tables have {} dimensions", table.rank());
  return n.unsqueeze(table, 1);
}

void rotaryEmbedding(NodeBuilder &n) {
  Tensor given = n.floats(0), positions = n.optional(3), x = splitHeads(n, given, "num_heads");
  Tensor cosines = tableRows(n, n.floats(1), positions), sines = tableRows(n, n.floats(2), positions);
  const int64_t size = x.size(3), asked = n.number("rotary_embedding_dim", 0), turned = asked == 0 ? size : asked,
                half = turned / 2;
  n.require(turned % 2 == 0 && turned <= size && cosines.size(3) == half && sines.size(3) == half &&
                cosines.size(2) == x.size(2),
            "its tables of [{}] do not fit {} of {} columns", fmt::join(n.in(1).shape(), ", "), turned, size);
  n.broadcastOf({x, n.slice(cosines, {0, 0, 0, 0}, {cosines.size(0), 1, cosines.size(2), 1})});
  const bool interleaved = n.number("interleaved", 0) != 0;
  Sizes part(x.shape());
  part[3] = half;
  Sizes steps = {1, 1, 1, interleaved ? 2 : 1};
  Tensor first = n.slice(x, {0, 0, 0, 0}, part, steps),
         second = n.slice(x, {0, 0, 0, interleaved ? 1 : half}, part, steps);
  Tensor real = n.elementwise(x.type, {first, second, cosines, sines},
                              [](ArrayRef<Scalar> a) { return a[0] * a[2] - a[1] * a[3]; });
  Tensor imaginary = n.elementwise(x.type, {first, second, cosines, sines},
                                   [](ArrayRef<Scalar> a) { return a[0] * a[3] + a[1] * a[2]; });
  Tensor rotated = n.concat({real, imaginary}, 3);
  if (interleaved) {
    Sizes pairs(part);
    pairs.push_back(1);
    Sizes whole(x.shape());
    whole[3] = turned;
    rotated = n.reshape(n.concat({n.reshape(real, pairs), n.reshape(imaginary, pairs)}, 4), whole);
  }
  if (turned < size)
    rotated = n.concat({rotated, n.sliceAxis(x, 3, turned, size - turned)}, 3);
  if (given.rank() == 3)
    rotated = n.reshape(n.transpose(rotated, {0, 2, 1, 3}), given.shape());
  n.out(0, rotated);
}

} // namespace

void addAttention(Registry &r) {
  r.add("Attention", attention);
  r.add("RotaryEmbedding", rotaryEmbedding);
}

} // namespace weft::frontend::onnx
