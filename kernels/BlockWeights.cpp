// Products with weights in blocks of 32 along k that share an f16 scale: 8 bits a weight (Q8_0) or 4 (Q4_0).
#include "kernels/KernelBuilder.h"

using namespace mlir;

namespace weft::kernels {

static constexpr int64_t blockLength = 32, halfBlock = blockLength / 2;

static int64_t bytesOf(BlockFormat format, int64_t weights) {
  return format == BlockFormat::Q8 ? weights : weights / 2;
}
static std::string_view nameOf(BlockFormat format) { return format == BlockFormat::Q8 ? "q8" : "q4"; }

static Value toReal(KernelBody &e, Value byte) {
  return e.create<arith::SIToFPOp>(e.getF32Type(), e.create<arith::ExtSIOp>(e.getI32Type(), byte));
}

static Value addProduct8(KernelBody &e, ValueRange v) { return e.create<math::FmaOp>(v[0], toReal(e, v[1]), v[2]); }

/// Both weights of a byte come out times 16: the lower one shifted up, the upper one in its place.
static Value addProducts4(KernelBody &e, ValueRange v) {
  auto byte = [&](int64_t value) {
    return e.create<arith::ConstantOp>(e.getI8IntegerAttr(static_cast<int8_t>(value)));
  };
  // The bytes' operations side by side: a core changes the element width once for both.
  Value low = e.create<arith::ShLIOp>(v[2], byte(4)), high = e.create<arith::AndIOp>(v[2], byte(-16));
  Value sum = e.create<math::FmaOp>(v[0], toReal(e, low), v[3]);
  return e.create<math::FmaOp>(v[1], toReal(e, high), sum);
}

/// sums[m x n] = the products of one block.
static void writeBlock(KernelBody &b, BlockFormat format, Value block, int64_t k, int64_t n) {
  Value m = b.scalar(0), x = b.mul(block, blockLength);
  b.fill(b.head(b.buffer(3), m), 0.0);
  Indexed sums{b.head(b.buffer(3), m), {0, 1}};
  if (format == BlockFormat::Q8) {
    Value weights = b.view(b.buffer(1), b.mul(block, blockLength * n), {b.fixed(blockLength), b.fixed(n)}, {n, 1});
    b.generic("ppr", {{b.view(b.buffer(0), x, {m, b.fixed(blockLength)}, {k, 1}), {0, 2}}, {weights, {2, 1}}}, sums,
              addProduct8);
    return;
  }
  Value weights = b.view(b.buffer(1), b.mul(block, halfBlock * n), {b.fixed(halfBlock), b.fixed(n)}, {n, 1});
  auto half = [&](int64_t from) {
    return b.view(b.buffer(0), b.add(x, b.constant(from)), {m, b.fixed(halfBlock)}, {k, 1});
  };
  b.generic("ppr", {{half(0), {0, 2}}, {half(halfBlock), {0, 2}}, {weights, {2, 1}}}, sums, addProducts4);
}

/// Work: k*n MACs a row and one for each block; the conversions; weights once a call; sums and C for each block.
TileKernel buildGemmBlocks(ModuleOp module, int64_t rows, int64_t k, int64_t n, BlockFormat format) {
  TileKernel kernel{symbol("gemm", {{"r", rows}, {"k", k}, {"n", n}}) + "_" + std::string(nameOf(format)), {}};
  int64_t blocks = k / blockLength;
  kernel.work.narrowOperand = true;
  kernel.work.macs = {0, k * n + blocks * n};
  kernel.work.alu = {(format == BlockFormat::Q8 ? 1 : 2) * k * n, blocks * n};
  kernel.work.loadBytes = {bytesOf(format, k * n) + 2 * blocks * n, 4 * k + 12 * blocks * n};
  kernel.work.storeBytes = {0, 12 * blocks * n};
  define(
      module, kernel.name,
      {f32({rows, k}), {Kind::I8, {bytesOf(format, k), n}}, {Kind::F16, {blocks, n}}, f32({rows, n}), f32({rows, n})},
      1, [&](KernelBody &b) {
        Value m = b.scalar(0);
        b.forEach(b.constant(blocks), [&](Value block) {
          writeBlock(b, format, block, k, n);
          b.generic("pp", {{b.row(b.buffer(2), block), {1}}, {b.head(b.buffer(3), m), {0, 1}}},
                    {b.head(b.buffer(4), m), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
                      Value scale = e.create<arith::ExtFOp>(e.getF32Type(), v[0]);
                      if (format == BlockFormat::Q4)
                        scale = e.create<arith::MulFOp>(scale, e.real(1.0 / 16));
                      return e.create<math::FmaOp>(scale, v[1], v[2]);
                    });
        });
      });
  return kernel;
}

} // namespace weft::kernels
