// Reductions over axes, softmax and its kin, running sums, and the places of extremes.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cstring>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

struct Kind {
  Reduction reduction;
  Scalar (*before)(Scalar) = nullptr; // of each element
  Scalar (*after)(Scalar) = nullptr;  // of the result
  bool mean = false;
};

Scalar squared(Scalar x) { return x * x; }

Tensor reduceOver(NodeBuilder &n, Tensor x, const Sizes &axes, bool keepDims, const Kind &kind) {
  Tensor result =
      n.reduce(x, axes, kind.reduction, keepDims, [&](Scalar s) { return kind.before ? kind.before(s) : s; });
  double count = 1;
  for (int64_t axis : axes)
    count *= static_cast<double>(x.size(axis));
  if (kind.mean)
    result = n.map(result, [&](Scalar s) { return s / count; });
  if (kind.after)
    result = n.map(result, [&](Scalar s) { return kind.after(s); });
  return n.castTo(result, x.type);
}

/// More sets of axes than these are not told apart when the program runs.
constexpr size_t mostAxisSets = 64;

/// Sets of axes that reduce `x` to `shape`; a few more than mostAxisSets at most. Axes of one element are left out
/// where they need not be in it: what is reduced over them stays as it is.
void possibleAxes(ArrayRef<int64_t> from, ArrayRef<int64_t> shape, bool keepDims, size_t next, Sizes &axes,
                  std::vector<Sizes> &out) {
  if (out.size() > mostAxisSets)
    return;
  if (next == from.size()) {
    if (shape.empty())
      out.push_back(axes);
    return;
  }
  const int64_t size = from[next];
  auto reduce = [&](ArrayRef<int64_t> rest) {
    axes.push_back(static_cast<int64_t>(next));
    possibleAxes(from, rest, keepDims, next + 1, axes, out);
    axes.pop_back();
  };
  if (!shape.empty() && shape[0] == size)
    possibleAxes(from, shape.drop_front(), keepDims, next + 1, axes, out);
  if (keepDims && !shape.empty() && shape[0] == 1 && size != 1)
    reduce(shape.drop_front());
  if (!keepDims)
    reduce(shape);
}

/// Whether input `i`, axes that are known only when the program runs, names exactly `axes` of `rank`.
Value namesAxes(NodeBuilder &n, size_t i, const Sizes &axes, int64_t rank) {
  Tensor given = n.in(i);
  Scalar all = constantInteger(n.b, n.loc, ElementType::Bool, 1);
  for (int64_t axis = 0; axis < rank; ++axis) {
    Scalar named = constantInteger(n.b, n.loc, ElementType::Bool, 0);
    for (int64_t k = 0; k < given.elements(); ++k) {
      SmallVector<Scalar> where(static_cast<size_t>(given.rank()), n.integer(k));
      Scalar value = cast(n.at(given, where), ElementType::Int64);
      value = select(value < n.integer(0), value + n.integer(rank), value);
      named = named | equal(value, n.integer(axis));
    }
    all = all & (llvm::is_contained(axes, axis) ? named : !named);
  }
  return all.value;
}

/// One of `choices`, by what input `i` says; the last one if it says none of them.
Tensor chooseByAxes(NodeBuilder &n, size_t i, const std::vector<Sizes> &sets, int64_t rank,
                    llvm::function_ref<Tensor(const Sizes &)> make) {
  std::function<Tensor(size_t)> from = [&](size_t k) -> Tensor {
    if (k + 1 == sets.size())
      return make(sets[k]);
    Value condition = namesAxes(n, i, sets[k], rank);
    ElementType type = ElementType::Undefined;
    auto branch = [&](auto produce) {
      return [&, produce](OpBuilder &, Location at) {
        Tensor made = produce();
        type = made.type;
        n.b.create<scf::YieldOp>(at, made.value);
      };
    };
    auto op = n.b.create<scf::IfOp>(n.loc, condition, branch([&] { return make(sets[k]); }),
                                    branch([&] { return from(k + 1); }));
    return {op.getResult(0), type};
  };
  return from(0);
}

/// A float or an integer of a byte and more; `boolToo`: an extreme of bools is one.
Tensor numbersIn(NodeBuilder &n, bool boolToo = false) {
  Tensor x = n.in(0);
  n.require(isFloat(x.type) || (isInteger(x.type) && storedBits(x.type) >= 8) ||
                (boolToo && x.type == ElementType::Bool),
            "it is not defined for {}", nameOf(x.type));
  return x;
}

