// Experts on regions of the mesh: which region has which of a token's experts, and the products of those pairs.
#include "kernels/StoredNumbers.h"

using namespace mlir;
using weft::runtime::BlockShape;

namespace weft::kernels {

static BufferSpec i32(llvm::ArrayRef<int64_t> extents) { return {Kind::I32, llvm::to_vector<4>(extents)}; }

static std::string pairsSymbol(std::string_view kind, const PairShape &shape) {
  return symbol(kind, {{"r", shape.rows}, {"k", shape.topK}, {"s", shape.slots}, {"q", shape.rowsPerRegion}});
}

static Value load(KernelBody &b, Value memref, ValueRange at) { return b.create<memref::LoadOp>(memref, at); }
static void store(KernelBody &b, Value value, Value memref, ValueRange at) {
  b.create<memref::StoreOp>(value, memref, at);
}
static Value toWord(KernelBody &b, Value index) { return b.create<arith::IndexCastOp>(b.getI32Type(), index); }

/// Of an expert's places the one in the region with the fewest pairs: (place, region).
static std::pair<Value, Value> leastBusy(KernelBody &b, Value places, Value expert, int64_t replicas, int64_t slots,
                                         Value pairs) {
  Value first = launchWord(b, b.row(places, expert), b.constant(0));
  if (replicas == 1)
    return {first, b.div(first, slots)};
  Value fewest = launchWord(b, pairs, b.div(first, slots));
  auto loop = b.create<scf::ForOp>(b.constant(1), b.constant(replicas), b.constant(1), ValueRange{first, fewest});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value place = launchWord(b, b.row(places, expert), loop.getInductionVar());
    Value none = b.less(place, b.constant(0));
    Value region = b.select(none, b.constant(0), b.div(b.clamp(place, place), slots));
    Value count = launchWord(b, pairs, region);
    Value fewer = b.create<arith::AndIOp>(b.less(count, loop.getRegionIterArg(1)),
                                          b.create<arith::XOrIOp>(none, b.create<arith::ConstantIntOp>(1, 1)));
    b.create<scf::YieldOp>(
        ValueRange{b.select(fewer, place, loop.getRegionIterArg(0)), b.select(fewer, count, loop.getRegionIterArg(1))});
  }
  return {loop.getResult(0), b.div(loop.getResult(0), slots)};
}

/// Work: a comparison an expert, for each chosen one some more for each replica.
TileKernel buildChoosePlaces(ModuleOp module, const PairShape &shape, int64_t experts, int64_t regions,
                             int64_t replicas) {
  const int64_t topK = shape.topK;
  TileKernel kernel{pairsSymbol("choose_places", shape) + symbol("", {{"e", experts}, {"b", regions}, {"c", replicas}}),
                    {}};
  kernel.work.alu = {0, experts + 4 * topK * replicas};
  kernel.work.loadBytes = {0, 4 * (experts + topK * (2 * replicas + 2))};
  kernel.work.storeBytes = {4 * regions, 4 * 4 * topK};
  define(module, kernel.name,
         {f32({shape.rows, experts}), f32({shape.rows, experts}), i32({experts, replicas}), f32({shape.rows, 2 * topK}),
          i32({regions + 1})},
         1, [&](KernelBody &b) {
           Value m = b.scalar(0), ranks = b.buffer(0), weights = b.buffer(1), places = b.buffer(2),
                 choices = b.buffer(3), pairs = b.buffer(4);
           Value zero = b.create<arith::ConstantIntOp>(0, 32), ofToken = b.constant(regions), one = b.constant(1);
           b.fill(b.head(choices, m), -1.0);
           b.forEach(b.constant(regions), [&](Value region) { store(b, zero, pairs, region); });
           b.forEach(m, [&](Value row) {
             store(b, zero, pairs, ofToken);
             b.forEach(b.constant(experts), [&](Value expert) {
               Value chosen = b.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, load(b, ranks, {row, expert}),
                                                      b.real(static_cast<double>(topK)));
               Value number = launchWord(b, pairs, ofToken);
               // Scores that are no numbers have no order, and more of them may seem to be among the best.
               b.when(b.create<arith::AndIOp>(chosen, b.less(number, b.constant(topK))), [&] {
                 auto [place, region] = leastBusy(b, places, expert, replicas, shape.slots, pairs);
                 store(b, b.create<arith::SIToFPOp>(b.getF32Type(), toWord(b, place)), choices, {row, number});
                 store(b, load(b, weights, {row, expert}), choices, {row, b.add(number, b.constant(topK))});
                 store(b, toWord(b, b.add(number, one)), pairs, ofToken);
                 store(b, toWord(b, b.add(launchWord(b, pairs, region), one)), pairs, region);
               });
             });
           });
         });
  return kernel;
}

