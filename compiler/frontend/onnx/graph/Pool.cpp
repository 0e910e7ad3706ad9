// Pools: reductions over windows, or over everything but batch and channels.
#include "compiler/frontend/onnx/graph/Registry.h"
#include "compiler/frontend/onnx/graph/SlidingWindow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Exprs = SmallVector<AffineExpr>;

/// The loops of a pool: batch, channel, position…, and place in the window….
struct PoolLoops {
  PoolLoops(NodeBuilder &n, const Window &window) : window(window) {
    const auto rank = static_cast<unsigned>(window.rank());
    count = 2 + 2 * rank;
    for (unsigned i = 0; i < count; ++i)
      dims.push_back(n.b.getAffineDimExpr(i));
  }
  AffineMap map(NodeBuilder &n, ArrayRef<AffineExpr> results) const {
    return AffineMap::get(count, 0, results, n.b.getContext());
  }
  /// Where a window's elements are in the padded input.
  AffineMap input(NodeBuilder &n) const {
    Exprs results = {dims[0], dims[1]};
    for (size_t i = 0; i < window.rank(); ++i)
      results.push_back(dims[2 + i] * window.strides[i] + dims[2 + window.rank() + i] * window.dilations[i]);
    return map(n, results);
  }
  AffineMap output(NodeBuilder &n) const { return map(n, ArrayRef(dims).take_front(2 + window.rank())); }
  /// An operand that is never read: it says how large the window is.
  WindowOperand shape(NodeBuilder &n, ElementType type) const {
    return {n.empty(type, window.kernel), map(n, ArrayRef(dims).drop_front(2 + window.rank()))};
  }
  const Window &window;
  Exprs dims;
  unsigned count;
};

Window poolWindow(NodeBuilder &n, Tensor x) {
  n.require(x.rank() >= 3, "its input has no spatial dimension");
  return windowOf(n, x.shape().drop_front(2), n.numbers("kernel_shape"), n.number("ceil_mode", 0) != 0);
}

Sizes poolShape(Tensor x, const Window &window) {
  Sizes shape = {x.size(0), x.size(1)};
  shape.append(window.out);
  return shape;
}

Tensor pool(NodeBuilder &n, Tensor x, const Window &window, double padding, double start, Body body) {
  const PoolLoops loops(n, window);
  Tensor init = fill(n, computeType(x.type), poolShape(x, window), start);
  if (init.elements() == 0)
    return init;
  return reduceWindows(n, {{padForWindows(n, x, window, padding), loops.input(n)}, loops.shape(n, x.type)}, init,
                       loops.count, body);
}

double least(ElementType type) {
  if (isFloat(type))
    return -std::numeric_limits<double>::infinity();
  return isUnsigned(type) ? 0 : -std::ldexp(1.0, static_cast<int>(storedBits(type)) - 1);
}

/// The number of the element, in the whole input, that is the first maximum of its window.
Tensor placesOfMaxima(NodeBuilder &n, Tensor x, Tensor top, const Window &window, bool columnMajor) {
  const PoolLoops loops(n, window);
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  Tensor padded = padForWindows(n, x, window, least(x.type));
  const size_t rank = window.rank();
  auto here = [&](size_t dim) {
    Value index = n.b.create<linalg::IndexOp>(n.loc, static_cast<uint64_t>(dim));
    return Scalar{n.b.create<arith::IndexCastOp>(n.loc, n.b.getI64Type(), index), ElementType::Int64, &n.b, n.loc};
  };
  // In `body` every operand is an int64; so the comparison is a tensor's of its own kind: 0 where the element is the
  // maximum.
  SmallVector<Value> inputs = {padded.value, loops.shape(n, x.type).tensor.value, top.value};
  Tensor init{n.b.create<linalg::FillOp>(n.loc, n.integer(none).value, n.empty(ElementType::Int64, top.shape()).value)
                  .getResult(0),
              ElementType::Int64};
  SmallVector<AffineMap> maps = {loops.input(n), loops.shape(n, x.type).map, loops.output(n), loops.output(n)};
  SmallVector<utils::IteratorType> iterators(loops.count, utils::IteratorType::reduction);
  std::fill(iterators.begin(), iterators.begin() + 2 + static_cast<int64_t>(rank), utils::IteratorType::parallel);
  auto op = n.b.create<linalg::GenericOp>(
      n.loc, init.value.getType(), inputs, init.value, maps, iterators,
      [&](OpBuilder &inner, Location at, ValueRange a) {
        Scalar found = equal(Scalar{a[0], x.type, &inner, at}, Scalar{a[2], x.type, &inner, at});
        Scalar place = here(0) * n.integer(x.size(1)) + here(1);
        for (size_t i = 0; i < rank; ++i) {
          Scalar own = here(2 + i) * n.integer(window.strides[i]) +
                       here(2 + rank + i) * n.integer(window.dilations[i]) - n.integer(window.before[i]);
          found = found & (own >= n.integer(0)) & (own < n.integer(window.in[i]));
          place = place * n.integer(window.in[i]) + own;
        }
        Scalar best{a[3], ElementType::Int64, &inner, at};
        inner.create<linalg::YieldOp>(at, minimum(best, select(found, place, n.integer(none))).value);
      });
  Tensor places{op.getResult(0), ElementType::Int64};
  if (!columnMajor)
    return places;
  // The same element, with its spatial dimensions counted the other way round.
  return n.map(places, [&](Scalar place) {
    SmallVector<Scalar> at(rank, place);
    for (size_t i = rank; i-- > 0;) {
      at[i] = remainderFloor(place, n.integer(window.in[i]));
      place = place / n.integer(window.in[i]);
    }
    for (size_t i = rank; i-- > 0;)
      place = place * n.integer(window.in[i]) + at[i];
    return place;
  });
}