void reduceOp(NodeBuilder &n, const Kind &kind) {
  const bool extreme = kind.reduction == Reduction::Maximum || kind.reduction == Reduction::Minimum;
  Tensor x = numbersIn(n, extreme);
  const ElementType type = x.type;
  if (kind.after && !isFloat(type))
    x = n.castTo(x, ElementType::Double); // roots and logarithms of integers, cut to integers in the end
  const bool keepDims = n.number("keepdims", 1) != 0;
  Sizes every(static_cast<size_t>(x.rank()));
  std::iota(every.begin(), every.end(), 0);
  std::optional<std::vector<int64_t>> axes;
  if (n.hasAttribute("axes"))
    axes = n.numbers("axes");
  else if (n.has(1))
    axes = n.known(1);
  else
    axes.emplace();
  if (axes && axes->empty() && n.number("noop_with_empty_axes", 0)) {
    // No axis: the element-wise part alone.
    Tensor same = kind.before ? n.map(x, [&](Scalar s) { return kind.before(s); }) : x;
    return n.out(0, n.castTo(kind.after ? n.map(same, [&](Scalar s) { return kind.after(s); }) : same, type));
  }
  if (axes)
    return n.out(0,
                 n.castTo(reduceOver(n, x, axes->empty() ? every : n.axesOf(*axes, x.rank()), keepDims, kind), type));
  // Axes known only when the program runs: the declared shape leaves few sets of them.
  Sizes shape = n.mustDeclare(1), chosen;
  std::vector<Sizes> sets;
  possibleAxes(x.shape(), shape, keepDims, 0, chosen, sets);
  if (sets.size() > mostAxisSets)
    n.decidesShape(1);
  n.require(!sets.empty(), "no axes reduce its input to the declared [{}]", fmt::join(shape, ", "));
  n.out(0, chooseByAxes(n, 1, sets, x.rank(),
                        [&](const Sizes &set) { return n.castTo(reduceOver(n, x, set, keepDims, kind), type); }));
}

template <Reduction reduction, Scalar (*before)(Scalar) = nullptr, Scalar (*after)(Scalar) = nullptr, bool mean = false>
void reduceWith(NodeBuilder &n) {
  reduceOp(n, {reduction, before, after, mean});
}

