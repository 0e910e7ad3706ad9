// Rows of the vocabulary table, and the row that the head reads.
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

/// The embedding row as f32: `combine` gets (wide table element, old output).
static void useRow(KernelBody &b, Value table, Value row, Value out, Element element, bool accumulate) {
  b.generic("p", {{b.row(table, row), {0}}}, {out, {0}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value wide = element == Element::F32 ? v[0] : e.create<arith::ExtFOp>(e.getF32Type(), v[0]);
    return accumulate ? e.create<arith::AddFOp>(v[1], wide) : wide;
  });
}

/// Runs `body` with the local row of `token` if this core's part of the table, from rank*vocab, holds it.
static void ifOwned(KernelBody &b, Value token, Value rank, int64_t vocab, KernelBody::IndexFn body,
                    llvm::function_ref<void()> otherwise = nullptr) {
  Value local = b.sub(token, b.mul(rank, vocab));
  // Unsigned: a token below this core's part is a huge number.
  Value owned = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, local, b.constant(vocab));
  b.when(owned, [&] { body(local); }, otherwise);
}

/// Work: as if every row were this core's: n additions, the row and the accumulator read, n written.
TileKernel buildEmbedBlock(ModuleOp module, int64_t rows, int64_t tokens, int64_t vocab, int64_t n, Element table,
                           int64_t ranks) {
  TileKernel kernel{symbol("embed_block", {{"r", rows}, {"t", tokens}, {"v", vocab}, {"n", n}, {"h", ranks}}) + "_" +
                        std::string(nameOf(table)),
                    {}};
  kernel.work.alu = {0, n};
  kernel.work.loadBytes = {4, 4 + n * bytesOf(table) + 4 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {launchWords(tokens), {kindOf(table), {vocab, n}}, f32({rows, n})}, 3,
         [&](KernelBody &b) {
           Value launch = b.buffer(0), m = b.scalar(0), rank = b.scalar(1), step = b.scalar(2);
           TokenRuns runs(b, launchCount(b, launch), ranks);
           Value block = b.rem(b.add(rank, step), ranks);
           Value first = b.add(runs.start(block), b.constant(1)); // after the count
           b.forEach(b.min(m, runs.count(block)), [&](Value i) {
             Value token = launchWord(b, launch, b.add(first, i));
             ifOwned(b, token, rank, vocab,
                     [&](Value local) { useRow(b, b.buffer(1), local, b.row(b.buffer(2), i), table, true); });
           });
         });
  setProbe(module, kernel.name,
           {.scalars = {0, ranks - 1, 0},
            .launch = 0,
            .tokensPerRow = ranks,
            .mostTokens = tokens,
            .id = (ranks - 1) * vocab});
  return kernel;
}

/// Work: a row read, n written.
TileKernel buildEmbedOne(ModuleOp module, int64_t vocab, int64_t n, Element table) {
  TileKernel kernel{symbol("embed_one", {{"v", vocab}, {"n", n}}) + "_" + std::string(nameOf(table)), {}};
  kernel.work.loadBytes = {4 + n * bytesOf(table), 0};
  kernel.work.storeBytes = {4 * n, 0};
  define(module, kernel.name, {launchWords(1), {kindOf(table), {vocab, n}}, f32({n})}, 1, [&](KernelBody &b) {
    Value token = launchWord(b, b.buffer(0), b.constant(1)), out = b.buffer(2);
    ifOwned(
        b, token, b.scalar(0), vocab, [&](Value local) { useRow(b, b.buffer(1), local, out, table, false); },
        [&] { b.fill(out, 0.0); });
  });
  setProbe(module, kernel.name, {.scalars = {0}, .rows = Probe::noRows, .launch = 0});
  return kernel;
}

/// acc[count x n] += rows of a table.
static void addRows(KernelBody &b, Value rows, Value acc, Element element) {
  b.generic("pp", {{rows, {0, 1}}}, {acc, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value wide = element == Element::F32 ? v[0] : e.create<arith::ExtFOp>(e.getF32Type(), v[0]);
    return e.create<arith::AddFOp>(v[1], wide);
  });
}

