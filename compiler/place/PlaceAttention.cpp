// Attention: one fused projection, then either a ring of key blocks (prefill) or the distributed cache (decode).
#include "compiler/place/Placer.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

/// The projection that `value` is; nothing if it is none, or if its pieces are read by others, too.
static std::optional<Projection> projectionOf(Value value) {
  Projection projection;
  auto step = [&](auto &op) {
    using Op = std::remove_reference_t<decltype(op)>;
    if (auto found = value.getDefiningOp<Op>(); found && value.hasOneUse()) {
      op = found;
      value = found->getOperand(0);
    }
  };
  step(projection.rope);
  step(projection.norm);
  step(projection.linear);
  return projection.linear ? std::optional(projection) : std::nullopt;
}

/// Why heads of `headDim` cannot be rotated as `rope` says; empty: they can.
StringRef beyondRotation(xf::RopeOp rope, int64_t headDim) {
  if (static_cast<int64_t>(rope.getHeadDim()) != headDim)
    return "rotates heads of another size than the cache's";
  if (rope.getBatch() != 1)
    return "rotates several sequences at once";
  return "";
}

static FailureOr<AttentionPattern> matchAttention(xf::AttentionOp op) {
  AttentionPattern pattern;
  pattern.append = op.getCache().getDefiningOp<xf::KvAppendOp>();
  auto q = projectionOf(op.getQ());
  auto k = pattern.append ? projectionOf(pattern.append.getK()) : std::nullopt;
  auto v = pattern.append ? projectionOf(pattern.append.getV()) : std::nullopt;
  if (!q || !k || !v || v->rope || v->norm || q->linear.getX() != k->linear.getX() ||
      q->linear.getX() != v->linear.getX() || !q->rope != !k->rope ||
      (q->rope && q->rope->getAttrDictionary() != k->rope->getAttrDictionary()))
    return op.emitOpError("can be placed only where queries and keys are projections of one input, both rotated with "
                          "one set of frequencies or neither, and values a projection of it");
  xf::KvCacheType cache = op.getCache().getType();
  if (cache.getValueDim() != cache.getHeadDim())
    return op.emitOpError("has values of another size than keys, which has no lowering to a mesh yet");
  if (q->rope)
    if (StringRef beyond = beyondRotation(q->rope, cache.getHeadDim()); !beyond.empty())
      return q->rope.emitOpError(beyond) << ", which has no lowering to a mesh yet";
  pattern.q = *q;
  pattern.k = *k;
  pattern.v = *v;
  return pattern;
}

LogicalResult Placer::findAttention(func::FuncOp source) {
  auto result = source.walk([&](xf::AttentionOp op) -> WalkResult {
    if (auto latent = matchLatent(op)) {
      withAttention.insert(latent->ops.begin(), latent->ops.end());
      latents[op] = std::move(*latent);
      return success();
    }
    auto pattern = matchAttention(op);
    if (failed(pattern))
      return failure();
    for (Projection projection : {pattern->q, pattern->k, pattern->v})
      for (Operation *piece :
           {projection.linear.getOperation(), projection.norm.getOperation(), projection.rope.getOperation()})
        if (piece)
          withAttention.insert(piece);
    withAttention.insert(pattern->append);
    attentions[op] = *pattern;
    return success();
  });
  return failure(result.wasInterrupted());
}

RankedTensorType Placer::headTensor(bool sequence, int64_t extent, int64_t local) {
  return tensor({rowExtent(sequence), extent}, f32(), {rowShard(sequence), shard(Axis::X, ShardKind::Heads, local)});
}