/// max + log(sum(exp(x - max))), with a finite max.
void logSumExp(NodeBuilder &n) {
  Tensor x = numbersIn(n);
  const bool keepDims = n.number("keepdims", 1) != 0;
  std::optional<std::vector<int64_t>> given;
  if (n.hasAttribute("axes"))
    given = n.numbers("axes");
  else if (n.has(1))
    given = n.known(1);
  else
    given.emplace();
  if (!given)
    return reduceOp(n, {Reduction::Sum, exponential, logarithm});
  const ElementType type = x.type;
  if (!isFloat(type))
    x = n.castTo(x, ElementType::Double);
  Sizes axes(static_cast<size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (given && given->empty() && n.number("noop_with_empty_axes", 0))
    return n.out(0, n.castTo(x, type));
  if (given && !given->empty())
    axes = n.axesOf(*given, x.rank());
  Tensor top = n.reduce(x, axes, Reduction::Maximum, true);
  top = n.map(top, [](Scalar s) { return select(absolute(s) < INFINITY, s, s.same(0)); });
  Tensor powers = n.elementwise(top.type, {x, top}, [](ArrayRef<Scalar> a) { return exponential(a[0] - a[1]); });
  Tensor sum = n.map(n.reduce(powers, axes, Reduction::Sum, true), [](Scalar s) { return logarithm(s); });
  Tensor result = n.castTo(n.add(sum, top), type);
  if (!keepDims) {
    Sizes shape;
    for (int64_t i = 0; i < x.rank(); ++i)
      if (!llvm::is_contained(axes, i))
        shape.push_back(x.size(i));
    result = n.reshape(result, shape);
  }
  n.out(0, result);
}

/// Before opset 13 an axis stood for itself and all after it.
template <bool logarithmic> void softmaxOp(NodeBuilder &n) {
  Tensor x = n.floats(0);
  Sizes axes = {n.axisOf(n.number("axis", n.opset < 13 ? 1 : -1), x.rank())};
  if (n.opset < 13)
    for (int64_t axis = axes[0] + 1; axis < x.rank(); ++axis)
      axes.push_back(axis);
  n.out(0, n.castTo(n.softmax(x, axes, logarithmic), x.type));
}

/// The place of the extreme along `axis`, int64, with the axis kept.
Tensor placeOfExtreme(NodeBuilder &n, Tensor x, int64_t axis, bool largest, bool last) {
  // The value, then the first or last place that has it. NaN is never equal to itself; it counts as found.
  Tensor top = n.reduce(x, {axis}, largest ? Reduction::Maximum : Reduction::Minimum, true);
  const int64_t none = last ? -1 : x.size(axis);
  Tensor where = n.elementwise(ElementType::Int64, {x, top}, [&](ArrayRef<Scalar> a) {
    Scalar here{n.b.create<arith::IndexCastOp>(n.loc, n.b.getI64Type(),
                                               n.b.create<linalg::IndexOp>(n.loc, static_cast<uint64_t>(axis))),
                ElementType::Int64, &n.b, n.loc};
    Scalar found = equal(cast(a[0], a[1].type), a[1]);
    if (a[0].floating())
      found = found | isNan(a[0]);
    return select(found, here, n.integer(none));
  });
  return n.reduce(where, {axis}, last ? Reduction::Maximum : Reduction::Minimum, true);
}

template <bool largest> void argExtreme(NodeBuilder &n) {
  Tensor x = numbersIn(n);
  const int64_t axis = n.axisOf(n.number("axis", 0), x.rank());
  n.require(x.size(axis) > 0, "its axis {} has no elements", axis);
  Tensor place = placeOfExtreme(n, x, axis, largest, n.number("select_last_index", 0) != 0);
  Sizes shape(place.shape());
  if (!n.number("keepdims", 1))
    shape.erase(shape.begin() + axis);
  n.out(0, n.reshape(place, shape));
}

void hardmax(NodeBuilder &n) {
  Tensor x = numbersIn(n);
  Sizes original(x.shape());
  int64_t axis = n.axisOf(n.number("axis", n.opset < 13 ? 1 : -1), x.rank());
  if (n.opset < 13) { // the axis and all after it as one
    int64_t rows = elementsOf(ArrayRef<int64_t>(original).take_front(static_cast<size_t>(axis)));
    x = n.reshape(x, {rows, rows ? x.elements() / rows : 0});
    axis = 1;
  }
  Tensor place = placeOfExtreme(n, x, axis, true, false);
  Tensor one = n.elementwise(
      x.type,
      {n.generate(ElementType::Int64, x.shape(), [&](ArrayRef<Scalar> i) { return i[static_cast<size_t>(axis)]; }),
       place},
      [](ArrayRef<Scalar> a) { return equal(a[0], a[1]); });
  n.out(0, n.reshape(one, original));
}

/// A running sum or product along one axis, a slice at a time.
Tensor running(NodeBuilder &n, Tensor x, int64_t axis, bool exclusive, bool reverse, Reduction kind) {
  const int64_t count = x.size(axis);
  const ElementType type = computeType(x.type);
  Sizes sliceShape(x.shape());
  sliceShape[static_cast<size_t>(axis)] = 1;
  Tensor total = n.filled(type, sliceShape, kind == Reduction::Sum ? 0 : 1), result = n.empty(x.type, x.shape());
  if (x.elements() == 0)
    return result;
  auto at = [&](Value place) {
    SmallVector<OpFoldResult> offsets(sliceShape.size(), n.b.getIndexAttr(0));
    offsets[static_cast<size_t>(axis)] = place;
    return offsets;
  };
  auto sizes = getAsIndexOpFoldResult(n.b.getContext(), sliceShape);
  SmallVector<OpFoldResult> ones(sliceShape.size(), n.b.getIndexAttr(1));
  auto loop = n.b.create<scf::ForOp>(
      n.loc, n.index(0), n.index(count), n.index(1), ValueRange{total.value, result.value},
      [&](OpBuilder &, Location loc, Value step, ValueRange carried) {
        Value place = reverse ? n.b.create<arith::SubIOp>(loc, n.index(count - 1), step).getResult() : step;
        Tensor part{n.b.create<tensor::ExtractSliceOp>(loc, x.value, at(place), sizes, ones), x.type};
        Tensor before{carried[0], type};
        Tensor after = n.elementwise(type, {before, part}, [&](ArrayRef<Scalar> a) {
          Scalar wide = cast(a[1], type);
          return kind == Reduction::Sum ? a[0] + wide : a[0] * wide;
        });
        Tensor shown = n.castTo(exclusive ? before : after, x.type);
        Value whole = n.b.create<tensor::InsertSliceOp>(loc, shown.value, carried[1], at(place), sizes, ones);
        n.b.create<scf::YieldOp>(loc, ValueRange{after.value, whole});
      });
  return {loop.getResult(1), x.type};
}

/// Of numbers that are known, since exporters count positions so.
Tensor knownRunning(NodeBuilder &n, Tensor x, std::vector<int64_t> numbers, int64_t axis, bool exclusive,
                    bool reverse) {
  int64_t stride = 1;
  for (int64_t d = axis + 1; d < x.rank(); ++d)
    stride *= x.size(d);
  const int64_t count = x.size(axis), lines = x.elements() / count;
  for (int64_t line = 0; line < lines; ++line) {
    uint64_t total = 0; // wraps as the ops do
    for (int64_t i = 0; i < count; ++i) {
      const int64_t place = reverse ? count - 1 - i : i;
      int64_t &number = numbers[static_cast<size_t>((line / stride * count + place) * stride + line % stride)];
      const uint64_t after = total + static_cast<uint64_t>(number);
      number = static_cast<int64_t>(exclusive ? total : after);
      total = after;
    }
  }
  TensorData data;
  data.type = x.type;
  data.shape.assign(x.shape().begin(), x.shape().end());
  const size_t bytes = x.type == ElementType::Int64 ? 8 : 4;
  data.bytes.resize(numbers.size() * bytes);
  for (size_t i = 0; i < numbers.size(); ++i)
    std::memcpy(data.bytes.data() + i * bytes, &numbers[i], bytes); // the low bytes come first
  return n.constant(data);
}

template <Reduction kind> void cumulative(NodeBuilder &n) {
  Tensor x = numbersIn(n);
  const bool exclusive = n.number("exclusive", 0) != 0, reverse = n.number("reverse", 0) != 0;
  n.require(n.in(1).elements() == 1, "it has {} axes", n.in(1).elements());
  auto make = [&](const Sizes &axes) { return running(n, x, axes[0], exclusive, reverse, kind); };
  if (std::optional<std::vector<int64_t>> axis = n.known(1)) {
    const int64_t along = n.axisOf((*axis)[0], x.rank());
    const bool counts = kind == Reduction::Sum && (x.type == ElementType::Int64 || x.type == ElementType::Int32);
    std::optional<std::vector<int64_t>> numbers = counts && x.elements() > 0 ? n.known(x) : std::nullopt;
    return n.out(0, numbers ? knownRunning(n, x, std::move(*numbers), along, exclusive, reverse) : make({along}));
  }
  n.require(x.rank() >= 1, "it has no axis");
  std::vector<Sizes> sets;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    sets.push_back({axis});
  n.out(0, chooseByAxes(n, 1, sets, x.rank(), make));
}

} // namespace