/// Work: two comparisons a choice.
TileKernel buildListPairs(ModuleOp module, const PairShape &shape) {
  TileKernel kernel{pairsSymbol("list_pairs", shape), {}};
  kernel.work.alu = {0, 2 * shape.topK};
  kernel.work.loadBytes = {4, 4 * (shape.topK + shape.perRow())};
  kernel.work.storeBytes = {4, 4 * 2 * shape.perRow()};
  define(module, kernel.name, {f32({shape.rows, 2 * shape.topK}), pairWords(shape), f32({shape.capacity()})}, 2,
         [&](KernelBody &b) {
           Value m = b.scalar(0), choices = b.buffer(0), pairs = b.buffer(1), weights = b.buffer(2);
           Value first = b.mul(b.div(b.scalar(1), shape.rowsPerRegion), shape.slots), count = b.constant(0);
           store(b, b.create<arith::ConstantIntOp>(0, 32), pairs, count);
           b.forEach(m, [&](Value row) {
             b.forEach(b.constant(shape.topK), [&](Value choice) {
               Value place = b.create<arith::FPToSIOp>(b.getI32Type(), load(b, choices, {row, choice}));
               Value slot = b.sub(b.create<arith::IndexCastOp>(b.getIndexType(), place), first);
               Value number = launchWord(b, pairs, count);
               // Unsigned: what lies in a lower region is a huge number.
               Value mine = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, slot, b.constant(shape.slots));
               b.when(b.create<arith::AndIOp>(mine, b.less(number, b.constant(shape.capacity()))), [&] {
                 Value next = b.add(number, b.constant(1));
                 store(b, toWord(b, b.add(b.mul(slot, shape.rows), row)), pairs, next);
                 store(b, load(b, choices, {row, b.add(choice, b.constant(shape.topK))}), weights, number);
                 store(b, toWord(b, next), pairs, count);
               });
             });
           });
         });
  setProbe(module, kernel.name, {.scalars = {0, 0}});
  return kernel;
}

/// Runs `body` with number, slot and row of each of the first `m` pairs that there are.
static void forPairs(KernelBody &b, const PairShape &shape, Value pairs, Value m,
                     llvm::function_ref<void(Value number, Value slot, Value row)> body) {
  b.forEach(b.min(m, launchCount(b, pairs)), [&](Value number) {
    Value pair = launchWord(b, pairs, b.add(number, b.constant(1)));
    body(number, b.div(pair, shape.rows), b.rem(pair, shape.rows));
  });
}

/// out[1 x n] += x[1 x k] * w[k x n], as buildGemm() does it.
static void addProduct(KernelBody &b, Value x, Value w, Value out, Element weight) {
  b.generic("ppr", {{x, {0, 2}}, {w, {2, 1}}}, {out, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value wide = weight == Element::F32 ? v[1] : e.create<arith::ExtFOp>(e.getF32Type(), v[1]);
    return e.create<math::FmaOp>(v[0], wide, v[2]);
  });
}

static Value rowOf(KernelBody &b, Value matrix, Value row, int64_t n) {
  return b.view(matrix, b.mul(row, n), {b.fixed(1), b.fixed(n)}, {n, 1});
}
static Value matrixOf(KernelBody &b, Value weights, Value slot, int64_t k, int64_t n) {
  return b.view(weights, b.mul(slot, k * n), {b.fixed(k), b.fixed(n)}, {n, 1});
}

/// Work: a row times a matrix a pair, as if all had different experts.
static Work pairWork(int64_t k, int64_t n, Element weight) {
  Work work;
  work.narrowOperand = weight != Element::F32;
  work.macs = {0, k * n};
  work.loadBytes = {4, 4 + 4 * (k + n) + k * n * bytesOf(weight)};
  work.storeBytes = {0, 8 * n};
  return work;
}

static std::string productSymbol(std::string_view kind, const PairShape &shape, int64_t k, int64_t n, Element weight) {
  return symbol(kind, {{"r", shape.rows}, {"p", shape.capacity()}, {"s", shape.slots}, {"k", k}, {"n", n}}) + "_" +
         std::string(nameOf(weight));
}

