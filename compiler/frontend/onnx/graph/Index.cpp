// Ops whose elements come from, or go to, places that other tensors name.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <algorithm>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Scalars = SmallVector<Scalar>;

Scalars part(ArrayRef<Scalar> indices, size_t from, size_t count) {
  return Scalars(indices.begin() + from, indices.begin() + from + count);
}

void gather(NodeBuilder &n) {
  Tensor x = n.in(0), places = n.in(1);
  const int64_t axis = n.axisOf(n.number("axis", 0), x.rank()), size = x.size(axis);
  Sizes shape(x.shape().take_front(static_cast<size_t>(axis)));
  shape.append(places.shape().begin(), places.shape().end());
  shape.append(x.shape().begin() + axis + 1, x.shape().end());
  std::optional<std::vector<int64_t>> known = places.elements() == 1 ? n.known(1) : std::nullopt;
  if (known) { // one place: a slice
    const int64_t place = (*known)[0] < 0 ? (*known)[0] + size : (*known)[0];
    n.require(place >= 0 && place < size, "index {} is outside axis {} of {} elements", (*known)[0], axis, size);
    return n.out(0, n.reshape(n.sliceAxis(x, axis, place, 1), shape));
  }
  n.require(size > 0 || elementsOf(shape) == 0, "axis {} has no elements to choose from", axis);
  const auto before = static_cast<size_t>(axis), own = static_cast<size_t>(places.rank());
  n.out(0, n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    Scalars from = part(i, 0, before);
    from.push_back(n.wrapIndex(n.at(places, part(i, before, own)), size));
    from.append(i.begin() + before + own, i.end());
    return n.at(x, from);
  }));
}

void gatherElements(NodeBuilder &n) {
  Tensor x = n.in(0), places = n.in(1);
  const int64_t axis = n.axisOf(n.number("axis", 0), x.rank());
  n.require(places.rank() == x.rank(), "its indices have {} dimensions", places.rank());
  for (int64_t d = 0; d < x.rank(); ++d)
    n.require(d == axis || places.size(d) <= x.size(d), "its indices reach outside dimension {}", d);
  n.out(0, n.generate(x.type, places.shape(), [&](ArrayRef<Scalar> i) {
    Scalars from(i.begin(), i.end());
    from[static_cast<size_t>(axis)] = n.wrapIndex(n.at(places, i), x.size(axis));
    return n.at(x, from);
  }));
}

void gatherNd(NodeBuilder &n) {
  Tensor x = n.in(0), places = n.in(1);
  const int64_t batch = n.number("batch_dims", 0);
  n.require(places.rank() > batch && batch >= 0 && x.rank() > batch, "batch_dims is {}", batch);
  const int64_t depth = places.size(places.rank() - 1);
  n.require(depth >= 1 && batch + depth <= x.rank(), "its indices name {} dimensions of {}", depth, x.rank() - batch);
  n.require(places.shape().take_front(static_cast<size_t>(batch)) == x.shape().take_front(static_cast<size_t>(batch)),
            "the batches of its indices are not those of its data");
  Sizes shape(places.shape().drop_back());
  shape.append(x.shape().begin() + batch + depth, x.shape().end());
  const auto own = static_cast<size_t>(places.rank() - 1);
  n.out(0, n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    Scalars from = part(i, 0, static_cast<size_t>(batch));
    for (int64_t k = 0; k < depth; ++k) {
      Scalars where = part(i, 0, own);
      where.push_back(n.integer(k));
      from.push_back(n.wrapIndex(n.at(places, where), x.size(batch + k)));
    }
    from.append(i.begin() + own, i.end());
    return n.at(x, from);
  }));
}

Scalar combineBy(const std::string &reduction, Scalar old, Scalar update) {
  if (reduction == "none")
    return update;
  const ElementType type = old.type, wide = computeType(type);
  Scalar a = cast(old, wide), b = cast(update, wide);
  Scalar result = reduction == "add"   ? a + b
                  : reduction == "mul" ? a * b
                  : reduction == "max" ? maximum(a, b)
                                       : minimum(a, b);
  return cast(result, type);
}

