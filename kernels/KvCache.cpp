// The cache: a ring of slots on each core, kept balanced over the ranks by shifting one entry a token.
#include "kernels/AttentionNames.h"

using namespace mlir;

namespace weft::kernels {

static BufferSpec keys(const AttentionShape &shape) { return f32({shape.capacity, keyColumns(shape)}); }
static BufferSpec values(const AttentionShape &shape) { return f32({shape.capacity, valueColumns(shape)}); }

/// Work: K and V of a row, read and written.
TileKernel buildKvStore(ModuleOp module, const AttentionShape &shape) {
  TileKernel kernel{attentionSymbol("kv_store", shape), {}};
  kernel.work.loadBytes = {4, 4 * shape.entry()};
  kernel.work.storeBytes = {0, 4 * shape.entry()};
  define(module, kernel.name, {launchWords(shape.tokens), f32({shape.rows, shape.ld()}), keys(shape), values(shape)}, 2,
         [&](KernelBody &b) {
           TokenRuns runs(b, launchCount(b, b.buffer(0)), shape.ranks);
           Value m = b.scalar(0), rank = b.scalar(1), first = runs.start(rank);
           b.forEach(b.min(m, runs.count(rank)), [&](Value i) {
             Value slot = b.rem(b.add(first, i), shape.capacity), row = b.mul(i, shape.ld());
             auto columnsFrom = [&](int64_t column, int64_t columns) {
               return b.view(b.buffer(1), b.add(row, b.constant(column)), {b.fixed(columns)}, {1});
             };
             b.copy(columnsFrom(kColumn(shape), keyColumns(shape)), b.row(b.buffer(2), slot));
             b.copy(columnsFrom(vColumn(shape), valueColumns(shape)), b.row(b.buffer(3), slot));
           });
         });
  setProbe(module, kernel.name,
           {.scalars = {0, shape.ranks - 1}, .launch = 0, .tokensPerRow = shape.ranks, .mostTokens = shape.tokens});
  return kernel;
}

/// Work: K and V of an entry, read and written.
TileKernel buildKvOldest(ModuleOp module, const AttentionShape &shape) {
  TileKernel kernel{attentionSymbol("kv_oldest", shape), {}};
  kernel.work.loadBytes = {4 + 4 * shape.entry(), 0};
  kernel.work.storeBytes = {4 * shape.entry(), 0};
  int64_t k = keyColumns(shape), v = valueColumns(shape);
  define(module, kernel.name, {launchWords(shape.tokens), keys(shape), values(shape), f32({shape.entry()})}, 1,
         [&](KernelBody &b) {
           Value rank = b.scalar(0), before = b.sub(launchCount(b, b.buffer(0)), b.constant(1));
           TokenRuns runs(b, before, shape.ranks);
           Value none = b.equal(runs.count(rank), b.constant(0));
           Value slot = b.select(none, b.constant(0), b.rem(runs.start(rank), shape.capacity));
           b.copy(b.row(b.buffer(1), slot), b.view(b.buffer(3), b.fixed(0), {b.fixed(k)}, {1}));
           b.copy(b.row(b.buffer(2), slot), b.view(b.buffer(3), b.fixed(k), {b.fixed(v)}, {1}));
         });
  setProbe(module, kernel.name, {.scalars = {shape.ranks - 1}, .rows = Probe::noRows, .launch = 0});
  return kernel;
}

/// Work: K and V of an entry, read and written.
TileKernel buildKvAppend(ModuleOp module, const AttentionShape &shape) {
  TileKernel kernel{attentionSymbol("kv_append", shape), {}};
  kernel.work.loadBytes = {4 + 4 * shape.entry(), 0};
  kernel.work.storeBytes = {4 * shape.entry(), 0};
  define(module, kernel.name,
         {launchWords(shape.tokens), f32({1, shape.ld()}), f32({shape.entry()}), keys(shape), values(shape)}, 1,
         [&](KernelBody &b) {
           Value rank = b.scalar(0), before = b.sub(launchCount(b, b.buffer(0)), b.constant(1));
           TokenRuns runs(b, before, shape.ranks);
           auto store = [&](Value source, int64_t k, int64_t v, Value entry) {
             Value slot = b.rem(entry, shape.capacity);
             b.copy(b.view(source, b.fixed(k), {b.fixed(keyColumns(shape))}, {1}), b.row(b.buffer(3), slot));
             b.copy(b.view(source, b.fixed(v), {b.fixed(valueColumns(shape))}, {1}), b.row(b.buffer(4), slot));
           };
           b.when(
               b.equal(rank, b.constant(shape.ranks - 1)),
               [&] { store(b.buffer(1), kColumn(shape), vColumn(shape), before); },
               [&] {
                 // The rank above hands its oldest entry down if it holds one more than the shortest run will allow.
                 Value above = b.add(rank, b.constant(1));
                 Value hands = b.create<arith::CmpIOp>(arith::CmpIPredicate::sgt, above,
                                                       b.sub(b.constant(shape.ranks - 1), b.rem(before, shape.ranks)));
                 b.when(hands, [&] { store(b.buffer(2), 0, keyColumns(shape), runs.start(above)); });
               });
         });
  setProbe(module, kernel.name, {.scalars = {shape.ranks - 1}, .rows = Probe::noRows, .launch = 0});
  return kernel;
}

} // namespace weft::kernels
