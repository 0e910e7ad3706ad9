// Attention as ONNX Runtime's fused ops have it: Attention, MultiHeadAttention, GroupQueryAttention, RotaryEmbedding.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "compiler/frontend/onnx/graph/Contrib.h"

#include "compiler/frontend/onnx/graph/Registry.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// [B, S, heads * size] as [B, heads, S, size].
Tensor splitHeads(NodeBuilder &n, Tensor x, int64_t heads) {
  n.require(x.rank() == 3 && heads > 0 && x.size(2) % heads == 0, "[{}] does not split into {} heads",
            fmt::join(x.shape(), ", "), heads);
  return n.transpose(n.reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), {0, 2, 1, 3});
}

Tensor joinHeads(NodeBuilder &n, Tensor x) {
  return n.reshape(n.transpose(x, {0, 2, 1, 3}), {x.size(0), x.size(2), x.size(1) * x.size(3)});
}

/// Whether key j counts for query i of batch b.
using Visible = llvm::function_ref<Scalar(Scalar b, Scalar i, Scalar j)>;

struct Core {
  Tensor q, k, v;      // [B, heads, S, size], [B, kvHeads, T, size] twice
  Tensor bias;         // broadcasts to [B, heads, S, T]; may be null
  double scale = 0;    // 0: 1 / sqrt(size)
  double softcap = 0;  // 0: none
  bool smooth = false; // one more key whose score is 0 and whose value is 0
};

/// softmax(scale · q·k + bias, where visible) · v, as [B, heads, S, size].
Tensor attend(NodeBuilder &n, const Core &c, Visible visible) {
  const int64_t batch = c.q.size(0), heads = c.q.size(1), rows = c.q.size(2), kvHeads = c.k.size(1), keys = c.k.size(2);
  n.require(kvHeads > 0 && heads % kvHeads == 0 && c.v.size(1) == kvHeads && c.v.size(2) == keys &&
                c.k.size(3) == c.q.size(3) && c.k.size(0) == batch && c.v.size(0) == batch,
            "queries of [{}], keys of [{}] and values of [{}] do not fit", fmt::join(c.q.shape(), ", "),
            fmt::join(c.k.shape(), ", "), fmt::join(c.v.shape(), ", "));
  const ElementType type = computeType(c.q.type);
  const double scale = c.scale != 0 ? c.scale : 1 / std::sqrt(static_cast<double>(c.q.size(3)));
  // Labels: 0 batch, 1 key head, 2 head of its group, 3 query, 4 key, 5 size.
  Tensor q = n.reshape(c.q, {batch, kvHeads, heads / kvHeads, rows, c.q.size(3)});
  Tensor scores = n.contract({q, c.k}, {{0, 1, 2, 3, 5}, {0, 1, 4, 5}}, {0, 1, 2, 3, 4}, type);
  scores = n.reshape(scores, {batch, heads, rows, keys});
  if (c.bias)
    n.require(n.broadcastOf({scores, c.bias}) == Sizes(scores.shape()), "its bias of [{}] does not fit",
              fmt::join(c.bias.shape(), ", "));
  scores = n.map(scores, [&](Scalar s) {
    Scalar scaled = s * scale;
    return c.softcap > 0 ? hyperbolicTangent(scaled / c.softcap) * c.softcap : scaled;
  });
  if (c.bias)
    scores = n.elementwise(type, {scores, c.bias}, [&](ArrayRef<Scalar> a) { return a[0] + cast(a[1], type); });
  Tensor open =
      n.generate(ElementType::Bool, {batch, rows, keys}, [&](ArrayRef<Scalar> i) { return visible(i[0], i[1], i[2]); });
  scores = n.elementwise(type, {scores, n.unsqueeze(open, 1)},
                         [](ArrayRef<Scalar> a) { return select(a[1], a[0], a[0].same(-INFINITY)); });
  Tensor top = n.reduce(scores, {3}, Reduction::Maximum, true);
  // A row without any key is zero; a smooth one has a score of 0 besides.
  top = n.map(top, [&](Scalar s) {
    return c.smooth ? maximum(s, s.same(0)) : select(equal(s, s.same(-INFINITY)), s.same(0), s);
  });
  Tensor powers = n.elementwise(type, {scores, top}, [](ArrayRef<Scalar> a) { return exponential(a[0] - a[1]); });
  Tensor sum = n.reduce(powers, {3}, Reduction::Sum, true);
  Tensor weights = n.elementwise(type, {powers, sum, top}, [&](ArrayRef<Scalar> a) {
    Scalar total = c.smooth ? a[1] + exponential(-a[2]) : a[1];
    return a[0] / select(equal(total, total.same(0)), total.same(1), total);
  });
  weights = n.reshape(weights, {batch, kvHeads, heads / kvHeads, rows, keys});
  Tensor y = n.contract({weights, c.v}, {{0, 1, 2, 3, 4}, {0, 1, 4, 5}}, {0, 1, 2, 3, 5}, type);
  return n.castTo(n.reshape(y, {batch, heads, rows, c.v.size(3)}), c.q.type);
}