/// One product makes queries, keys and values.
FailureOr<Value> Placer::projectHeads(AttentionPattern pattern, Value x, const kernels::AttentionShape &shape,
                                      const HeadLayout &heads) {
  SmallVector<Value> matrices, biases;
  for (Projection projection : {pattern.q, pattern.k, pattern.v}) {
    matrices.push_back(projection.linear.getW());
    biases.push_back(projection.linear.getBias());
  }
  auto matrixParts = parts(matrices, pattern.q.linear), biasParts = parts(biases, pattern.q.linear);
  if (failed(matrixParts) || failed(biasParts))
    return failure();
  bool sequence = isSequence(pattern.q.linear.getResult());
  int64_t inputs = cast<RankedTensorType>(x.getType()).getDimSize(1);
  int64_t outputs = (heads.group + 2) * heads.kvHeads * heads.headDim;
  ShardAttr columnShard = shard(Axis::X, ShardKind::Heads, shape.ld());
  Value w = weight(*matrixParts, WeightOrder::Qkv,
                   tensor({inputs, outputs}, productElement(matrices, contractionY(inputs), shape.ld()),
                          {contractionY(inputs), columnShard}),
                   true, &heads);
  Value qkv = product(x, w, headTensor(sequence, outputs, shape.ld()));
  if (Type element = commonElement(biases)) {
    Value bias =
        weight(*biasParts, WeightOrder::Qkv, tensor({outputs}, weightElement(element), {columnShard}), false, &heads);
    auto kernel = kernels::buildAddBias(module, shape.rows, shape.ld(), elementOf(bias));
    qkv = call(kernel, {bias}, {qkv}, {0, 1}, {rows(sequence)})[0];
  }
  for (Projection projection : {pattern.q, pattern.k})
    if (projection.norm)
      if (failed(normHeads(qkv, projection, projection.linear == pattern.k.linear, shape, heads)))
        return failure();
  return qkv;
}

Value Placer::rotate(Value qkv, xf::RopeOp rope, const kernels::AttentionShape &shape, const HeadLayout &heads) {
  // Two small tables instead of one row a position: angles add.
  int64_t radix = 1;
  while (radix * radix < options.maxSeq)
    radix *= 2;
  int64_t highRows = ceilDiv(options.maxSeq, radix);
  auto frequencies = cast<DenseFPElementsAttr>(rope.getInverseFrequencies());
  // Frequencies for sequences longer than any need no place.
  std::optional<int64_t> longFrom;
  if (rope.getLongFrom() && static_cast<int64_t>(*rope.getLongFrom()) < options.maxSeq)
    longFrom = static_cast<int64_t>(*rope.getLongFrom());
  auto longer = longFrom ? cast<ElementsAttr>(*rope.getLongInverseFrequencies()) : ElementsAttr();
  auto table = [&](int64_t stride, int64_t count, FloatAttr scale) -> Value {
    int64_t rows = longFrom ? 2 * count : count;
    auto type = tensor({rows, heads.headDim}, f32(), {whole(rows), shard(Axis::X, ShardKind::Heads, heads.width)});
    return builder.create<RopeTableOp>(type, frequencies, stride, count, headsAttr(heads), scale,
                                       cast_or_null<DenseFPElementsAttr>(longer));
  };
  Value low = table(1, radix, FloatAttr()), high = table(radix, highRows, rope.getScaleAttr());
  auto kernel = kernels::buildRope(module, shape, radix, highRows, decode, longFrom);
  return call(kernel, {launch, low, high}, {qkv}, {0, 3, 1, 2},
              {rows(isSequence(rope.getResult())), scalar(ScalarKind::RankY)})[0];
}

LogicalResult Placer::placeAttention(xf::AttentionOp op) {
  if (auto latent = latents.find(op); latent != latents.end())
    return placeLatent(op, latent->second);
  AttentionPattern pattern = attentions[op];
  auto x = placedInBlocks(pattern.q.linear.getX(), op);
  if (failed(x))
    return failure();
  xf::KvCacheType cache = op.getCache().getType();
  xf::RopeOp rope = pattern.q.rope;
  HeadLayout heads = HeadLayout::make(mesh.width, {.kvHeads = cache.getKvHeads(),
                                                   .group = static_cast<int64_t>(op.getHeads()) / cache.getKvHeads(),
                                                   .headDim = cache.getHeadDim(),
                                                   .turning = rope ? rope.getInverseFrequencies().getNumElements() : 0,
                                                   .interleaved = rope && rope.getInterleaved()});
  kernels::AttentionShape shape = shapeOf(op, heads);
  auto projected = projectHeads(pattern, *x, shape, heads);
  if (failed(projected))
    return failure();
  Value qkv = rope ? rotate(*projected, rope, shape, heads) : *projected;
  return attend(op, op.getResult(), qkv, pattern.append, shape, heads);
}

