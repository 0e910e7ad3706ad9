// Attention: one fused projection, then either a ring of key blocks (prefill) or the distributed cache (decode).
#include "compiler/place/Placer.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

namespace {
/// The pieces of the graph that make one attention layer.
struct AttentionPattern {
  xf::LinearOp q, k, v;
  xf::RopeOp ropeQ, ropeK;
  xf::KvAppendOp append;
};

FailureOr<AttentionPattern> matchAttention(xf::AttentionOp op) {
  AttentionPattern pattern;
  pattern.append = op.getCache().getDefiningOp<xf::KvAppendOp>();
  pattern.ropeQ = op.getQ().getDefiningOp<xf::RopeOp>();
  if (pattern.append) {
    pattern.ropeK = pattern.append.getK().getDefiningOp<xf::RopeOp>();
    pattern.v = pattern.append.getV().getDefiningOp<xf::LinearOp>();
  }
  if (pattern.ropeQ && pattern.ropeK) {
    pattern.q = pattern.ropeQ.getX().getDefiningOp<xf::LinearOp>();
    pattern.k = pattern.ropeK.getX().getDefiningOp<xf::LinearOp>();
  }
  if (!pattern.q || !pattern.k || !pattern.v || pattern.q.getX() != pattern.k.getX() ||
      pattern.q.getX() != pattern.v.getX() ||
      pattern.ropeQ.getInverseFrequencies() != pattern.ropeK.getInverseFrequencies())
    return op.emitOpError(
        "can be placed only where queries and keys are rotated projections of one input, with one set of "
        "frequencies, and values a projection of it");
  return pattern;
}
} // namespace

RankedTensorType Placer::headTensor(bool sequence, int64_t extent, int64_t local) {
  return tensor({rowExtent(sequence), extent}, f32(), {rowShard(sequence), shard(Axis::X, ShardKind::Heads, local)});
}

LogicalResult Placer::placeAttention(xf::AttentionOp op) {
  auto pattern = matchAttention(op);
  if (failed(pattern))
    return failure();
  auto x = placed(pattern->q.getX(), op);
  if (failed(x))
    return failure();
  SmallVector<WeightPart> parts;
  for (xf::LinearOp linear : {pattern->q, pattern->k, pattern->v}) {
    auto part = matrixPart(linear.getW(), linear);
    if (failed(part))
      return failure();
    parts.push_back(*part);
  }
  bool sequence = isSequence(op.getResult());
  auto cache = cast<xf::KvCacheType>(op.getCache().getType());
  HeadLayout heads =
      HeadLayout::make(mesh.width, cache.getKvHeads(), op.getHeads() / cache.getKvHeads(), cache.getHeadDim());
  kernels::AttentionShape shape;
  shape.rows = sequence ? rowCapacity : 1;
  shape.kvHeads = heads.headsPerCore;
  shape.group = heads.group;
  shape.width = heads.width;
  shape.ranks = mesh.height;
  shape.capacity = rowCapacity;
  shape.tokens = decode ? 1 : options.maxSeq;
  shape.scale = op.getScale().convertToDouble();

  // One product makes queries, keys and values.
  int64_t inputs = cast<RankedTensorType>(x->getType()).getDimSize(1);
  int64_t outputs = (op.getHeads() + 2 * cache.getKvHeads()) * cache.getHeadDim();
  ShardAttr columnShard = shard(Axis::X, ShardKind::Heads, shape.ld());
  Type element =
      productElement({pattern->q.getW(), pattern->k.getW(), pattern->v.getW()}, contractionY(inputs), shape.ld());
  Value w = weight(parts, WeightOrder::Qkv, tensor({inputs, outputs}, element, {contractionY(inputs), columnShard}),
                   true, &heads);
  Value qkv = product(*x, w, headTensor(sequence, outputs, shape.ld()));

  // Two small tables instead of one row a position: angles add.
  int64_t radix = 1;
  while (radix * radix < options.maxSeq)
    radix *= 2;
  int64_t highRows = ceilDiv(options.maxSeq, radix);
  auto frequencies = cast<DenseFPElementsAttr>(pattern->ropeQ.getInverseFrequencies());
  auto table = [&](int64_t stride, int64_t count) -> Value {
    auto type =
        tensor({count, cache.getHeadDim()}, f32(), {whole(count), shard(Axis::X, ShardKind::Heads, heads.width)});
    return builder.create<RopeTableOp>(type, frequencies, stride, count, headsAttr(heads));
  };
  Value low = table(1, radix), high = table(radix, highRows);
  auto rope = kernels::buildRope(module, shape, radix, highRows, decode);
  qkv = call(rope, {launch, low, high}, {qkv}, {0, 3, 1, 2}, {rows(sequence), scalar(ScalarKind::RankY)})[0];

  // The layer's number in the order of the caches names its cache.
  auto argument = dyn_cast<BlockArgument>(pattern->append.getCache());
  if (!argument)
    return op.emitOpError("needs the cache of the layer to be an argument of the function");
  auto cacheType = tensor({options.maxSeq, cache.getRowSize()}, f32(),
                          {shard(Axis::Y, ShardKind::Sequence, rowCapacity),
                           shard(Axis::X, ShardKind::Heads, heads.headsPerCore * heads.width)});
  auto earlier = argument.getOwner()->getArguments().take_front(argument.getArgNumber());
  std::string name =
      "cache" +
      std::to_string(llvm::count_if(earlier, [](Value other) { return isa<xf::KvCacheType>(other.getType()); }));
  Value keys = builder.create<CacheOp>(cacheType, name + ".keys");
  Value cached = builder.create<CacheOp>(cacheType, name + ".values");
  auto attended = headTensor(sequence, op.getHeads() * cache.getHeadDim(), heads.headsOnCore() * heads.width);
  values[op.getResult()] = sequence ? prefillAttention(qkv, keys, cached, shape, heads, attended)
                                    : decodeAttention(qkv, keys, cached, shape, heads, attended);
  headLayouts[op.getResult()] = heads;
  return success();
}

