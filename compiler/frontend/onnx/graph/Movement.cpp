// Ops that only move elements, or make them out of nothing.
#include "compiler/frontend/onnx/graph/Registry.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

void identity(NodeBuilder &n) { n.outBound(0, n.bound(0)); }

/// In inference nothing is dropped.
void dropout(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::optional<std::vector<int64_t>> training = n.has(2) ? n.known(2) : std::nullopt; // 1 is the ratio
  n.require(!training || *training != std::vector<int64_t>{1} || !n.has(1) ||
                n.knownReals(n.in(1)) == std::vector<double>{0},
            "it drops values at random, as in training");
  n.out(0, x);
  if (n.wants(1))
    n.out(1, n.filled(n.opset < 10 ? x.type : ElementType::Bool, x.shape(), 1));
}

void constantOp(NodeBuilder &n) {
  const Attribute *value = n.find("value");
  if (value && value->tensor)
    return n.out(0, n.constant(*value->tensor));
  if (n.hasAttribute("value_int"))
    return n.out(0, n.integers(ElementType::Int64, {n.number("value_int")}, {}));
  if (n.hasAttribute("value_float"))
    return n.out(0, n.scalar(ElementType::Float, n.real("value_float", 0)));
  if (n.hasAttribute("value_ints")) {
    std::vector<int64_t> numbers = n.numbers("value_ints");
    return n.out(0, n.integers(ElementType::Int64, numbers, {static_cast<int64_t>(numbers.size())}));
  }
  if (n.hasAttribute("value_floats")) {
    std::vector<float> reals = n.reals("value_floats");
    TensorData data;
    data.type = ElementType::Float;
    data.shape = {static_cast<int64_t>(reals.size())};
    data.bytes.resize(reals.size() * sizeof(float));
    std::memcpy(data.bytes.data(), reals.data(), data.bytes.size());
    return n.out(0, n.constant(data));
  }
  n.fail("its value is no dense tensor of numbers");
}

Sizes shapeFrom(NodeBuilder &n, size_t i) {
  std::optional<std::vector<int64_t>> known = n.known(i);
  if (!known)
    return n.mustDeclare(i);
  for (int64_t size : *known)
    n.sizeOf(size);
  return Sizes(known->begin(), known->end());
}

void constantOfShape(NodeBuilder &n) {
  Sizes shape = shapeFrom(n, 0);
  const Attribute *value = n.find("value");
  if (!value || !value->tensor)
    return n.out(0, n.filled(ElementType::Float, shape, 0));
  n.require(value->tensor->elements() == 1, "its value has {} elements instead of one", value->tensor->elements());
  n.out(0, n.broadcast(n.reshape(n.constant(*value->tensor), {}), shape));
}

void shapeOp(NodeBuilder &n) {
  Tensor x = n.in(0);
  auto clampAxis = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + x.rank() : axis, 0, x.rank()); };
  const int64_t start = clampAxis(n.number("start", 0)), end = clampAxis(n.number("end", x.rank()));
  ArrayRef<int64_t> part;
  if (start < end)
    part = x.shape().slice(static_cast<size_t>(start), static_cast<size_t>(end - start));
  n.out(0, n.integers(ElementType::Int64, part, {static_cast<int64_t>(part.size())}));
}

void sizeOp(NodeBuilder &n) { n.out(0, n.integers(ElementType::Int64, {n.in(0).elements()}, {})); }