std::string reductionOf(NodeBuilder &n) {
  std::string reduction = n.text("reduction", "none");
  n.require(llvm::is_contained({"none", "add", "mul", "max", "min"}, StringRef(reduction)),
            "reduction '{}' is not known", reduction);
  return reduction;
}

/// `carried` after `step` at all indices in `shape`, in order: a loop a dimension, those after `indices`.
Value overIndices(NodeBuilder &n, ArrayRef<int64_t> shape, Value carried, Scalars indices,
                  llvm::function_ref<Value(ArrayRef<Scalar>, Value)> step) {
  if (indices.size() == shape.size())
    return step(indices, carried);
  auto loop = n.b.create<scf::ForOp>(n.loc, n.index(0), n.index(shape[indices.size()]), n.index(1), carried,
                                     [&](OpBuilder &, Location loc, Value counter, ValueRange inner) {
                                       Value index = n.b.create<arith::IndexCastOp>(loc, n.b.getI64Type(), counter);
                                       indices.push_back({index, ElementType::Int64, &n.b, loc});
                                       n.b.create<scf::YieldOp>(loc, overIndices(n, shape, inner[0], indices, step));
                                     });
  return loop.getResult(0);
}

/// Writes each element of a tensor of `shape` into a copy of `x`, in order, so that of two for one place the last
/// counts. `place` is where the element at `indices` goes, `update` what it is.
Tensor scatter(NodeBuilder &n, Tensor x, ArrayRef<int64_t> shape, const std::string &reduction,
               llvm::function_ref<Scalars(ArrayRef<Scalar>)> place,
               llvm::function_ref<Scalar(ArrayRef<Scalar>)> update) {
  if (elementsOf(shape) == 0)
    return x;
  Value written = overIndices(n, shape, x.value, {}, [&](ArrayRef<Scalar> indices, Value carried) -> Value {
    Scalars to = place(indices);
    Scalar old = n.at({carried, x.type}, to);
    SmallVector<Value> values;
    for (const Scalar &one : to)
      values.push_back(n.b.create<arith::IndexCastOp>(n.loc, n.b.getIndexType(), one.value));
    return n.b.create<tensor::InsertOp>(n.loc, combineBy(reduction, old, update(indices)).value, carried, values);
  });
  return {written, x.type};
}

