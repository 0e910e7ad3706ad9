// Products of 8-bit integers that stand for f32: activations are quantised row by row, weights come so.
#include "dialects/rv/Rv.h"
#include "kernels/KernelBuilder.h"

using namespace mlir;
using namespace weft::runtime;

namespace weft::kernels {

/// All of a buffer of bytes as rows of words of `element`.
static Value asWords(KernelBody &b, Value bytes, Type element, int64_t rows, int64_t wordsPerRow) {
  return b.create<memref::ViewOp>(MemRefType::get({rows, wordsPerRow}, element), bytes, b.constant(0), ValueRange());
}

static Value word(KernelBody &e, int32_t value) { return e.create<arith::ConstantOp>(e.getI32IntegerAttr(value)); }
static Value asReal(KernelBody &e, Value bits) { return e.create<arith::BitcastOp>(e.getF32Type(), bits); }
static Value asBits(KernelBody &e, Value real) { return e.create<arith::BitcastOp>(e.getI32Type(), real); }

static void fillWith(KernelBody &b, Value memref, TypedAttr value) {
  b.create<linalg::FillOp>(ValueRange{b.create<arith::ConstantOp>(value)}, ValueRange{memref});
}

// ---- activations ------------------------------------------------------------------------------------------------

namespace {
/// Rows of one block: [m x columns] numbers, their scale's bits [m], their bytes, and the padding's.
struct QuantisedRows {
  Value numbers, scales, bytes;
  std::optional<Value> padding;
};
} // namespace

/// QuantisedScale::quantise; the bits of a number that has no finite scale are dropped.
static Value quantise(KernelBody &e, Value x, Value largestBits) {
  Value largest = asReal(e, largestBits), none = e.real(0.0), least = e.real(QuantisedScale::least);
  Value finite = e.create<arith::CmpIOp>(arith::CmpIPredicate::ult, largestBits, word(e, 0x7f800000));
  Value counts =
      e.create<arith::AndIOp>(finite, e.create<arith::CmpFOp>(arith::CmpFPredicate::OGE, largest, least).getResult());
  Value inverse = e.create<arith::SelectOp>(counts, e.create<arith::DivFOp>(e.real(127.0), largest), none);
  Value kept = e.create<arith::SelectOp>(finite, word(e, 0xff), word(e, 0));
  Value sum = e.create<arith::AddFOp>(e.create<arith::MulFOp>(x, inverse), e.real(0x1.8p23));
  return e.create<arith::TruncIOp>(e.getI8Type(), e.create<arith::AndIOp>(asBits(e, sum), kept));
}

static void writeQuantised(KernelBody &b, const QuantisedRows &rows) {
  fillWith(b, rows.scales, b.getI32IntegerAttr(0));
  // Magnitudes are ordered as their bits are, NaN above all.
  b.generic("pr", {{rows.numbers, {0, 1}}}, {rows.scales, {0}}, [](KernelBody &e, ValueRange v) -> Value {
    return e.create<arith::MaxSIOp>(e.create<arith::AndIOp>(asBits(e, v[0]), word(e, 0x7fffffff)), v[1]);
  });
  b.generic("pp", {{rows.numbers, {0, 1}}, {rows.scales, {0}}}, {rows.bytes, {0, 1}},
            [](KernelBody &e, ValueRange v) -> Value { return quantise(e, v[0], v[1]); });
  b.generic("p", {}, {rows.scales, {0}}, [](KernelBody &e, ValueRange v) -> Value {
    return asBits(e, e.create<arith::MulFOp>(asReal(e, v[0]), e.real(QuantisedScale::oneOver127)));
  });
  if (rows.padding)
    fillWith(b, *rows.padding, b.getI8IntegerAttr(0));
}

/// Work: an element is read twice, compared, multiplied, rounded and narrowed twice; a division a row and block.
TileKernel buildPackQuantised(ModuleOp module, int64_t rows, int64_t n, int64_t blocks, int64_t width) {
  TileKernel kernel{symbol("pack_i8", {{"r", rows}, {"n", n}, {"b", blocks}, {"w", width}}), {}};
  int64_t full = std::min(n / width, blocks), rest = full < blocks ? n - full * width : 0;
  int64_t columns = full * width + rest, rowBytes = quantisedRowBytes(width), rowWords = rowBytes / 4;
  kernel.work.alu = {0, 6 * columns};
  kernel.work.special = {0, blocks};
  kernel.work.loadBytes = {0, 8 * columns};
  kernel.work.storeBytes = {0, blocks * rowBytes};
  BufferSpec packed{Kind::I8, {blocks * rows * rowBytes}};
  define(module, kernel.name, {f32({rows, n}), packed}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), words = asWords(b, b.buffer(1), b.getI32Type(), blocks * rows, rowWords);
    auto packBlock = [&](Value block, int64_t present) {
      auto bytesFrom = [&](int64_t column, int64_t count) {
        Value first = b.add(b.mul(block, rows * rowBytes), b.constant(4 + column));
        return b.view(b.buffer(1), first, {m, b.fixed(count)}, {rowBytes, 1});
      };
      QuantisedRows parts;
      parts.numbers = b.view(b.buffer(0), b.mul(block, width), {m, b.fixed(present)}, {n, 1});
      parts.scales = b.view(words, b.mul(block, rows * rowWords), {m}, {rowWords});
      parts.bytes = bytesFrom(0, present);
      if (int64_t padding = quantisedDepth(width) - present; padding > 0)
        parts.padding = bytesFrom(present, padding);
      writeQuantised(b, parts);
    };
    b.forEach(b.constant(full), [&](Value block) { packBlock(block, width); });
    int64_t empty = full;
    if (rest > 0)
      packBlock(b.constant(empty++), rest);
    // What is padding alone has scale 0 and bytes 0.
    if (empty < blocks)
      fillWith(b,
               b.view(words, b.fixed(empty * rows * rowWords), {b.fixed(blocks - empty), m, b.fixed(rowWords)},
                      {rows * rowWords, rowWords, 1}),
               b.getI32IntegerAttr(0));
  });
  return kernel;
}