void reshapeOp(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::optional<std::vector<int64_t>> given = n.hasAttribute("shape") ? n.numbers("shape") : n.known(1);
  if (!given) {
    Sizes declared = n.mustDeclare(1);
    given.emplace(declared.begin(), declared.end());
  }
  Sizes shape(given->begin(), given->end());
  const bool keepZero = n.number("allowzero", 0) != 0;
  int64_t open = -1, product = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !keepZero && n.known(1)) {
      n.require(static_cast<int64_t>(i) < x.rank(),
                "size {} of the new shape is 0, but its input has no such dimension", i);
      shape[i] = x.shape()[i];
    }
    n.require(shape[i] >= -1 && (shape[i] != -1 || open < 0), "the new shape [{}] has more than one open size",
              fmt::join(*given, ", "));
    if (shape[i] == -1)
      open = static_cast<int64_t>(i);
    else
      product = elementsOf({product, shape[i]});
  }
  if (open >= 0) {
    n.require(product != 0 ? x.elements() % product == 0 : x.elements() == 0, "its elements do not fill [{}]",
              fmt::join(*given, ", "));
    shape[static_cast<size_t>(open)] = product ? x.elements() / product : 0;
  }
  n.require(elementsOf(shape) == x.elements(), "[{}] has another number of elements", fmt::join(shape, ", "));
  n.out(0, n.reshape(x, shape));
}

void flatten(NodeBuilder &n) {
  Tensor x = n.in(0);
  int64_t axis = n.number("axis", 1);
  n.require(axis >= -x.rank() && axis <= x.rank(), "axis {} does not exist", axis);
  axis += axis < 0 ? x.rank() : 0;
  ArrayRef<int64_t> shape = x.shape();
  n.out(0, n.reshape(x, {elementsOf(shape.take_front(static_cast<size_t>(axis))),
                         elementsOf(shape.drop_front(static_cast<size_t>(axis)))}));
}

void squeeze(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::optional<std::vector<int64_t>> given = n.hasAttribute("axes") ? n.numbers("axes") : n.known(1);
  Sizes shape;
  if (n.has(1) && !given) {
    shape = n.mustDeclare(1);
    n.require(elementsOf(shape) == x.elements(), "[{}] has another number of elements", fmt::join(shape, ", "));
    return n.out(0, n.reshape(x, shape));
  }
  Sizes axes = given ? n.axesOf(*given, x.rank()) : Sizes();
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    const bool named = llvm::is_contained(axes, axis);
    n.require(!named || x.size(axis) == 1, "axis {} has {} elements, not one", axis, x.size(axis));
    if (given ? !named : x.size(axis) != 1)
      shape.push_back(x.size(axis));
  }
  n.out(0, n.reshape(x, shape));
}

void unsqueeze(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::optional<std::vector<int64_t>> given = n.hasAttribute("axes") ? n.numbers("axes") : n.known(1);
  if (!given) {
    Sizes shape = n.mustDeclare(1);
    n.require(elementsOf(shape) == x.elements(), "[{}] has another number of elements", fmt::join(shape, ", "));
    return n.out(0, n.reshape(x, shape));
  }
  Sizes axes = n.axesOf(*given, x.rank() + static_cast<int64_t>(given->size())), shape(x.shape());
  for (int64_t axis : axes)
    shape.insert(shape.begin() + axis, 1);
  n.out(0, n.reshape(x, shape));
}

void transposeOp(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::vector<int64_t> order = n.numbers("perm");
  if (order.empty())
    for (int64_t axis = x.rank(); axis-- > 0;)
      order.push_back(axis);
  n.require(static_cast<int64_t>(order.size()) == x.rank() && n.axesOf(order, x.rank()).size() == order.size(),
            "perm [{}] is no permutation of its dimensions", fmt::join(order, ", "));
  for (int64_t &axis : order)
    axis += axis < 0 ? x.rank() : 0;
  n.out(0, n.transpose(x, order));
}

void expand(NodeBuilder &n) {
  Tensor x = n.in(0);
  Sizes wanted = shapeFrom(n, 1);
  std::optional<Sizes> shape = broadcastShapes(x.shape(), wanted);
  n.require(shape.has_value(), "it cannot be broadcast to [{}]", fmt::join(wanted, ", "));
  n.out(0, n.broadcast(x, *shape));
}

