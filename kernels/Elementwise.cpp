// Products, factors, biases and soft caps, element by element.
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

/// x[rows x n] = element(x), in place.
static void elementwise(ModuleOp module, const std::string &name, int64_t rows, int64_t n,
                        KernelBody::ElementFn element) {
  define(module, name, {f32({rows, n})}, 1,
         [&](KernelBody &b) { b.generic("pp", {}, {b.head(b.buffer(0), b.scalar(0)), {0, 1}}, element); });
}

/// Work: n multiplications a row.
TileKernel buildMul(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("mul", {{"r", rows}, {"n", n}}), {}};
  kernel.work.alu = {0, n};
  kernel.work.loadBytes = {0, 8 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({rows, n})}, 1, [](KernelBody &b) {
    Value m = b.scalar(0);
    b.generic("pp", {{b.head(b.buffer(1), m), {0, 1}}}, {b.head(b.buffer(0), m), {0, 1}},
              [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MulFOp>(v[1], v[0]); });
  });
  return kernel;
}

/// Work: n multiplications a row.
TileKernel buildScale(ModuleOp module, int64_t rows, int64_t n, double factor) {
  TileKernel kernel{symbol("scale", {{"r", rows}, {"n", n}}) + "_" + bitsOf(factor), {}};
  kernel.work.alu = {0, n};
  kernel.work.loadBytes = kernel.work.storeBytes = {0, 4 * n};
  elementwise(module, kernel.name, rows, n,
              [&](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MulFOp>(v[0], e.real(factor)); });
  return kernel;
}

/// Work: n additions a row.
TileKernel buildAddBias(ModuleOp module, int64_t rows, int64_t n, Element weight) {
  TileKernel kernel{symbol("add_bias", {{"r", rows}, {"n", n}}) + "_" + std::string(nameOf(weight)), {}};
  kernel.work.alu = {0, n};
  kernel.work.loadBytes = {n * bytesOf(weight), 4 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {{kindOf(weight), {n}}, f32({rows, n})}, 1, [&](KernelBody &b) {
    b.generic("pp", {{b.buffer(0), {1}}}, {b.head(b.buffer(1), b.scalar(0)), {0, 1}},
              [&](KernelBody &e, ValueRange v) -> Value {
                Value wide = weight == Element::F32 ? v[0] : e.create<arith::ExtFOp>(e.getF32Type(), v[0]);
                return e.create<arith::AddFOp>(v[1], wide);
              });
  });
  return kernel;
}

/// Work: two multiplications and a tanh, which counts as two exponentials, an element.
TileKernel buildSoftcap(ModuleOp module, int64_t rows, int64_t n, double scale, double cap) {
  TileKernel kernel{symbol("softcap", {{"r", rows}, {"n", n}}) + "_" + bitsOf(scale) + "_" + bitsOf(cap), {}};
  kernel.work.special = kernel.work.alu = {0, 2 * n};
  kernel.work.loadBytes = kernel.work.storeBytes = {0, 4 * n};
  elementwise(module, kernel.name, rows, n, [&](KernelBody &e, ValueRange v) -> Value {
    Value bent = e.create<math::TanhOp>(e.create<arith::MulFOp>(v[0], e.real(scale / cap)));
    return e.create<arith::MulFOp>(bent, e.real(cap));
  });
  return kernel;
}

} // namespace weft::kernels
