#include "compiler/frontend/onnx/graph/Scalar.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

template <typename FloatOp, typename IntOp> Scalar binary(Scalar a, Scalar b) {
  Value value = a.floating() ? a.builder->create<FloatOp>(a.loc, a.value, b.value).getResult()
                             : a.builder->create<IntOp>(a.loc, a.value, b.value).getResult();
  return a.with(value);
}

template <typename FloatOp, typename SignedOp, typename UnsignedOp> Scalar binary(Scalar a, Scalar b) {
  if (a.floating())
    return a.with(a.builder->create<FloatOp>(a.loc, a.value, b.value));
  if (isUnsigned(a.type) || a.type == ElementType::Bool)
    return a.with(a.builder->create<UnsignedOp>(a.loc, a.value, b.value));
  return a.with(a.builder->create<SignedOp>(a.loc, a.value, b.value));
}

Scalar compare(arith::CmpFPredicate floats, arith::CmpIPredicate integers, arith::CmpIPredicate unsignedIntegers,
               Scalar a, Scalar b) {
  Value value;
  if (a.floating())
    value = a.builder->create<arith::CmpFOp>(a.loc, floats, a.value, b.value);
  else
    value = a.builder->create<arith::CmpIOp>(
        a.loc, isUnsigned(a.type) || a.type == ElementType::Bool ? unsignedIntegers : integers, a.value, b.value);
  return a.with(value, ElementType::Bool);
}

Scalar toBool(Scalar x) {
  if (x.floating())
    return notEqual(x, x.same(0));
  return notEqual(x, constantInteger(*x.builder, x.loc, x.type, 0));
}

/// Numbers below a byte are stored in one: after arithmetic only their own bits count.
Scalar wrapBelowByte(Scalar x, ElementType to) {
  const unsigned bits = storedBits(to);
  if (bits >= 8)
    return x;
  Scalar shift = constantInteger(*x.builder, x.loc, x.type, static_cast<int64_t>(8 - bits));
  return shiftRight(shiftLeft(x, shift), shift);
}

Scalar integerToInteger(Scalar x, ElementType to) {
  Type type = storageType(x.builder->getContext(), to);
  const unsigned from = x.value.getType().getIntOrFloatBitWidth(), width = type.getIntOrFloatBitWidth();
  Value value = x.value;
  if (width < from)
    value = x.builder->create<arith::TruncIOp>(x.loc, type, value);
  else if (width > from && (isUnsigned(x.type) || x.type == ElementType::Bool))
    value = x.builder->create<arith::ExtUIOp>(x.loc, type, value);
  else if (width > from)
    value = x.builder->create<arith::ExtSIOp>(x.loc, type, value);
  return wrapBelowByte(x.with(value, to), to);
}

Scalar floatToInteger(Scalar x, ElementType to) {
  if (x.type == ElementType::Float16 || x.type == ElementType::BFloat16)
    x = cast(x, ElementType::Float);
  x = select(isNan(x), x.same(0), x);
  OpBuilder &b = *x.builder;
  constexpr double twoTo63 = 9223372036854775808.0;
  // The largest float below 2^63.
  const double top = x.type == ElementType::Double ? 9223372036854774784.0 : 9223371487098961920.0;
  if (to == ElementType::UInt64) {
    Scalar large = x >= twoTo63;
    Scalar low = select(large, x - twoTo63, x);
    Scalar whole = x.with(b.create<arith::FPToSIOp>(x.loc, b.getI64Type(), clamp(low, -twoTo63, top).value), to);
    Scalar bit63 =
        x.with(b.create<arith::ConstantOp>(x.loc, b.getI64IntegerAttr(std::numeric_limits<int64_t>::min())), to);
    return select(large, whole ^ bit63, whole);
  }
  bool wide = to == ElementType::Int64 || to == ElementType::UInt32 || to == ElementType::Int32;
  if (wide) {
    Scalar whole =
        x.with(b.create<arith::FPToSIOp>(x.loc, b.getI64Type(), clamp(x, -twoTo63, top).value), ElementType::Int64);
    return to == ElementType::Int64 ? whole : integerToInteger(whole, to);
  }
  Scalar whole = x.with(b.create<arith::FPToSIOp>(x.loc, b.getI32Type(), clamp(x, -2147483648.0, 2147483520.0).value),
                        ElementType::Int32);
  return integerToInteger(whole, to);
}

Scalar toFloat(Scalar x, ElementType to) {
  OpBuilder &b = *x.builder;
  Type type = storageType(b.getContext(), to);
  if (!x.floating()) {
    const bool half = to == ElementType::Float16 || to == ElementType::BFloat16;
    Type through = half ? b.getF32Type() : type;
    Value value = isUnsigned(x.type) || x.type == ElementType::Bool
                      ? b.create<arith::UIToFPOp>(x.loc, through, x.value).getResult()
                      : b.create<arith::SIToFPOp>(x.loc, through, x.value).getResult();
    Scalar number = x.with(value, half ? ElementType::Float : to);
    return half ? cast(number, to) : number;
  }
  const unsigned from = x.value.getType().getIntOrFloatBitWidth(), width = type.getIntOrFloatBitWidth();
  if (from == width) // between the two kinds of half
    return cast(cast(x, ElementType::Float), to);
  return from < width ? x.with(b.create<arith::ExtFOp>(x.loc, type, x.value), to)
                      : x.with(b.create<arith::TruncFOp>(x.loc, type, x.value), to);
}

} // namespace

