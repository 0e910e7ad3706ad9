// The gate of the MLP and the re-layout of a vector.
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

/// Work: an exponential and a division an element; three other operations.
TileKernel buildSiluGate(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("silu_gate", {{"r", rows}, {"n", n}}), {}};
  kernel.work.special = {0, 2 * n};
  kernel.work.alu = {0, 3 * n};
  kernel.work.loadBytes = {0, 8 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, 2 * n}), f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), gu = b.buffer(0);
    auto half = [&](int64_t column) { return b.view(gu, b.fixed(column), {m, b.fixed(n)}, {2 * n, 1}); };
    b.generic("pp", {{half(0), {0, 1}}, {half(n), {0, 1}}}, {b.head(b.buffer(1), m), {0, 1}},
              [](KernelBody &e, ValueRange v) -> Value {
                Value decay = e.create<math::ExpOp>(e.create<arith::NegFOp>(v[0]));
                Value silu = e.create<arith::DivFOp>(v[0], e.create<arith::AddFOp>(decay, e.real(1.0)));
                return e.create<arith::MulFOp>(silu, v[1]);
              });
  });
  return kernel;
}

/// Work: every block as if it were here: read and written once.
TileKernel buildSelectBlocks(ModuleOp module, int64_t n, int64_t blocksIn, int64_t blocksOut, int64_t width) {
  TileKernel kernel{symbol("select_blocks", {{"n", n}, {"i", blocksIn}, {"o", blocksOut}, {"w", width}}), {}};
  kernel.work.loadBytes = kernel.work.storeBytes = {4 * blocksOut * width, 0};
  define(module, kernel.name, {f32({n}), f32({blocksOut * width})}, 2, [&](KernelBody &b) {
    Value x = b.buffer(0), out = b.buffer(1), rankIn = b.scalar(0), rankOut = b.scalar(1);
    b.fill(out, 0.0);
    b.forEach(b.constant(blocksOut), [&](Value i) {
      Value block = b.add(b.mul(rankOut, blocksOut), i);
      b.when(b.equal(b.div(block, blocksIn), rankIn), [&] {
        Value from = b.mul(b.rem(block, blocksIn), width);
        Value count = b.clamp(b.sub(b.constant(n), from), b.constant(width));
        b.copy(b.view(x, from, {count}, {1}), b.view(out, b.mul(i, width), {count}, {1}));
      });
    });
  });
  setProbe(module, kernel.name, {.scalars = {0, 0}, .rows = Probe::noRows});
  return kernel;
}

} // namespace weft::kernels