void maxPool(NodeBuilder &n) {
  Tensor x = n.in(0);
  const Window window = poolWindow(n, x);
  Tensor top = n.castTo(
      pool(n, x, window, least(x.type), least(x.type), [](ArrayRef<Scalar> a) { return maximum(a[2], a[0]); }), x.type);
  n.out(0, top);
  if (n.wants(1))
    n.out(1, placesOfMaxima(n, x, top, window, n.number("storage_order", 0) != 0));
}

/// How many elements the windows of an axis count.
std::vector<int64_t> windowCounts(const Window &w, size_t axis, bool includePadding) {
  const int64_t low = includePadding ? -w.before[axis] : 0;
  const int64_t high = w.in[axis] + (includePadding ? w.after[axis] : 0);
  std::vector<int64_t> counts;
  for (int64_t at = 0; at < w.out[axis]; ++at) {
    int64_t count = 0;
    for (int64_t k = 0; k < w.kernel[axis]; ++k) {
      const int64_t place = at * w.strides[axis] - w.before[axis] + k * w.dilations[axis];
      count += place >= low && place < high;
    }
    counts.push_back(count);
  }
  return counts;
}

void averagePool(NodeBuilder &n) {
  Tensor x = n.in(0);
  const Window window = poolWindow(n, x);
  Tensor sum = pool(n, x, window, 0, 0, [](ArrayRef<Scalar> a) { return a[2] + a[0]; });
  std::vector<Tensor> operands = {sum};
  double product = 1;
  for (size_t i = 0; i < window.rank(); ++i) {
    std::vector<int64_t> counts = windowCounts(window, i, n.number("count_include_pad", 0) != 0);
    if (counts.empty() || std::adjacent_find(counts.begin(), counts.end(), std::not_equal_to<>()) == counts.end()) {
      product *= counts.empty() ? 1 : static_cast<double>(counts[0]);
      continue;
    }
    Sizes shape(window.rank() - i, 1);
    shape[0] = window.out[i];
    operands.push_back(n.castTo(n.integers(ElementType::Int32, counts, shape), sum.type));
  }
  n.out(0, n.elementwise(x.type, operands, [&](ArrayRef<Scalar> a) {
    Scalar count = a[0].same(product);
    for (const Scalar &factor : a.drop_front())
      count = count * factor;
    return a[0] / count;
  }));
}

Scalar toPower(Scalar x, int64_t p) {
  if (p == 1)
    return x;
  return p == 2 ? x * x : power(x, x.same(static_cast<double>(p)));
}

Scalar rootOf(Scalar x, int64_t p) {
  if (p == 1)
    return x;
  return p == 2 ? squareRoot(x) : power(x, x.same(1.0 / static_cast<double>(p)));
}