Value Placer::prefillAttention(Value qkv, Value keys, Value cached, const kernels::AttentionShape &shape,
                               const HeadLayout &heads, RankedTensorType attended) {
  Attribute rankY = scalar(ScalarKind::RankY), m = rows(true);
  call(kernels::buildKvStore(module, shape), {launch, qkv}, {keys, cached}, {0, 1, 2, 3}, {m, rankY});

  int64_t kvColumns = 2 * shape.kvHeads * shape.width, keyBlock = std::min(options.keyBlock, rowCapacity);
  auto statistics = tensor({options.maxSeq, mesh.width * shape.heads()}, f32(),
                           {rowShard(true), shard(Axis::X, ShardKind::Heads, shape.heads())});
  auto copy = kernels::buildCopyColumns(module, rowCapacity, shape.ld(), shape.heads() * shape.width, kvColumns);
  Value block =
      call(copy, {qkv}, {empty(headTensor(true, 2 * heads.kvHeads * heads.headDim, kvColumns))}, {0, 1}, {m})[0];
  auto state = call(kernels::buildFlashInit(module, shape), {}, {empty(attended), empty(statistics), empty(statistics)},
                    {0, 1, 2}, {m});

  // Keys and values go once round the ring of y; queries stay, so that nothing is ever transposed.
  Value zero = builder.create<arith::ConstantIndexOp>(0), one = builder.create<arith::ConstantIndexOp>(1),
        ranks = builder.create<arith::ConstantIndexOp>(mesh.height);
  Value parts = builder.create<ParamOp>(builder.getIndexType(), "key_parts", ArrayRef<int64_t>{mesh.height, keyBlock});
  auto ring = builder.create<scf::ForOp>(zero, ranks, one, ValueRange{block, state[0], state[1], state[2]});
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(ring.getBody());
    Value current = ring.getRegionIterArg(0);
    Value next = shift(current, Axis::Y, true);
    auto inner = builder.create<scf::ForOp>(zero, parts, one, ring.getRegionIterArgs().drop_front());
    builder.setInsertionPointToStart(inner.getBody());
    Attribute part = scalar(ScalarKind::Loop, 0), step = scalar(ScalarKind::Loop, 1);
    bool shared = heads.coresPerHead > 1;
    // Scores are partial over the cores that share a head.
    auto scoreType = shared
                         ? tensor({options.maxSeq, shape.heads(), keyBlock}, f32(),
                                  {rowShard(true), whole(shape.heads()), whole(keyBlock)}, Axis::X)
                         : tensor({options.maxSeq, mesh.width * shape.heads(), keyBlock}, f32(),
                                  {rowShard(true), shard(Axis::X, ShardKind::Heads, shape.heads()), whole(keyBlock)});
    Value scores = call(kernels::buildFlashScores(module, shape, keyBlock), {qkv, current}, {empty(scoreType)},
                        {0, 1, 2}, {m, part})[0];
    if (shared)
      scores = allReduce(scores, Axis::X, ReduceKind::Add, heads.coresPerHead, heads.kvHeads);
    auto updated =
        call(kernels::buildFlashUpdate(module, shape, keyBlock), {launch, scores, current},
             {inner.getRegionIterArg(0), inner.getRegionIterArg(1), inner.getRegionIterArg(2), empty(statistics)},
             {0, 1, 2, 3, 4, 5, 6}, {m, rankY, step, part});
    updated.pop_back(); // scratch
    builder.create<scf::YieldOp>(updated);
    builder.setInsertionPointToEnd(ring.getBody());
    SmallVector<Value> yielded = {next};
    llvm::append_range(yielded, inner.getResults());
    builder.create<scf::YieldOp>(yielded);
  }
  return call(kernels::buildAttentionFinish(module, shape), {ring.getResult(1), ring.getResult(2)}, {empty(attended)},
              {0, 1, 2}, {m})[0];
}