TileKernel buildPairsIn(ModuleOp module, const PairShape &shape, int64_t k, int64_t n, Element weight) {
  TileKernel kernel{productSymbol("pairs_in", shape, k, n, weight), pairWork(k, n, weight)};
  const int64_t capacity = shape.capacity();
  define(module, kernel.name,
         {pairWords(shape), f32({shape.rows, k}), {kindOf(weight), {shape.slots, k, n}}, f32({capacity, n})}, 1,
         [&](KernelBody &b) {
           Value m = b.scalar(0), out = b.buffer(3);
           b.fill(b.head(out, m), 0.0);
           forPairs(b, shape, b.buffer(0), m, [&](Value number, Value slot, Value row) {
             addProduct(b, rowOf(b, b.buffer(1), row, k), matrixOf(b, b.buffer(2), slot, k, n),
                        rowOf(b, out, number, n), weight);
           });
         });
  setProbe(module, kernel.name, pairProbe(shape));
  return kernel;
}

TileKernel buildPairsOut(ModuleOp module, const PairShape &shape, int64_t k, int64_t n, Element weight) {
  TileKernel kernel{productSymbol("pairs_out", shape, k, n, weight), pairWork(k, n, weight)};
  define(module, kernel.name,
         {pairWords(shape), f32({shape.capacity(), k}), {kindOf(weight), {shape.slots, k, n}}, f32({shape.rows, n})}, 1,
         [&](KernelBody &b) {
           forPairs(b, shape, b.buffer(0), b.scalar(0), [&](Value number, Value slot, Value row) {
             addProduct(b, rowOf(b, b.buffer(1), number, k), matrixOf(b, b.buffer(2), slot, k, n),
                        rowOf(b, b.buffer(3), row, n), weight);
           });
         });
  setProbe(module, kernel.name, pairProbe(shape));
  return kernel;
}

// ---- with matrices in blocks ------------------------------------------------------------------------------------

using PairFn = llvm::function_ref<void(Value number, Value row)>;

/// Runs `body` once for each slot that some of the first `m` pairs have, in the order of their first pairs. It gets
/// the slot and what runs over all of these pairs, so that they share what is done for the slot.
static void forSlots(KernelBody &b, const PairShape &shape, Value pairs, Value m,
                     llvm::function_ref<void(Value slot, llvm::function_ref<void(PairFn)> forItsPairs)> body) {
  Value count = b.min(m, launchCount(b, pairs)), zero = b.constant(0), one = b.constant(1);
  auto pairAt = [&](Value number) { return launchWord(b, pairs, b.add(number, one)); };
  b.forEach(count, [&](Value first) {
    Value slot = b.div(pairAt(first), shape.rows), firstRow = b.mul(slot, shape.rows);
    // Unsigned: a pair of a lower slot is a huge row.
    auto isRow = [&](Value row) {
      return b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, row, b.constant(shape.rows));
    };
    auto earlier = b.create<scf::ForOp>(zero, first, one, ValueRange{zero});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(earlier.getBody());
      Value row = b.sub(pairAt(earlier.getInductionVar()), firstRow);
      b.create<scf::YieldOp>(ValueRange{b.select(isRow(row), one, earlier.getRegionIterArg(0))});
    }
    b.when(b.equal(earlier.getResult(0), zero), [&] {
      body(slot, [&](PairFn use) {
        b.forEach(b.sub(count, first), [&](Value behind) {
          Value number = b.add(first, behind), row = b.sub(pairAt(number), firstRow);
          b.when(isRow(row), [&] { use(number, row); });
        });
      });
    });
  });
}

/// Columns whose numbers are made together: few, so that a region of few rows, on whose cores an expert is wide, needs
/// no more scratch than another; a part of all that leaves no rest, if there is one.
static int64_t stripColumns(int64_t columns) {
  constexpr int64_t most = 128, least = 64;
  for (int64_t strip = std::min(most, columns); strip >= std::min(least, columns); --strip)
    if (columns % strip == 0)
      return strip;
  return most;
}

int64_t pairScratch(const BlockShape &blocks) { return storedScratchRows(blocks) * stripColumns(blocks.columns); }

/// Runs `body` for strips of all columns, with the first one of each and how many.
static void forStrips(KernelBody &b, int64_t columns, llvm::function_ref<void(Value first, int64_t count)> body) {
  const int64_t strip = stripColumns(columns), full = columns / strip, rest = columns % strip;
  if (full == 1)
    body(b.constant(0), strip);
  else
    b.forEach(b.constant(full), [&](Value i) { body(b.mul(i, strip), strip); });
  if (rest > 0)
    body(b.constant(full * strip), rest);
}

