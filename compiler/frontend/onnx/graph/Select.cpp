// Ops that keep what a condition chooses. How many that are is decided by values, so that a program has them only where
// the model declares the shape of the result; and determinants.
#include "compiler/frontend/onnx/graph/Registry.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Places of the first `count` true elements of `flags` (of rank 1), as int64.
Tensor placesOf(NodeBuilder &n, Tensor flags, int64_t count) {
  const int64_t size = flags.elements();
  // Each is compared with each, in tensors of their squares.
  constexpr int64_t mostFlags = 1 << 15;
  n.require(size <= mostFlags, "it chooses among {} elements, but can among {} at most", size, mostFlags);
  // How many are true up to each place, it included.
  Tensor upTo = n.generate(ElementType::Int64, {size, size}, [&](ArrayRef<Scalar> i) {
    return select(i[1] <= i[0], cast(n.at(flags, {i[1]}), ElementType::Int64), n.integer(0));
  });
  Tensor counts = n.reduce(upTo, {1}, Reduction::Sum, false);
  // The k-th is behind all places up to which there are at most k.
  Tensor before = n.generate(ElementType::Int64, {count, size}, [&](ArrayRef<Scalar> i) {
    return select(n.at(counts, {i[1]}) <= i[0], n.integer(1), n.integer(0));
  });
  return n.reduce(before, {1}, Reduction::Sum, false);
}

void compress(NodeBuilder &n) {
  Tensor x = n.in(0), condition = n.in(1);
  n.require(condition.rank() == 1 && condition.type == ElementType::Bool, "its condition is {} of rank {}",
            nameOf(condition.type), condition.rank());
  int64_t axis = 0;
  if (n.hasAttribute("axis")) {
    axis = n.axisOf(n.number("axis", 0), x.rank());
  } else {
    x = n.reshape(x, {x.elements()});
  }
  n.require(condition.elements() <= x.size(axis), "its condition has {} elements for {}", condition.elements(),
            x.size(axis));
  int64_t count = 0;
  if (std::optional<std::vector<int64_t>> known = n.known(1)) {
    count = llvm::count_if(*known, [](int64_t flag) { return flag != 0; });
  } else {
    Sizes shape = n.mustDeclare(1);
    n.require(static_cast<int64_t>(shape.size()) == x.rank(), "it is declared with {} dimensions", shape.size());
    count = shape[static_cast<size_t>(axis)];
  }
  n.require(count <= condition.elements(), "it keeps {} of {}", count, condition.elements());
  Tensor places = placesOf(n, condition, count);
  Sizes shape(x.shape());
  shape[static_cast<size_t>(axis)] = count;
  n.out(0, n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    SmallVector<Scalar> from(i.begin(), i.end());
    from[static_cast<size_t>(axis)] = n.wrapIndex(n.at(places, {from[static_cast<size_t>(axis)]}), x.size(axis));
    return n.at(x, from);
  }));
}

void nonZero(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t rank = std::max<int64_t>(x.rank(), 1), size = x.elements();
  int64_t count = 0;
  if (std::optional<std::vector<double>> known = n.knownReals(x)) {
    count = llvm::count_if(*known, [](double number) { return number != 0; });
  } else {
    Sizes shape = n.mustDeclare(0);
    n.require(shape.size() == 2 && shape[0] == rank, "it is declared as [{}]", fmt::join(shape, ", "));
    count = shape[1];
  }
  n.require(count <= size, "it has {} of {} elements", count, size);
  Tensor flags = n.elementwiseRaw(ElementType::Bool, {n.reshape(x, {size})},
                                  [](ArrayRef<Scalar> a) { return cast(a[0], ElementType::Bool); });
  Tensor places = placesOf(n, flags, count);
  Sizes strides(static_cast<size_t>(rank), 1), sizes(x.shape());
  sizes.resize(static_cast<size_t>(rank), 1);
  for (size_t d = strides.size() - 1; d-- > 0;)
    strides[d] = strides[d + 1] * sizes[d + 1];
  Tensor strideTable = n.integers(ElementType::Int64, strides, {rank}),
         sizeTable = n.integers(ElementType::Int64, sizes, {rank});
  n.out(0, n.generate(ElementType::Int64, {rank, count}, [&](ArrayRef<Scalar> i) {
    return remainderFloor(n.at(places, {i[1]}) / n.at(strideTable, {i[0]}), n.at(sizeTable, {i[0]}));
  }));
}

/// By elimination, with the largest pivot of each column, written out.
void determinant(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.require(x.rank() >= 2 && x.size(x.rank() - 1) == x.size(x.rank() - 2), "its matrices of [{}] are not square",
            fmt::join(x.shape(), ", "));
  const auto size = static_cast<size_t>(x.size(x.rank() - 1));
  n.require(size >= 1 && size <= 8, "a determinant of {} rows is not supported, 8 are the most", size);
  const ElementType type = computeType(x.type);
  n.out(0, n.generate(x.type, x.shape().drop_back(2), [&](ArrayRef<Scalar> i) {
    std::vector<std::vector<Scalar>> m(size);
    for (size_t row = 0; row < size; ++row)
      for (size_t column = 0; column < size; ++column) {
        SmallVector<Scalar> from(i.begin(), i.end());
        from.append({n.integer(static_cast<int64_t>(row)), n.integer(static_cast<int64_t>(column))});
        m[row].push_back(cast(n.at(x, from), type));
      }
    Scalar result = m[0][0].same(1);
    for (size_t k = 0; k < size; ++k) {
      for (size_t row = k + 1; row < size; ++row) {
        Scalar swap = absolute(m[row][k]) > absolute(m[k][k]);
        for (size_t column = k; column < size; ++column) {
          Scalar upper = m[k][column], lower = m[row][column];
          m[k][column] = select(swap, lower, upper);
          m[row][column] = select(swap, upper, lower);
        }
        result = select(swap, -result, result);
      }
      Scalar pivot = m[k][k], safe = select(equal(pivot, pivot.same(0)), pivot.same(1), pivot);
      result = result * pivot;
      for (size_t row = k + 1; row < size; ++row) {
        Scalar factor = m[row][k] / safe;
        for (size_t column = k + 1; column < size; ++column)
          m[row][column] = m[row][column] - factor * m[k][column];
      }
    }
    return result;
  }));
}

} // namespace

void addSelect(Registry &r) {
  r.add("Compress", compress);
  r.add("NonZero", nonZero);
  r.add("Det", determinant);
}

} // namespace weft::frontend::onnx