void lpPool(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t p = n.number("p", 2);
  Tensor sum =
      pool(n, x, poolWindow(n, x), 0, 0, [&](ArrayRef<Scalar> a) { return a[2] + toPower(absolute(a[0]), p); });
  n.out(0, n.castTo(n.map(sum, [&](Scalar s) { return rootOf(s, p); }), x.type));
}

Sizes spatialAxes(NodeBuilder &n, Tensor x) {
  n.require(x.rank() >= 2, "its input has no channels");
  Sizes axes(static_cast<size_t>(x.rank() - 2));
  std::iota(axes.begin(), axes.end(), 2);
  return axes;
}

void globalAverage(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.out(0, n.castTo(n.mean(x, spatialAxes(n, x), true), x.type));
}

void globalMax(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.out(0, n.castTo(n.reduce(x, spatialAxes(n, x), Reduction::Maximum, true), x.type));
}

void globalLp(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t p = n.number("p", 2);
  Tensor sum = n.reduce(x, spatialAxes(n, x), Reduction::Sum, true, [&](Scalar s) { return toPower(absolute(s), p); });
  n.out(0, n.castTo(n.map(sum, [&](Scalar s) { return rootOf(s, p); }), x.type));
}

/// Puts elements back where a MaxPool has found them.
void maxUnpool(NodeBuilder &n) {
  Tensor x = n.in(0), places = n.in(1);
  n.require(x.rank() >= 3 && x.shape() == places.shape(), "its indices have another shape than its input");
  const auto rank = static_cast<size_t>(x.rank() - 2);
  std::vector<int64_t> kernel = n.numbers("kernel_shape");
  n.require(kernel.size() == rank, "its kernel has {} dimensions instead of {}", kernel.size(), rank);
  Sizes strides = spatialNumbers(n, "strides", rank, 1, 1), pads = spatialNumbers(n, "pads", 2 * rank, 0, 0);
  Sizes natural = {x.size(0), x.size(1)};
  for (size_t i = 0; i < rank; ++i)
    natural.push_back((x.shape()[2 + i] - 1) * strides[i] + kernel[i] - pads[i] - pads[rank + i]);
  Sizes shape = natural;
  if (n.has(2)) {
    std::optional<std::vector<int64_t>> given = n.known(2);
    shape = given ? Sizes(given->begin(), given->end()) : n.mustDeclare(2);
  }
  n.require(shape.size() == natural.size() && llvm::all_of(shape, [](int64_t size) { return size >= 0; }),
            "its result cannot have the shape [{}]", fmt::join(shape, ", "));
  const int64_t count = x.elements(), size = elementsOf(natural);
  n.require(elementsOf(shape) >= size, "its result [{}] is smaller than what its windows cover",
            fmt::join(shape, ", "));
  Tensor flat = fill(n, x.type, {size}, 0);
  Tensor from = n.reshape(x, {count}), to = n.reshape(places, {count});
  if (count != 0 && size != 0) {
    auto loop = n.b.create<scf::ForOp>(
        n.loc, n.index(0), n.index(count), n.index(1), flat.value,
        [&](OpBuilder &, Location loc, Value step, ValueRange carried) {
          Scalar i{n.b.create<arith::IndexCastOp>(loc, n.b.getI64Type(), step), ElementType::Int64, &n.b, loc};
          Scalar place = n.wrapIndex(n.at(to, {i}), size);
          Value index = n.b.create<arith::IndexCastOp>(loc, n.b.getIndexType(), place.value);
          Value next = n.b.create<tensor::InsertOp>(loc, n.at(from, {i}).value, carried[0], index);
          n.b.create<scf::YieldOp>(loc, next);
        });
    flat.value = loop.getResult(0);
  }
  // Places count within the natural shape; a larger result has it in its first corner.
  Tensor whole = n.reshape(flat, natural);
  Sizes low(shape.size(), 0), high;
  for (auto [wanted, own] : llvm::zip(shape, natural))
    high.push_back(wanted - own);
  n.out(0, n.pad(whole, low, high, 0));
}

} // namespace

void addPool(Registry &r) {
  r.add("MaxPool", maxPool);
  r.add("AveragePool", averagePool);
  r.add("LpPool", lpPool);
  r.add("GlobalAveragePool", globalAverage);
  r.add("GlobalMaxPool", globalMax);
  r.add("GlobalLpPool", globalLp);
  r.add("MaxUnpool", maxUnpool);
}

} // namespace weft::frontend::onnx