// ---- the product ------------------------------------------------------------------------------------------------

static Value addProduct(KernelBody &e, ValueRange v) {
  Value x = e.create<arith::ExtSIOp>(e.getI32Type(), v[0]), y = e.create<arith::ExtSIOp>(e.getI32Type(), v[1]);
  return e.create<arith::AddIOp>(e.create<arith::MulIOp>(x, y), v[2]);
}

static Value addFourProducts(KernelBody &e, ValueRange v) { return e.create<rv::Dot4Op>(v[2], v[0], v[1]); }

/// Work: k*n MACs a row; sums are written, read and become numbers; B is read once a call.
TileKernel buildGemmQuantised(ModuleOp module, int64_t rows, int64_t k, int64_t n, ByteOrder order) {
  bool inWords = order == ByteOrder::Words;
  TileKernel kernel{symbol("gemm", {{"r", rows}, {"k", k}, {"n", n}}) + (inWords ? "_q8_dot" : "_q8_f32"), {}};
  int64_t depth = quantisedDepth(k), rowBytes = quantisedRowBytes(k);
  kernel.work.narrowOperand = true;
  kernel.work.macs = {0, k * n + n};
  kernel.work.alu = {0, 2 * n};
  kernel.work.loadBytes = {quantisedBlockBytes(k, n), rowBytes + 8 * n};
  kernel.work.storeBytes = {0, 12 * n};
  BufferSpec sums{Kind::I32, {rows, n}}, packed{Kind::I8, {rows * rowBytes}}, bytes{Kind::I8, {depth * n}};
  define(module, kernel.name, {packed, f32({n}), bytes, sums, f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), words = asWords(b, b.buffer(0), b.getI32Type(), rows, rowBytes / 4);
    Indexed output{b.head(b.buffer(3), m), {0, 1}};
    fillWith(b, output.memref, b.getI32IntegerAttr(0));
    if (inWords) {
      int64_t deep = depth / bytesPerWord;
      Value x = b.view(words, b.fixed(1), {m, b.fixed(deep)}, {rowBytes / 4, 1});
      b.generic("ppr", {{x, {0, 2}}, {asWords(b, b.buffer(2), b.getI32Type(), deep, n), {2, 1}}}, output,
                addFourProducts);
    } else {
      Value x = b.view(b.buffer(0), b.fixed(4), {m, b.fixed(k)}, {rowBytes, 1});
      Value weights = b.view(b.buffer(2), b.fixed(0), {b.fixed(k), b.fixed(n)}, {n, 1});
      b.generic("ppr", {{x, {0, 2}}, {weights, {2, 1}}}, output, addProduct);
    }
    Value rowScales = b.view(words, b.fixed(0), {m}, {rowBytes / 4});
    b.generic("pp", {{output.memref, {0, 1}}, {rowScales, {0}}, {b.buffer(1), {1}}}, {b.head(b.buffer(4), m), {0, 1}},
              [](KernelBody &e, ValueRange v) -> Value {
                Value scale = e.create<arith::MulFOp>(v[2], asReal(e, v[1]));
                return e.create<math::FmaOp>(e.create<arith::SIToFPOp>(e.getF32Type(), v[0]), scale, v[3]);
              });
  });
  return kernel;
}

} // namespace weft::kernels
