// Convolutions of any rank, with groups, and their transposes; of floats and of quantised integers.
#include "compiler/frontend/onnx/graph/Registry.h"
#include "compiler/frontend/onnx/graph/SlidingWindow.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Exprs = SmallVector<AffineExpr>;

/// What the loops of a convolution are: batch, group (if there are several), output channel, output position…; then
/// input channel and kernel position….
struct Loops {
  Loops(OpBuilder &b, size_t spatial, bool grouped) {
    unsigned next = 0;
    auto take = [&] { return b.getAffineDimExpr(next++); };
    batch = take();
    if (grouped)
      group = take();
    outChannel = take();
    for (size_t i = 0; i < spatial; ++i)
      at.push_back(take());
    inChannel = take();
    for (size_t i = 0; i < spatial; ++i)
      kernel.push_back(take());
    count = next;
  }
  AffineMap map(OpBuilder &b, ArrayRef<AffineExpr> results) const {
    return AffineMap::get(count, 0, results, b.getContext());
  }
  AffineExpr batch, group, outChannel, inChannel;
  Exprs at, kernel;
  unsigned count = 0;
};

Sizes spatialOf(Tensor x) { return Sizes(x.shape().drop_front(2)); }

/// Dimension `axis` as (groups, rest), if there are several groups.
Tensor splitGroups(NodeBuilder &n, Tensor x, int64_t axis, int64_t groups) {
  if (groups == 1)
    return x;
  Sizes shape(x.shape());
  shape[static_cast<size_t>(axis)] /= groups;
  shape.insert(shape.begin() + axis, groups);
  return n.reshape(x, shape);
}

/// Multiplies and adds up, in `type`: x[batch, group, in, position(i)…] by w, whose dimensions `weightMap` names.
Tensor multiplyWindows(NodeBuilder &n, Tensor x, Tensor w, const Loops &loops, ArrayRef<AffineExpr> position,
                       ArrayRef<AffineExpr> weightDims, ArrayRef<int64_t> outShape, int64_t groups, ElementType type) {
  Exprs dims = {loops.batch};
  Sizes shape = {outShape[0]};
  if (groups > 1) {
    dims.push_back(loops.group);
    shape.push_back(groups);
  }
  dims.push_back(loops.inChannel);
  dims.append(position.begin(), position.end());
  shape.push_back(outShape[1] / groups);
  shape.append(outShape.begin() + 2, outShape.end());
  Tensor result = fill(n, type, shape, 0);
  if (elementsOf(outShape) != 0 && x.elements() != 0)
    result = reduceWindows(n, {{splitGroups(n, x, 1, groups), loops.map(n.b, dims)}, {w, loops.map(n.b, weightDims)}},
                           result, loops.count, [](ArrayRef<Scalar> a) { return a[2] + a[0] * a[1]; });
  return n.reshape(result, outShape);
}

/// x (N, C, …) and w (M, C / groups, …) give (N, M, …), added up in `type`.
Tensor convolve(NodeBuilder &n, Tensor x, Tensor w, ElementType type) {
  const int64_t groups = n.number("group", 1);
  n.require(x.rank() >= 3 && w.rank() == x.rank(), "its input and kernel need the same rank, of at least 3");
  n.require(groups > 0 && x.size(1) == w.size(1) * groups && w.size(0) % groups == 0,
            "{} channels do not fit a kernel of {}x{} in {} groups", x.size(1), w.size(0), w.size(1), groups);
  std::vector<int64_t> declared = n.numbers("kernel_shape");
  n.require(declared.empty() || ArrayRef<int64_t>(declared) == w.shape().drop_front(2),
            "its attribute 'kernel_shape' [{}] is not its kernel's shape", fmt::join(declared, ", "));
  const Window window = windowOf(n, spatialOf(x), spatialOf(w));
  const Loops loops(n.b, window.rank(), groups > 1);
  Exprs position, weight;
  for (size_t i = 0; i < window.rank(); ++i)
    position.push_back(loops.at[i] * window.strides[i] + loops.kernel[i] * window.dilations[i]);
  if (groups > 1)
    weight.push_back(loops.group);
  weight.push_back(loops.outChannel);
  weight.push_back(loops.inChannel);
  weight.append(loops.kernel);
  Sizes out = {x.size(0), w.size(0)};
  out.append(window.out);
  return multiplyWindows(n, padForWindows(n, x, window, 0), splitGroups(n, w, 0, groups), loops, position, weight, out,
                         groups, type);
}

/// A value for each channel, in a shape that broadcasts over (N, channels, …).
Tensor perChannel(NodeBuilder &n, Tensor x, int64_t rank, int64_t channels) {
  n.require(x.rank() <= 1 && (x.elements() == 1 || x.elements() == channels),
            "a value for each of {} channels has the shape [{}]", channels, fmt::join(x.shape(), ", "));
  Sizes shape(static_cast<size_t>(rank - 1), 1);
  shape[0] = x.elements();
  return n.reshape(x, shape);
}

Tensor addBias(NodeBuilder &n, Tensor y, Tensor bias) {
  return bias ? n.add(y, n.castTo(perChannel(n, bias, y.rank(), y.size(1)), y.type)) : y;
}

