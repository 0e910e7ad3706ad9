// Matrix products of two narrow operands: 16-bit floating point and 8-bit integers.
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

/// Work: k*n MACs a row; A is read once a row, B once a call, C read and written once a row.
static Work gemmWork(int64_t k, int64_t n, int64_t bytes) {
  Work work;
  work.narrowOperand = true;
  work.macs = {0, k * n};
  work.loadBytes = {k * n * bytes, bytes * k + 4 * n};
  work.storeBytes = {0, 4 * n};
  return work;
}

static void writeGemm(KernelBody &b, KernelBody::ElementFn element) {
  Value m = b.scalar(0);
  b.generic("ppr", {{b.head(b.buffer(0), m), {0, 2}}, {b.buffer(1), {2, 1}}}, {b.head(b.buffer(2), m), {0, 1}},
            element);
}

TileKernel buildGemmNarrow(ModuleOp module, int64_t rows, int64_t k, int64_t n, Element element) {
  std::string name(nameOf(element));
  TileKernel kernel{symbol("gemm", {{"r", rows}, {"k", k}, {"n", n}}) + "_" + name + "_" + name,
                    gemmWork(k, n, bytesOf(element))};
  define(module, kernel.name, {{kindOf(element), {rows, k}}, {kindOf(element), {k, n}}, f32({rows, n})}, 1,
         [&](KernelBody &b) {
           writeGemm(b, [](KernelBody &e, ValueRange v) -> Value {
             Value x = e.create<arith::ExtFOp>(e.getF32Type(), v[0]), y = e.create<arith::ExtFOp>(e.getF32Type(), v[1]);
             return e.create<math::FmaOp>(x, y, v[2]);
           });
         });
  return kernel;
}

TileKernel buildGemmInt8(ModuleOp module, int64_t rows, int64_t k, int64_t n) {
  TileKernel kernel{symbol("gemm", {{"r", rows}, {"k", k}, {"n", n}}) + "_i8_i8", gemmWork(k, n, 1)};
  define(
      module, kernel.name, {{Kind::I8, {rows, k}}, {Kind::I8, {k, n}}, {Kind::I32, {rows, n}}}, 1, [](KernelBody &b) {
        writeGemm(b, [](KernelBody &e, ValueRange v) -> Value {
          Value x = e.create<arith::ExtSIOp>(e.getI32Type(), v[0]), y = e.create<arith::ExtSIOp>(e.getI32Type(), v[1]);
          return e.create<arith::AddIOp>(e.create<arith::MulIOp>(x, y), v[2]);
        });
      });
  return kernel;
}

} // namespace weft::kernels
