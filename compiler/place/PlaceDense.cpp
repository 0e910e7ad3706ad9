// Types and building blocks of the placer, and linear layers.
#include "compiler/place/Placer.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

// ---- types ----------------------------------------------------------------------------------------------------

RankedTensorType Placer::tensor(ArrayRef<int64_t> shape, Type element, ArrayRef<ShardAttr> dims, Axis partial) {
  SmallVector<int64_t> pad;
  for (auto [extent, dim] : llvm::zip(shape, dims)) {
    int64_t cores = dim.getAxis() == Axis::X ? mesh.width : dim.getAxis() == Axis::Y ? mesh.height : 1;
    pad.push_back(dim.getLocal() * cores - extent);
  }
  auto symbol = FlatSymbolRefAttr::get(builder.getContext(), "mesh");
  return RankedTensorType::get(shape, element, LayoutAttr::get(builder.getContext(), symbol, dims, pad, partial));
}

ShardAttr Placer::shard(Axis axis, ShardKind kind, int64_t local) {
  return ShardAttr::get(builder.getContext(), axis, kind, local);
}

ShardAttr Placer::rowShard(bool sequence) {
  return sequence ? shard(Axis::Y, ShardKind::Sequence, rowCapacity) : whole(1);
}

ShardAttr Placer::contractionX(int64_t extent) {
  return shard(Axis::X, ShardKind::Block, contractionLocalX(mesh, extent));
}

ShardAttr Placer::contractionY(int64_t extent) {
  return shard(Axis::Y, ShardKind::Block, contractionLocalY(mesh, extent));
}

RankedTensorType Placer::activation(bool sequence, int64_t columns, ShardAttr columnShard, Axis partial) {
  return tensor({rowExtent(sequence), columns}, f32(), {rowShard(sequence), columnShard}, partial);
}

bool Placer::isSequence(Value xfValue) { return cast<RankedTensorType>(xfValue.getType()).isDynamicDim(0); }

// ---- building blocks ------------------------------------------------------------------------------------------

Value Placer::empty(RankedTensorType type) { return builder.create<EmptyOp>(type); }

Attribute Placer::scalar(ScalarKind kind, int64_t value) { return ScalarAttr::get(builder.getContext(), kind, value); }

SmallVector<Value> Placer::call(const kernels::TileKernel &kernel, ArrayRef<Value> ins, ArrayRef<Value> outs,
                                ArrayRef<int64_t> order, ArrayRef<Attribute> scalars, DenseI64ArrayAttr counted) {
  attachWork(module, kernel);
  auto op = builder.create<CallOp>(ValueRange(outs).getTypes(), kernel.name, ins, outs, order,
                                   builder.getArrayAttr(scalars), counted);
  return llvm::to_vector_of<Value>(op.getResults());
}

Value Placer::copyOf(Value placed, bool sequence) {
  auto type = cast<RankedTensorType>(placed.getType());
  int64_t local = localShape(type)[1];
  auto copy = kernels::buildCopyColumns(module, rowLocal(sequence), local, 0, local);
  return call(copy, {placed}, {empty(type)}, {0, 1}, {rows(sequence)})[0];
}

Reduction Placer::reduction(int64_t cores, int64_t words) const {
  return chooseReduction(options.costs, cores, words, decode ? options.decodeTreeLevels : options.prefillTreeLevels);
}

Value Placer::allReduce(Value input, Axis axis, ReduceKind kind, int64_t segment, int64_t segments) {
  auto type = cast<RankedTensorType>(input.getType());
  LayoutAttr layout = layoutOf(type);
  auto result = tensor(type.getShape(), type.getElementType(), layout.getDims());
  int64_t cores = segment ? segment : axis == Axis::X ? mesh.width : mesh.height;
  int64_t words = 1;
  for (ShardAttr dim : layout.getDims())
    words *= dim.getLocal();
  auto [levels, groups, inRouter] = reduction(cores, words);
  return builder.create<AllReduceOp>(result, input, axis, kind, levels, groups, segment, segments, inRouter);
}