void conv(NodeBuilder &n) {
  Tensor x = n.in(0), w = n.in(1);
  n.requireSameType({x, w});
  n.out(0, n.castTo(addBias(n, convolve(n, x, w, computeType(x.type)), n.optional(2)), x.type));
}

/// Here padding takes away from the result.
Window transposedWindowOf(NodeBuilder &n, ArrayRef<int64_t> in, ArrayRef<int64_t> kernel) {
  const size_t rank = in.size();
  Window w;
  w.in.assign(in.begin(), in.end());
  w.kernel.assign(kernel.begin(), kernel.end());
  w.strides = spatialNumbers(n, "strides", rank, 1, 1);
  w.dilations = spatialNumbers(n, "dilations", rank, 1, 1);
  Sizes extra = spatialNumbers(n, "output_padding", rank, 0, 0);
  Sizes pads = spatialNumbers(n, "pads", 2 * rank, 0, 0);
  w.before.assign(pads.begin(), pads.begin() + static_cast<int64_t>(rank));
  w.after.assign(pads.begin() + static_cast<int64_t>(rank), pads.end());
  const std::string mode = n.text("auto_pad", "NOTSET");
  std::vector<int64_t> shape = n.numbers("output_shape");
  n.require(shape.empty() || shape.size() == rank || shape.size() == rank + 2, "its output_shape has {} dimensions",
            shape.size());
  for (int64_t size : shape)
    n.require(size >= 0 && size <= (int64_t(1) << 31), "its output_shape has {}", size);
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  n.require(same || mode == "NOTSET" || mode == "VALID" || mode.empty(), "auto_pad {} is not known", mode);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t full = w.strides[i] * (in[i] - 1) + extra[i] + w.extent(i);
    if (shape.empty() && !same) {
      w.out.push_back(full - w.before[i] - w.after[i]);
      continue;
    }
    // The size is given, with or without the leading batch and channels.
    w.out.push_back(shape.empty() ? in[i] * w.strides[i] : shape[shape.size() - rank + i]);
    const int64_t total = std::max<int64_t>(0, full - w.out[i]);
    w.before[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    w.after[i] = total - w.before[i];
  }
  for (int64_t size : w.out)
    n.require(size >= 0, "its result would have a dimension of {}", size);
  return w;
}

