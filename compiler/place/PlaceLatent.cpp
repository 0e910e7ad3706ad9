// Attention over latents (DeepSeek-V2, arXiv:2405.04434, section 2.1): a token's keys and values are made from one
// latent, and a part of each key, one for all heads, is rotated instead.
#include "compiler/place/Placer.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

namespace {

/// A linear layer's result that `rope` turns, and nothing else reads.
struct Rotated {
  xf::RopeOp rope;
  xf::LinearOp linear;
  explicit operator bool() const { return rope && linear; }
};

template <typename Op> Op onlyReadHere(Value value) { return value.hasOneUse() ? value.getDefiningOp<Op>() : Op(); }

Rotated rotatedIn(Value value) {
  Rotated rotated{onlyReadHere<xf::RopeOp>(value), {}};
  if (rotated.rope)
    rotated.linear = onlyReadHere<xf::LinearOp>(rotated.rope.getX());
  return rotated;
}

int64_t extentOf(Value value, unsigned dim) { return cast<RankedTensorType>(value.getType()).getDimSize(dim); }

/// A stack of matrices [heads x out x in] as one of heads * out rows.
Value asRows(OpBuilder &builder, Location loc, Value stack) {
  return builder.create<tensor::CollapseShapeOp>(loc, stack, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
}

/// [heads x in x out] as [heads x out x in].
Value eachTransposed(OpBuilder &builder, Location loc, Value stack) {
  auto type = cast<RankedTensorType>(stack.getType());
  const int64_t shape[] = {type.getDimSize(0), type.getDimSize(2), type.getDimSize(1)};
  Value to = builder.create<tensor::EmptyOp>(loc, shape, type.getElementType());
  return builder.create<linalg::TransposeOp>(loc, stack, to, ArrayRef<int64_t>{0, 2, 1})->getResult(0);
}

/// The ops of such an attention in the graph.
struct LatentOps {
  xf::KvAppendOp append;
  xf::JoinHeadsOp q, k;
  xf::HeadLinearOp absorbed, result;
  xf::LinearOp plain; // the part of queries that does not turn
  Rotated query, key;
};

std::optional<LatentOps> latentOps(xf::AttentionOp op) {
  LatentOps ops;
  ops.append = op.getCache().getDefiningOp<xf::KvAppendOp>();
  ops.q = onlyReadHere<xf::JoinHeadsOp>(op.getQ());
  ops.k = ops.append ? onlyReadHere<xf::JoinHeadsOp>(ops.append.getK()) : xf::JoinHeadsOp();
  if (!ops.q || !ops.k || ops.q.getHeads() != op.getHeads() || ops.k.getHeads() != 1 ||
      ops.append.getV() != ops.k.getA() || !op.getResult().hasOneUse())
    return std::nullopt;
  ops.absorbed = onlyReadHere<xf::HeadLinearOp>(ops.q.getA());
  ops.plain = ops.absorbed ? onlyReadHere<xf::LinearOp>(ops.absorbed.getX()) : xf::LinearOp();
  ops.result = dyn_cast<xf::HeadLinearOp>(*op.getResult().user_begin());
  ops.query = rotatedIn(ops.q.getB());
  ops.key = rotatedIn(ops.k.getB());
  if (!ops.plain || !ops.result || !ops.query || !ops.key || ops.query.linear.getX() != ops.plain.getX() ||
      ops.query.rope->getAttrDictionary() != ops.key.rope->getAttrDictionary())
    return std::nullopt;
  const int64_t heads = static_cast<int64_t>(op.getHeads()), rotary = extentOf(ops.key.linear.getResult(), 1);
  if (extentOf(ops.absorbed.getW(), 0) != heads || extentOf(ops.result.getW(), 0) != heads || rotary % 2 != 0 ||
      !beyondRotation(ops.query.rope, rotary).empty())
    return std::nullopt;
  return ops;
}

HeadShape headsOf(LatentOps &ops) {
  const int64_t rotary = extentOf(ops.key.linear.getResult(), 1);
  return {.kvHeads = extentOf(ops.absorbed.getW(), 0),
          .group = 1,
          .headDim = rotary + extentOf(ops.absorbed.getW(), 2),
          .turning = ops.query.rope.getInverseFrequencies().getNumElements(),
          .interleaved = ops.query.rope.getInterleaved(),
          .ofValue = extentOf(ops.result.getW(), 1),
          .rotary = rotary};
}

} // namespace

int64_t cacheNumbers(xf::AttentionOp op) {
  if (auto ops = latentOps(op)) {
    const HeadShape heads = headsOf(*ops);
    return heads.kvHeads * (heads.headDim + heads.valueDim());
  }
  xf::KvCacheType cache = op.getCache().getType();
  return cache.getKvHeads() * (cache.getHeadDim() + cache.getValueDim());
}

std::optional<LatentPattern> matchLatent(xf::AttentionOp op) {
  auto ops = latentOps(op);
  if (!ops)
    return std::nullopt;
  auto &[append, q, k, absorbed, result, plain, query, key] = *ops;
  OpBuilder builder(op);
  const Value latent = k.getA();
  const Value keyRows = asRows(builder, op.getLoc(), eachTransposed(builder, op.getLoc(), absorbed.getW()));
  const Value valueRows = asRows(builder, op.getLoc(), result.getW());
  LatentPattern pattern;
  pattern.heads = headsOf(*ops);
  pattern.rope = query.rope;
  pattern.append = append;
  pattern.result = result;
  pattern.sources = {{HeadPiece::QueryRotary, plain.getX(), query.linear.getW(), query.linear.getBias()},
                     {HeadPiece::QueryRest, plain.getX(), plain.getW(), plain.getBias()},
                     {HeadPiece::KeyRotary, key.linear.getX(), key.linear.getW(), key.linear.getBias()},
                     {HeadPiece::KeyRest, latent, keyRows, {}},
                     {HeadPiece::Value, latent, valueRows, {}}};
  pattern.ops = {q, k, absorbed, plain, query.rope, query.linear, key.rope, key.linear, append, result};
  return pattern;
}

/// Where the columns of a piece go that a product has from column `from` on.
static kernels::ColumnRuns runsOf(HeadPiece piece, int64_t from, const kernels::AttentionShape &shape,
                                  const HeadLayout &heads) {
  const int64_t width = heads.pieceWidth(piece), keys = shape.heads() * shape.width;
  kernels::ColumnRuns runs{
      .from = from, .to = 0, .stride = shape.width, .count = heads.pieceColumns(piece) / width, .width = width};
  if (piece == HeadPiece::KeyRotary || piece == HeadPiece::KeyRest)
    runs.to = keys;
  if (piece == HeadPiece::QueryRest || piece == HeadPiece::KeyRest)
    runs.to += heads.rotaryWidth;
  if (piece == HeadPiece::Value) {
    runs.to = keys + shape.kvHeads * shape.width;
    runs.stride = shape.valueWidth();
  }
  return runs;
}

FailureOr<Value> Placer::projectPieces(ArrayRef<LatentPattern::Source> sources, Value qkv,
                                       const kernels::AttentionShape &shape, const HeadLayout &heads, Operation *user) {
  SmallVector<HeadPiece> pieces;
  SmallVector<Value> matrices, biases;
  SmallVector<kernels::ColumnRuns> runs;
  int64_t columns = 0, outputs = 0;
  for (const LatentPattern::Source &source : sources) {
    pieces.push_back(source.piece);
    matrices.push_back(source.matrix);
    biases.push_back(source.bias);
    runs.push_back(runsOf(source.piece, columns, shape, heads));
    columns += heads.pieceColumns(source.piece);
    outputs += heads.kvHeads * heads.pieceDims(source.piece);
  }
  auto x = placedInBlocks(sources.front().x, user);
  auto matrixParts = parts(matrices, user), biasParts = parts(biases, user);
  if (failed(x) || failed(matrixParts) || failed(biasParts))
    return failure();
  const bool sequence = isSequence(sources.front().x);
  const int64_t inputs = cast<RankedTensorType>(x->getType()).getDimSize(1);
  ShardAttr columnShard = shard(Axis::X, ShardKind::Heads, columns);
  Type element = productElement(matrices, contractionY(inputs), columns);
  Value w = weight(*matrixParts, WeightOrder::Pieces,
                   tensor({inputs, outputs}, element, {contractionY(inputs), columnShard}), true, &heads, pieces);
  Value made = product(*x, w, headTensor(sequence, outputs, columns));
  if (Type ofBias = commonElement(biases)) {
    Value bias = weight(*biasParts, WeightOrder::Pieces, tensor({outputs}, weightElement(ofBias), {columnShard}), false,
                        &heads, pieces);
    made = call(kernels::buildAddBias(module, shape.rows, columns, elementOf(bias)), {bias}, {made}, {0, 1},
                {rows(sequence)})[0];
  }
  auto place = kernels::buildPlaceColumns(module, shape.rows, columns, shape.ld(), runs);
  return call(place, {made}, {qkv}, {0, 1}, {rows(sequence)})[0];
}

LogicalResult Placer::placeLatent(xf::AttentionOp op, LatentPattern pattern) {
  HeadLayout heads = HeadLayout::make(mesh.width, pattern.heads);
  kernels::AttentionShape shape = shapeOf(op, heads);
  const bool sequence = isSequence(op.getResult());
  Value qkv = empty(headTensor(sequence, heads.kvHeads * (2 * heads.headDim + heads.valueDim()), shape.ld()));
  ArrayRef<LatentPattern::Source> sources = pattern.sources;
  while (!sources.empty()) {
    const Value x = sources.front().x;
    auto ofInput = sources.take_while([&](const LatentPattern::Source &source) { return source.x == x; });
    auto projected = projectPieces(ofInput, qkv, shape, heads, op);
    if (failed(projected))
      return failure();
    qkv = *projected;
    sources = sources.drop_front(ofInput.size());
  }
  return attend(op, pattern.result.getResult(), rotate(qkv, pattern.rope, shape, heads), pattern.append, shape, heads);
}

} // namespace weft::place
