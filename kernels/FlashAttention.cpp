// Prefill attention: blocks of keys travel past the queries; the softmax is built online (Milakov and Gimelshein 2018).
#include "kernels/AttentionNames.h"

using namespace mlir;

namespace weft::kernels {

static BufferSpec perHead(const AttentionShape &shape) { return f32({shape.rows, shape.heads()}); }
static BufferSpec output(const AttentionShape &shape) { return f32({shape.rows, outputColumns(shape)}); }
static BufferSpec keyValues(const AttentionShape &shape) { return f32({shape.rows, shape.entry()}); }
static BufferSpec blockScores(const AttentionShape &shape, int64_t keys) {
  return f32({shape.rows, shape.heads(), keys});
}

/// Work: the stores.
TileKernel buildFlashInit(ModuleOp module, const AttentionShape &shape) {
  int64_t heads = shape.heads();
  TileKernel kernel{symbol("flash_init", {{"r", shape.rows}, {"n", heads}, {"w", shape.valueWidth()}}), {}};
  kernel.work.storeBytes = {0, 4 * heads * (shape.valueWidth() + 2)};
  define(module, kernel.name, {output(shape), perHead(shape), perHead(shape)}, 1, [&](KernelBody &b) {
    b.fill(b.head(b.buffer(0), b.scalar(0)), 0.0);
    b.fill(b.head(b.buffer(1), b.scalar(0)), 0.0);
    b.fill(b.head(b.buffer(2), b.scalar(0)), mostNegative);
  });
  return kernel;
}

/// Work: heads*keys*width MACs a row; q and K of the part read, the scores written.
TileKernel buildFlashScores(ModuleOp module, const AttentionShape &shape, int64_t keys) {
  TileKernel kernel{attentionSymbol("flash_scores", shape) + symbol("", {{"keys", keys}}), {}};
  int64_t heads = shape.heads(), entry = shape.entry();
  kernel.work.macs = {0, heads * keys * shape.width};
  kernel.work.loadBytes = {4 * keys * keyColumns(shape), 4 * heads * shape.width};
  kernel.work.storeBytes = {0, 4 * heads * keys};
  define(module, kernel.name, {f32({shape.rows, shape.ld()}), keyValues(shape), blockScores(shape, keys)}, 2,
         [&](KernelBody &b) {
           Value m = b.scalar(0), first = b.mul(b.scalar(1), keys);
           b.fill(b.head(b.buffer(2), m), 0.0);
           Value count = b.clamp(b.sub(m, first), b.constant(keys));
           OpFoldResult kvHeads = b.fixed(shape.kvHeads), group = b.fixed(shape.group), width = b.fixed(shape.width);
           Value query = b.view(b.buffer(0), b.fixed(0), {m, kvHeads, group, width},
                                {shape.ld(), shape.group * shape.width, shape.width, 1});
           Value key = b.view(b.buffer(1), b.mul(first, entry), {count, kvHeads, width}, {entry, shape.width, 1});
           Value s =
               b.view(b.buffer(2), b.fixed(0), {m, kvHeads, group, count}, {heads * keys, shape.group * keys, keys, 1});
           b.generic("ppppr", {{query, {0, 1, 2, 4}}, {key, {3, 1, 4}}}, {s, {0, 1, 2, 3}},
                     [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
         });
  return kernel;
}

namespace {
/// What a block of keys does to rows [0, m): views of the operands.
struct FlashBlock {
  Value scores;         // [m x heads x present]
  Value p, values, out; // [m x kvHeads x group x present], [present x kvHeads x width], [m x kvHeads x group x width]
  Value corrections;    // [m x kvHeads x group], scratch
  Value maximum, sum, correction; // [m x heads]; the last the same scratch
  Value ahead;                    // i32: how many of the keys row 0 sees, less one; each further row sees one more
  int64_t window = 0;             // a row sees the last so many of these; 0: all
};
} // namespace

/// Whether row `row` sees key `key`: indices of the loops.
static Value isVisible(KernelBody &e, const FlashBlock &block, unsigned row, unsigned key) {
  auto index = [&](unsigned loop) -> Value {
    return e.create<arith::IndexCastOp>(e.getI32Type(), e.create<linalg::IndexOp>(loop));
  };
  Value last = e.create<arith::AddIOp>(index(row), block.ahead);
  if (!block.window)
    return e.create<arith::CmpIOp>(arith::CmpIPredicate::sle, index(key), last);
  // Keys to come are a negative distance away, beyond any window as an unsigned number.
  Value window = e.create<arith::ConstantOp>(e.getI32IntegerAttr(static_cast<int32_t>(block.window)));
  return e.create<arith::CmpIOp>(arith::CmpIPredicate::ult, e.create<arith::SubIOp>(last, index(key)), window);
}

/// One step of the online softmax for all rows and heads. Scores that a row does not see become p = 0.
static void updateBlock(KernelBody &b, const FlashBlock &block, double scale) {
  b.copy(block.maximum, block.correction);
  b.generic("ppr", {{block.scores, {0, 1, 2}}}, {block.maximum, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value scaled = e.create<arith::MulFOp>(v[0], e.real(scale));
    Value seen = e.create<arith::SelectOp>(isVisible(e, block, 0, 2), scaled, e.real(mostNegative));
    return e.create<arith::MaxNumFOp>(seen, v[1]);
  });
  b.structured("pp", {{block.maximum, {0, 1}}}, {{block.correction, {0, 1}}, {block.sum, {0, 1}}},
               [](KernelBody &e, ValueRange v) {
                 Value correction = e.create<math::ExpOp>(e.create<arith::SubFOp>(v[1], v[0]));
                 Value sum = e.create<arith::MulFOp>(v[2], correction);
                 return SmallVector<Value>{correction, sum};
               });
  b.generic("ppp", {{block.maximum, {0, 1}}}, {block.scores, {0, 1, 2}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value scaled = e.create<arith::MulFOp>(v[1], e.real(scale));
    Value p = e.create<math::ExpOp>(e.create<arith::SubFOp>(scaled, v[0]));
    return e.create<arith::SelectOp>(isVisible(e, block, 0, 2), p, e.real(0.0));
  });
  b.generic("ppr", {{block.scores, {0, 1, 2}}}, {block.sum, {0, 1}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::AddFOp>(v[1], v[0]); });
  b.generic("pppp", {{block.corrections, {0, 1, 2}}}, {block.out, {0, 1, 2, 3}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MulFOp>(v[1], v[0]); });
  b.generic("ppppr", {{block.p, {0, 1, 2, 4}}, {block.values, {4, 1, 3}}}, {block.out, {0, 1, 2, 3}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
}

/// Work: as if every key were visible: an exponential and four operations a score, valueWidth MACs a score, one
/// exponential and valueWidth operations a head to correct what there is.
TileKernel buildFlashUpdate(ModuleOp module, const AttentionShape &shape, int64_t keys) {
  TileKernel kernel{attentionSymbol("flash_update", shape) + symbol("", {{"keys", keys}}), {}};
  int64_t heads = shape.heads(), entry = shape.entry(), width = shape.valueWidth();
  kernel.work.macs = {0, heads * keys * width};
  kernel.work.special = {0, heads * (keys + 1)};
  kernel.work.alu = {0, heads * (4 * keys + width + 2)};
  kernel.work.loadBytes = {4 + 4 * keys * valueColumns(shape), 4 * heads * (3 * keys + width + 2)};
  kernel.work.storeBytes = {0, 4 * heads * (keys + width + 2)};
  define(module, kernel.name,
         {launchWords(shape.tokens), blockScores(shape, keys), keyValues(shape), output(shape), perHead(shape),
          perHead(shape), perHead(shape)},
         4, [&](KernelBody &b) {
           Value m = b.scalar(0), rank = b.scalar(1), first = b.mul(b.scalar(3), keys);
           TokenRuns runs(b, launchCount(b, b.buffer(0)), shape.ranks);
           Value block = b.rem(b.add(rank, b.scalar(2)), shape.ranks);
           // Keys of this part, then which of them rows see: those at positions up to the row's own.
           Value present = b.clamp(b.sub(runs.count(block), first), b.constant(keys));
           Value ahead = b.sub(runs.start(rank), b.add(runs.start(block), first));
           Value rows = b.min(m, runs.count(rank));
           OpFoldResult kvHeads = b.fixed(shape.kvHeads), group = b.fixed(shape.group), columns = b.fixed(width);
           auto whole = [&](Value i) -> Value { return b.create<arith::IndexCastOp>(b.getI32Type(), i); };
           updateBlock(b,
                       {.scores = b.corner(b.buffer(1), {rows, b.fixed(heads), present}),
                        .p = b.view(b.buffer(1), b.fixed(0), {rows, kvHeads, group, present},
                                    {heads * keys, shape.group * keys, keys, 1}),
                        .values = b.view(b.buffer(2), b.add(b.mul(first, entry), b.constant(keyColumns(shape))),
                                         {present, kvHeads, columns}, {entry, width, 1}),
                        .out = b.view(b.buffer(3), b.fixed(0), {rows, kvHeads, group, columns},
                                      {heads * width, shape.group * width, width, 1}),
                        .corrections = b.view(b.buffer(6), b.fixed(0), {rows, kvHeads, group}, {heads, shape.group, 1}),
                        .maximum = b.head(b.buffer(5), rows),
                        .sum = b.head(b.buffer(4), rows),
                        .correction = b.head(b.buffer(6), rows),
                        .ahead = whole(ahead),
                        .window = shape.window},
                       shape.scale);
         });
  // The block of the rank before: every row sees all of its keys.
  setProbe(module, kernel.name,
           {.scalars = {0, shape.ranks - 1, shape.ranks - 1, 0},
            .launch = 0,
            .tokensPerRow = shape.ranks,
            .mostTokens = shape.ranks * shape.rows});
  return kernel;
}

} // namespace weft::kernels