/// The zeros between the elements of `x` that a stride makes, and as many around it as the kernel reaches.
Tensor spread(NodeBuilder &n, Tensor x, const Window &w) {
  Sizes shape(x.shape()), offsets(shape.size(), 0), steps(shape.size(), 1);
  for (size_t i = 0; i < w.rank(); ++i) {
    // Position o of the result meets positions o - before … of the spread input, beginning extent - 1 earlier.
    offsets[2 + i] = w.extent(i) - 1 - w.before[i];
    steps[2 + i] = w.strides[i];
    shape[2 + i] = w.out[i] + w.extent(i) - 1;
  }
  // Elements that fall outside, because the padding is larger than the kernel's reach, are cut off.
  Sizes starts(shape.size(), 0), sizes(x.shape());
  for (size_t d = 2; d < shape.size(); ++d) {
    if (offsets[d] < 0) {
      starts[d] = (-offsets[d] + steps[d] - 1) / steps[d];
      offsets[d] += starts[d] * steps[d];
    }
    sizes[d] = std::min(sizes[d] - starts[d], (shape[d] - offsets[d] + steps[d] - 1) / steps[d]);
  }
  Tensor zeros = fill(n, x.type, shape, 0);
  if (llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return zeros;
  auto numbers = [&](ArrayRef<int64_t> values) { return getAsIndexOpFoldResult(n.b.getContext(), values); };
  return {n.b.create<tensor::InsertSliceOp>(n.loc, n.slice(x, starts, sizes).value, zeros.value, numbers(offsets),
                                            numbers(sizes), numbers(steps)),
          x.type};
}

void convTranspose(NodeBuilder &n) {
  Tensor x = n.in(0), w = n.in(1);
  n.requireSameType({x, w});
  const int64_t groups = n.number("group", 1);
  n.require(x.rank() >= 3 && w.rank() == x.rank(), "its input and kernel need the same rank, of at least 3");
  n.require(groups > 0 && x.size(1) == w.size(0) && w.size(0) % groups == 0,
            "{} channels do not fit a kernel of {}x{} in {} groups", x.size(1), w.size(0), w.size(1), groups);
  const Window window = transposedWindowOf(n, spatialOf(x), spatialOf(w));
  const Loops loops(n.b, window.rank(), groups > 1);
  Exprs position, weight;
  for (size_t i = 0; i < window.rank(); ++i)
    position.push_back(loops.at[i] - loops.kernel[i] * window.dilations[i] + (window.extent(i) - 1));
  if (groups > 1)
    weight.push_back(loops.group);
  weight.push_back(loops.inChannel);
  weight.push_back(loops.outChannel);
  weight.append(loops.kernel);
  Sizes out = {x.size(0), w.size(1) * groups};
  out.append(window.out);
  Tensor y = multiplyWindows(n, spread(n, x, window), splitGroups(n, w, 0, groups), loops, position, weight, out,
                             groups, computeType(x.type));
  n.out(0, n.castTo(addBias(n, y, n.optional(2)), x.type));
}

/// Integers less their zero point, as int32.
Tensor centred(NodeBuilder &n, Tensor x, Tensor zero) {
  Tensor wide = n.castTo(x, ElementType::Int32);
  return zero ? n.subtract(wide, n.castTo(zero, ElementType::Int32)) : wide;
}

/// A zero point or scale of a kernel (M, C, …).
Tensor perKernel(NodeBuilder &n, Tensor value, Tensor w) {
  if (!value)
    return value;
  Sizes shape(static_cast<size_t>(w.rank()), 1);
  n.require(value.rank() <= 1 && (value.elements() == 1 || value.elements() == w.size(0)),
            "a value for each of {} kernels has the shape [{}]", w.size(0), fmt::join(value.shape(), ", "));
  shape[0] = value.elements();
  return n.reshape(value, shape);
}

/// round(sum * scale / outScale) + zero, within what the zero point's type holds.
Tensor requantise(NodeBuilder &n, Tensor sum, Tensor scale, Tensor outScale, Tensor zero) {
  n.require(isInteger(zero.type) && storageBytes(zero.type) == 1, "its result is quantised to {}", nameOf(zero.type));
  const bool plain = isUnsigned(zero.type);
  return n.elementwiseRaw(zero.type, {sum, scale, outScale, zero}, [&](ArrayRef<Scalar> a) {
    Scalar ratio = cast(a[1], ElementType::Float) / cast(a[2], ElementType::Float);
    Scalar y = roundEven(cast(a[0], ElementType::Float) * ratio) + cast(a[3], ElementType::Float);
    return clamp(y, plain ? 0 : -128, plain ? 255 : 127);
  });
}

void convInteger(NodeBuilder &n) {
  Tensor x = centred(n, n.in(0), n.optional(2)), w = centred(n, n.in(1), perKernel(n, n.optional(3), n.in(1)));
  n.out(0, convolve(n, x, w, ElementType::Int32));
}

void qLinearConv(NodeBuilder &n) {
  Tensor x = centred(n, n.in(0), n.in(2)), w = centred(n, n.in(3), perKernel(n, n.in(5), n.in(3)));
  Tensor sum = addBias(n, convolve(n, x, w, ElementType::Int32), n.optional(8));
  Tensor scale = n.multiply(n.in(1), perChannel(n, n.in(4), sum.rank(), sum.size(1)));
  n.out(0, requantise(n, sum, scale, n.in(6), n.in(7)));
}

/// Adds up blocks where they overlap: each pixel is the sum over the places of the kernel whose block holds it.
void columnsToImage(NodeBuilder &n) {
  Tensor x = n.in(0);
  std::vector<int64_t> image = n.mustKnow(1), kernel = n.mustKnow(2);
  const size_t rank = kernel.size();
  n.require(x.rank() == 3 && rank >= 1 && image.size() == rank, "an image of [{}] and blocks of [{}] do not fit",
            fmt::join(image, ", "), fmt::join(kernel, ", "));
  const Window window = windowOf(n, image, kernel);
  const int64_t places = elementsOf(kernel);
  n.require(places <= 1024 && x.size(1) % places == 0 && x.size(2) == elementsOf(window.out),
            "[{}] are not blocks of {} at {} places", fmt::join(x.shape(), ", "), places, elementsOf(window.out));
  Sizes shape = {x.size(0), x.size(1) / places};
  shape.append(image.begin(), image.end());
  n.out(0, n.generate(x.type, shape, [&](ArrayRef<Scalar> i) {
    Scalar sum = constantScalar(n.b, n.loc, computeType(x.type), 0);
    for (int64_t place = 0; place < places; ++place) {
      int64_t rest = place;
      Scalar block = n.integer(0), inside = constantInteger(n.b, n.loc, ElementType::Bool, 1);
      Sizes at(rank);
      for (size_t d = rank; d-- > 0; rest /= kernel[d])
        at[d] = rest % kernel[d];
      for (size_t d = 0; d < rank; ++d) {
        Scalar from = i[2 + d] + n.integer(window.before[d] - at[d] * window.dilations[d]);
        Scalar stride = n.integer(window.strides[d]), number = from / stride;
        inside = inside & (from >= n.integer(0)) & equal(number * stride, from) & (number < n.integer(window.out[d]));
        block = block * n.integer(window.out[d]) + number;
      }
      Scalar row = i[1] * n.integer(places) + n.integer(place);
      Scalar value = cast(n.at(x, {i[0], row, n.wrapIndex(block, x.size(2))}), sum.type);
      sum = sum + select(inside, value, value.same(0));
    }
    return sum;
  }));
}

} // namespace

void addConvolution(Registry &r) {
  r.add("Conv", conv);
  r.add("ConvTranspose", convTranspose);
  r.add("ConvInteger", convInteger);
  r.add("Col2Im", columnsToImage);
  r.add("QLinearConv", qLinearConv);
}

} // namespace weft::frontend::onnx
