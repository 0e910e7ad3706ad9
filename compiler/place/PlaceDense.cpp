// Types and building blocks of the placer; embedding, norms, linear layers and the gated MLP.
#include "compiler/place/GeneralWeights.h"
#include "compiler/place/Placer.h"
#include "runtime/weights/BlockShapes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
                                ArrayRef<int64_t> order, ArrayRef<Attribute> scalars) {
  attachWork(module, kernel);
  auto op =
      builder.create<CallOp>(ValueRange(outs).getTypes(), kernel.name, ins, outs, order, builder.getArrayAttr(scalars));
  return llvm::to_vector_of<Value>(op.getResults());
}

Value Placer::weight(ArrayRef<WeightPart> parts, WeightOrder order, RankedTensorType type, bool transposed,
                     const HeadLayout *heads) {
  SmallVector<StringRef> names;
  SmallVector<Attribute> rows;
  for (const WeightPart &part : parts) {
    names.push_back(part.name);
    rows.push_back(builder.getDenseI64ArrayAttr(part.rows));
  }
  const bool anyRows = llvm::any_of(parts, [](const WeightPart &part) { return !part.rows.empty(); });
  return builder.create<WeightOp>(type, builder.getStrArrayAttr(names), order, transposed,
                                  heads ? headsAttr(*heads) : DenseI64ArrayAttr(),
                                  anyRows ? builder.getArrayAttr(rows) : ArrayAttr());
}

