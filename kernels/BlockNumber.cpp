#include "kernels/BlockNumber.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using Format = weft::runtime::BlockFormat; // kernels::BlockFormat is another

namespace weft::kernels {

namespace {

/// What a number is made of: integers of 32 bits.
struct Parts {
  Value code, scale, minimum; // null: 1, 0
};

class BlockReader {
public:
  BlockReader(OpBuilder &builder, Location loc, Value place, function_ref<Value(Value)> byteAt)
      : b(loc, builder), place(place), byteAt(byteAt) {}

  Parts parts(Format format);
  Value number(Format format);

private:
  // Indices.
  Value index(int64_t value) { return b.create<arith::ConstantIndexOp>(value); }
  Value add(Value a, Value c) { return b.create<arith::AddIOp>(a, c); }
  Value add(Value a, int64_t c) { return c == 0 ? a : add(a, index(c)); }
  Value mul(Value a, int64_t c) { return b.create<arith::MulIOp>(a, index(c)); }
  Value div(Value a, int64_t c) { return b.create<arith::DivUIOp>(a, index(c)); }
  Value rem(Value a, int64_t c) { return b.create<arith::RemUIOp>(a, index(c)); }

  // Numbers of 32 bits.
  Value word(int64_t value) { return b.create<arith::ConstantOp>(b.getI32IntegerAttr(static_cast<int32_t>(value))); }
  Value byte(Value at) { return b.create<arith::ExtUIOp>(b.getI32Type(), byteAt(at)); }
  Value signedByte(Value at) { return b.create<arith::ExtSIOp>(b.getI32Type(), byteAt(at)); }
  Value andWith(Value a, int64_t mask) { return b.create<arith::AndIOp>(a, word(mask)); }
  Value orWith(Value a, Value c) { return b.create<arith::OrIOp>(a, c); }
  Value up(Value a, int64_t bits) { return b.create<arith::ShLIOp>(a, word(bits)); }
  Value minus(Value a, int64_t c) { return b.create<arith::SubIOp>(a, word(c)); }
  /// `width` bits of a byte from bit `from`, an index, on.
  Value bits(Value byte, Value from, int64_t width) {
    Value shift = b.create<arith::IndexCastOp>(b.getI32Type(), from);
    return andWith(b.create<arith::ShRUIOp>(byte, shift), (1 << width) - 1);
  }
  Value select(Value condition, Value a, Value c) { return b.create<arith::SelectOp>(condition, a, c); }
  Value below(Value a, int64_t c) { return b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, a, index(c)); }

  /// The f16 at byte `at`, as f32.
  Value half(int64_t at) {
    Value word = orWith(byte(index(at)), up(byte(index(at + 1)), 8));
    Value half = b.create<arith::BitcastOp>(b.getF16Type(), b.create<arith::TruncIOp>(b.getI16Type(), word));
    return b.create<arith::ExtFOp>(b.getF32Type(), half);
  }
  /// Of each `run` numbers the first half lie in the lower halves of bytes from `offset` on.
  Value nibble(int64_t offset, int64_t run) {
    Value in = rem(place, run);
    Value at = add(add(mul(div(place, run), run / 2), rem(in, run / 2)), offset);
    return bits(byte(at), mul(div(in, run / 2), 4), 4);
  }
  /// Two bits: in either half of the block, 32 bytes hold four times 32 of them.
  Value twoBits(int64_t offset) {
    Value at = add(add(mul(div(place, 128), 32), rem(place, 32)), offset);
    return bits(byte(at), mul(div(rem(place, 128), 32), 2), 2);
  }
  /// A bit for each of 32 numbers, in order.
  Value fifthBit(int64_t offset) { return up(bits(byte(add(div(place, 8), offset)), rem(place, 8), 1), 4); }
  /// The six bits of a scale and a minimum of Q4_K and Q5_K, for eight groups in 12 bytes.
  void sixBits(int64_t offset, Parts &parts);
  Value scaleQ3(int64_t offset);
  Value scaleIq4();
  Value lookUp(Value code);

