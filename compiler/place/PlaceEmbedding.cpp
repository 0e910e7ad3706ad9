// What tokens look up: rows of the vocabulary and of learned positions, both spread over the rows of cores.
#include "compiler/place/GeneralBlocks.h"
#include "compiler/place/Placer.h"
#include "kernels/BlockNumber.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

FailureOr<Value> Placer::tableOnY(Value table, int64_t first, int64_t rows, Operation *user) {
  auto stored = part(table, user);
  if (failed(stored))
    return failure();
  auto type = cast<RankedTensorType>(table.getType());
  int64_t entries = type.getDimSize(0), columns = type.getDimSize(1);
  if (first + rows > entries)
    return user->emitOpError("needs ") << rows << " positions from " << first << " on, but its table has " << entries;
  if (rows < entries) {
    if (stored->view.empty())
      stored->view = {builder.getDenseI64ArrayAttr({0}), builder.getDenseI64ArrayAttr({entries, columns}),
                      builder.getDenseI64ArrayAttr({columns, 1})};
    ArrayRef<int64_t> base = cast<DenseI64ArrayAttr>(stored->view[0]).asArrayRef(),
                      digits = cast<DenseI64ArrayAttr>(stored->view[1]).asArrayRef();
    if (digits.size() != 2)
      return user->emitOpError("needs its positions to be rows of a stored tensor, one after the other");
    stored->view[0] = builder.getDenseI64ArrayAttr({base[0] + first * digits[1]});
    stored->view[1] = builder.getDenseI64ArrayAttr({rows, digits[1]});
  }
  auto placedType = tensor({rows, columns}, weightElement(type.getElementType()),
                           {shard(Axis::Y, ShardKind::Block, plainLocal(rows, mesh.height)), contractionX(columns)});
  return weight({*stored}, WeightOrder::Single, placedType, false);
}

/// The table as the file's blocks: each core has whole ones of its columns, and the last ranks' parts overlap. Nothing
/// where they do not go with the columns.
static std::optional<StoredBytes> tableBytes(Value table, ShardAttr columns, const Mesh &mesh, bool convert) {
  auto type = cast<RankedTensorType>(table.getType());
  std::optional<StoredBytes> stored = convert ? std::nullopt : storedBytes(table, whole, {1, 1});
  if (!stored || stored->dim != 1 || plainLocal(type.getDimSize(0), mesh.height) > type.getDimSize(0))
    return std::nullopt;
  const bool fits = columns.getLocal() % factsOf(stored->format).weights == 0 &&
                    columns.getLocal() * mesh.width == type.getDimSize(1);
  return fits ? stored : std::nullopt;
}

Value Placer::aroundRing(Value start, llvm::function_ref<Value(Value block)> visit) {
  Value lower = builder.create<arith::ConstantIndexOp>(0), upper = builder.create<arith::ConstantIndexOp>(mesh.height),
        one = builder.create<arith::ConstantIndexOp>(1);
  auto loop = builder.create<scf::ForOp>(lower, upper, one, ValueRange(start));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value block = visit(loop.getRegionIterArg(0));
  builder.create<scf::YieldOp>(ValueRange(shift(block, Axis::Y, true)));
  return loop.getResult(0);
}