Value Placer::shift(Value input, Axis axis, bool wrap) {
  return builder.create<ShiftOp>(input.getType(), input, axis, wrap);
}

Value Placer::product(Value x, Value w, RankedTensorType result) {
  if (layoutOf(x.getType()).getDims()[0].getKind() == ShardKind::Sequence)
    return builder.create<GemmOp>(result, x, w, options.cannon ? GemmAlgo::Cannon : GemmAlgo::MeshGemm);
  auto weightType = cast<RankedTensorType>(w.getType());
  int64_t contraction = weightType.getDimSize(0);
  auto onY = activation(false, contraction, layoutOf(weightType).getDims()[0]);
  auto algo = mesh.width == mesh.height ? RelayoutAlgo::Diagonal : RelayoutAlgo::MaskedSum;
  Reduction across = reduction(mesh.width, localShape(onY)[1]);
  across.inRouter &= algo == RelayoutAlgo::MaskedSum; // the other one sums nothing
  Value input = builder.create<ToLayoutOp>(onY, x, algo, across.levels, across.groups, across.inRouter);
  auto [levels, groups, inRouter] = reduction(mesh.height, localShape(result)[1]);
  return builder.create<GemvOp>(result, input, w, levels, groups, inRouter);
}

// ---- ops of the graph -----------------------------------------------------------------------------------------

kernels::Element elementOf(Value tensor) {
  Type type = cast<RankedTensorType>(tensor.getType()).getElementType();
  return type.isF32() ? kernels::Element::F32 : type.isF16() ? kernels::Element::F16 : kernels::Element::BF16;
}

/// Whether the value goes to the host, but for what is done to its elements on the way.
static bool reachesHost(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user) ||
           (isa<xf::ScaleOp, xf::ActivationOp>(user) && !user->use_empty() && reachesHost(user->getResult(0)));
  });
}

LogicalResult Placer::placeLinear(xf::LinearOp op) {
  auto x = placed(op.getX(), op);
  auto matrix = part(op.getW(), op);
  if (failed(x) || failed(matrix))
    return failure();
  auto stored = cast<RankedTensorType>(op.getW().getType());
  int64_t outputs = stored.getDimSize(0), inputs = stored.getDimSize(1);
  ShardAttr rowsShard = contractionY(inputs);
  const HeadLayout *fromHeads = nullptr;
  if (auto heads = headLayouts.find(op.getX()); heads != headLayouts.end()) {
    fromHeads = &heads->second;
    int64_t columns = heads->second.headsOnCore() * heads->second.valueWidth;
    rowsShard = shard(Axis::Y, ShardKind::Packed, mesh.blocksY * roundUp(ceilDiv(columns, mesh.blocksX), 2));
  }
  // What goes to the host is never contracted over and needs less padding.
  ShardAttr columnShard = reachesHost(op.getResult())
                              ? shard(Axis::X, ShardKind::Block, plainLocal(outputs, mesh.width))
                              : contractionX(outputs);
  auto weightType = tensor({inputs, outputs}, productElement({op.getW()}, rowsShard, columnShard.getLocal(), fromHeads),
                           {rowsShard, columnShard});
  Value w = weight({*matrix}, WeightOrder::Single, weightType, true, fromHeads);
  bool sequence = isSequence(op.getResult());
  Value y = product(*x, w, activation(sequence, outputs, columnShard));
  if (op.getBias()) {
    auto bias = vectorOnX(op.getBias(), columnShard, commonElement({op.getBias()}), op);
    if (failed(bias))
      return failure();
    auto kernel = kernels::buildAddBias(module, rowLocal(sequence), columnShard.getLocal(), elementOf(*bias));
    y = call(kernel, {*bias}, {y}, {0, 1}, {rows(sequence)})[0];
  }
  values[op.getResult()] = y;
  return success();
}

} // namespace weft::place