/// The same by rows, those of `updates` behind its first `own` indices.
Tensor scatterRows(NodeBuilder &n, Tensor x, Tensor updates, size_t own, const std::string &reduction,
                   llvm::function_ref<Scalars(ArrayRef<Scalar>)> place) {
  if (updates.elements() == 0)
    return x;
  ArrayRef<int64_t> row = updates.shape().drop_front(own);
  auto type = cast<RankedTensorType>(updates.value.getType()).clone(row);
  struct Part {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  auto partAt = [&](ArrayRef<Scalar> indices) {
    Part part;
    for (const Scalar &index : indices) {
      part.offsets.push_back(n.b.create<arith::IndexCastOp>(n.loc, n.b.getIndexType(), index.value).getResult());
      part.sizes.push_back(n.b.getIndexAttr(1));
    }
    part.offsets.append(row.size(), n.b.getIndexAttr(0));
    llvm::append_range(part.sizes, getAsIndexOpFoldResult(n.b.getContext(), row));
    part.strides.assign(part.sizes.size(), n.b.getIndexAttr(1));
    return part;
  };
  auto rowAt = [&](Value whole, const Part &part) {
    Value given = n.b.create<tensor::ExtractSliceOp>(n.loc, type, whole, part.offsets, part.sizes, part.strides);
    return Tensor{given, x.type};
  };
  auto step = [&](ArrayRef<Scalar> indices, Value carried) -> Value {
    Part to = partAt(place(indices));
    Tensor update = rowAt(updates.value, partAt(indices));
    if (reduction != "none")
      update = n.elementwiseRaw(x.type, {rowAt(carried, to), update},
                                [&](ArrayRef<Scalar> a) { return combineBy(reduction, a[0], a[1]); });
    return n.b.create<tensor::InsertSliceOp>(n.loc, update.value, carried, to.offsets, to.sizes, to.strides);
  };
  return {overIndices(n, updates.shape().take_front(own), x.value, {}, step), x.type};
}

void scatterElements(NodeBuilder &n) {
  Tensor x = n.in(0), places = n.in(1), updates = n.in(2);
  n.requireSameType({x, updates});
  const int64_t axis = n.axisOf(n.number("axis", 0), x.rank());
  n.require(places.rank() == x.rank() && places.shape() == updates.shape(), "its indices and updates do not fit");
  n.require(x.elements() > 0 || updates.elements() == 0, "its data has no elements to update");
  for (int64_t d = 0; d < x.rank(); ++d)
    n.require(d == axis || places.size(d) <= x.size(d), "its indices reach outside dimension {}", d);
  n.out(0, scatter(
               n, x, places.shape(), reductionOf(n),
               [&](ArrayRef<Scalar> i) {
                 Scalars to(i.begin(), i.end());
                 to[static_cast<size_t>(axis)] = n.wrapIndex(n.at(places, i), x.size(axis));
                 return to;
               },
               [&](ArrayRef<Scalar> i) { return n.at(updates, i); }));
}

void scatterNd(NodeBuilder &n) {
  Tensor x = n.in(0), places = n.in(1), updates = n.in(2);
  n.requireSameType({x, updates});
  n.require(places.rank() >= 1, "its indices have no dimension");
  const int64_t depth = places.size(places.rank() - 1);
  n.require(depth <= x.rank(), "its indices name {} dimensions of {}", depth, x.rank());
  Sizes shape(places.shape().drop_back());
  shape.append(x.shape().begin() + depth, x.shape().end());
  n.require(ArrayRef<int64_t>(shape) == updates.shape(), "its updates are not of shape [{}]", fmt::join(shape, ", "));
  n.require(x.elements() > 0 || updates.elements() == 0, "its data has no elements to update");
  const auto own = static_cast<size_t>(places.rank() - 1);
  auto place = [&](ArrayRef<Scalar> i) {
    Scalars to;
    for (int64_t k = 0; k < depth; ++k) {
      Scalars where = part(i, 0, own);
      where.push_back(n.integer(k));
      to.push_back(n.wrapIndex(n.at(places, where), x.size(k)));
    }
    to.append(i.begin() + own, i.end());
    return to;
  };
  // Element by element if it may be evaluated, as masks and shapes are.
  if (depth == x.rank() || (n.known(1) && n.knownReals(x) && n.knownReals(updates)))
    n.out(0, scatter(n, x, shape, reductionOf(n), place, [&](ArrayRef<Scalar> i) { return n.at(updates, i); }));
  else
    n.out(0, scatterRows(n, x, updates, own, reductionOf(n), place));
}

/// Update of a cache: rows [write_indices[b], …) of `axis`, circularly if asked for.
void tensorScatter(NodeBuilder &n) {
  Tensor cache = n.in(0), update = n.in(1), starts = n.optional(2);
  n.requireSameType({cache, update});
  const int64_t axis = n.axisOf(n.number("axis", -2), cache.rank());
  n.require(axis > 0 && update.rank() == cache.rank(), "its axis is {}", axis);
  for (int64_t d = 0; d < cache.rank(); ++d)
    n.require(d == axis ? update.size(d) <= cache.size(d) : update.size(d) == cache.size(d),
              "its update has {} in dimension {}, the cache {}", update.size(d), d, cache.size(d));
  n.require(!starts || (starts.rank() == 1 && starts.size(0) == cache.size(0)), "its indices are not one a batch");
  const auto along = static_cast<size_t>(axis);
  const int64_t size = cache.size(axis), count = update.size(axis);
  const bool circular = n.text("mode", "linear") == "circular";
  n.out(0, n.generate(cache.type, cache.shape(), [&](ArrayRef<Scalar> i) {
    Scalar row = i[along];
    if (starts)
      row = row - cast(n.at(starts, {i[0]}), ElementType::Int64);
    if (circular)
      row = remainderFloor(row, n.integer(size));
    Scalar written = (row >= n.integer(0)) & (row < n.integer(count));
    Scalars from(i.begin(), i.end());
    from[along] = minimum(maximum(row, n.integer(0)), n.integer(std::max<int64_t>(count - 1, 0)));
    return select(written, n.at(update, from), n.at(cache, i));
  }));
}

/// Size `axis` of the declared result, where input `i` decides it.
int64_t sizeOfDeclared(NodeBuilder &n, size_t i, int64_t axis) {
  Sizes shape = n.mustDeclare(i);
  n.require(axis < static_cast<int64_t>(shape.size()), "it is declared with {} dimensions", shape.size());
  return shape[static_cast<size_t>(axis)];
}

void oneHot(NodeBuilder &n) {
  Tensor places = n.in(0), depth = n.in(1), values = n.in(2);
  const int64_t axis = n.axisOf(n.number("axis", -1), places.rank() + 1);
  int64_t count = 0;
  n.require(depth.elements() == 1 && values.elements() == 2, "its depth or its values have too many elements");
  if (std::optional<std::vector<double>> known = n.knownReals(depth))
    count = n.sizeOf(static_cast<int64_t>(std::clamp((*known)[0], -1.0, 0x1p50)));
  else
    count = sizeOfDeclared(n, 1, axis);
  Sizes shape(places.shape());
  shape.insert(shape.begin() + axis, count);
  const auto along = static_cast<size_t>(axis);
  n.out(0, n.generate(values.type, shape, [&](ArrayRef<Scalar> i) {
    Scalars where = part(i, 0, along);
    where.append(i.begin() + along + 1, i.end());
    Scalar place = cast(n.at(places, where), ElementType::Int64);
    place = select(place < n.integer(0), place + n.integer(count), place);
    return select(equal(place, i[along]), n.at(values, {n.integer(1)}), n.at(values, {n.integer(0)}));
  }));
}

/// The k best along an axis, one after the other: the best of those that come after the one before, by value and place.
void topK(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t axis = n.axisOf(n.number("axis", -1), x.rank()), size = x.size(axis);
  const bool largest = n.number("largest", 1) != 0;
  int64_t k = n.number("k", 0);
  if (n.has(1)) {
    n.require(n.in(1).elements() == 1, "its k has {} elements", n.in(1).elements());
    if (std::optional<std::vector<int64_t>> known = n.known(1))
      k = (*known)[0];
    else
      k = sizeOfDeclared(n, 1, axis);
  }
  n.require(k >= 0 && k <= size, "it asks for {} of {} elements", k, size);
  const auto along = static_cast<size_t>(axis);
  Sizes rowShape(x.shape()), outShape(x.shape());
  rowShape[along] = 1;
  outShape[along] = k;
  Tensor values = n.empty(x.type, outShape), places = n.empty(ElementType::Int64, outShape);
  if (elementsOf(outShape) == 0) {
    n.out(0, values);
    return n.out(1, places);
  }
  Tensor worst = n.castTo(n.reduce(x, {axis}, largest ? Reduction::Minimum : Reduction::Maximum, true), x.type);
  Tensor last = n.filled(x.type, rowShape, 0); // not looked at: the place before the first one says so
  Tensor lastPlace = n.filled(ElementType::Int64, rowShape, -1);
  auto here = [&] {
    Value index = n.b.create<linalg::IndexOp>(n.loc, static_cast<uint64_t>(axis));
    return Scalar{n.b.create<arith::IndexCastOp>(n.loc, n.b.getI64Type(), index), ElementType::Int64, &n.b, n.loc};
  };
  auto sizes = getAsIndexOpFoldResult(n.b.getContext(), rowShape);
  SmallVector<OpFoldResult> ones(rowShape.size(), n.b.getIndexAttr(1));
  auto loop = n.b.create<scf::ForOp>(
      n.loc, n.index(0), n.index(k), n.index(1), ValueRange{last.value, lastPlace.value, values.value, places.value},
      [&](OpBuilder &, Location loc, Value step, ValueRange carried) {
        Tensor value{carried[0], x.type}, place{carried[1], ElementType::Int64};
        // Where x comes after what was taken last. Before the first one the place is -1, and all do.
        Tensor open = n.elementwiseRaw(ElementType::Bool, {x, value, place}, [&](ArrayRef<Scalar> a) {
          Scalar p = cast(a[0], computeType(x.type)), q = cast(a[1], computeType(x.type));
          Scalar worse = largest ? p < q : q < p;
          return worse | (equal(p, q) & (here() > a[2])) | (a[2] < n.integer(0));
        });
        Reduction kind = largest ? Reduction::Maximum : Reduction::Minimum;
        Tensor masked =
            n.elementwiseRaw(x.type, {open, x, worst}, [](ArrayRef<Scalar> a) { return select(a[0], a[1], a[2]); });
        Tensor best = n.castTo(n.reduce(masked, {axis}, kind, true), x.type);
        Tensor where = n.elementwiseRaw(ElementType::Int64, {open, x, best}, [&](ArrayRef<Scalar> a) {
          Scalar found = a[0] & equal(cast(a[1], computeType(x.type)), cast(a[2], computeType(x.type)));
          return select(found, here(), n.integer(size - 1));
        });
        Tensor chosen = n.reduce(where, {axis}, Reduction::Minimum, true);
        SmallVector<OpFoldResult> offsets(rowShape.size(), n.b.getIndexAttr(0));
        offsets[along] = step;
        Value newValues = n.b.create<tensor::InsertSliceOp>(loc, best.value, carried[2], offsets, sizes, ones);
        Value newPlaces = n.b.create<tensor::InsertSliceOp>(loc, chosen.value, carried[3], offsets, sizes, ones);
        n.b.create<scf::YieldOp>(loc, ValueRange{best.value, chosen.value, newValues, newPlaces});
      });
  n.out(0, {loop.getResult(2), x.type});
  n.out(1, {loop.getResult(3), ElementType::Int64});
}

/// The first seq_lens[b] rows of each batch, backwards.
void reverseSequence(NodeBuilder &n) {
  Tensor x = n.in(0), lengths = n.in(1);
  const auto batch = static_cast<size_t>(n.axisOf(n.number("batch_axis", 1), x.rank()));
  const auto time = static_cast<size_t>(n.axisOf(n.number("time_axis", 0), x.rank()));
  n.require(lengths.rank() == 1 && lengths.size(0) == x.shape()[batch], "its lengths are not one a batch");
  n.out(0, n.generate(x.type, x.shape(), [&](ArrayRef<Scalar> i) {
    Scalar length = cast(n.at(lengths, {i[batch]}), ElementType::Int64);
    Scalars from(i.begin(), i.end());
    Scalar back = n.wrapIndex(length - n.integer(1) - i[time], x.shape()[time]);
    from[time] = select(i[time] < length, back, i[time]);
    return n.at(x, from);
  }));
}

} // namespace

void addIndex(Registry &r) {
  r.add("Gather", gather);
  r.add("GatherElements", gatherElements);
  r.add("GatherND", gatherNd);
  r.add("Scatter", scatterElements);
  r.add("ScatterElements", scatterElements);
  r.add("ScatterND", scatterNd);
  r.add("TensorScatter", tensorScatter);
  r.add("OneHot", oneHot);
  r.add("TopK", topK);
  r.add("ReverseSequence", reverseSequence);
}

} // namespace weft::frontend::onnx