LogicalResult Placer::placeEmbedding(xf::EmbeddingOp op) {
  auto stored = cast<RankedTensorType>(op.getTable().getType());
  int64_t vocabulary = stored.getDimSize(0), columns = stored.getDimSize(1);
  auto columnShard = contractionX(columns);
  const std::optional<StoredBytes> inBlocks = tableBytes(op.getTable(), columnShard, mesh, bool(options.weightType));
  const int64_t tableRows = plainLocal(vocabulary, mesh.height);
  FailureOr<Value> table;
  if (inBlocks) {
    auto type = tensor(inBlocks->type.getShape(), builder.getI8Type(),
                       {shard(Axis::Y, ShardKind::Overlap, tableRows),
                        shard(Axis::X, ShardKind::Overlap, inBlocks->type.getDimSize(1) / mesh.width)});
    table = Value(
        builder.create<StoredOp>(type, inBlocks->view.name, inBlocks->view.base, digitsAttr(builder, inBlocks->view)));
  } else {
    table = tableOnY(op.getTable(), 0, vocabulary, op);
  }
  if (failed(table))
    return failure();
  // Learned positions that are added at once are looked up on the same way.
  xf::AddPositionsOp added;
  if (op.getResult().hasOneUse())
    added = dyn_cast<xf::AddPositionsOp>(*op->getUsers().begin());
  Value positions;
  if (added) {
    auto placed = tableOnY(added.getTable(), static_cast<int64_t>(added.getOffset()), options.maxSeq, added);
    if (failed(placed))
      return failure();
    positions = *placed;
  }
  auto localOf = [](Value table) { return localShape(cast<RankedTensorType>(table.getType()))[0]; };
  Value result = added ? added.getResult() : op.getResult();
  Attribute rankY = scalar(ScalarKind::RankY);
  if (!isSequence(op.getResult())) {
    auto kernel = inBlocks
                      ? kernels::buildEmbedOne(module, tableRows, columnShard.getLocal(), inBlocks->format, vocabulary)
                      : kernels::buildEmbedOne(module, tableRows, columnShard.getLocal(), elementOf(*table));
    Value row = empty(activation(false, columns, columnShard, Axis::Y));
    row = call(kernel, {launch, *table}, {row}, {0, 1, 2}, {rankY})[0];
    if (positions) {
      auto add = kernels::buildPositionOne(module, localOf(positions), columnShard.getLocal(), elementOf(positions));
      row = call(add, {launch, positions}, {row}, {0, 1, 2}, {rankY})[0];
    }
    values[result] = allReduce(row, Axis::Y, ReduceKind::Add);
    return success();
  }
  // Every rank starts with an empty block of rows; the blocks go once round the ring and pick up the rows of the
  // vocabulary entries that each rank owns.
  auto type = activation(true, columns, columnShard);
  auto zero = kernels::buildZero(module, rowCapacity, columnShard.getLocal());
  auto kernel = inBlocks ? kernels::buildEmbedBlock(module, rowCapacity, options.maxSeq, tableRows,
                                                    columnShard.getLocal(), inBlocks->format, vocabulary, mesh.height)
                         : kernels::buildEmbedBlock(module, rowCapacity, options.maxSeq, tableRows,
                                                    columnShard.getLocal(), elementOf(*table), mesh.height);
  Value start = call(zero, {}, {empty(type)}, {0}, {rows(true)})[0];
  SmallVector<Attribute> scalars = {rows(true), rankY, scalar(ScalarKind::Loop, 0)};
  values[result] = aroundRing(start, [&](Value block) {
    block = call(kernel, {launch, *table}, {block}, {0, 1, 2}, scalars)[0];
    if (!positions)
      return block;
    auto add = kernels::buildPositionBlock(module, rowCapacity, options.maxSeq, localOf(positions),
                                           columnShard.getLocal(), elementOf(positions), mesh.height);
    return call(add, {launch, positions}, {block}, {0, 1, 2}, scalars)[0];
  });
  return success();
}

LogicalResult Placer::placeAddPositions(xf::AddPositionsOp op) {
  if (op.getBatch() != 1)
    return op.emitOpError("adds positions to several sequences at once, which has no lowering to a mesh yet");
  if (values.contains(op.getResult()))
    return success(); // with its embedding
  auto x = writable(op.getX(), op);
  if (failed(x))
    return failure();
  auto table = tableOnY(op.getTable(), static_cast<int64_t>(op.getOffset()), options.maxSeq, op);
  if (failed(table))
    return failure();
  auto local = localShape(cast<RankedTensorType>(table->getType()));
  Attribute rankY = scalar(ScalarKind::RankY);
  if (isSequence(op.getResult())) {
    auto kernel = kernels::buildPositionBlock(module, rowCapacity, options.maxSeq, local[0], local[1],
                                              elementOf(*table), mesh.height);
    values[op.getResult()] = aroundRing(*x, [&](Value block) {
      return call(kernel, {launch, *table}, {block}, {0, 1, 2}, {rows(true), rankY, scalar(ScalarKind::Loop, 0)})[0];
    });
    return success();
  }
  auto type = cast<RankedTensorType>(x->getType());
  Value row = empty(activation(false, type.getDimSize(1), layoutOf(type).getDims()[1], Axis::Y));
  row = call(kernels::buildZero(module, 1, local[1]), {}, {row}, {0}, {rows(false)})[0];
  row = call(kernels::buildPositionOne(module, local[0], local[1], elementOf(*table)), {launch, *table}, {row},
             {0, 1, 2}, {rankY})[0];
  row = allReduce(row, Axis::Y, ReduceKind::Add);
  values[op.getResult()] = call(kernels::buildAdd(module, 1, local[1]), {row}, {*x}, {1, 0}, {rows(false)})[0];
  return success();
}

} // namespace weft::place