Type storageType(MLIRContext *context, ElementType type) {
  Builder b(context);
  switch (type) {
  case ElementType::Float:
    return b.getF32Type();
  case ElementType::Double:
    return b.getF64Type();
  case ElementType::Float16:
    return b.getF16Type();
  case ElementType::BFloat16:
    return b.getBF16Type();
  case ElementType::Bool:
    return b.getI1Type();
  default:
    return b.getIntegerType(8 * storageBytes(type));
  }
}

ElementType computeType(ElementType type) {
  return type == ElementType::Float16 || type == ElementType::BFloat16 ? ElementType::Float : type;
}

Scalar constantScalar(OpBuilder &b, Location loc, ElementType type, double number) {
  if (isFloat(type)) {
    Value value = b.create<arith::ConstantOp>(loc, b.getFloatAttr(storageType(b.getContext(), type), number));
    return {value, type, &b, loc};
  }
  constexpr double twoTo63 = 9223372036854775808.0;
  int64_t whole = number >= twoTo63    ? std::numeric_limits<int64_t>::max()
                  : number <= -twoTo63 ? std::numeric_limits<int64_t>::min()
                                       : static_cast<int64_t>(number);
  return constantInteger(b, loc, type, whole);
}

Scalar constantInteger(OpBuilder &b, Location loc, ElementType type, int64_t number) {
  Type storage = storageType(b.getContext(), type);
  APInt bits(64, static_cast<uint64_t>(number), true);
  Value value =
      b.create<arith::ConstantOp>(loc, b.getIntegerAttr(storage, bits.trunc(storage.getIntOrFloatBitWidth())));
  return {value, type, &b, loc};
}

Scalar Scalar::same(double number) const { return constantScalar(*builder, loc, type, number); }