Tensor sumOf(NodeBuilder &n, Tensor a, Tensor b) {
  if (!a || !b)
    return a ? a : b;
  n.broadcastOf({a, b});
  return n.elementwise(ElementType::Float, {a, b}, [](ArrayRef<Scalar> s) {
    return cast(s[0], ElementType::Float) + cast(s[1], ElementType::Float);
  });
}

/// Every key, or with `causal` those that are not after the query, which stands at `past` + i.
Scalar causalOr(NodeBuilder &n, bool causal, int64_t past, Scalar i, Scalar j) {
  return causal ? j <= i + n.integer(past) : constantInteger(n.b, n.loc, ElementType::Bool, 1);
}

void attention(NodeBuilder &n) {
  Tensor x = n.in(0), w = n.in(1);
  n.require(x.rank() == 3 && w.rank() == 2 && w.size(0) == x.size(2), "its weights do not fit");
  Tensor all = n.matmul(x, w, x.type);
  if (n.has(2))
    all = n.combined(x.type, {all, n.in(2)}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
  attendMerged(n, {all, n.optional(3), n.optional(4), n.optional(5)});
}

void multiHeadAttention(NodeBuilder &n) {
  const int64_t heads = n.number("num_heads");
  Tensor query = n.in(0), bias = n.optional(3);
  Core c;
  // Part i of n that lie beside each other for each head.
  auto packed = [&](Tensor x, int64_t i) {
    Tensor part = n.sliceAxis(x, 3, i, 1);
    return n.transpose(n.reshape(part, {x.size(0), x.size(1), x.size(2), x.size(4)}), {0, 2, 1, 3});
  };
  int64_t biasAt = 0;
  auto withBias = [&](Tensor x, bool hasBias = true) {
    if (bias && hasBias) {
      n.require(biasAt + x.size(2) <= bias.elements(), "its bias has {} entries", bias.elements());
      Tensor own = n.sliceAxis(bias, 0, biasAt, x.size(2));
      x = n.combined(x.type, {x, own}, [](ArrayRef<Scalar> a) { return a[0] + a[1]; });
      biasAt += x.size(2);
    }
    return splitHeads(n, x, heads);
  };
  if (query.rank() == 5) {
    n.require(query.size(3) == 3 && !bias, "packed queries, keys and values of [{}]", fmt::join(query.shape(), ", "));
    c.q = packed(query, 0);
    c.k = packed(query, 1);
    c.v = packed(query, 2);
  } else {
    c.q = withBias(query);
    Tensor key = n.in(1);
    if (key.rank() == 5) {
      c.k = packed(key, 0);
      c.v = packed(key, 1);
    } else {
      // Keys and values of four dimensions are those of another sequence, already split.
      c.k = key.rank() == 4 ? key : withBias(key);
      c.v = n.in(2).rank() == 4 ? n.in(2) : withBias(n.in(2));
    }
  }
  int64_t past = 0;
  if (n.has(6)) {
    past = n.in(6).size(2);
    c.k = n.concat({n.in(6), c.k}, 2);
    c.v = n.concat({n.in(7), c.v}, 2);
  }
  c.scale = n.real("scale", 0);
  c.bias =
      sumOf(n, maskBias(n, n.optional(4), c.q.size(0), c.q.size(2), c.k.size(2), n.real("mask_filter_value", -10000)),
            n.optional(5));
  const bool causal = n.number("unidirectional", 0) != 0;
  n.out(0, joinHeads(n, attend(n, c, [&](Scalar, Scalar i, Scalar j) { return causalOr(n, causal, past, i, j); })));
  n.out(1, c.k);
  n.out(2, c.v);
}

/// The first 2 * half of each head of x [B, heads, S, size] turned; `position` of a row picks the row of the tables.
Tensor rotated(NodeBuilder &n, Tensor x, Tensor cosines, Tensor sines, bool interleaved,
               llvm::function_ref<Scalar(Scalar b, Scalar i)> position) {
  const int64_t half = cosines.size(1), size = x.size(3);
  n.require(cosines.rank() == 2 && cosines.shape() == sines.shape() && 2 * half <= size && half > 0,
            "tables of [{}] do not fit heads of {}", fmt::join(cosines.shape(), ", "), size);
  const ElementType type = computeType(x.type);
  return n.generate(x.type, x.shape(), [&](ArrayRef<Scalar> i) {
    Scalar row = n.wrapIndex(position(i[0], i[2]), cosines.size(0)), d = i[3], split = n.integer(half),
           two = n.integer(2);
    Scalar inside = d < n.integer(2 * half);
    // The column that turns together with this one, and their common place in the tables.
    Scalar odd = interleaved ? equal(remainderFloor(d, two), n.integer(1)) : d >= split;
    Scalar step = interleaved ? n.integer(1) : split;
    Scalar partner = select(odd, d - step, d + step);
    Scalar place = interleaved ? d / two : select(odd, d - split, d);
    place = n.wrapIndex(place, half);
    SmallVector<Scalar> other = {i[0], i[1], i[2], n.wrapIndex(partner, size)};
    Scalar own = cast(n.at(x, i), type), turned = cast(n.at(x, other), type);
    Scalar cosine = cast(n.at(cosines, {row, place}), type), sine = cast(n.at(sines, {row, place}), type);
    return select(inside, own * cosine + select(odd, turned, -turned) * sine, own);
  });
}

void rotaryEmbedding(NodeBuilder &n) {
  Tensor given = n.in(0), positions = n.in(1), cosines = n.in(2), sines = n.in(3), x = given;
  n.require(cosines.rank() == 2, "its tables have {} dimensions", cosines.rank());
  if (given.rank() == 3) {
    const int64_t asked = n.number("rotary_embedding_dim", 0);
    int64_t heads = n.number("num_heads", 0);
    if (heads == 0 || asked == 0)
      heads = heads ? heads : given.size(2) / (2 * cosines.size(1));
    x = splitHeads(n, given, heads);
  }
  n.require(x.rank() == 4, "its input has {} dimensions", given.rank());
  Tensor y = rotated(n, x, cosines, sines, n.number("interleaved", 0) != 0, [&](Scalar b, Scalar i) {
    if (positions.elements() == 1)
      return cast(n.at(positions, SmallVector<Scalar>(static_cast<size_t>(positions.rank()), n.integer(0))),
                  ElementType::Int64) +
             i;
    Scalar row = positions.size(0) == 1 ? n.integer(0) : b;
    return cast(n.at(positions, {row, i}), ElementType::Int64);
  });
  const double scale = n.real("scale", 1);
  if (scale != 1)
    y = n.map(y, [&](Scalar s) { return s * scale; });
  n.out(0, given.rank() == 3 ? joinHeads(n, y) : y);
}

/// The cache after this call: what was there, and the new rows at each batch's own place.
Tensor appended(NodeBuilder &n, Tensor past, Tensor fresh, int64_t total, llvm::function_ref<Scalar(Scalar b)> length) {
  const int64_t room = past ? past.size(2) : 0, count = fresh.size(2);
  return n.generate(fresh.type, {fresh.size(0), fresh.size(1), total, fresh.size(3)}, [&](ArrayRef<Scalar> i) {
    Scalar place = i[2] - length(i[0]);
    Scalar isNew = (place >= n.integer(0)) & (place < n.integer(count));
    Scalar value = n.at(fresh, {i[0], i[1], n.wrapIndex(maximum(place, n.integer(0)), count), i[3]});
    Scalar old = room ? n.at(past, {i[0], i[1], n.wrapIndex(i[2], room), i[3]}) : value.same(0);
    return select(isNew, value, select(i[2] < n.integer(room), old, value.same(0)));
  });
}

/// Keys that the cache has room for after this call.
int64_t totalLength(NodeBuilder &n, int64_t room, int64_t rows) {
  if (std::optional<Sizes> shape = n.declared(1); shape && shape->size() == 4)
    return (*shape)[2];
  if (std::optional<std::vector<int64_t>> total = n.known(6))
    return std::max(room, (*total)[0]);
  return room + rows;
}

void groupQueryAttention(NodeBuilder &n) {
  const int64_t heads = n.number("num_heads"), kvHeads = n.number("kv_num_heads");
  Tensor query = n.in(0), key, value, lengths = n.in(5);
  n.require(query.rank() == 3 && heads > 0 && kvHeads > 0, "{} heads and {} of keys", heads, kvHeads);
  n.require(!n.has(11), "attention sinks are not supported");
  if (n.has(1)) {
    key = n.in(1);
    value = n.in(2);
  } else { // all in one
    const int64_t size = query.size(2) / (heads + 2 * kvHeads);
    n.require(query.size(2) == size * (heads + 2 * kvHeads), "{} columns for {} heads", query.size(2),
              heads + 2 * kvHeads);
    key = n.sliceAxis(query, 2, heads * size, kvHeads * size);
    value = n.sliceAxis(query, 2, (heads + kvHeads) * size, kvHeads * size);
    query = n.sliceAxis(query, 2, 0, heads * size);
  }
  Core c;
  c.q = splitHeads(n, query, heads);
  c.k = splitHeads(n, key, kvHeads);
  c.v = splitHeads(n, value, kvHeads);
  const int64_t rows = c.q.size(2);
  n.require(lengths.elements() == c.q.size(0) || lengths.elements() == 1, "seqlens_k has {} entries",
            lengths.elements());
  lengths = n.reshape(lengths, {lengths.elements()});
  // seqlens_k is the number of keys after this call, less one.
  auto lengthOf = [&](Scalar b) {
    Scalar row = lengths.elements() == 1 ? n.integer(0) : b;
    return cast(n.at(lengths, {row}), ElementType::Int64) + n.integer(1);
  };
  auto pastOf = [&](Scalar b) { return maximum(lengthOf(b) - n.integer(rows), n.integer(0)); };
  if (n.number("do_rotary", 0)) {
    Tensor positions = n.optional(9);
    auto place = [&](Scalar b, Scalar i) {
      return positions ? cast(n.at(positions, {b, i}), ElementType::Int64) : pastOf(b) + i;
    };
    const bool interleaved = n.number("rotary_interleaved", 0) != 0;
    c.q = rotated(n, c.q, n.in(7), n.in(8), interleaved, place);
    c.k = rotated(n, c.k, n.in(7), n.in(8), interleaved, place);
  }
  Tensor pastKeys = n.optional(3), pastValues = n.optional(4);
  const int64_t room = pastKeys ? pastKeys.size(2) : 0, total = totalLength(n, room, rows);
  c.k = appended(n, pastKeys, c.k, total, pastOf);
  c.v = appended(n, pastValues, c.v, total, pastOf);
  c.scale = n.real("scale", 0);
  c.softcap = n.real("softcap", 0);
  c.smooth = n.number("smooth_softmax", 0) == 1;
  c.bias = n.optional(10);
  const int64_t window = n.number("local_window_size", -1);
  Tensor y = attend(n, c, [&](Scalar b, Scalar i, Scalar j) {
    Scalar position = pastOf(b) + i;
    Scalar seen = (j <= position) & (j < lengthOf(b));
    return window > 0 ? seen & (j > position - n.integer(window)) : seen;
  });
  n.out(0, joinHeads(n, y));
  n.out(1, c.k);
  n.out(2, c.v);
}

} // namespace

