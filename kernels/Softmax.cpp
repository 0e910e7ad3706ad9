// Sums and maxima of rows, and the softmax that is made of them. Its parts are kernels of their own where cores share a
// row: the maximum and the sum cross them in between.
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

static Value firstColumns(KernelBody &b, Value x, int64_t n, int64_t columns) {
  return b.view(x, b.fixed(0), {b.scalar(0), b.fixed(columns)}, {n, 1});
}

static void writeSum(KernelBody &b, Value x, Value sum) {
  b.fill(sum, 0.0);
  b.generic("pr", {{x, {0, 1}}}, {sum, {0}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::AddFOp>(v[1], v[0]); });
}

static void writeMax(KernelBody &b, Value x, Value largest) {
  b.generic("pr", {{x, {0, 1}}}, {largest, {0}},
            [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MaxNumFOp>(v[0], v[1]); });
}

static void writeExp(KernelBody &b, Value x, Value largest) {
  b.generic("pp", {{largest, {0}}}, {x, {0, 1}}, [](KernelBody &e, ValueRange v) -> Value {
    return e.create<math::ExpOp>(e.create<arith::SubFOp>(v[1], v[0]));
  });
}

static void writeQuotient(KernelBody &b, Value x, Value sum) {
  b.generic("pp", {{sum, {0}}}, {x, {0, 1}}, [](KernelBody &e, ValueRange v) -> Value {
    Value none = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, v[0], e.real(0.0));
    return e.create<arith::SelectOp>(none, e.real(0.0), e.create<arith::DivFOp>(v[1], v[0]));
  });
}

/// Work: an addition an element, a multiplication a row.
TileKernel buildRowSum(ModuleOp module, int64_t rows, int64_t n, double scale) {
  std::string name = symbol("row_sum", {{"r", rows}, {"n", n}});
  bool scaled = scale != 1.0;
  TileKernel kernel{scaled ? name + "_" + bitsOf(scale) : name, {}};
  kernel.work.alu = {0, n + (scaled ? 1 : 0)};
  kernel.work.loadBytes = {0, 4 * n};
  kernel.work.storeBytes = {0, 4};
  define(module, kernel.name, {f32({rows, n}), f32({rows})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), sum = b.head(b.buffer(1), m);
    writeSum(b, b.head(b.buffer(0), m), sum);
    if (scaled)
      b.generic("p", {}, {sum, {0}},
                [&](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MulFOp>(v[0], e.real(scale)); });
  });
  return kernel;
}

/// Work: a comparison an element.
TileKernel buildRowMax(ModuleOp module, const RowShare &share) {
  TileKernel kernel{symbol("row_max", {{"r", share.rows}, {"n", share.n}, {"e", share.extent}}), {}};
  kernel.work.alu = {0, share.n};
  kernel.work.loadBytes = {0, 4 * share.n};
  kernel.work.storeBytes = {0, 4};
  define(module, kernel.name, {f32({share.rows, share.n}), f32({share.rows})}, 2, [&](KernelBody &b) {
    Value largest = b.head(b.buffer(1), b.scalar(0));
    b.fill(largest, mostNegative);
    forColumns(b, share, b.scalar(1), [&](int64_t columns) {
      if (columns > 0)
        writeMax(b, firstColumns(b, b.buffer(0), share.n, columns), largest);
    });
  });
  setProbe(module, kernel.name, {.scalars = {0, 0}});
  return kernel;
}

/// Work: a subtraction, an exponential and an addition an element.
TileKernel buildExpSum(ModuleOp module, const RowShare &share) {
  int64_t n = share.n;
  TileKernel kernel{symbol("exp_sum", {{"r", share.rows}, {"n", n}, {"e", share.extent}}), {}};
  kernel.work.special = {0, n};
  kernel.work.alu = {0, 2 * n};
  kernel.work.loadBytes = {0, 8 * n + 4};
  kernel.work.storeBytes = {0, 4 * n + 4};
  BufferSpec perRow = f32({share.rows});
  define(module, kernel.name, {f32({share.rows, n}), perRow, perRow}, 2, [&](KernelBody &b) {
    Value m = b.scalar(0), x = b.buffer(0);
    forColumns(b, share, b.scalar(1), [&](int64_t columns) {
      if (columns > 0)
        writeExp(b, firstColumns(b, x, n, columns), b.head(b.buffer(1), m));
      if (columns < n)
        b.fill(b.view(x, b.fixed(columns), {m, b.fixed(n - columns)}, {n, 1}), 0.0);
    });
    writeSum(b, b.head(x, m), b.head(b.buffer(2), m));
  });
  setProbe(module, kernel.name, {.scalars = {0, 0}});
  return kernel;
}

/// Work: a division an element.
TileKernel buildSoftmaxFinish(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("softmax_finish", {{"r", rows}, {"n", n}}), {}};
  kernel.work.special = {0, n};
  kernel.work.alu = {0, 1};
  kernel.work.loadBytes = {0, 4 * n + 4};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({rows})}, 1, [](KernelBody &b) {
    Value m = b.scalar(0);
    writeQuotient(b, b.head(b.buffer(0), m), b.head(b.buffer(1), m));
  });
  return kernel;
}

/// Work: that of RowMax, ExpSum and SoftmaxFinish.
TileKernel buildSoftmax(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("softmax", {{"r", rows}, {"n", n}}), {}};
  kernel.work.special = {0, 2 * n};
  kernel.work.alu = {0, 3 * n + 1};
  kernel.work.loadBytes = {0, 16 * n + 8};
  kernel.work.storeBytes = {0, 8 * n + 8};
  define(module, kernel.name, {f32({rows, n}), f32({rows}), f32({rows})}, 1, [](KernelBody &b) {
    Value m = b.scalar(0), x = b.head(b.buffer(0), m), largest = b.head(b.buffer(1), m), sum = b.head(b.buffer(2), m);
    b.fill(largest, mostNegative);
    writeMax(b, x, largest);
    writeExp(b, x, largest);
    writeSum(b, x, sum);
    writeQuotient(b, x, sum);
  });
  return kernel;
}

} // namespace weft::kernels