  ImplicitLocOpBuilder b;
  Value place;
  function_ref<Value(Value)> byteAt;
};

void BlockReader::sixBits(int64_t offset, Parts &parts) {
  Value group = div(place, 32), isFirst = below(group, 4), low = rem(group, 4); // of the first four, or above them
  Value a = byte(add(low, offset)), c = byte(add(low, offset + 4)), e = byte(add(low, offset + 8));
  auto combined = [&](Value mine, Value nibble) {
    Value upper = up(b.create<arith::ShRUIOp>(mine, word(6)), 4);
    return select(isFirst, andWith(mine, 63), orWith(nibble, upper));
  };
  parts.scale = combined(a, andWith(e, 15));
  parts.minimum = combined(c, b.create<arith::ShRUIOp>(e, word(4)));
}

/// Six bits of sixteen scales in 12 bytes: four of each, then two of each.
Value BlockReader::scaleQ3(int64_t offset) {
  Value group = div(place, 16);
  Value four = bits(byte(add(rem(group, 8), offset)), mul(div(group, 8), 4), 4);
  Value two = bits(byte(add(rem(group, 4), offset + 8)), mul(div(group, 4), 2), 2);
  return minus(orWith(four, up(two, 4)), 32);
}

Value BlockReader::scaleIq4() {
  Value group = div(place, 32);
  Value four = bits(byte(add(div(group, 2), 4)), mul(rem(group, 2), 4), 4);
  Value two = bits(byte(add(div(group, 4), 2)), mul(rem(group, 4), 2), 2);
  return minus(orWith(four, up(two, 4)), 32);
}

/// A tree of choices by the code's bits.
Value BlockReader::lookUp(Value code) {
  SmallVector<Value, 16> values;
  for (int8_t value : runtime::codebookIq4)
    values.push_back(word(value));
  for (int64_t bit = 0; bit < 4; ++bit) {
    Value isSet = b.create<arith::CmpIOp>(arith::CmpIPredicate::ne, andWith(code, int64_t{1} << bit), word(0));
    for (size_t i = 0; i < values.size() / 2; ++i)
      values[i] = select(isSet, values[2 * i + 1], values[2 * i]);
    values.resize(values.size() / 2);
  }
  return values[0];
}

Parts BlockReader::parts(Format format) {
  Parts parts;
  switch (format) {
  case Format::Q4_0:
    parts.code = minus(nibble(2, 32), 8);
    break;
  case Format::Q4_1:
    parts.code = nibble(4, 32);
    break;
  case Format::Q5_0:
    parts.code = minus(orWith(nibble(6, 32), fifthBit(2)), 16);
    break;
  case Format::Q5_1:
    parts.code = orWith(nibble(8, 32), fifthBit(4));
    break;
  case Format::Q8_0:
    parts.code = signedByte(add(place, 2));
    break;
  case Format::Q2_K: {
    Value both = byte(div(place, 16));
    parts = {twoBits(16), andWith(both, 15), b.create<arith::ShRUIOp>(both, word(4))};
    break;
  }
  case Format::Q3_K: // the third bit takes 4 away where it is 0
    parts.code = minus(orWith(twoBits(32), up(bits(byte(rem(place, 32)), div(place, 32), 1), 2)), 4);
    parts.scale = scaleQ3(96);
    break;
  case Format::Q4_K:
    parts.code = nibble(16, 64);
    sixBits(4, parts);
    break;
  case Format::Q5_K:
    parts.code = orWith(nibble(48, 64), up(bits(byte(add(rem(place, 32), 16)), div(place, 32), 1), 4));
    sixBits(4, parts);
    break;
  case Format::Q6_K: {
    Value half = div(place, 128), in = rem(place, 128);
    Value lower = bits(byte(add(mul(half, 64), rem(in, 64))), mul(div(in, 64), 4), 4);
    Value upper = bits(byte(add(add(mul(half, 32), rem(in, 32)), 128)), mul(div(in, 32), 2), 2);
    parts.code = minus(orWith(lower, up(upper, 4)), 32);
    parts.scale = signedByte(add(div(place, 16), 192));
    break;
  }
  case Format::IQ4_NL:
    parts.code = lookUp(nibble(2, 32));
    break;
  case Format::IQ4_XS:
    parts.code = lookUp(nibble(8, 32));
    parts.scale = scaleIq4();
    break;
  }
  return parts;
}

/// (d · scale) · code − dmin · minimum: every product is exact.
Value BlockReader::number(Format format) {
  auto real = [&](Value word) { return b.create<arith::SIToFPOp>(b.getF32Type(), word); };
  const bool isQ2 = format == Format::Q2_K, isQ3 = format == Format::Q3_K, isQ6 = format == Format::Q6_K;
  const int64_t atD = isQ2 ? 80 : isQ3 ? 108 : isQ6 ? 208 : 0;
  Parts made = parts(format);
  Value scale = half(atD);
  if (made.scale)
    scale = b.create<arith::MulFOp>(scale, real(made.scale));
  Value product = b.create<arith::MulFOp>(scale, real(made.code));
  if (made.minimum)
    return b.create<arith::SubFOp>(product, b.create<arith::MulFOp>(half(atD + 2), real(made.minimum)));
  if (runtime::factsOf(format).minimums) // those of 32 numbers add what is least
    return b.create<arith::AddFOp>(product, half(2));
  return product;
}

} // namespace

Value blockNumber(OpBuilder &builder, Location loc, Format format, Value place, function_ref<Value(Value)> byteAt) {
  return BlockReader(builder, loc, place, byteAt).number(format);
}

} // namespace weft::kernels