void tile(NodeBuilder &n) {
  Tensor x = n.in(0);
  Sizes repeats;
  if (std::optional<std::vector<int64_t>> known = n.known(1)) {
    repeats.assign(known->begin(), known->end());
  } else {
    Sizes shape = n.mustDeclare(1);
    n.require(shape.size() == x.shape().size(), "it is declared with {} dimensions", shape.size());
    for (auto [to, from] : llvm::zip(shape, x.shape()))
      repeats.push_back(from ? to / from : 0);
  }
  n.require(static_cast<int64_t>(repeats.size()) == x.rank(), "{} repeats for {} dimensions", repeats.size(), x.rank());
  // Each dimension becomes two, the outer one repeated.
  Sizes split, full, shape;
  for (auto [size, times] : llvm::zip(x.shape(), repeats)) {
    n.sizeOf(times);
    split.append({1, size});
    full.append({times, size});
    shape.push_back(size * times);
  }
  n.out(0, n.reshape(n.broadcast(n.reshape(x, split), full), shape));
}

void concat(NodeBuilder &n) {
  std::vector<Tensor> parts = n.all();
  n.require(!parts.empty(), "it has no inputs");
  n.requireSameType(parts);
  const int64_t axis = n.axisOf(n.number("axis"), parts[0].rank());
  for (const Tensor &part : parts)
    for (int64_t i = 0; i < std::max(part.rank(), parts[0].rank()); ++i)
      n.require(part.rank() == parts[0].rank() && (i == axis || part.size(i) == parts[0].size(i)),
                "its inputs differ in more than axis {}", axis);
  n.out(0, n.concat(parts, axis));
}

void split(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t axis = n.axisOf(n.number("axis", 0), x.rank());
  const auto parts = static_cast<int64_t>(n.outputs());
  std::vector<int64_t> sizes;
  if (n.hasAttribute("split")) {
    sizes = n.numbers("split");
  } else if (std::optional<std::vector<int64_t>> known = n.known(1)) {
    sizes = *known;
  } else if (n.has(1)) {
    for (size_t i = 0; i < n.outputs(); ++i) {
      std::optional<Sizes> shape = n.declared(i);
      if (!shape || static_cast<int64_t>(shape->size()) != x.rank())
        n.decidesShape(1);
      sizes.push_back((*shape)[static_cast<size_t>(axis)]);
    }
  } else {
    const int64_t count = n.number("num_outputs", parts);
    n.require(count == parts && parts > 0, "num_outputs is {}, but it has {} outputs", count, parts);
    const int64_t size = (x.size(axis) + count - 1) / count;
    for (int64_t i = 0; i < count; ++i)
      sizes.push_back(std::min(size, x.size(axis) - std::min(x.size(axis), size * i)));
  }
  for (int64_t size : sizes)
    n.require(size >= 0 && size <= x.size(axis), "a part of {} of the {} elements of axis {}", size, x.size(axis),
              axis);
  n.require(static_cast<int64_t>(sizes.size()) == parts &&
                std::accumulate(sizes.begin(), sizes.end(), int64_t(0)) == x.size(axis),
            "parts of [{}] do not make up its {} outputs and the {} elements of axis {}", fmt::join(sizes, ", "), parts,
            x.size(axis), axis);
  int64_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    n.out(i, n.sliceAxis(x, axis, offset, sizes[i]));
    offset += sizes[i];
  }
}

void rangeOp(NodeBuilder &n) {
  Tensor start = n.in(0), limit = n.in(1), delta = n.in(2);
  n.requireSameType({start, limit, delta});
  n.require(start.elements() == 1 && limit.elements() == 1 && delta.elements() == 1, "its bounds are no numbers");
  std::optional<std::vector<double>> from = n.knownReals(start), to = n.knownReals(limit), by = n.knownReals(delta);
  std::optional<Sizes> declared = n.declared(0);
  int64_t count = 0;
  if (from && to && by) {
    n.require((*by)[0] != 0, "its step is 0");
    const double steps = std::ceil(((*to)[0] - (*from)[0]) / (*by)[0]);
    n.require(steps < static_cast<double>(mostElementsOfTensor), "it has too many elements");
    count = steps > 0 ? static_cast<int64_t>(steps) : 0;
  } else if (declared && declared->size() == 1) {
    count = (*declared)[0];
  } else {
    n.decidesShape(!to ? 1 : !from ? 0 : 2);
  }
  Tensor places = n.generate(ElementType::Int64, {count}, [](ArrayRef<Scalar> i) { return i[0]; });
  n.out(0, n.elementwise(start.type, {places, start, delta},
                         [](ArrayRef<Scalar> a) { return a[1] + cast(a[0], a[1].type) * a[2]; }));
}

