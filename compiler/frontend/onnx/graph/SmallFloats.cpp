// Floats of eight and four bits, by their codes. https://onnx.ai/onnx/technical/float8.html, float4.html
#include "compiler/frontend/onnx/graph/Scalar.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

struct Format {
  int mantissa, bias;     // bits of the fraction, and what the exponent's code is above the exponent
  int signBit;            // its place
  int largest, overflow;  // codes without sign: the largest number, and what too large a one becomes without saturation
  int infinity, firstNan; // codes without sign; -1: none
  bool unsignedZero;      // the code of -0 is NaN
};

Format formatOf(ElementType type) {
  switch (type) {
  case ElementType::Float8E4M3FN:
    return {3, 7, 7, 0x7e, 0x7f, -1, 0x7f, false};
  case ElementType::Float8E4M3FNUZ:
    return {3, 8, 7, 0x7f, 0x80, -1, -1, true};
  case ElementType::Float8E5M2:
    return {2, 15, 7, 0x7b, 0x7c, 0x7c, 0x7d, false};
  case ElementType::Float8E5M2FNUZ:
    return {2, 16, 7, 0x7f, 0x80, -1, -1, true};
  default: // float4e2m1
    return {1, 1, 3, 0x7, 0x7, -1, -1, false};
  }
}

/// Integers of 32 bits over one element: shorthand of this file.
struct Bits {
  OpBuilder &b;
  Location loc;
  Scalar number(int64_t value) const { return constantInteger(b, loc, ElementType::UInt32, value); }
  Scalar of(Scalar f32) const {
    return f32.with(b.create<arith::BitcastOp>(loc, b.getI32Type(), f32.value), ElementType::UInt32);
  }
  Scalar asFloat(Scalar bits) const {
    return bits.with(b.create<arith::BitcastOp>(loc, b.getF32Type(), bits.value), ElementType::Float);
  }
  Scalar left(Scalar x, int by) const { return x.with(b.create<arith::ShLIOp>(loc, x.value, number(by).value)); }
  Scalar right(Scalar x, int by) const { return x.with(b.create<arith::ShRUIOp>(loc, x.value, number(by).value)); }
};

Scalar decodeScale(Bits bits, Scalar code) {
  Scalar normal = bits.asFloat(bits.left(code, 23));
  Scalar least = bits.asFloat(bits.number(0x00400000)), nan = bits.asFloat(bits.number(0x7fc00000));
  return select(equal(code, bits.number(255)), nan, select(equal(code, bits.number(0)), least, normal));
}

Scalar encodeScale(Bits bits, Scalar x, Saturate saturate, RoundScale round) {
  Scalar whole = bits.of(x) & bits.number(0x7fffffff);
  Scalar isNan = whole > bits.number(0x7f800000), infinite = equal(whole, bits.number(0x7f800000));
  Scalar exponent = bits.right(whole, 23), fraction = whole & bits.number(0x7fffff);
  // Below 2^-126 float32 is subnormal: the code 0 is 2^-127, half of its first bit.
  Scalar subnormal = equal(exponent, bits.number(0));
  Scalar half = bits.number(0x400000), rest = select(subnormal, fraction, fraction);
  Scalar up = bits.number(0);
  if (round == RoundScale::Up)
    up = cast(select(subnormal, rest > half, notEqual(rest, bits.number(0))), ElementType::UInt32);
  else if (round == RoundScale::Nearest)
    up = cast(select(subnormal, rest > bits.number(0x600000) - bits.number(1), rest >= half), ElementType::UInt32);
  Scalar code = exponent + up;
  Scalar tooLarge = (code > bits.number(254)) | infinite;
  code = select(tooLarge, bits.number(saturate == Saturate::Yes ? 254 : 255), code);
  return select(isNan, bits.number(255), code);
}

} // namespace

Scalar decodeSmallFloat(Scalar small) {
  Bits bits{*small.builder, small.loc};
  Scalar code =
      small.with(bits.b.create<arith::ExtUIOp>(small.loc, bits.b.getI32Type(), small.value), ElementType::UInt32);
  if (small.type == ElementType::Float8E8M0)
    return decodeScale(bits, code);
  const Format f = formatOf(small.type);
  Scalar plain = code & bits.number((1 << f.signBit) - 1);
  // Subnormal: the fraction times the least number. Normal: the same bits, elsewhere, with float32's bias.
  Scalar least = cast(plain, ElementType::Float) * std::ldexp(1.0, 1 - f.bias - f.mantissa);
  Scalar normal = bits.asFloat(bits.left(plain, 23 - f.mantissa) + bits.number(int64_t(127 - f.bias) << 23));
  Scalar size = select(plain < bits.number(1 << f.mantissa), least, normal);
  Scalar nan = bits.asFloat(bits.number(0x7fc00000));
  if (f.infinity >= 0)
    size = select(equal(plain, bits.number(f.infinity)), bits.asFloat(bits.number(0x7f800000)), size);
  if (f.firstNan >= 0)
    size = select(plain >= bits.number(f.firstNan), nan, size);
  Scalar sign = bits.left(bits.right(code, f.signBit) & bits.number(1), 31);
  Scalar result = bits.asFloat(bits.of(size) | sign);
  return f.unsignedZero ? select(equal(code, bits.number(0x80)), nan, result) : result;
}

Scalar encodeSmallFloat(Scalar x, ElementType to, Saturate saturate, RoundScale roundScale) {
  Bits bits{*x.builder, x.loc};
  auto store = [&](Scalar code) {
    return x.with(bits.b.create<arith::TruncIOp>(x.loc, bits.b.getI8Type(), code.value), to);
  };
  if (to == ElementType::Float8E8M0)
    return store(encodeScale(bits, x, saturate, roundScale));
  const Format f = formatOf(to);
  Scalar all = bits.of(x), plain = all & bits.number(0x7fffffff);
  // Normal: to the nearest, ties to even, in the integer that exponent and fraction are together.
  const int cut = 23 - f.mantissa;
  Scalar odd = bits.right(plain, cut) & bits.number(1);
  Scalar rounded = bits.right(plain + bits.number((1 << (cut - 1)) - 1) + odd, cut);
  Scalar normal = rounded - bits.number(int64_t(127 - f.bias) << f.mantissa);
  // Subnormal: adding 2^23 leaves the count of least numbers in the last bits, rounded by the addition.
  Scalar scaled = bits.asFloat(plain) * std::ldexp(1.0, f.bias + f.mantissa - 1) + 8388608.0;
  Scalar subnormal = bits.of(scaled) & bits.number(0xff);
  Scalar code = select(bits.asFloat(plain) < std::ldexp(1.0, 1 - f.bias), subnormal, normal);
  Scalar tooLarge = (bits.asFloat(plain) >= std::ldexp(1.0, 127)) | (code > bits.number(f.largest));
  code = select(tooLarge, bits.number(saturate == Saturate::Yes ? f.largest : f.overflow), code);
  Scalar sign = bits.left(bits.right(all, 31), f.signBit);
  Scalar nan = plain > bits.number(0x7f800000);
  if (f.unsignedZero) {
    code = select(equal(code, bits.number(0)), code, code | sign);
    return store(select(nan, bits.number(0x80), code));
  }
  code = code | sign;
  if (f.firstNan < 0) // no NaN: the code of -0
    return store(select(nan, bits.number(int64_t(1) << f.signBit), code));
  return store(select(nan, bits.number(to == ElementType::Float8E5M2 ? 0x7e : 0x7f) | sign, code));
}

} // namespace weft::frontend::onnx
