// Products with weights that stay in the blocks of the model's file: a chunk of them becomes numbers, then it is
// multiplied. runtime/package/BlockShape.h has the layout; kernels/README.md, "Stored blocks", the numbers.
#include "kernels/StoredNumbers.h"
#include "runtime/weights/BlockFormat.h"

using namespace mlir;
using weft::runtime::BlockShape;

namespace weft::kernels {

namespace {

Value byteConstant(KernelBody &e, int64_t value) {
  return e.create<arith::ConstantOp>(e.getI8IntegerAttr(static_cast<int8_t>(value)));
}

/// `width` bits of a byte from bit `from` on.
Value field(KernelBody &e, Value byte, int64_t from, int64_t width) {
  if (from > 0)
    byte = e.create<arith::ShRUIOp>(byte, byteConstant(e, from));
  return from + width < 8 ? e.create<arith::AndIOp>(byte, byteConstant(e, (1 << width) - 1)) : byte;
}

/// Of codes 0 to 15 what they stand for: a tree of choices by their bits, since a core looks nothing up in a table.
Value lookUp(KernelBody &e, Value code) {
  SmallVector<Value, 16> values;
  for (int8_t value : runtime::codebookIq4)
    values.push_back(byteConstant(e, value));
  for (int64_t bit = 0; bit < 4; ++bit) {
    Value isSet =
        e.create<arith::CmpIOp>(arith::CmpIPredicate::ne,
                                e.create<arith::AndIOp>(code, byteConstant(e, int64_t{1} << bit)), byteConstant(e, 0));
    for (size_t i = 0; i < values.size() / 2; ++i)
      values[i] = e.create<arith::SelectOp>(isSet, values[2 * i + 1], values[2 * i]);
    values.resize(values.size() / 2);
  }
  return values[0];
}

} // namespace

StoredNumbers::StoredNumbers(KernelBody &body, const BlockShape &shape, Value bytes, Value scratch,
                             const StoredPart &part)
    : b(body), shape(shape), part(part), chunk(shape.chunk()), columns(part.columns ? part.columns : shape.columns),
      bytes(bytes), scratch(scratch) {
  const int64_t all = cast<MemRefType>(bytes.getType()).getNumElements();
  const Type type = shape.wide ? Type(b.getF32Type()) : b.getF16Type();
  floats =
      b.create<memref::ViewOp>(MemRefType::get({all / shape.sharedBytes()}, type), bytes, b.constant(0), ValueRange());
}

void StoredNumbers::forChunks(llvm::function_ref<void(Value, int64_t)> use) {
  auto each = [&](Value index, int64_t rows) {
    writeChunk(index, rows);
    use(index, rows);
  };
  const int64_t full = shape.rows / chunk, rest = shape.rows % chunk;
  if (full > 0)
    b.forEach(b.constant(full), [&](Value i) { each(i, chunk); });
  if (rest > 0)
    each(b.constant(full), rest);
}

/// `rows` of chunk `index`.
void StoredNumbers::writeChunk(Value index, int64_t rows) {
  const int64_t step = std::min(chunk, shape.group);
  for (int64_t row = 0; row < rows; row += step) {
    writeScales(index, row);
    for (int64_t segment = row; segment < std::min(row + step, rows); segment += shape.segment())
      writeNumbers(index, segment, std::min(shape.segment(), rows - segment));
  }
}

/// Of what `size` rows share: which of them has row `row` of chunk `index`.
Value StoredNumbers::sharedBy(Value index, int64_t row, int64_t size) {
  return size >= chunk ? b.div(index, size / chunk) : b.add(b.mul(index, chunk / size), b.constant(row / size));
}

/// `offset` of the first column of a block, in the part at hand; a slot has `slotElements` elements.
Value StoredNumbers::inPart(Value offset, int64_t slotElements) {
  if (part.slot)
    offset = b.add(offset, b.mul(part.slot, slotElements));
  return part.firstColumn ? b.add(offset, part.firstColumn) : offset;
}

Value StoredNumbers::columnsOf(Value buffer, Value row, int64_t offset) {
  const int64_t slotElements = buffer == floats ? shape.bytes() / shape.sharedBytes() : shape.bytes();
  Value first = inPart(b.add(b.mul(row, shape.columns), b.constant(offset)), slotElements);
  return b.view(buffer, first, {b.fixed(columns)}, {1});
}

/// Rows [row, row + count) of the numbers in scratch.
Value StoredNumbers::numbers(int64_t row, int64_t count) {
  return b.view(scratch, b.fixed(row * columns), {b.fixed(count), b.fixed(columns)}, {columns, 1});
}
Value StoredNumbers::shared(int64_t which) {
  return b.view(scratch, b.fixed((chunk + which) * columns), {b.fixed(columns)}, {1});
}

/// d * scale, and -(dmin * minimum) or -zero.
void StoredNumbers::writeScales(Value index, int64_t row) {
  Value super = sharedBy(index, row, shape.super), group = sharedBy(index, row, shape.group);
  auto product = [&](int64_t floatOffset, std::optional<int64_t> offset, bool isSigned, Value to) {
    SmallVector<Indexed> inputs{{columnsOf(floats, super, floatOffset / shape.sharedBytes()), {0}}};
    if (offset)
      inputs.push_back({columnsOf(bytes, group, *offset), {0}});
    b.generic("p", inputs, {to, {0}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value real = shape.wide ? v[0] : e.create<arith::ExtFOp>(e.getF32Type(), v[0]).getResult();
      if (!offset)
        return real;
      Value factor = isSigned ? e.create<arith::ExtSIOp>(e.getI32Type(), v[1]).getResult()
                              : e.create<arith::ExtUIOp>(e.getI32Type(), v[1]).getResult();
      Value result = e.create<arith::MulFOp>(real, e.create<arith::SIToFPOp>(e.getF32Type(), factor));
      return isSigned ? result : e.create<arith::NegFOp>(result).getResult();
    });
  };
  product(0, shape.scales ? std::optional(shape.scaleOffset()) : std::nullopt, true, shared(0));
  if (shape.minimums)
    product(shape.dminOffset(), shape.minimumOffset(), false, shared(1));
  if (shape.zeros)
    b.generic("p", {{columnsOf(bytes, group, shape.zeroOffset()), {0}}}, {shared(1), {0}},
              [](KernelBody &e, ValueRange v) -> Value {
                Value zero = e.create<arith::SIToFPOp>(e.getF32Type(), e.create<arith::ExtSIOp>(e.getI32Type(), v[0]));
                return e.create<arith::NegFOp>(zero);
              });
}

/// The numbers of `count` rows from `row` on, whose bits begin at one place.
void StoredNumbers::writeNumbers(Value index, int64_t row, int64_t count) {
  const auto [low, high] = shape.planes();
  SmallVector<Indexed> inputs;
  SmallVector<int64_t> from;
  for (int plane = 0; plane < (high ? 2 : 1); ++plane) {
    const int64_t width = plane ? high : low, byteRows = chunk * width / 8;
    Value first = inPart(b.add(b.mul(index, byteRows * shape.columns),
                               b.constant(shape.planeOffset(plane) + row % byteRows * shape.columns)),
                         shape.bytes());
    inputs.push_back({b.view(bytes, first, {b.fixed(count), b.fixed(columns)}, {shape.columns, 1}), {0, 1}});
    from.push_back(row / byteRows * width);
  }
  inputs.push_back({shared(0), {1}});
  if (shape.minimums || shape.zeros)
    inputs.push_back({shared(1), {1}});
  b.generic("pp", inputs, {numbers(row, count), {0, 1}},
            [&](KernelBody &e, ValueRange v) -> Value { return numberOf(e, v, from); });
}

/// Of a byte of each plane, in which its bits begin at `from`, a scale and perhaps a minimum or a zero point.
Value StoredNumbers::numberOf(KernelBody &e, ValueRange v, ArrayRef<int64_t> from) const {
  const auto [low, high] = shape.planes();
  Value code = field(e, v[0], from[0], low);
  if (high)
    code = e.create<arith::OrIOp>(code, e.create<arith::ShLIOp>(field(e, v[1], from[1], high), byteConstant(e, low)));
  if (shape.codebook)
    code = lookUp(e, code);
  else if (shape.bits < 8 && shape.least != 0)
    code = e.create<arith::AddIOp>(code, byteConstant(e, shape.least));
  Value real = e.create<arith::SIToFPOp>(e.getF32Type(), e.create<arith::ExtSIOp>(e.getI32Type(), code));
  Value scale = v[high ? 2 : 1];
  if (shape.zeros)
    real = e.create<arith::AddFOp>(real, v[high ? 3 : 2]);
  if (!shape.minimums)
    return e.create<arith::MulFOp>(real, scale);
  return e.create<math::FmaOp>(real, scale, v[high ? 3 : 2]);
}

std::string blocksSuffix(const BlockShape &shape) {
  std::string name =
      symbol("_blocks", {{"b", shape.bits}, {"l", -shape.least}, {"g", shape.group}, {"s", shape.super}});
  return name + (shape.scales ? "_scales" : "") + (shape.minimums ? "_minimums" : "") +
         (shape.codebook ? "_codebook" : "") + (shape.wide ? "_wide" : "") + (shape.zeros ? "_zeros" : "");
}

static int64_t groupsOf(const BlockShape &shape) { return BlockShape::up(shape.rows, shape.group) * shape.columns; }

int64_t storedOperations(const BlockShape &shape) {
  const int64_t fields = shape.planes()[1] ? 2 : 1, lookups = shape.codebook ? 19 : 0;
  return shape.rows * shape.columns * (2 * fields + 2 + lookups + (shape.zeros ? 1 : 0)) + groupsOf(shape) * 2;
}

Work storedWork(const BlockShape &shape) {
  Work work;
  work.alu = {storedOperations(shape), 0};
  work.loadBytes = {shape.bytes(), 0};
  work.storeBytes = {4 * shape.rows * shape.columns + 8 * groupsOf(shape), 0};
  return work;
}

int64_t storedScratchRows(const BlockShape &shape) { return shape.chunk() + 2; }

/// Work: k*n MACs a row, and the numbers once a call.
TileKernel buildGemmStored(ModuleOp module, int64_t rows, const BlockShape &shape) {
  const int64_t k = shape.rows, n = shape.columns;
  TileKernel kernel{symbol("gemm", {{"r", rows}, {"k", k}, {"n", n}}) + blocksSuffix(shape), storedWork(shape)};
  kernel.work.narrowOperand = true;
  kernel.work.macs = {0, k * n};
  kernel.work.loadBytes.base += 4 * k * n;
  kernel.work.loadBytes.perRow = 4 * (k + n);
  kernel.work.storeBytes.perRow = 4 * n;
  define(module, kernel.name,
         {f32({rows, k}), {Kind::I8, {shape.bytes()}}, f32({storedScratchRows(shape), n}), f32({rows, n})}, 1,
         [&](KernelBody &b) {
           StoredNumbers stored(b, shape, b.buffer(1), b.buffer(2));
           stored.forChunks([&](Value index, int64_t rows) {
             Value m = b.scalar(0);
             Value a = b.view(b.buffer(0), b.mul(index, shape.chunk()), {m, b.fixed(rows)}, {k, 1});
             b.generic("ppr", {{a, {0, 2}}, {stored.chunkNumbers(rows), {2, 1}}}, {b.head(b.buffer(3), m), {0, 1}},
                       [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
           });
         });
  return kernel;
}

} // namespace weft::kernels