Scalar operator+(Scalar a, Scalar b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Scalar operator-(Scalar a, Scalar b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Scalar operator*(Scalar a, Scalar b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }

Scalar operator/(Scalar a, Scalar b) {
  if (a.floating())
    return a.with(a.builder->create<arith::DivFOp>(a.loc, a.value, b.value));
  // What would trap: a divisor of zero, and the least number by -1.
  Scalar one = a.same(1), zero = a.same(0);
  Scalar unsafe = equal(b, zero);
  if (isUnsigned(a.type))
    return a.with(a.builder->create<arith::DivUIOp>(a.loc, a.value, select(unsafe, one, b).value));
  Scalar minus = equal(b, a.same(-1));
  Scalar quotient = a.with(a.builder->create<arith::DivSIOp>(a.loc, a.value, select(unsafe | minus, one, b).value));
  return select(minus, zero - a, quotient);
}

Scalar operator-(Scalar a) {
  if (a.floating())
    return a.with(a.builder->create<arith::NegFOp>(a.loc, a.value));
  return a.same(0) - a;
}

Scalar operator<(Scalar a, Scalar b) {
  return compare(arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, arith::CmpIPredicate::ult, a, b);
}
Scalar operator<=(Scalar a, Scalar b) {
  return compare(arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, arith::CmpIPredicate::ule, a, b);
}
Scalar equal(Scalar a, Scalar b) {
  return compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq, a, b);
}
Scalar notEqual(Scalar a, Scalar b) {
  return compare(arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne, arith::CmpIPredicate::ne, a, b);
}

Scalar operator&(Scalar a, Scalar b) { return a.with(a.builder->create<arith::AndIOp>(a.loc, a.value, b.value)); }
Scalar operator|(Scalar a, Scalar b) { return a.with(a.builder->create<arith::OrIOp>(a.loc, a.value, b.value)); }
Scalar operator^(Scalar a, Scalar b) { return a.with(a.builder->create<arith::XOrIOp>(a.loc, a.value, b.value)); }
Scalar operator!(Scalar a) { return a ^ constantInteger(*a.builder, a.loc, a.type, -1); }

namespace {
/// `make(a, b)`, or 0 where b shifts all bits out.
template <typename Op> Scalar shift(Scalar a, Scalar b) {
  OpBuilder &builder = *a.builder;
  Scalar width = constantInteger(builder, a.loc, b.type, a.value.getType().getIntOrFloatBitWidth());
  Value inside = builder.create<arith::CmpIOp>(a.loc, arith::CmpIPredicate::ult, b.value, width.value);
  Scalar in = a.with(inside, ElementType::Bool);
  Scalar safe = select(in, b, constantInteger(builder, a.loc, b.type, 0));
  return select(in, a.with(builder.create<Op>(a.loc, a.value, safe.value)), constantInteger(builder, a.loc, a.type, 0));
}
} // namespace

Scalar shiftLeft(Scalar a, Scalar b) { return shift<arith::ShLIOp>(a, b); }
Scalar shiftRight(Scalar a, Scalar b) {
  return isUnsigned(a.type) ? shift<arith::ShRUIOp>(a, b) : shift<arith::ShRSIOp>(a, b);
}

Scalar select(Scalar condition, Scalar yes, Scalar no) {
  return yes.with(yes.builder->create<arith::SelectOp>(yes.loc, condition.value, yes.value, no.value));
}

Scalar maximum(Scalar a, Scalar b) { return binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(a, b); }
Scalar minimum(Scalar a, Scalar b) { return binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(a, b); }

Scalar absolute(Scalar a) {
  if (a.floating())
    return unary<math::AbsFOp>(a);
  return isUnsigned(a.type) ? a : unary<math::AbsIOp>(a);
}

Scalar sign(Scalar a) {
  Scalar zero = a.same(0);
  Scalar negative = isUnsigned(a.type) ? a : select(a < zero, a.same(-1), a); // 0 and NaN stay
  return select(a > zero, a.same(1), negative);
}

Scalar remainderTruncate(Scalar a, Scalar b) {
  if (a.floating())
    return a.with(a.builder->create<arith::RemFOp>(a.loc, a.value, b.value));
  return a - (a / b) * b;
}

Scalar remainderFloor(Scalar a, Scalar b) {
  Scalar rest = remainderTruncate(a, b);
  if (isUnsigned(a.type))
    return rest;
  Scalar zero = a.same(0);
  Scalar wrong = notEqual(rest, zero) & ((rest < zero) ^ (b < zero));
  return select(wrong, rest + b, rest);
}

namespace {
/// Exact modulo 2^64, by squares: a float has too few bits. Of exponents of 64 and more only the parity counts, since
/// only powers of 0, 1 and -1 are numbers then.
Scalar integerPower(Scalar base, Scalar exponent) {
  Scalar one = base.same(1), zero = base.same(0);
  Scalar times = absolute(exponent);
  times = select(times > 63, (times & one) + 62, times);
  Scalar result = one, square = base;
  for (int bit = 0; bit < 6; ++bit) {
    Scalar set = notEqual(times & base.same(1 << bit), zero);
    result = select(set, result * square, result);
    square = square * square;
  }
  Scalar unit = equal(base, one) | equal(base, base.same(-1));
  return select((exponent < 0) & !unit, zero, result);
}
} // namespace

Scalar power(Scalar base, Scalar exponent) {
  if (!base.floating() && !exponent.floating()) {
    return cast(integerPower(cast(base, ElementType::Int64), cast(exponent, ElementType::Int64)), base.type);
  }
  if (!base.floating())
    return cast(power(cast(base, ElementType::Double), cast(exponent, ElementType::Double)), base.type);
  Scalar to = cast(exponent, base.type);
  return base.with(base.builder->create<math::PowFOp>(base.loc, base.value, to.value));
}

Scalar exponential(Scalar x) { return unary<math::ExpOp>(x); }
Scalar logarithm(Scalar x) { return unary<math::LogOp>(x); }
Scalar squareRoot(Scalar x) { return unary<math::SqrtOp>(x); }
Scalar hyperbolicTangent(Scalar x) { return unary<math::TanhOp>(x); }
Scalar errorFunction(Scalar x) { return unary<math::ErfOp>(x); }
Scalar floorOf(Scalar x) { return unary<math::FloorOp>(x); }
Scalar roundEven(Scalar x) { return unary<math::RoundEvenOp>(x); }
Scalar truncated(Scalar x) { return unary<math::TruncOp>(x); }

Scalar isNan(Scalar x) { return notEqual(x, x); }

Scalar sigmoid(Scalar x) {
  // exp of the negative absolute value is at most one.
  Scalar e = exponential(-absolute(x)), one = x.same(1);
  return select(x < 0, e, one) / (one + e);
}

Scalar softplus(Scalar x) { return maximum(x, x.same(0)) + unary<math::Log1pOp>(exponential(-absolute(x))); }

Scalar cast(Scalar x, ElementType to, Saturate saturate, RoundScale roundScale) {
  if (x.type == to)
    return x;
  if (isSmallFloat(x.type))
    return cast(decodeSmallFloat(x), to, saturate, roundScale);
  if (isSmallFloat(to))
    return encodeSmallFloat(cast(x, ElementType::Float), to, saturate, roundScale);
  if (to == ElementType::Bool)
    return toBool(x);
  if (isFloat(to))
    return toFloat(x, to);
  return x.floating() ? floatToInteger(x, to) : integerToInteger(x, to);
}

} // namespace weft::frontend::onnx
