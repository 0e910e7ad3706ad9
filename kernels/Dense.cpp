// Fills, copies, sums and the matrix product.
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

/// Work: the stores.
TileKernel buildZero(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("zero", {{"r", rows}, {"n", n}}), {}};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n})}, 1,
         [](KernelBody &b) { b.fill(b.head(b.buffer(0), b.scalar(0)), 0.0); });
  return kernel;
}

/// Work: k*n MACs a row; A is read once a row, B once a call, C read and written once a row.
TileKernel buildGemm(ModuleOp module, int64_t rows, int64_t k, int64_t n, Element weight) {
  TileKernel kernel{symbol("gemm", {{"r", rows}, {"k", k}, {"n", n}}) + "_" + std::string(nameOf(weight)), {}};
  kernel.work.narrowOperand = weight != Element::F32;
  kernel.work.macs = {0, k * n};
  kernel.work.loadBytes = {k * n * bytesOf(weight), 4 * (k + n)};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, k}), {kindOf(weight), {k, n}}, f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    b.generic("ppr", {{b.head(b.buffer(0), m), {0, 2}}, {b.buffer(1), {2, 1}}}, {b.head(b.buffer(2), m), {0, 1}},
              [&](KernelBody &e, ValueRange v) -> Value {
                Value wide = weight == Element::F32 ? v[1] : e.create<arith::ExtFOp>(e.getF32Type(), v[1]);
                return e.create<math::FmaOp>(v[0], wide, v[2]);
              });
  });
  return kernel;
}

/// Work: n additions a row.
TileKernel buildAdd(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("add", {{"r", rows}, {"n", n}}), {}};
  kernel.work.alu = {0, n};
  kernel.work.loadBytes = {0, 8 * n};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({rows, n})}, 1, [](KernelBody &b) {
    Value m = b.scalar(0);
    b.generic("pp", {{b.head(b.buffer(1), m), {0, 1}}}, {b.head(b.buffer(0), m), {0, 1}},
              [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::AddFOp>(v[1], v[0]); });
  });
  return kernel;
}

/// Work: n elements a row, read and written.
TileKernel buildCopyColumns(ModuleOp module, int64_t rows, int64_t ld, int64_t column, int64_t n) {
  TileKernel kernel{symbol("copy_columns", {{"r", rows}, {"ld", ld}, {"c", column}, {"n", n}}), {}};
  kernel.work.loadBytes = kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, ld}), f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    b.copy(b.view(b.buffer(0), b.fixed(column), {m, b.fixed(n)}, {ld, 1}), b.head(b.buffer(1), m));
  });
  return kernel;
}

/// Work: the columns of the runs, read and written.
TileKernel buildPlaceColumns(ModuleOp module, int64_t rows, int64_t n, int64_t ld, ArrayRef<ColumnRuns> pieces) {
  TileKernel kernel{symbol("place_columns", {{"r", rows}, {"n", n}, {"ld", ld}}), {}};
  int64_t columns = 0;
  for (const ColumnRuns &piece : pieces) {
    kernel.name +=
        symbol("", {{"f", piece.from}, {"t", piece.to}, {"s", piece.stride}, {"c", piece.count}, {"w", piece.width}});
    columns += piece.count * piece.width;
  }
  kernel.work.loadBytes = kernel.work.storeBytes = {0, 4 * columns};
  define(module, kernel.name, {f32({rows, n}), f32({rows, ld})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    for (const ColumnRuns &piece : pieces) {
      OpFoldResult count = b.fixed(piece.count), width = b.fixed(piece.width);
      b.copy(b.view(b.buffer(0), b.fixed(piece.from), {m, count, width}, {n, piece.width, 1}),
             b.view(b.buffer(1), b.fixed(piece.to), {m, count, width}, {ld, piece.stride, 1}));
    }
  });
  return kernel;
}

/// Work: n elements a row, read and written.
TileKernel buildTranspose(ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{symbol("transpose", {{"r", rows}, {"n", n}}), {}};
  kernel.work.loadBytes = kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({n, rows})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    b.generic("pp", {{b.head(b.buffer(0), m), {0, 1}}},
              {b.view(b.buffer(1), b.fixed(0), {b.fixed(n), m}, {rows, 1}), {1, 0}},
              [](KernelBody &, ValueRange v) -> Value { return v[0]; });
  });
  return kernel;
}

/// Work: the columns there are, read; blocks*width a row, written.
TileKernel buildPackColumns(ModuleOp module, int64_t rows, int64_t n, int64_t blocks, int64_t width) {
  TileKernel kernel{symbol("pack_columns", {{"r", rows}, {"n", n}, {"b", blocks}, {"w", width}}), {}};
  int64_t full = std::min(n / width, blocks);
  int64_t rest = full < blocks ? n - full * width : 0;
  kernel.work.loadBytes = {0, 4 * (full * width + rest)};
  kernel.work.storeBytes = {0, 4 * blocks * width};
  define(module, kernel.name, {f32({rows, n}), f32({blocks, rows, width})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), src = b.buffer(0), dst = b.buffer(1);
    int64_t plane = rows * width;
    if (full > 0)
      b.copy(b.view(src, b.fixed(0), {b.fixed(full), m, b.fixed(width)}, {width, n, 1}),
             b.view(dst, b.fixed(0), {b.fixed(full), m, b.fixed(width)}, {plane, width, 1}));
    int64_t emptyFrom = full;
    if (rest > 0) {
      b.copy(b.view(src, b.fixed(full * width), {m, b.fixed(rest)}, {n, 1}),
             b.view(dst, b.fixed(full * plane), {m, b.fixed(rest)}, {width, 1}));
      b.fill(b.view(dst, b.fixed(full * plane + rest), {m, b.fixed(width - rest)}, {width, 1}), 0.0);
      ++emptyFrom;
    }
    if (emptyFrom < blocks)
      b.fill(
          b.view(dst, b.fixed(emptyFrom * plane), {b.fixed(blocks - emptyFrom), m, b.fixed(width)}, {plane, width, 1}),
          0.0);
  });
  return kernel;
}

} // namespace weft::kernels
