#include "compiler/frontend/onnx/graph/SlidingWindow.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Padding such that a stride of s makes n elements into ceil(n / s).
void padToSame(Window &window, bool upper) {
  for (size_t i = 0; i < window.rank(); ++i) {
    window.out[i] = (window.in[i] + window.strides[i] - 1) / window.strides[i];
    int64_t total = std::max<int64_t>(0, (window.out[i] - 1) * window.strides[i] + window.extent(i) - window.in[i]);
    window.before[i] = upper ? total / 2 : total - total / 2;
    window.after[i] = total - window.before[i];
  }
}

} // namespace

Sizes spatialNumbers(NodeBuilder &n, const std::string &name, size_t rank, int64_t otherwise, int64_t least) {
  std::vector<int64_t> given = n.numbers(name);
  if (given.empty())
    return Sizes(rank, otherwise);
  n.require(given.size() == rank, "its attribute '{}' has {} numbers instead of {}", name, given.size(), rank);
  for (int64_t number : given)
    n.require(number >= least && number <= (int64_t(1) << 31), "its attribute '{}' has {}, which is not in {}..2^31",
              name, number, least);
  return Sizes(given.begin(), given.end());
}

Window windowOf(NodeBuilder &n, ArrayRef<int64_t> in, ArrayRef<int64_t> kernel, bool ceil) {
  const size_t rank = in.size();
  n.require(kernel.size() == rank, "its kernel has {} dimensions, its input {}", kernel.size(), rank);
  for (int64_t size : kernel)
    n.require(size > 0 && size <= (int64_t(1) << 31), "its kernel [{}] has a dimension that is not in 1..2^31",
              fmt::join(kernel, ", "));
  Window window;
  window.in.assign(in.begin(), in.end());
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = spatialNumbers(n, "strides", rank, 1, 1);
  window.dilations = spatialNumbers(n, "dilations", rank, 1, 1);
  window.before.assign(rank, 0);
  window.after.assign(rank, 0);
  window.out.assign(rank, 0);
  const std::string mode = n.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    padToSame(window, mode == "SAME_UPPER");
    return window;
  }
  n.require(mode == "NOTSET" || mode == "VALID" || mode.empty(), "auto_pad {} is not known", mode);
  if (mode != "VALID") {
    Sizes pads = spatialNumbers(n, "pads", 2 * rank, 0, -(int64_t(1) << 31));
    window.before.assign(pads.begin(), pads.begin() + static_cast<int64_t>(rank));
    window.after.assign(pads.begin() + static_cast<int64_t>(rank), pads.end());
  }
  for (size_t i = 0; i < rank; ++i) {
    const int64_t padded = in[i] + window.before[i] + window.after[i], room = padded - window.extent(i);
    n.require(room >= 0, "its window of {} does not fit into {} elements with padding", window.extent(i), padded);
    window.out[i] = (ceil ? room + window.strides[i] - 1 : room) / window.strides[i] + 1;
    if (ceil && (window.out[i] - 1) * window.strides[i] >= in[i] + window.before[i])
      --window.out[i];
  }
  return window;
}

Tensor padForWindows(NodeBuilder &n, Tensor x, const Window &window, double number) {
  Sizes low(static_cast<size_t>(x.rank()), 0), high = low;
  const size_t lead = low.size() - window.rank();
  for (size_t i = 0; i < window.rank(); ++i) {
    low[lead + i] = window.before[i];
    high[lead + i] = (window.out[i] - 1) * window.strides[i] + window.extent(i) - window.in[i] - window.before[i];
  }
  return n.pad(x, low, high, number);
}

Tensor fill(NodeBuilder &n, ElementType type, ArrayRef<int64_t> shape, double number) {
  Value value = constantScalar(n.b, n.loc, type, number).value;
  return {n.b.create<linalg::FillOp>(n.loc, value, n.empty(type, shape).value).getResult(0), type};
}

Tensor reduceWindows(NodeBuilder &n, ArrayRef<WindowOperand> operands, Tensor init, unsigned loops, Body body) {
  const auto parallel = static_cast<unsigned>(init.rank());
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const WindowOperand &operand : operands) {
    inputs.push_back(operand.tensor.value);
    maps.push_back(operand.map);
  }
  SmallVector<AffineExpr> results;
  for (unsigned i = 0; i < parallel; ++i)
    results.push_back(n.b.getAffineDimExpr(i));
  maps.push_back(AffineMap::get(loops, 0, results, n.b.getContext()));
  SmallVector<utils::IteratorType> iterators(loops, utils::IteratorType::reduction);
  std::fill(iterators.begin(), iterators.begin() + parallel, utils::IteratorType::parallel);
  auto op = n.b.create<linalg::GenericOp>(n.loc, init.value.getType(), inputs, init.value, maps, iterators,
                                          [&](OpBuilder &inner, Location at, ValueRange arguments) {
                                            SmallVector<Scalar> scalars;
                                            for (auto [operand, argument] : llvm::zip(operands, arguments))
                                              scalars.push_back(
                                                  cast(Scalar{argument, operand.tensor.type, &inner, at}, init.type));
                                            scalars.push_back({arguments.back(), init.type, &inner, at});
                                            inner.create<linalg::YieldOp>(at, body(scalars).value);
                                          });
  return {op.getResult(0), init.type};
}

} // namespace weft::frontend::onnx
