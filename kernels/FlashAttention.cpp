// Prefill attention: blocks of keys travel past the queries; the softmax is built online (Milakov and Gimelshein 2018).
#include "kernels/AttentionNames.h"

using namespace mlir;

namespace weft::kernels {

static BufferSpec perHead(const AttentionShape &shape) { return f32({shape.rows, shape.heads()}); }
static BufferSpec output(const AttentionShape &shape) { return f32({shape.rows, shape.heads() * shape.width}); }
static BufferSpec keyValues(const AttentionShape &shape) { return f32({shape.rows, 2 * kvWidth(shape)}); }
static BufferSpec blockScores(const AttentionShape &shape, int64_t keys) {
  return f32({shape.rows, shape.heads(), keys});
}

/// Work: the stores.
TileKernel buildFlashInit(ModuleOp module, const AttentionShape &shape) {
  int64_t heads = shape.heads();
  TileKernel kernel{symbol("flash_init", {{"r", shape.rows}, {"n", heads}, {"w", shape.width}}), {}};
  kernel.work.storeBytes = {0, 4 * heads * (shape.width + 2)};
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
  int64_t heads = shape.heads(), kv = kvWidth(shape);
  kernel.work.macs = {0, heads * keys * shape.width};
  kernel.work.loadBytes = {4 * keys * kv, 4 * heads * shape.width};
  kernel.work.storeBytes = {0, 4 * heads * keys};
  define(module, kernel.name, {f32({shape.rows, shape.ld()}), keyValues(shape), blockScores(shape, keys)}, 2,
         [&](KernelBody &b) {
           Value m = b.scalar(0), first = b.mul(b.scalar(1), keys);
           b.fill(b.head(b.buffer(2), m), 0.0);
           Value count = b.clamp(b.sub(m, first), b.constant(keys));
           OpFoldResult kvHeads = b.fixed(shape.kvHeads), group = b.fixed(shape.group), width = b.fixed(shape.width);
           Value query = b.view(b.buffer(0), b.fixed(0), {m, kvHeads, group, width},
                                {shape.ld(), shape.group * shape.width, shape.width, 1});
           Value key = b.view(b.buffer(1), b.mul(first, 2 * kv), {count, kvHeads, width}, {2 * kv, shape.width, 1});
           Value s =
               b.view(b.buffer(2), b.fixed(0), {m, kvHeads, group, count}, {heads * keys, shape.group * keys, keys, 1});
           b.generic("ppppr", {{query, {0, 1, 2, 4}}, {key, {3, 1, 4}}}, {s, {0, 1, 2, 3}},
                     [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
         });
  return kernel;
}

namespace {
/// One row and one head of the online softmax.
struct FlashRow {
  Value scores;       // [visible]: scaled and exponentiated in place
  Value values;       // [visible x width]
  Value out;          // [width]
  Value sum, maximum; // scalars in memory
};
} // namespace

static void updateRow(KernelBody &b, const FlashRow &row, double scale) {
  auto load = [&](Value memref) -> Value { return b.create<memref::LoadOp>(memref, ValueRange{}); };
  Value before = load(row.maximum);
  b.generic("r", {{row.scores, {0}}}, {row.maximum, {}}, [&](KernelBody &e, ValueRange v) -> Value {
    return e.create<arith::MaxNumFOp>(e.create<arith::MulFOp>(v[0], e.real(scale)), v[1]);
  });
  Value after = load(row.maximum);
  Value correction = b.create<math::ExpOp>(b.create<arith::SubFOp>(before, after));
  b.generic("p", {}, {row.scores, {0}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value scaled = e.create<arith::MulFOp>(v[0], e.real(scale));
    return e.create<math::ExpOp>(e.create<arith::SubFOp>(scaled, after));
  });
  b.create<memref::StoreOp>(b.create<arith::MulFOp>(load(row.sum), correction), row.sum, ValueRange{});
  b.generic("r", {{row.scores, {0}}}, {row.sum, {}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::AddFOp>(v[1], v[0]); });
  b.generic("p", {}, {row.out, {0}},
            [&](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MulFOp>(v[0], correction); });
  b.generic("pr", {{row.scores, {1}}, {row.values, {1, 0}}}, {row.out, {0}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
}

/// Work: as if every key were visible: an exponential and four operations a score, width MACs a score, one exponential
/// and width operations a head to correct what there is.
TileKernel buildFlashUpdate(ModuleOp module, const AttentionShape &shape, int64_t keys) {
  TileKernel kernel{attentionSymbol("flash_update", shape) + symbol("", {{"keys", keys}}), {}};
  int64_t heads = shape.heads(), kv = kvWidth(shape), width = shape.width;
  kernel.work.macs = {0, heads * keys * width};
  kernel.work.special = {0, heads * (keys + 1)};
  kernel.work.alu = {0, heads * (4 * keys + width + 2)};
  kernel.work.loadBytes = {4 + 4 * keys * kv, 4 * heads * (3 * keys + width + 2)};
  kernel.work.storeBytes = {0, 4 * heads * (keys + width + 2)};
  define(module, kernel.name,
         {launchWords(shape.tokens), blockScores(shape, keys), keyValues(shape), output(shape), perHead(shape),
          perHead(shape)},
         4, [&](KernelBody &b) {
           Value m = b.scalar(0), rank = b.scalar(1), first = b.mul(b.scalar(3), keys);
           TokenRuns runs(b, launchCount(b, b.buffer(0)), shape.ranks);
           Value block = b.rem(b.add(rank, b.scalar(2)), shape.ranks);
           // Keys of this part, then how many of them row i sees: those at positions up to its own.
           Value present = b.clamp(b.sub(runs.count(block), first), b.constant(keys));
           Value ahead = b.sub(runs.start(rank), b.add(runs.start(block), first));
           b.forEach(b.min(m, runs.count(rank)), [&](Value i) {
             Value visible = b.clamp(b.add(b.add(ahead, i), b.constant(1)), present);
             b.when(b.less(b.constant(0), visible), [&] {
               b.forEach(b.constant(heads), [&](Value head) {
                 Value flat = b.add(b.mul(i, heads), head); // of (row, head)
                 Value vAt = b.add(b.mul(first, 2 * kv), b.add(b.constant(kv), b.mul(b.div(head, shape.group), width)));
                 updateRow(b,
                           {b.view(b.buffer(1), b.mul(flat, keys), {visible}, {1}),
                            b.view(b.buffer(2), vAt, {visible, b.fixed(width)}, {2 * kv, 1}),
                            b.view(b.buffer(3), b.mul(flat, width), {b.fixed(width)}, {1}),
                            b.view(b.buffer(4), flat, {}, {}), b.view(b.buffer(5), flat, {}, {})},
                           shape.scale);
               });
             });
           });
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
