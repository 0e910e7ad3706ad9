// Attention of one query over the cache. The cache is a ring: a rank's entries are at most two runs of slots.
#include "kernels/AttentionNames.h"

using namespace mlir;

namespace weft::kernels {

namespace {
/// Part of a rank's entries whose slots are contiguous: entries [entry, entry + count) in slots [slot, slot + count).
struct SlotRun {
  Value entry, slot, count;
};
} // namespace

namespace {
/// The entries that the token sees of the first m of a rank's: all but those before its window.
struct Entries {
  Value skipped; // how many those are; null: none
  Value first, count;
};
} // namespace

static Entries visibleEntries(KernelBody &b, const AttentionShape &shape, Value launch, Value m, Value rank) {
  Value n = launchCount(b, launch);
  TokenRuns runs(b, n, shape.ranks);
  Entries entries{{}, runs.start(rank), b.min(m, runs.count(rank))};
  if (!shape.window)
    return entries;
  Value before = b.sub(b.sub(n, b.constant(shape.window)), entries.first);
  entries.skipped = b.clamp(before, entries.count);
  entries.first = b.add(entries.first, entries.skipped);
  entries.count = b.sub(entries.count, entries.skipped);
  return entries;
}

static std::array<SlotRun, 2> slotRuns(KernelBody &b, const AttentionShape &shape, const Entries &entries) {
  Value zero = b.constant(0), slot = b.rem(entries.first, shape.capacity);
  Value untilWrap = b.min(entries.count, b.sub(b.constant(shape.capacity), slot));
  Value entry = entries.skipped ? entries.skipped : zero;
  Value wrapped = entries.skipped ? b.add(entry, untilWrap) : untilWrap;
  return {SlotRun{entry, slot, untilWrap}, SlotRun{wrapped, zero, b.sub(entries.count, untilWrap)}};
}

/// [count x heads] of scores [rows x heads].
static Value visibleScores(KernelBody &b, const AttentionShape &shape, Value scores, const Entries &entries) {
  if (!entries.skipped)
    return b.head(scores, entries.count);
  return b.view(scores, b.mul(entries.skipped, shape.heads()), {entries.count, b.fixed(shape.heads())},
                {shape.heads(), 1});
}

/// [count x kvHeads x width] of a cache from a slot on.
static Value cacheRun(KernelBody &b, const AttentionShape &shape, Value cache, int64_t width, const SlotRun &run) {
  const int64_t columns = shape.kvHeads * width;
  return b.view(cache, b.mul(run.slot, columns), {run.count, b.fixed(shape.kvHeads), b.fixed(width)},
                {columns, width, 1});
}

/// [count x kvHeads x group] of scores [rows x heads] from an entry on.
static Value scoreRun(KernelBody &b, const AttentionShape &shape, Value scores, Value entry, Value count) {
  return b.view(scores, b.mul(entry, shape.heads()), {count, b.fixed(shape.kvHeads), b.fixed(shape.group)},
                {shape.heads(), shape.group, 1});
}

static BufferSpec keys(const AttentionShape &shape) { return f32({shape.capacity, keyColumns(shape)}); }
static BufferSpec values(const AttentionShape &shape) { return f32({shape.capacity, valueColumns(shape)}); }
static BufferSpec scores(const AttentionShape &shape) { return f32({shape.rows, shape.heads()}); }

/// Work: heads*width MACs an entry; the query once, K of the entry, the scores written.
TileKernel buildDecodeScores(ModuleOp module, const AttentionShape &shape) {
  TileKernel kernel{attentionSymbol("decode_scores", shape), {}};
  int64_t columns = shape.heads() * shape.width;
  kernel.work.macs = {0, columns};
  kernel.work.loadBytes = {4 + 4 * columns, 4 * keyColumns(shape)};
  kernel.work.storeBytes = {0, 4 * shape.heads()};
  define(module, kernel.name, {launchWords(shape.tokens), f32({1, shape.ld()}), keys(shape), scores(shape)}, 2,
         [&](KernelBody &b) {
           Value m = b.scalar(0), s = b.buffer(3);
           Entries entries = visibleEntries(b, shape, b.buffer(0), m, b.scalar(1));
           b.fill(b.head(s, m), 0.0);
           Value query =
               b.view(b.buffer(1), b.fixed(0), {b.fixed(shape.kvHeads), b.fixed(shape.group), b.fixed(shape.width)},
                      {shape.group * shape.width, shape.width, 1});
           for (const SlotRun &run : slotRuns(b, shape, entries))
             b.generic("pppr", {{query, {1, 2, 3}}, {cacheRun(b, shape, b.buffer(2), shape.width, run), {0, 1, 3}}},
                       {scoreRun(b, shape, s, run.entry, run.count), {0, 1, 2}},
                       [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
         });
  setProbe(module, kernel.name,
           {.scalars = {0, shape.ranks - 1},
            .launch = 0,
            .tokensPerRow = shape.ranks,
            .mostTokens = shape.ranks * shape.rows});
  return kernel;
}

/// Work: a multiplication and a comparison an entry and head.
TileKernel buildDecodeMax(ModuleOp module, const AttentionShape &shape) {
  TileKernel kernel{attentionSymbol("decode_max", shape), {}};
  kernel.work.alu = {0, 2 * shape.heads()};
  kernel.work.loadBytes = {4, 4 * shape.heads()};
  kernel.work.storeBytes = {4 * shape.heads(), 0};
  define(module, kernel.name, {launchWords(shape.tokens), scores(shape), f32({shape.heads()})}, 2, [&](KernelBody &b) {
    Entries entries = visibleEntries(b, shape, b.buffer(0), b.scalar(0), b.scalar(1));
    Value seen = visibleScores(b, shape, b.buffer(1), entries), largest = b.buffer(2);
    b.fill(largest, mostNegative);
    b.generic("pr", {{seen, {1, 0}}}, {largest, {0}}, [&](KernelBody &e, ValueRange v) -> Value {
      return e.create<arith::MaxNumFOp>(e.create<arith::MulFOp>(v[0], e.real(shape.scale)), v[1]);
    });
  });
  setProbe(module, kernel.name,
           {.scalars = {0, shape.ranks - 1},
            .launch = 0,
            .tokensPerRow = shape.ranks,
            .mostTokens = shape.ranks * shape.rows});
  return kernel;
}

/// Work: an exponential an entry and head, then heads*valueWidth MACs an entry; the scores are overwritten by p.
TileKernel buildDecodeWeighted(ModuleOp module, const AttentionShape &shape) {
  TileKernel kernel{attentionSymbol("decode_weighted", shape), {}};
  int64_t heads = shape.heads(), width = shape.valueWidth(), columns = outputColumns(shape);
  kernel.work.macs = {0, columns};
  kernel.work.special = {0, heads};
  kernel.work.alu = {0, 3 * heads};
  kernel.work.loadBytes = {4 + 4 * heads, 8 * heads + 4 * valueColumns(shape)};
  kernel.work.storeBytes = {4 * (columns + heads), 4 * heads};
  define(module, kernel.name,
         {launchWords(shape.tokens), scores(shape), f32({heads}), values(shape), f32({columns + heads})}, 2,
         [&](KernelBody &b) {
           Entries entries = visibleEntries(b, shape, b.buffer(0), b.scalar(0), b.scalar(1));
           Value s = b.buffer(1), out = b.buffer(4);
           b.fill(out, 0.0);
           Value p = visibleScores(b, shape, s, entries);
           b.generic("pp", {{b.buffer(2), {1}}}, {p, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
             Value scaled = e.create<arith::MulFOp>(v[1], e.real(shape.scale));
             return e.create<math::ExpOp>(e.create<arith::SubFOp>(scaled, v[0]));
           });
           Value total = b.view(out, b.fixed(columns), {b.fixed(heads)}, {1});
           b.generic("pr", {{p, {1, 0}}}, {total, {0}},
                     [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::AddFOp>(v[1], v[0]); });
           Value sum = b.view(out, b.fixed(0), {b.fixed(shape.kvHeads), b.fixed(shape.group), b.fixed(width)},
                              {shape.group * width, width, 1});
           for (const SlotRun &run : slotRuns(b, shape, entries))
             b.generic("pppr",
                       {{scoreRun(b, shape, s, run.entry, run.count), {3, 0, 1}},
                        {cacheRun(b, shape, b.buffer(3), width, run), {3, 0, 2}}},
                       {sum, {0, 1, 2}},
                       [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
         });
  setProbe(module, kernel.name,
           {.scalars = {0, shape.ranks - 1},
            .launch = 0,
            .tokensPerRow = shape.ranks,
            .mostTokens = shape.ranks * shape.rows});
  return kernel;
}

/// Work: a division an element.
TileKernel buildAttentionFinish(ModuleOp module, const AttentionShape &shape) {
  int64_t heads = shape.heads(), width = shape.valueWidth(), columns = outputColumns(shape);
  TileKernel kernel{symbol("attention_finish", {{"r", shape.rows}, {"n", heads}, {"w", width}}), {}};
  kernel.work.special = {0, columns};
  kernel.work.alu = {0, heads};
  kernel.work.loadBytes = {0, 4 * (columns + heads)};
  kernel.work.storeBytes = {0, 4 * columns};
  BufferSpec o = f32({shape.rows, columns});
  define(module, kernel.name, {o, f32({shape.rows, heads}), o}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    auto byHead = [&](Value buffer) {
      return b.view(buffer, b.fixed(0), {m, b.fixed(heads), b.fixed(width)}, {columns, width, 1});
    };
    b.generic("ppp", {{byHead(b.buffer(0)), {0, 1, 2}}, {b.head(b.buffer(1), m), {0, 1}}},
              {byHead(b.buffer(2)), {0, 1, 2}}, [](KernelBody &e, ValueRange v) -> Value {
                Value none = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, v[1], e.real(0.0));
                return e.create<arith::SelectOp>(none, e.real(0.0), e.create<arith::DivFOp>(v[0], v[1]));
              });
  });
  return kernel;
}

} // namespace weft::kernels