void addReduce(Registry &r) {
  r.add("ReduceSum", reduceWith<Reduction::Sum>);
  r.add("ReduceProd", reduceWith<Reduction::Product>);
  r.add("ReduceMax", reduceWith<Reduction::Maximum>);
  r.add("ReduceMin", reduceWith<Reduction::Minimum>);
  r.add("ReduceMean", reduceWith<Reduction::Sum, nullptr, nullptr, true>);
  r.add("ReduceL1", reduceWith<Reduction::Sum, absolute>);
  r.add("ReduceL2", reduceWith<Reduction::Sum, squared, squareRoot>);
  r.add("ReduceSumSquare", reduceWith<Reduction::Sum, squared>);
  r.add("ReduceLogSum", reduceWith<Reduction::Sum, nullptr, logarithm>);
  r.add("ReduceLogSumExp", logSumExp);
  r.add("Softmax", softmaxOp<false>);
  r.add("LogSoftmax", softmaxOp<true>);
  r.add("Hardmax", hardmax);
  r.add("ArgMax", argExtreme<true>);
  r.add("ArgMin", argExtreme<false>);
  r.add("CumSum", cumulative<Reduction::Sum>);
  r.add("CumProd", cumulative<Reduction::Product>);
}

} // namespace weft::frontend::onnx