Value Placer::decodeAttention(Value qkv, Value keys, Value cached, const kernels::AttentionShape &shape,
                              const HeadLayout &heads, RankedTensorType attended) {
  Attribute rankY = scalar(ScalarKind::RankY), m = rows(true);
  int64_t columns = shape.heads() * shape.width;
  kernels::AttentionShape cacheShape = shape;
  cacheShape.rows = rowCapacity;

  // Each rank hands its oldest entry to the rank below; the kernel keeps what the append rule gives it.
  int64_t entry = 2 * shape.kvHeads * shape.width;
  auto entryType = tensor({1, mesh.width * entry}, f32(), {whole(1), shard(Axis::X, ShardKind::Block, entry)});
  Value oldest =
      call(kernels::buildKvOldest(module, shape), {launch, keys, cached}, {empty(entryType)}, {0, 1, 2, 3}, {rankY})[0];
  Value received = shift(oldest, Axis::Y, false);
  auto caches =
      call(kernels::buildKvAppend(module, shape), {launch, qkv, received}, {keys, cached}, {0, 1, 2, 3, 4}, {rankY});

  bool shared = heads.coresPerHead > 1;
  auto scoreType = shared
                       ? tensor({options.maxSeq, shape.heads()}, f32(), {rowShard(true), whole(shape.heads())}, Axis::X)
                       : tensor({options.maxSeq, mesh.width * shape.heads()}, f32(),
                                {rowShard(true), shard(Axis::X, ShardKind::Heads, shape.heads())});
  Value scores = call(kernels::buildDecodeScores(module, cacheShape), {launch, qkv, caches[0]}, {empty(scoreType)},
                      {0, 1, 2, 3}, {m, rankY})[0];
  if (shared)
    scores = allReduce(scores, Axis::X, ReduceKind::Add, heads.coresPerHead, heads.kvHeads);

  auto perCore = [&](int64_t local, Axis partial) {
    return tensor({1, mesh.width * local}, f32(), {whole(1), shard(Axis::X, ShardKind::Block, local)}, partial);
  };
  Value maximum = call(kernels::buildDecodeMax(module, cacheShape), {launch, scores},
                       {empty(perCore(shape.heads(), Axis::Y))}, {0, 1, 2}, {m, rankY})[0];
  maximum = allReduce(maximum, Axis::Y, ReduceKind::Max);
  // The weighted values and the weights' sums travel together.
  Value weighted = call(kernels::buildDecodeWeighted(module, cacheShape), {launch, scores, maximum, caches[1]},
                        {empty(perCore(columns + shape.heads(), Axis::Y))}, {0, 1, 2, 3, 4}, {m, rankY})[0];
  weighted = allReduce(weighted, Axis::Y, ReduceKind::Add);
  Value numerator = builder.create<ViewOp>(perCore(columns, Axis::None), weighted, 0);
  Value denominator = builder.create<ViewOp>(perCore(shape.heads(), Axis::None), weighted, columns);
  return call(kernels::buildAttentionFinish(module, shape), {numerator, denominator}, {empty(attended)}, {0, 1, 2},
              {rows(false)})[0];
}

} // namespace weft::place