/// The parameter that `value` is a view of; null if it is more than that.
static xf::ParamOp paramOf(Value value) {
  Operation *op = value.getDefiningOp();
  while (
      isa_and_nonnull<tensor::ExtractSliceOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, linalg::TransposeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return dyn_cast_or_null<xf::ParamOp>(op);
}

FailureOr<WeightPart> Placer::matrixPart(Value value, Operation *user) {
  xf::ParamOp param = paramOf(value);
  if (!param)
    return user->emitOpError("needs its weight to be a parameter of the model");
  if (value == param.getResult())
    return WeightPart{param.getName()};
  auto stored = cast<RankedTensorType>(param.getType());
  std::optional<StoredView> view = storedView(value);
  int64_t length = stored.getShape().back();
  // Whole rows of a matrix, in whatever order.
  if (!view || stored.getRank() != 2 || view->digits.size() != 2 || view->base % length != 0 ||
      view->digits[1] != SmallVector<int64_t, 2>{length, 1})
    return user->emitOpError("needs its weight to be rows of a stored matrix");
  WeightPart part{param.getName(), {view->base / length}};
  for (auto [i, digit] : llvm::enumerate(view->digits[0])) {
    if (i % 2 == 1 && digit % length != 0)
      return user->emitOpError("needs its weight to be rows of a stored matrix");
    part.rows.push_back(i % 2 == 1 ? digit / length : digit);
  }
  return part;
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

Type Placer::matrixElement(ValueRange parts) const {
  Type common = cast<RankedTensorType>(parts[0].getType()).getElementType();
  for (Value part : parts.drop_front())
    if (cast<RankedTensorType>(part.getType()).getElementType() != common)
      common = Float32Type::get(common.getContext());
  return matrixElement(common);
}

Type Placer::productElement(ValueRange parts, ShardAttr rows, int64_t columns, const HeadLayout *heads) const {
  std::optional<runtime::BlockShape> shape;
  for (Value part : parts) {
    xf::ParamOp param = paramOf(part);
    auto format = param && param.getStored() && !options.weightType
                      ? runtime::blockFormatNamed(param.getStored()->str())
                      : std::nullopt;
    if (!format)
      return matrixElement(parts);
    shape = shape ? common(*shape, runtime::shapeFor(*format)) : runtime::shapeFor(*format);
  }
  int64_t extent = cast<RankedTensorType>(parts[0].getType()).getDimSize(1), local = rows.getLocal();
  auto indexOf = [&](int64_t rank, int64_t i) {
    return rows.getKind() == ShardKind::Packed ? packedIndex(mesh, *heads, local / mesh.blocksY, rank, i)
                                               : blockIndex(extent, local, rank, i);
  };
  shape->rows = local / mesh.blocksY;
  shape->columns = columns;
  // A code of 0 is a weight of 0 where nothing is subtracted and there is no codebook.
  const bool paddingJoins = !shape->minimums && !shape->codebook;
  shape->group = sharedRun(mesh.height, local, shape->rows, shape->group, paddingJoins, indexOf);
  shape->super = sharedRun(mesh.height, local, shape->rows, shape->super, paddingJoins, indexOf);
  const bool pays = shape->bytes() < 4 * shape->rows * columns;
  return pays ? Type(blocksType(builder.getContext(), *shape)) : matrixElement(parts);
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

static kernels::Element elementOf(Value tensor) {
  Type type = cast<RankedTensorType>(tensor.getType()).getElementType();
  return type.isF32() ? kernels::Element::F32 : type.isF16() ? kernels::Element::F16 : kernels::Element::BF16;
}

/// The name and stored type of the weight that `value` is; place needs weights to be parameters.
static FailureOr<StringRef> weightName(Value value, Operation *user) {
  if (auto param = value.getDefiningOp<xf::ParamOp>())
    return param.getName();
  return user->emitOpError("needs its weight to be a parameter of the model");
}

LogicalResult Placer::placeEmbedding(xf::EmbeddingOp op) {
  auto name = weightName(op.getTable(), op);
  if (failed(name))
    return failure();
  auto stored = cast<RankedTensorType>(op.getTable().getType());
  int64_t vocabulary = stored.getDimSize(0), columns = stored.getDimSize(1);
  int64_t local = plainLocal(vocabulary, mesh.height);
  auto columnShard = contractionX(columns);
  auto tableType = tensor({vocabulary, columns}, weightElement(stored.getElementType()),
                          {shard(Axis::Y, ShardKind::Block, local), columnShard});
  Value table = weight({WeightPart{*name}}, WeightOrder::Single, tableType, false);
  Attribute rankY = scalar(ScalarKind::RankY);
  if (!isSequence(op.getResult())) {
    auto kernel = kernels::buildEmbedOne(module, local, columnShard.getLocal(), elementOf(table));
    Value row = empty(activation(false, columns, columnShard, Axis::Y));
    row = call(kernel, {launch, table}, {row}, {0, 1, 2}, {rankY})[0];
    values[op.getResult()] = allReduce(row, Axis::Y, ReduceKind::Add);
    return success();
  }
  // Every rank starts with an empty block of rows; the blocks go once round the ring and pick up the rows of the
  // vocabulary entries that each rank owns.
  auto type = activation(true, columns, columnShard);
  auto zero = kernels::buildZero(module, rowCapacity, columnShard.getLocal());
  auto kernel = kernels::buildEmbedBlock(module, rowCapacity, options.maxSeq, local, columnShard.getLocal(),
                                         elementOf(table), mesh.height);
  Value start = call(zero, {}, {empty(type)}, {0}, {rows(true)})[0];
  Value lower = builder.create<arith::ConstantIndexOp>(0), upper = builder.create<arith::ConstantIndexOp>(mesh.height),
        one = builder.create<arith::ConstantIndexOp>(1);
  auto loop = builder.create<scf::ForOp>(lower, upper, one, ValueRange(start));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value block = call(kernel, {launch, table}, {loop.getRegionIterArg(0)}, {0, 1, 2},
                     {rows(true), rankY, scalar(ScalarKind::Loop, 0)})[0];
  builder.create<scf::YieldOp>(ValueRange(shift(block, Axis::Y, true)));
  values[op.getResult()] = loop.getResult(0);
  return success();
}

LogicalResult Placer::placeNorm(xf::RmsNormOp op) {
  auto x = placed(op.getX(), op);
  auto name = weightName(op.getGamma(), op);
  if (failed(x) || failed(name))
    return failure();
  bool sequence = isSequence(op.getResult());
  int64_t columns = cast<RankedTensorType>(x->getType()).getDimSize(1),
          local = localShape(cast<RankedTensorType>(x->getType()))[1];
  auto gammaType = tensor({columns}, weightElement(cast<RankedTensorType>(op.getGamma().getType()).getElementType()),
                          {contractionX(columns)});
  Value gamma = weight({WeightPart{*name}}, WeightOrder::Single, gammaType, false);
  auto squares = kernels::buildSumSquares(module, rowLocal(sequence), local);
  auto scale = kernels::buildRmsScale(module, rowLocal(sequence), local, columns, op.getEpsilon().convertToDouble(),
                                      elementOf(gamma));
  Value sums = empty(tensor({rowExtent(sequence)}, f32(), {rowShard(sequence)}, Axis::X));
  sums = call(squares, {*x}, {sums}, {0, 1}, {rows(sequence)})[0];
  sums = allReduce(sums, Axis::X, ReduceKind::Add);
  values[op.getResult()] =
      call(scale, {*x, sums, gamma}, {empty(cast<RankedTensorType>(x->getType()))}, {0, 1, 2, 3}, {rows(sequence)})[0];
  return success();
}

LogicalResult Placer::placeLinear(xf::LinearOp op) {
  // The projections of attention are placed with it, as one product.
  if (llvm::any_of(op->getUsers(), [](Operation *user) { return isa<xf::RopeOp, xf::KvAppendOp>(user); }))
    return success();
  auto x = placed(op.getX(), op);
  auto part = matrixPart(op.getW(), op);
  if (failed(x) || failed(part))
    return failure();
  auto stored = cast<RankedTensorType>(op.getW().getType());
  int64_t outputs = stored.getDimSize(0), inputs = stored.getDimSize(1);
  ShardAttr rowsShard = contractionY(inputs);
  const HeadLayout *fromHeads = nullptr;
  if (auto heads = headLayouts.find(op.getX()); heads != headLayouts.end()) {
    fromHeads = &heads->second;
    int64_t columns = heads->second.headsOnCore() * heads->second.width;
    rowsShard = shard(Axis::Y, ShardKind::Packed, mesh.blocksY * roundUp(ceilDiv(columns, mesh.blocksX), 2));
  }
  // What goes to the host is never contracted over and needs less padding.
  bool final = llvm::any_of(op->getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); });
  ShardAttr columnShard =
      final ? shard(Axis::X, ShardKind::Block, plainLocal(outputs, mesh.width)) : contractionX(outputs);
  auto weightType = tensor({inputs, outputs}, productElement(op.getW(), rowsShard, columnShard.getLocal(), fromHeads),
                           {rowsShard, columnShard});
  Value w = weight({*part}, WeightOrder::Single, weightType, true, fromHeads);
  values[op.getResult()] = product(*x, w, activation(isSequence(op.getResult()), outputs, columnShard));
  return success();
}

LogicalResult Placer::placeMlp(xf::GatedMlpOp op) {
  auto x = placed(op.getX(), op);
  auto gate = matrixPart(op.getGate(), op), up = matrixPart(op.getUp(), op), down = matrixPart(op.getDown(), op);
  if (failed(x) || failed(gate) || failed(up) || failed(down))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto stored = cast<RankedTensorType>(op.getGate().getType());
  int64_t inner = stored.getDimSize(0), columns = stored.getDimSize(1);
  ShardAttr innerShard = contractionX(inner);
  ShardAttr pairShard = shard(Axis::X, ShardKind::Block, 2 * innerShard.getLocal());
  Type element = productElement({op.getGate(), op.getUp()}, contractionY(columns), pairShard.getLocal());
  Value gateUp = weight({*gate, *up}, WeightOrder::SideBySide,
                        tensor({columns, 2 * inner}, element, {contractionY(columns), pairShard}), true);
  Value both = product(*x, gateUp, activation(sequence, 2 * inner, pairShard));
  auto kernel = kernels::buildGate(module, rowLocal(sequence), innerShard.getLocal(), kernels::Activation::Silu);
  Value hidden = call(kernel, {both}, {empty(activation(sequence, inner, innerShard))}, {0, 1}, {rows(sequence)})[0];
  Value downWeight = weight({*down}, WeightOrder::Single,
                            tensor({inner, columns},
                                   productElement(op.getDown(), contractionY(inner), contractionX(columns).getLocal()),
                                   {contractionY(inner), contractionX(columns)}),
                            true);
  values[op.getResult()] = product(hidden, downWeight, activation(sequence, columns, contractionX(columns)));
  return success();
}

LogicalResult Placer::placeAdd(xf::AddOp op) {
  auto a = placed(op.getA(), op), b = placed(op.getB(), op);
  if (failed(a) || failed(b))
    return failure();
  // The sum is made in place of the operand that nobody else reads.
  if (!op.getB().hasOneUse())
    std::swap(*a, *b);
  bool sequence = isSequence(op.getResult());
  auto type = cast<RankedTensorType>(b->getType());
  if (!op.getA().hasOneUse() && !op.getB().hasOneUse()) {
    int64_t local = localShape(type)[1];
    auto copy = kernels::buildCopyColumns(module, rowLocal(sequence), local, 0, local);
    *b = call(copy, {*b}, {empty(type)}, {0, 1}, {rows(sequence)})[0];
  }
  auto kernel = kernels::buildAdd(module, rowLocal(sequence), localShape(type)[1]);
  values[op.getResult()] = call(kernel, {*a}, {*b}, {1, 0}, {rows(sequence)})[0];
  return success();
}

LogicalResult Placer::placeLastRow(xf::LastRowOp op) {
  auto x = placed(op.getX(), op);
  if (failed(x))
    return failure();
  if (!isSequence(op.getX())) {
    values[op.getResult()] = *x;
    return success();
  }
  auto type = cast<RankedTensorType>(x->getType());
  ShardAttr columnShard = layoutOf(type).getDims()[1];
  auto kernel = kernels::buildLastRow(module, rowCapacity, options.maxSeq, columnShard.getLocal(), mesh.height);
  Value row = empty(activation(false, type.getDimSize(1), columnShard, Axis::Y));
  row = call(kernel, {launch, *x}, {row}, {0, 1, 2}, {scalar(ScalarKind::RankY)})[0];
  values[op.getResult()] = allReduce(row, Axis::Y, ReduceKind::Add);
  return success();
}

} // namespace weft::place