void attendMerged(NodeBuilder &n, const MergedAttention &attention) {
  const auto &[all, mask, cache, bias] = attention;
  const int64_t heads = n.number("num_heads"), columns = all.size(2);
  n.require(!n.number("do_rotary", 0), "do_rotary is not supported");
  n.require(!n.number("past_present_share_buffer", 0), "past_present_share_buffer is not supported");
  std::vector<int64_t> widths = n.numbers("qkv_hidden_sizes");
  if (widths.empty())
    widths.assign(3, columns / 3);
  n.require(widths.size() == 3 && widths[0] + widths[1] + widths[2] == columns && widths[0] == widths[1],
            "sizes of [{}] for {} columns", fmt::join(widths, ", "), columns);
  Core c;
  c.q = splitHeads(n, n.sliceAxis(all, 2, 0, widths[0]), heads);
  c.k = splitHeads(n, n.sliceAxis(all, 2, widths[0], widths[1]), heads);
  c.v = splitHeads(n, n.sliceAxis(all, 2, widths[0] + widths[1], widths[2]), heads);
  int64_t past = 0;
  if (cache) {
    n.require(cache.rank() == 5 && cache.size(0) == 2, "its past is [{}]", fmt::join(cache.shape(), ", "));
    past = cache.size(3);
    auto half = [&](int64_t i) { return n.reshape(n.sliceAxis(cache, 0, i, 1), Sizes(cache.shape().drop_front())); };
    c.k = n.concat({half(0), c.k}, 2);
    c.v = n.concat({half(1), c.v}, 2);
  }
  c.scale = n.real("scale", 0);
  c.bias =
      sumOf(n, maskBias(n, mask, all.size(0), all.size(1), c.k.size(2), n.real("mask_filter_value", -10000)), bias);
  const bool causal = n.number("unidirectional", 0) != 0;
  n.out(0, joinHeads(n, attend(n, c, [&](Scalar, Scalar i, Scalar j) { return causalOr(n, causal, past, i, j); })));
  if (n.wants(1))
    n.out(1, n.concat({n.unsqueeze(c.k, 0), n.unsqueeze(c.v, 0)}, 0));
}

