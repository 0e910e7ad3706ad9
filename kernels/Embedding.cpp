// Rows of the vocabulary table, and the row that the head reads.
#include "kernels/BlockNumber.h"
#include "kernels/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace weft::kernels {

/// Operations that a number of a block takes, about: its code, its scale, and where they lie.
static constexpr int64_t numberSteps = 30;

namespace {

/// What is looked up: numbers of a type, or blocks of a file.
struct Table {
  int64_t vocab = 0, n = 0;
  Element element = Element::F32;
  std::optional<runtime::BlockFormat> blocks;
  int64_t extent = 0; // with blocks: of the whole vocabulary

  int64_t rowBytes() const {
    return blocks ? n / factsOf(*blocks).weights * factsOf(*blocks).bytes : n * bytesOf(element);
  }
  BufferSpec buffer() const {
    return blocks ? BufferSpec{Kind::I8, {vocab, rowBytes()}} : BufferSpec{kindOf(element), {vocab, n}};
  }
  /// The last of `ranks` with rows of its own. On a tall mesh, that may not be the last of all: parts of blocks
  /// overlap.
  int64_t lastOwner(int64_t ranks) const { return blocks ? std::min(ranks - 1, (extent - 1) / vocab) : ranks - 1; }
  std::string name() const {
    if (!blocks)
      return "_" + std::string(nameOf(element));
    return "_" + StringRef(factsOf(*blocks).name.data(), factsOf(*blocks).name.size()).lower() + "_e" +
           std::to_string(extent);
  }
};

} // namespace

/// The embedding row as f32, added to the old output or instead of it.
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

/// The same of blocks. `row` counts from rank*vocab.
static void useBlocks(KernelBody &b, Value bytes, Value row, Value rank, Value out, const Table &table,
                      bool accumulate) {
  const runtime::BlockFacts &facts = factsOf(*table.blocks);
  Value first = b.mul(rank, table.vocab);
  Value held = b.sub(b.add(row, first), b.min(first, b.constant(table.extent - table.vocab)));
  b.forEach(b.constant(table.n), [&](Value i) {
    Value block = b.mul(b.div(i, facts.weights), facts.bytes);
    Value number = blockNumber(b, b.getLoc(), *table.blocks, b.rem(i, facts.weights), [&](Value at) -> Value {
      return b.create<memref::LoadOp>(bytes, ValueRange{held, b.add(block, at)});
    });
    if (accumulate)
      number = b.create<arith::AddFOp>(b.create<memref::LoadOp>(out, i), number);
    b.create<memref::StoreOp>(number, out, i);
  });
}

static void useRow(KernelBody &b, Value row, Value rank, Value out, const Table &table, bool accumulate) {
  if (table.blocks)
    return useBlocks(b, b.buffer(1), row, rank, out, table, accumulate);
  useRow(b, b.buffer(1), row, out, table.element, accumulate);
}

/// Work: as if every row were this core's: n additions, the row and the accumulator read, n written.
static TileKernel embedBlock(ModuleOp module, int64_t rows, int64_t tokens, const Table &table, int64_t ranks) {
  const int64_t n = table.n;
  TileKernel kernel{symbol("embed_block", {{"r", rows}, {"t", tokens}, {"v", table.vocab}, {"n", n}, {"h", ranks}}) +
                        table.name(),
                    {}};
  kernel.work.alu = {0, table.blocks ? numberSteps * n : n};
  kernel.work.loadBytes = {4, 4 + table.rowBytes() + 4 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {launchWords(tokens), table.buffer(), f32({rows, n})}, 3, [&](KernelBody &b) {
    Value launch = b.buffer(0), m = b.scalar(0), rank = b.scalar(1), step = b.scalar(2);
    TokenRuns runs(b, launchCount(b, launch), ranks);
    Value block = b.rem(b.add(rank, step), ranks);
    Value first = b.add(runs.start(block), b.constant(1)); // after the count
    b.forEach(b.min(m, runs.count(block)), [&](Value i) {
      Value token = launchWord(b, launch, b.add(first, i));
      ifOwned(b, token, rank, table.vocab,
              [&](Value local) { useRow(b, local, rank, b.row(b.buffer(2), i), table, true); });
    });
  });
  setProbe(module, kernel.name,
           {.scalars = {0, table.lastOwner(ranks), 0},
            .launch = 0,
            .tokensPerRow = ranks,
            .mostTokens = tokens,
            .id = table.lastOwner(ranks) * table.vocab});
  return kernel;
}

/// Work: a row read, n written.
static TileKernel embedOne(ModuleOp module, const Table &table) {
  TileKernel kernel{symbol("embed_one", {{"v", table.vocab}, {"n", table.n}}) + table.name(), {}};
  kernel.work.alu = {table.blocks ? numberSteps * table.n : 0, 0};
  kernel.work.loadBytes = {4 + table.rowBytes(), 0};
  kernel.work.storeBytes = {4 * table.n, 0};
  define(module, kernel.name, {launchWords(1), table.buffer(), f32({table.n})}, 1, [&](KernelBody &b) {
    Value token = launchWord(b, b.buffer(0), b.constant(1)), rank = b.scalar(0), out = b.buffer(2);
    ifOwned(
        b, token, rank, table.vocab, [&](Value local) { useRow(b, local, rank, out, table, false); },
        [&] { b.fill(out, 0.0); });
  });
  setProbe(module, kernel.name, {.scalars = {0}, .rows = Probe::noRows, .launch = 0});
  return kernel;
}

TileKernel buildEmbedBlock(ModuleOp module, int64_t rows, int64_t tokens, int64_t vocab, int64_t n, Element table,
                           int64_t ranks) {
  return embedBlock(module, rows, tokens, {vocab, n, table, {}, 0}, ranks);
}
TileKernel buildEmbedBlock(ModuleOp module, int64_t rows, int64_t tokens, int64_t vocab, int64_t n,
                           runtime::BlockFormat table, int64_t extent, int64_t ranks) {
  return embedBlock(module, rows, tokens, {vocab, n, Element::F32, table, extent}, ranks);
}
TileKernel buildEmbedOne(ModuleOp module, int64_t vocab, int64_t n, Element table) {
  return embedOne(module, {vocab, n, table, {}, 0});
}
TileKernel buildEmbedOne(ModuleOp module, int64_t vocab, int64_t n, runtime::BlockFormat table, int64_t extent) {
  return embedOne(module, {vocab, n, Element::F32, table, extent});
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
