// Normalisation of rows that cores share, in parts between which sums cross cores: root mean square in two, LayerNorm
// in three.
#include "kernels/KernelBuilder.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::kernels {

static Value widen(KernelBody &e, Value value, Element element) {
  return element == Element::F32 ? value : e.create<arith::ExtFOp>(e.getF32Type(), value);
}

static Value over(KernelBody &e, Value sum, int64_t extent) {
  return e.create<arith::DivFOp>(sum, e.real(static_cast<double>(extent)));
}

/// 1 / sqrt(squares / extent + epsilon)
static Value inverseRoot(KernelBody &e, Value squares, int64_t extent, double epsilon) {
  return e.create<math::RsqrtOp>(e.create<arith::AddFOp>(over(e, squares, extent), e.real(epsilon)));
}

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

/// gamma + offset
static Value gain(KernelBody &e, Value gamma, Element weight, double offset) {
  Value wide = widen(e, gamma, weight);
  return offset == 0 ? wide : Value(e.create<arith::AddFOp>(wide, e.real(offset)));
}

/// Of numbers that a scale depends on, and the type of its weights.
static std::string scaleSuffix(double epsilon, Element weight, double offset) {
  return fmt::format("_{}_{}", bitsOf(epsilon), nameOf(weight)) + (offset == 0 ? "" : "_" + bitsOf(offset));
}

/// Work: a division, a square root and a reciprocal a row; two multiplications an element (and widening gamma, and its
/// offset).
TileKernel buildRmsScale(ModuleOp module, int64_t rows, int64_t n, int64_t extent, double epsilon, Element weight,
                         double offset) {
  TileKernel kernel{symbol("rms_scale", {{"r", rows}, {"n", n}, {"e", extent}}) + scaleSuffix(epsilon, weight, offset),
                    {}};
  kernel.work.special = {0, 3};
  kernel.work.alu = {0, 1 + 2 * n};
  kernel.work.loadBytes = {n * bytesOf(weight), 4 * n + 4};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({rows}), {kindOf(weight), {n}}, f32({rows, n})}, 1,
         [&](KernelBody &b) {
           Value m = b.scalar(0);
           b.generic("pp", {{b.head(b.buffer(0), m), {0, 1}}, {b.head(b.buffer(1), m), {0}}, {b.buffer(2), {1}}},
                     {b.head(b.buffer(3), m), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
                       Value inverse = inverseRoot(e, v[1], extent, epsilon);
                       Value gamma = gain(e, v[2], weight, offset);
                       return e.create<arith::MulFOp>(e.create<arith::MulFOp>(v[0], inverse), gamma);
                     });
         });
  return kernel;
}

/// [m x groups x width] of x.
static Value grouped(KernelBody &b, Value x, const ColumnGroups &columns) {
  return b.view(x, b.fixed(columns.column), {b.scalar(0), b.fixed(columns.groups), b.fixed(columns.width)},
                {columns.ld, columns.width, 1});
}

static std::string groupSymbol(std::string_view kind, const ColumnGroups &columns) {
  return symbol(
      kind,
      {{"r", columns.rows}, {"ld", columns.ld}, {"c", columns.column}, {"g", columns.groups}, {"w", columns.width}});
}

/// Work: a MAC an element of the groups.
TileKernel buildGroupSquares(ModuleOp module, const ColumnGroups &columns) {
  int64_t elements = columns.groups * columns.width;
  TileKernel kernel{groupSymbol("group_squares", columns), {}};
  kernel.work.macs = {0, elements};
  kernel.work.loadBytes = {0, 4 * elements};
  kernel.work.storeBytes = {0, 4 * columns.groups};
  define(module, kernel.name, {f32({columns.rows, columns.ld}), f32({columns.rows, columns.groups})}, 1,
         [&](KernelBody &b) {
           Value squares = b.head(b.buffer(1), b.scalar(0));
           b.fill(squares, 0.0);
           b.generic("ppr", {{grouped(b, b.buffer(0), columns), {0, 1, 2}}}, {squares, {0, 1}},
                     [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[0], v[1]); });
         });
  return kernel;
}

