// Rotary position embedding on a core's columns of q and k.
#include "kernels/KernelBuilder.h"

#include "kernels/AttentionNames.h"

using namespace mlir;

namespace weft::kernels {

/// (cos, sin) of the sum of two angles whose (cos, sin) are given.
static std::pair<Value, Value> addAngles(KernelBody &e, Value cosA, Value sinA, Value cosB, Value sinB) {
  Value cosine = e.create<arith::SubFOp>(e.create<arith::MulFOp>(cosA, cosB), e.create<arith::MulFOp>(sinA, sinB));
  Value sine = e.create<arith::AddFOp>(e.create<arith::MulFOp>(sinA, cosB), e.create<arith::MulFOp>(cosA, sinB));
  return {cosine, sine};
}

static std::pair<Value, Value> rotate(KernelBody &e, Value x, Value y, Value cosine, Value sine) {
  Value first = e.create<arith::SubFOp>(e.create<arith::MulFOp>(x, cosine), e.create<arith::MulFOp>(y, sine));
  Value second = e.create<arith::AddFOp>(e.create<arith::MulFOp>(y, cosine), e.create<arith::MulFOp>(x, sine));
  return {first, second};
}

/// Work: six operations a pair to rotate, six an angle to combine the tables; q and k read and written.
TileKernel buildRope(ModuleOp module, const AttentionShape &shape, int64_t radix, int64_t highRows, bool decode,
                     std::optional<int64_t> longFrom) {
  TileKernel kernel{
      attentionSymbol(decode ? "rope_decode" : "rope", shape) + symbol("", {{"radix", radix}, {"high", highRows}}), {}};
  if (longFrom)
    kernel.name += symbol("", {{"long", *longFrom}});
  const int64_t sets = longFrom ? 2 : 1;
  int64_t pairs = shape.width / 2, heads = shape.heads() + shape.kvHeads, columns = heads * shape.width;
  kernel.work.alu = {0, 6 * pairs * heads + 6 * pairs};
  kernel.work.loadBytes = {4, 4 * columns + 16 * pairs};
  kernel.work.storeBytes = {0, 4 * columns};
  define(module, kernel.name,
         {launchWords(shape.tokens), f32({decode ? 1 : shape.rows, shape.ld()}), f32({sets * radix, pairs, 2}),
          f32({sets * highRows, pairs, 2})},
         2, [&](KernelBody &b) {
           Value n = launchCount(b, b.buffer(0)), m = b.scalar(0), rank = b.scalar(1);
           Value first, count;
           if (decode) {
             first = b.sub(n, b.constant(1));
             count = b.min(m, b.constant(1));
           } else {
             TokenRuns runs(b, n, shape.ranks);
             first = runs.start(rank);
             count = b.min(m, runs.count(rank));
           }
           // Of the rows behind the first of each table.
           auto behind = [&](Value row, int64_t rows) -> Value {
             if (!longFrom)
               return row;
             Value isLong = b.less(b.constant(*longFrom), n);
             return b.add(row, b.select(isLong, b.constant(rows), b.constant(0)));
           };
           b.forEach(count, [&](Value i) {
             Value position = decode ? first : b.add(first, i);
             Value low = b.mul(behind(b.rem(position, radix), radix), 2 * pairs),
                   high = b.mul(behind(b.div(position, radix), highRows), 2 * pairs);
             auto angle = [&](Value table, Value row, int64_t part) {
               return b.view(table, b.add(row, b.constant(part)), {b.fixed(pairs)}, {2});
             };
             auto halves = [&](int64_t part) {
               Value at = b.add(b.mul(i, shape.ld()), b.constant(part));
               return b.view(b.buffer(1), at, {b.fixed(heads), b.fixed(pairs)}, {shape.width, 2});
             };
             b.structured("pp",
                          {{angle(b.buffer(2), low, 0), {1}},
                           {angle(b.buffer(2), low, 1), {1}},
                           {angle(b.buffer(3), high, 0), {1}},
                           {angle(b.buffer(3), high, 1), {1}}},
                          {{halves(0), {0, 1}}, {halves(1), {0, 1}}}, [](KernelBody &e, ValueRange v) {
                            auto [cosine, sine] = addAngles(e, v[0], v[1], v[2], v[3]);
                            auto [x, y] = rotate(e, v[4], v[5], cosine, sine);
                            return SmallVector<Value>{x, y};
                          });
           });
         });
  setProbe(module, kernel.name,
           {.scalars = {0, shape.ranks - 1},
            .launch = 0,
            .tokensPerRow = decode ? 1 : shape.ranks,
            .mostTokens = decode ? 1 : shape.tokens});
  return kernel;
}

} // namespace weft::kernels