Tensor maskBias(NodeBuilder &n, Tensor mask, int64_t batch, int64_t rows, int64_t keys, double filter) {
  if (!mask)
    return mask;
  auto add = [&](Tensor flags) {
    return n.elementwise(ElementType::Float, {flags}, [&](ArrayRef<Scalar> a) {
      Scalar zero = constantScalar(n.b, n.loc, ElementType::Float, 0);
      return select(a[0] > a[0].same(0), zero, zero.same(filter));
    });
  };
  if (mask.rank() == 1 && mask.elements() == batch) // lengths
    return n.generate(ElementType::Float, {batch, 1, 1, keys}, [&](ArrayRef<Scalar> i) {
      Scalar zero = constantScalar(n.b, n.loc, ElementType::Float, 0);
      return select(i[3] < cast(n.at(mask, {i[0]}), ElementType::Int64), zero, zero.same(filter));
    });
  if (mask.rank() == 1 && mask.elements() == 2 * batch) // ends, then starts
    return n.generate(ElementType::Float, {batch, 1, 1, keys}, [&](ArrayRef<Scalar> i) {
      Scalar end = cast(n.at(mask, {i[0]}), ElementType::Int64);
      Scalar start = cast(n.at(mask, {i[0] + n.integer(batch)}), ElementType::Int64);
      Scalar zero = constantScalar(n.b, n.loc, ElementType::Float, 0);
      return select((i[3] >= start) & (i[3] < end), zero, zero.same(filter));
    });
  if (ArrayRef<int64_t>({batch, keys}) == mask.shape())
    return add(n.reshape(mask, {batch, 1, 1, keys}));
  if (ArrayRef<int64_t>({batch, rows, keys}) == mask.shape())
    return add(n.reshape(mask, {batch, 1, rows, keys}));
  n.fail("a mask of [{}] is not supported for {} batches of {} keys", fmt::join(mask.shape(), ", "), batch, keys);
}

void addContribAttention(Registry &r) {
  r.add("Attention", attention, 1, microsoftDomain);
  r.add("MultiHeadAttention", multiHeadAttention, 1, microsoftDomain);
  r.add("GroupQueryAttention", groupQueryAttention, 1, microsoftDomain);
  r.add("RotaryEmbedding", rotaryEmbedding, 1, microsoftDomain);
}

} // namespace weft::frontend::onnx