void trilu(NodeBuilder &n) {
  Tensor x = n.in(0), k = n.optional(1);
  n.require(x.rank() >= 2, "it needs two dimensions");
  const bool upper = n.number("upper", 1) != 0;
  const auto row = static_cast<size_t>(x.rank() - 2);
  n.out(0, n.generate(x.type, x.shape(), [&](ArrayRef<Scalar> i) {
    Scalar edge = i[row];
    if (k)
      edge = edge + n.at(k, SmallVector<Scalar>(static_cast<size_t>(k.rank()), n.integer(0)));
    Scalar keep = upper ? i[row + 1] >= edge : i[row + 1] <= edge;
    return select(keep, n.at(x, i), constantScalar(n.b, n.loc, x.type, 0));
  }));
}

void eyeLike(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.require(x.rank() == 2, "it needs two dimensions");
  const auto type = static_cast<ElementType>(n.number("dtype", static_cast<int64_t>(x.type)));
  const int64_t k = n.number("k", 0);
  n.out(0, n.generate(type, x.shape(), [&](ArrayRef<Scalar> i) { return equal(i[1], i[0] + n.integer(k)); }));
}

/// [N, C, H, W] in blocks of b x b; both ops are a reshape, a transpose and a reshape.
void depthToSpace(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t b = n.number("blocksize");
  n.require(b > 0 && b < 1 << 15, "its blocksize is {}", b);
  n.require(x.rank() == 4 && x.size(1) % (b * b) == 0, "its channels are no multiple of {} squared", b);
  const int64_t channels = x.size(1) / (b * b), height = x.size(2), width = x.size(3);
  const bool depthFirst = n.text("mode", "DCR") == "DCR";
  Tensor y = depthFirst ? n.transpose(n.reshape(x, {x.size(0), b, b, channels, height, width}), {0, 3, 4, 1, 5, 2})
                        : n.transpose(n.reshape(x, {x.size(0), channels, b, b, height, width}), {0, 1, 4, 2, 5, 3});
  n.out(0, n.reshape(y, {x.size(0), channels, height * b, width * b}));
}

void spaceToDepth(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t b = n.number("blocksize");
  n.require(b > 0 && b < 1 << 15, "its blocksize is {}", b);
  n.require(x.rank() == 4 && x.size(2) % b == 0 && x.size(3) % b == 0, "its sizes are no multiples of {}", b);
  Tensor y = n.transpose(n.reshape(x, {x.size(0), x.size(1), x.size(2) / b, b, x.size(3) / b, b}), {0, 3, 5, 1, 2, 4});
  n.out(0, n.reshape(y, {x.size(0), x.size(1) * b * b, x.size(2) / b, x.size(3) / b}));
}

} // namespace

void addMovement(Registry &r) {
  r.add("Identity", identity);
  r.add("Dropout", dropout);
  r.add("Constant", constantOp);
  r.add("ConstantOfShape", constantOfShape);
  r.add("Shape", shapeOp);
  r.add("Size", sizeOp);
  r.add("Reshape", reshapeOp);
  r.add("Flatten", flatten);
  r.add("Squeeze", squeeze);
  r.add("Unsqueeze", unsqueeze);
  r.add("Transpose", transposeOp);
  r.add("Expand", expand);
  r.add("Tile", tile);
  r.add("Concat", concat);
  r.add("Split", split);
  r.add("Range", rangeOp);
  r.add("Trilu", trilu);
  r.add("EyeLike", eyeLike);
  r.add("DepthToSpace", depthToSpace);
  r.add("SpaceToDepth", spaceToDepth);
}

} // namespace weft::frontend::onnx
