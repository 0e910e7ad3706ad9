// Norms of rows whose columns are spread over x.
#include "compiler/place/Placer.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

Value Placer::rowSums(const kernels::TileKernel &kernel, ArrayRef<Value> ins, bool sequence,
                      ArrayRef<Attribute> scalars) {
  Value sums = empty(tensor({rowExtent(sequence)}, f32(), {rowShard(sequence)}, Axis::X));
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(ins.size()) + 1));
  sums = call(kernel, ins, {sums}, order, scalars)[0];
  return allReduce(sums, Axis::X, ReduceKind::Add);
}

LogicalResult Placer::placeNorm(xf::RmsNormOp op) {
  auto x = placedInBlocks(op.getX(), op);
  if (failed(x))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto type = cast<RankedTensorType>(x->getType());
  int64_t columns = type.getDimSize(1), local = localShape(type)[1];
  if (cast<RankedTensorType>(op.getGamma().getType()).getDimSize(0) != columns)
    return op.emitOpError("norms groups of columns other than heads before attention, which has no lowering to a mesh "
                          "yet");
  auto gamma = vectorOnX(op.getGamma(), layoutOf(type).getDims()[1], commonElement({op.getGamma()}), op);
  if (failed(gamma))
    return failure();
  double offset = op.getOffset() ? op.getOffset()->convertToDouble() : 0.0;
  auto squares = kernels::buildSumSquares(module, rowLocal(sequence), local);
  auto scale = kernels::buildRmsScale(module, rowLocal(sequence), local, columns, op.getEpsilon().convertToDouble(),
                                      elementOf(*gamma), offset);
  Value sums = rowSums(squares, {*x}, sequence, {rows(sequence)});
  values[op.getResult()] = call(scale, {*x, sums, *gamma}, {empty(type)}, {0, 1, 2, 3}, {rows(sequence)})[0];
  return success();
}

LogicalResult Placer::placeLayerNorm(xf::LayerNormOp op) {
  auto x = placedInBlocks(op.getX(), op);
  if (failed(x))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto type = cast<RankedTensorType>(x->getType());
  int64_t columns = type.getDimSize(1), local = localShape(type)[1];
  if (!op.getGamma() || cast<RankedTensorType>(op.getGamma().getType()).getDimSize(0) != columns)
    return op.emitOpError("has no gamma for each of its columns, which has no lowering to a mesh yet");
  SmallVector<Value> gains;
  Type element = commonElement({op.getGamma(), op.getBeta()});
  for (Value gain : {op.getGamma(), op.getBeta()}) {
    if (!gain)
      continue;
    auto onX = vectorOnX(gain, layoutOf(type).getDims()[1], element, op);
    if (failed(onX))
      return failure();
    gains.push_back(*onX);
  }
  kernels::RowShare share{.rows = rowLocal(sequence), .n = local, .extent = columns};
  Value sums = rowSums(kernels::buildRowSum(module, share.rows, local), {*x}, sequence, {rows(sequence)});
  Value squares = rowSums(kernels::buildCenteredSquares(module, share), {*x, sums}, sequence,
                          {rows(sequence), scalar(ScalarKind::RankX)});
  auto scale = kernels::buildLayerScale(module, share.rows, local, columns, op.getEpsilon().convertToDouble(),
                                        elementOf(gains[0]), gains.size() == 2);
  SmallVector<Value> ins = {*x, sums, squares};
  llvm::append_range(ins, gains);
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(ins.size()) + 1));
  values[op.getResult()] = call(scale, ins, {empty(type)}, order, {rows(sequence)})[0];
  return success();
}

/// Of attention's queries or keys, as they lie in `qkv`: each head for itself, or all of them together.
LogicalResult Placer::normHeads(Value &qkv, Projection projection, bool keys, const kernels::AttentionShape &shape,
                                const HeadLayout &heads) {
  xf::RmsNormOp norm = projection.norm;
  auto gammaType = cast<RankedTensorType>(norm.getGamma().getType());
  auto gammaPart = part(norm.getGamma(), norm);
  if (failed(gammaPart))
    return failure();
  bool sequence = isSequence(norm.getResult());
  int64_t extent = gammaType.getDimSize(0), onCore = keys ? shape.kvHeads : shape.heads();
  bool together = extent != heads.headDim;
  if (together && extent != cast<RankedTensorType>(norm.getType()).getDimSize(1))
    return norm.emitOpError("norms groups of columns that are no heads, which has no lowering to a mesh yet");
  // Columns that are padding are zero, and their root would be an infinity.
  if (norm.getEpsilon().isZero())
    return norm.emitOpError("has an epsilon of 0, with which padding has no norm on a mesh");
  kernels::ColumnGroups columns{.rows = shape.rows,
                                .ld = shape.ld(),
                                .column = keys ? shape.heads() * shape.width : 0,
                                .groups = together ? 1 : onCore,
                                .width = together ? onCore * shape.width : shape.width};
  Value gamma = weight(
      {*gammaPart},
      !together ? WeightOrder::HeadDim
      : keys    ? WeightOrder::Key
                : WeightOrder::Query,
      tensor({extent}, weightElement(gammaType.getElementType()), {shard(Axis::X, ShardKind::Heads, columns.width)}),
      false, &heads);
  bool shared = together || heads.coresPerHead > 1;
  auto type = shared ? tensor({rowExtent(sequence), columns.groups}, f32(), {rowShard(sequence), whole(columns.groups)},
                              Axis::X)
                     : tensor({rowExtent(sequence), mesh.width * columns.groups}, f32(),
                              {rowShard(sequence), shard(Axis::X, ShardKind::Heads, columns.groups)});
  Value squares = call(kernels::buildGroupSquares(module, columns), {qkv}, {empty(type)}, {0, 1}, {rows(sequence)})[0];
  if (together)
    squares = allReduce(squares, Axis::X, ReduceKind::Add);
  else if (shared)
    squares = allReduce(squares, Axis::X, ReduceKind::Add, heads.coresPerHead, heads.kvHeads);
  double offset = norm.getOffset() ? norm.getOffset()->convertToDouble() : 0.0;
  auto scale =
      kernels::buildGroupScale(module, columns, extent, norm.getEpsilon().convertToDouble(), elementOf(gamma), offset);
  qkv = call(scale, {squares, gamma}, {qkv}, {2, 0, 1}, {rows(sequence)})[0];
  return success();
}

} // namespace weft::place