/// The rows `x` of pairs, one each, times their slots' blocks in `weights`, added to rows of `out`: which row of each a
/// pair has, `xRow` and `outRow` say.
static void addStoredProducts(KernelBody &b, const PairShape &shape, const BlockShape &blocks,
                              llvm::function_ref<Value(Value number, Value row)> xRow,
                              llvm::function_ref<Value(Value number, Value row)> outRow) {
  const int64_t k = blocks.rows, n = blocks.columns;
  Value x = b.buffer(1), weights = b.buffer(2), scratch = b.buffer(3), out = b.buffer(4);
  forSlots(b, shape, b.buffer(0), b.scalar(0), [&](Value slot, llvm::function_ref<void(PairFn)> forItsPairs) {
    forStrips(b, n, [&](Value firstColumn, int64_t columns) {
      StoredNumbers stored(b, blocks, weights, scratch, {slot, firstColumn, columns});
      stored.forChunks([&](Value index, int64_t rows) {
        Value numbers = stored.chunkNumbers(rows), firstRow = b.mul(index, blocks.chunk());
        forItsPairs([&](Value number, Value row) {
          Value from = b.add(b.mul(xRow(number, row), k), firstRow),
                to = b.add(b.mul(outRow(number, row), n), firstColumn);
          addProduct(b, b.view(x, from, {b.fixed(1), b.fixed(rows)}, {k, 1}), numbers,
                     b.view(out, to, {b.fixed(1), b.fixed(columns)}, {n, 1}), Element::F32);
        });
      });
    });
  });
}

/// Work: a row times a matrix a pair, and the numbers of each slot that a pair may have, as if there were as many of
/// both: of a pair, where there is room for few of them, else of all slots.
static Work storedPairWork(const PairShape &shape, const BlockShape &blocks) {
  Work work = pairWork(blocks.rows, blocks.columns, Element::F32);
  const Work numbers = storedWork(blocks);
  const bool byPair = shape.capacity() <= 2 * shape.slots;
  auto add = [&](RowLinear &count, const RowLinear &once) {
    (byPair ? count.perRow : count.base) += (byPair ? 1 : shape.slots) * once.base;
  };
  add(work.alu, numbers.alu);
  add(work.loadBytes, numbers.loadBytes);
  add(work.storeBytes, numbers.storeBytes);
  return work;
}

static std::string storedProductSymbol(std::string_view kind, const PairShape &shape, const BlockShape &blocks) {
  return symbol(kind, {{"r", shape.rows},
                       {"p", shape.capacity()},
                       {"s", shape.slots},
                       {"k", blocks.rows},
                       {"n", blocks.columns}}) +
         blocksSuffix(blocks);
}

/// The pairs whose experts' numbers take most: of as many slots as there are.
static Probe storedPairProbe(const PairShape &shape) {
  Probe probe = pairProbe(shape);
  probe.ids = shape.slots;
  probe.idStep = shape.rows;
  return probe;
}

TileKernel buildPairsIn(ModuleOp module, const PairShape &shape, const BlockShape &blocks) {
  TileKernel kernel{storedProductSymbol("pairs_in", shape, blocks), storedPairWork(shape, blocks)};
  const int64_t n = blocks.columns;
  define(module, kernel.name,
         {pairWords(shape),
          f32({shape.rows, blocks.rows}),
          {Kind::I8, {shape.slots * blocks.bytes()}},
          f32({pairScratch(blocks)}),
          f32({shape.capacity(), n})},
         1, [&](KernelBody &b) {
           b.fill(b.head(b.buffer(4), b.scalar(0)), 0.0);
           addStoredProducts(
               b, shape, blocks, [](Value, Value row) { return row; }, [](Value number, Value) { return number; });
         });
  setProbe(module, kernel.name, storedPairProbe(shape));
  return kernel;
}

TileKernel buildPairsOut(ModuleOp module, const PairShape &shape, const BlockShape &blocks) {
  TileKernel kernel{storedProductSymbol("pairs_out", shape, blocks), storedPairWork(shape, blocks)};
  const int64_t n = blocks.columns;
  define(module, kernel.name,
         {pairWords(shape),
          f32({shape.capacity(), blocks.rows}),
          {Kind::I8, {shape.slots * blocks.bytes()}},
          f32({pairScratch(blocks)}),
          f32({shape.rows, n})},
         1, [&](KernelBody &b) {
           addStoredProducts(
               b, shape, blocks, [](Value number, Value) { return number; }, [](Value, Value row) { return row; });
         });
  setProbe(module, kernel.name, storedPairProbe(shape));
  return kernel;
}

} // namespace weft::kernels