kernels::AttentionShape Placer::shapeOf(xf::AttentionOp op, const HeadLayout &heads) const {
  kernels::AttentionShape shape;
  shape.rows = isSequence(op.getResult()) ? rowCapacity : 1;
  shape.kvHeads = heads.headsPerCore;
  shape.group = heads.group;
  shape.width = heads.width;
  shape.ofValue = heads.ofValue ? heads.valueWidth : 0;
  shape.ranks = mesh.height;
  shape.capacity = rowCapacity;
  shape.tokens = decode ? 1 : options.maxSeq;
  shape.scale = op.getScale().convertToDouble();
  return shape;
}

LogicalResult Placer::attend(xf::AttentionOp op, Value result, Value qkv, xf::KvAppendOp append,
                             kernels::AttentionShape shape, const HeadLayout &heads) {
  // A window that the longest sequence fits in hides nothing.
  if (op.getWindow() && static_cast<int64_t>(*op.getWindow()) < options.maxSeq)
    shape.window = static_cast<int64_t>(*op.getWindow());
  softcap = op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0.0;

  // The layer's number in the order of the caches names its cache.
  auto argument = dyn_cast<BlockArgument>(append.getCache());
  if (!argument)
    return op.emitOpError("needs the cache of the layer to be an argument of the function");
  auto cacheType = [&](int64_t headDim, int64_t width) {
    return tensor({options.maxSeq, heads.kvHeads * headDim}, f32(),
                  {shard(Axis::Y, ShardKind::Sequence, rowCapacity),
                   shard(Axis::X, ShardKind::Heads, heads.headsPerCore * width)});
  };
  auto earlier = argument.getOwner()->getArguments().take_front(argument.getArgNumber());
  std::string name =
      "cache" +
      std::to_string(llvm::count_if(earlier, [](Value other) { return isa<xf::KvCacheType>(other.getType()); }));
  Value keys = builder.create<CacheOp>(cacheType(heads.headDim, heads.width), name + ".keys");
  Value cached = builder.create<CacheOp>(cacheType(heads.valueDim(), heads.valueWidth), name + ".values");
  const bool sequence = isSequence(op.getResult());
  auto attended = headTensor(sequence, op.getHeads() * heads.valueDim(), heads.headsOnCore() * heads.valueWidth);
  values[result] = sequence ? prefillAttention(qkv, keys, cached, shape, heads, attended)
                            : decodeAttention(qkv, keys, cached, shape, heads, attended);
  headLayouts[result] = heads;
  return success();
}

Value Placer::capScores(Value scores, kernels::AttentionShape &shape, int64_t rows, int64_t n) {
  if (softcap == 0)
    return scores;
  auto kernel = kernels::buildSoftcap(module, rows, n, shape.scale, softcap);
  shape.scale = 1.0;
  return call(kernel, {}, {scores}, {0}, {this->rows(true)})[0];
}

Value Placer::prefillAttention(Value qkv, Value keys, Value cached, const kernels::AttentionShape &shape,
                               const HeadLayout &heads, RankedTensorType attended) {
  Attribute rankY = scalar(ScalarKind::RankY), m = rows(true);
  call(kernels::buildKvStore(module, shape), {launch, qkv}, {keys, cached}, {0, 1, 2, 3}, {m, rankY});

  int64_t kvColumns = shape.entry(), keyBlock = std::min(options.keyBlock, rowCapacity);
  auto statistics = tensor({options.maxSeq, mesh.width * shape.heads()}, f32(),
                           {rowShard(true), shard(Axis::X, ShardKind::Heads, shape.heads())});
  auto copy = kernels::buildCopyColumns(module, rowCapacity, shape.ld(), shape.heads() * shape.width, kvColumns);
  Value block =
      call(copy, {qkv}, {empty(headTensor(true, heads.kvHeads * (heads.headDim + heads.valueDim()), kvColumns))},
           {0, 1}, {m})[0];
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
    kernels::AttentionShape scored = shape;
    scores = capScores(scores, scored, rowCapacity, shape.heads() * keyBlock);
    auto updated =
        call(kernels::buildFlashUpdate(module, scored, keyBlock), {launch, scores, current},
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
  int64_t columns = shape.heads() * shape.valueWidth();
  kernels::AttentionShape cacheShape = shape;
  cacheShape.rows = rowCapacity;

  // Each rank hands its oldest entry to the rank below; the kernel keeps what the append rule gives it.
  int64_t entry = shape.entry();
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
  scores = capScores(scores, cacheShape, rowCapacity, shape.heads());

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