/// Work: that of RmsScale a group.
TileKernel buildGroupScale(ModuleOp module, const ColumnGroups &columns, int64_t extent, double epsilon, Element weight,
                           double offset) {
  int64_t elements = columns.groups * columns.width;
  TileKernel kernel{
      groupSymbol("group_scale", columns) + symbol("", {{"e", extent}}) + scaleSuffix(epsilon, weight, offset), {}};
  kernel.work.special = {0, 3 * columns.groups};
  kernel.work.alu = {0, columns.groups + 2 * elements};
  kernel.work.loadBytes = {columns.width * bytesOf(weight), 4 * (elements + columns.groups)};
  kernel.work.storeBytes = {0, 4 * elements};
  define(module, kernel.name,
         {f32({columns.rows, columns.ld}), f32({columns.rows, columns.groups}), {kindOf(weight), {columns.width}}}, 1,
         [&](KernelBody &b) {
           b.generic("ppp", {{b.head(b.buffer(1), b.scalar(0)), {0, 1}}, {b.buffer(2), {2}}},
                     {grouped(b, b.buffer(0), columns), {0, 1, 2}}, [&](KernelBody &e, ValueRange v) -> Value {
                       Value scaled = e.create<arith::MulFOp>(v[2], inverseRoot(e, v[0], extent, epsilon));
                       return e.create<arith::MulFOp>(scaled, gain(e, v[1], weight, offset));
                     });
         });
  return kernel;
}

// The mean is subtracted before anything is squared. Both sums in one pass would need an all-reduce less, but lose the
// variance where it is small beside the mean: sum(x^2) / n - mean^2 cancels all but a few bits of it.

/// Work: a division a row, a subtraction and a MAC an element.
TileKernel buildCenteredSquares(ModuleOp module, const RowShare &share) {
  auto [rows, n, extent] = share;
  TileKernel kernel{symbol("centered_squares", {{"r", rows}, {"n", n}, {"e", extent}}), {}};
  kernel.work.macs = {0, n};
  kernel.work.alu = {0, n};
  kernel.work.special = {0, 1};
  kernel.work.loadBytes = {0, 4 * n + 4};
  kernel.work.storeBytes = {0, 4};
  define(module, kernel.name, {f32({rows, n}), f32({rows}), f32({rows})}, 2, [&](KernelBody &b) {
    Value m = b.scalar(0), squares = b.head(b.buffer(2), m);
    b.fill(squares, 0.0);
    forColumns(b, share, b.scalar(1), [&](int64_t columns) {
      if (columns == 0)
        return;
      Value x = b.view(b.buffer(0), b.fixed(0), {m, b.fixed(columns)}, {share.n, 1});
      b.generic("pr", {{x, {0, 1}}, {b.head(b.buffer(1), m), {0}}}, {squares, {0}},
                [&](KernelBody &e, ValueRange v) -> Value {
                  Value distance = e.create<arith::SubFOp>(v[0], over(e, v[1], share.extent));
                  return e.create<math::FmaOp>(distance, distance, v[2]);
                });
    });
  });
  setProbe(module, kernel.name, {.scalars = {0, 0}});
  return kernel;
}

/// Work: two divisions, a square root and a reciprocal a row; a subtraction, a multiplication and a MAC an element (and
/// widening gamma and beta).
TileKernel buildLayerScale(ModuleOp module, int64_t rows, int64_t n, int64_t extent, double epsilon, Element weight,
                           bool beta) {
  TileKernel kernel{symbol(beta ? "layer_scale" : "layer_gain", {{"r", rows}, {"n", n}, {"e", extent}}) +
                        scaleSuffix(epsilon, weight, 0),
                    {}};
  kernel.work.macs = {0, n};
  kernel.work.special = {0, 4};
  kernel.work.alu = {0, 1 + 2 * n};
  kernel.work.loadBytes = {(beta ? 2 : 1) * n * bytesOf(weight), 4 * n + 8};
  kernel.work.storeBytes = {0, 4 * n};
  BufferSpec values = f32({rows, n}), sums = f32({rows}), weights{kindOf(weight), {n}};
  llvm::SmallVector<BufferSpec> buffers = {values, sums, sums, weights, weights, values};
  if (!beta)
    buffers.erase(buffers.begin() + 4);
  define(module, kernel.name, buffers, 1, [&](KernelBody &b) {
    Value m = b.scalar(0);
    llvm::SmallVector<Indexed> inputs = {{b.head(b.buffer(0), m), {0, 1}},
                                         {b.head(b.buffer(1), m), {0}},
                                         {b.head(b.buffer(2), m), {0}},
                                         {b.buffer(3), {1}}};
    if (beta)
      inputs.push_back({b.buffer(4), {1}});
    b.generic("pp", inputs, {b.head(b.buffer(beta ? 5 : 4), m), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value distance = e.create<arith::SubFOp>(v[0], over(e, v[1], extent));
      Value scaled = e.create<arith::MulFOp>(distance, inverseRoot(e, v[2], extent, epsilon));
      if (!beta)
        return e.create<arith::MulFOp>(scaled, widen(e, v[3], weight));
      return e.create<math::FmaOp>(scaled, widen(e, v[3], weight), widen(e, v[4], weight));
    });
  });
  return kernel;
}

} // namespace weft::kernels
