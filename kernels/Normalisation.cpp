// Root-mean-square normalisation, in two parts because the sum of squares crosses cores.
#include "kernels/KernelBuilder.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::kernels {

/// Work: n MACs a row.
TileKernel buildSumSquares(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("sum_squares", {{"r", rows}, {"n", n}}), {}};
  kernel.work.macs = {0, n};
  kernel.work.loadBytes = {0, 4 * n};
  kernel.work.storeBytes = {0, 4};
  define(module, kernel.name, {f32({rows, n}), f32({rows})}, 1, [](KernelBody &b) {
    Value m = b.scalar(0), ss = b.head(b.buffer(1), m);
    b.fill(ss, 0.0);
    b.generic("pr", {{b.head(b.buffer(0), m), {0, 1}}}, {ss, {0}},
              [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[0], v[1]); });
  });
  return kernel;
}

/// Work: a division, a square root and a reciprocal a row; two multiplications an element (and widening gamma).
TileKernel buildRmsScale(ModuleOp module, int64_t rows, int64_t n, int64_t extent, double epsilon, Element weight) {
  TileKernel kernel{symbol("rms_scale", {{"r", rows}, {"n", n}, {"e", extent}}) +
                        fmt::format("_{}_{}", bitsOf(epsilon), nameOf(weight)),
                    {}};
  kernel.work.special = {0, 3};
  kernel.work.alu = {0, 1 + 2 * n};
  kernel.work.loadBytes = {n * bytesOf(weight), 4 * n + 4};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({rows}), {kindOf(weight), {n}}, f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    b.generic("pp", {{b.head(b.buffer(0), m), {0, 1}}, {b.head(b.buffer(1), m), {0}}, {b.buffer(2), {1}}},
              {b.head(b.buffer(3), m), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
                Value mean = e.create<arith::DivFOp>(v[1], e.real(static_cast<double>(extent)));
                Value inverse = e.create<math::RsqrtOp>(e.create<arith::AddFOp>(mean, e.real(epsilon)));
                Value gamma = weight == Element::F32 ? v[2] : e.create<arith::ExtFOp>(e.getF32Type(), v[2]);
                return e.create<arith::MulFOp>(e.create<arith::MulFOp>(v[0], inverse), gamma);
              });
  });
  return kernel;
}

} // namespace weft::kernels