/// Work: as if all positions were this core's: n additions, the row and the accumulator read, n written.
TileKernel buildPositionBlock(ModuleOp module, int64_t rows, int64_t tokens, int64_t positions, int64_t n,
                              Element table, int64_t ranks) {
  TileKernel kernel{symbol("position_block", {{"r", rows}, {"t", tokens}, {"p", positions}, {"n", n}, {"h", ranks}}) +
                        "_" + std::string(nameOf(table)),
                    {}};
  kernel.work.alu = {0, n};
  kernel.work.loadBytes = {4, n * bytesOf(table) + 4 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {launchWords(tokens), {kindOf(table), {positions, n}}, f32({rows, n})}, 3,
         [&](KernelBody &b) {
           Value m = b.scalar(0), rank = b.scalar(1), step = b.scalar(2);
           TokenRuns runs(b, launchCount(b, b.buffer(0)), ranks);
           Value block = b.rem(b.add(rank, step), ranks), first = runs.start(block), owned = b.mul(rank, positions);
           // The rows of the block at owned positions: from the first of them, as many as both have.
           Value before = b.clamp(b.sub(owned, first), m);
           Value from = b.sub(b.add(first, before), owned); // in the table; negative if the block begins below it
           Value room = b.clamp(b.sub(b.min(m, runs.count(block)), before), b.constant(rows));
           Value count = b.min(room, b.clamp(b.sub(b.constant(positions), from), b.constant(positions)));
           addRows(b, b.view(b.buffer(1), b.mul(from, n), {count, b.fixed(n)}, {n, 1}),
                   b.view(b.buffer(2), b.mul(before, n), {count, b.fixed(n)}, {n, 1}), table);
         });
  // The tokens of the first rank, whose positions begin with the table.
  setProbe(module, kernel.name, {.scalars = {0, 0, 0}, .launch = 0, .tokensPerRow = ranks, .mostTokens = tokens});
  return kernel;
}

/// Work: a row and the accumulator read, n additions, n written.
TileKernel buildPositionOne(ModuleOp module, int64_t positions, int64_t n, Element table) {
  TileKernel kernel{symbol("position_one", {{"p", positions}, {"n", n}}) + "_" + std::string(nameOf(table)), {}};
  kernel.work.alu = {n, 0};
  kernel.work.loadBytes = {4 + n * bytesOf(table) + 4 * n, 0};
  kernel.work.storeBytes = {4 * n, 0};
  define(module, kernel.name, {launchWords(1), {kindOf(table), {positions, n}}, f32({n})}, 1, [&](KernelBody &b) {
    Value position = b.sub(launchCount(b, b.buffer(0)), b.constant(1));
    ifOwned(b, position, b.scalar(0), positions,
            [&](Value local) { useRow(b, b.buffer(1), local, b.buffer(2), table, true); });
  });
  setProbe(module, kernel.name, {.scalars = {0}, .rows = Probe::noRows, .launch = 0});
  return kernel;
}

/// Work: n read and written.
TileKernel buildLastRow(ModuleOp module, int64_t rows, int64_t tokens, int64_t n, int64_t ranks) {
  TileKernel kernel{symbol("last_row", {{"r", rows}, {"t", tokens}, {"n", n}, {"h", ranks}}), {}};
  kernel.work.loadBytes = {4 + 4 * n, 0};
  kernel.work.storeBytes = {4 * n, 0};
  define(module, kernel.name, {launchWords(tokens), f32({rows, n}), f32({n})}, 1, [&](KernelBody &b) {
    Value rank = b.scalar(0);
    b.when(
        b.equal(rank, b.constant(ranks - 1)),
        [&] {
          TokenRuns runs(b, launchCount(b, b.buffer(0)), ranks);
          b.copy(b.row(b.buffer(1), b.sub(runs.count(rank), b.constant(1))), b.buffer(2));
        },
        [&] { b.fill(b.buffer(2), 0.0); });
  });
  setProbe(module, kernel.name,
           {.scalars = {ranks - 1}, .rows = Probe::noRows, .launch = 0, .tokensPerRow = tokens, .mostTokens = tokens});
  return kernel;
}

} // namespace weft::kernels
