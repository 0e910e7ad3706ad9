// Conversions for which the host has instructions.
#include "sim/iss/VectorFloatLoopsHalf.h"

namespace weft::iss::WEFT_VECTOR_TARGET {

namespace {

using Kind = VectorFloatKind;

template <class To, class From> struct Convert : Operation<BitsOf<To>, BitsOf<From>> {
  static BitsOf<To> apply(BitsOf<From> second) {
    return Host<To>::write(static_cast<typename Host<To>::Value>(Host<From>::read(second)));
  }
};

/// From integers of at most 31 bits and a sign.
template <class F, class Integer> struct FromInteger : Operation<BitsOf<F>, Integer> {
  static BitsOf<F> apply(Integer second) {
    return Host<F>::write(static_cast<typename Host<F>::Value>(static_cast<int32_t>(second)));
  }
};

/// NaN made canonical; a signalling one is invalid.
uint8_t widenBFloat(const VectorLoopOperands &operands) {
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2;
  const size_t count = operands.count;
  uint16_t invalid = 0;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    const auto bits = load<uint16_t>(vs2, i);
    invalid |= isSignalling<BFloat>(bits);
    store(destination, i, isNan<BFloat>(bits) ? Single::canonicalNan : uint32_t{bits} << 16);
  }
  return invalid != 0 ? invalidFlag : 0;
}

enum FrmValue : uint8_t { nearestEven, towardZero, down, up };
constexpr uint8_t inexactFlag = 1; // FloatFlag::Inexact

/// Numbers whose result can be nothing but a normal number or zero; the rest is left to the slow loop.
uint8_t narrowBFloat(const VectorLoopOperands &operands) {
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2;
  const size_t count = operands.count;
  const uint8_t rounding = operands.rounding;
  uint32_t special = 0, lost = 0;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    const uint32_t magnitude = load<uint32_t>(vs2, i) & Single::magnitude;
    const uint32_t field = magnitude >> Single::fractionBits;
    special |= static_cast<uint32_t>(magnitude != 0 && field - 1 >= 253);
  }
  if (special != 0)
    return notDone;
  // What is added to the lower half before it is cut off.
  const uint32_t even = rounding == nearestEven, half = even ? 0x7fff : 0;
  const uint32_t positive = rounding == up ? 0xffff : half, negative = rounding == down ? 0xffff : half;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    const auto bits = load<uint32_t>(vs2, i);
    const uint32_t bias = (bits & Single::sign ? negative : positive) + (even & (bits >> 16));
    lost |= bits & 0xffff;
    store(destination, i, static_cast<uint16_t>((bits + bias) >> 16));
  }
  return lost != 0 ? inexactFlag : 0;
}

#if defined(WEFT_HOST_FUSES)

template <class Value> Value towardZeroOf(Value value);
template <> float towardZeroOf(float value) { return __builtin_truncf(value); }
template <> double towardZeroOf(double value) { return __builtin_trunc(value); }
float roundedOf(float value) { return __builtin_nearbyintf(value); }
double roundedOf(double value) { return __builtin_nearbyint(value); }

/// To integers of at most 32 bits with the sign, which the host converts to. An operation on NaN or beyond the range
/// may raise the host's flag for invalid ones, as it is to be raised; none raises that for inexact ones.
template <class F, class Integer, bool Truncate> uint8_t toIntegerLoop(const VectorLoopOperands &operands) {
  using Value = typename Host<F>::Value;
  constexpr bool isSigned = Integer(-1) < Integer(0);
  constexpr unsigned bits = sizeof(Integer) * 8;
  constexpr auto least = static_cast<Value>(isSigned ? -(int64_t{1} << (bits - 1)) : 0);
  constexpr auto beyond = static_cast<Value>(int64_t{1} << (bits - isSigned));
  constexpr auto greatestInteger = static_cast<Integer>((uint64_t{1} << (bits - isSigned)) - 1);
  constexpr auto leastInteger = static_cast<Integer>(~greatestInteger);
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2;
  const size_t count = operands.count;
  uint32_t invalid = 0, inexact = 0;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    const Value value = Host<F>::read(load<BitsOf<F>>(vs2, i));
    const Value rounded = Truncate ? towardZeroOf(value) : roundedOf(value);
    const bool within = rounded >= least && rounded < beyond;
    const auto integer = static_cast<Integer>(static_cast<int32_t>(within ? rounded : Value{0}));
    const Integer saturated = rounded < least ? leastInteger : greatestInteger;
    invalid |= static_cast<uint32_t>(!within);
    inexact |= static_cast<uint32_t>(within && rounded != value);
    store(destination, i, within ? integer : saturated);
  }
  return static_cast<uint8_t>((invalid ? invalidFlag : 0) | (inexact ? inexactFlag : 0));
}

uint8_t widenFloat(const VectorLoopOperands &operands) {
  widenHalves(operands.vs2, operands.destination, operands.count);
  return 0;
}
uint8_t narrowFloat(const VectorLoopOperands &operands) {
  narrowHalves(operands.vs2, operands.destination, operands.count);
  return 0;
}

template <class Integer> void addHalfFromInteger(Column column, Kind kind) {
  column.set(kind, throughSingle<unaryLoop<FromInteger<Single, Integer>>, halfResult>);
}
template <class Integer> void addHalfToInteger(Column column, Kind rounding, Kind truncating) {
  column.set(rounding, throughSingle<toIntegerLoop<Single, Integer, false>, halfVs2>);
  column.set(truncating, throughSingle<toIntegerLoop<Single, Integer, true>, halfVs2>);
}

template <class F, class Integer> void addToInteger(Column column, Kind rounding, Kind truncating) {
  column.set(rounding, toIntegerLoop<F, Integer, false>);
  column.set(truncating, toIntegerLoop<F, Integer, true>);
}

#endif

} // namespace

void addFloatConvertLoops(VectorFloatLoopTable &table) {
  Column sew8(table, 0), sew16(table, 1), sew32(table, 2);
  sew32.unary<FromInteger<Single, int32_t>>(Kind::FromSigned);
  sew32.unary<FromInteger<Double, int32_t>>(Kind::WidenFromSigned);
  sew16.unary<FromInteger<Single, int16_t>>(Kind::WidenFromSigned);
  sew16.unary<FromInteger<Single, uint16_t>>(Kind::WidenFromUnsigned);
  sew32.unary<Convert<Double, Single>>(Kind::WidenFloat);
  sew32.unary<Convert<Single, Double>>(Kind::NarrowFloat);
  sew16.set(Kind::WidenBFloat, widenBFloat);
  sew16.set(Kind::NarrowBFloat, narrowBFloat);
#if defined(WEFT_HOST_FUSES)
  sew16.set(Kind::WidenFloat, widenFloat);
  sew16.set(Kind::NarrowFloat, narrowFloat);
  // The integers that single precision rounds are too great for half precision.
  addHalfFromInteger<int16_t>(sew16, Kind::FromSigned);
  addHalfFromInteger<uint16_t>(sew16, Kind::FromUnsigned);
  addHalfFromInteger<int32_t>(sew16, Kind::NarrowFromSigned);
  addHalfFromInteger<int8_t>(sew8, Kind::WidenFromSigned);
  addHalfFromInteger<uint8_t>(sew8, Kind::WidenFromUnsigned);
  addHalfToInteger<int16_t>(sew16, Kind::ToSigned, Kind::TruncateToSigned);
  addHalfToInteger<uint16_t>(sew16, Kind::ToUnsigned, Kind::TruncateToUnsigned);
  addHalfToInteger<int32_t>(sew16, Kind::WidenToSigned, Kind::WidenTruncateToSigned);
  addHalfToInteger<int8_t>(sew8, Kind::NarrowToSigned, Kind::NarrowTruncateToSigned);
  addHalfToInteger<uint8_t>(sew8, Kind::NarrowToUnsigned, Kind::NarrowTruncateToUnsigned);
  addToInteger<Single, int32_t>(sew32, Kind::ToSigned, Kind::TruncateToSigned);
  addToInteger<Single, int16_t>(sew16, Kind::NarrowToSigned, Kind::NarrowTruncateToSigned);
  addToInteger<Single, uint16_t>(sew16, Kind::NarrowToUnsigned, Kind::NarrowTruncateToUnsigned);
  addToInteger<Double, int32_t>(sew32, Kind::NarrowToSigned, Kind::NarrowTruncateToSigned);
#endif
}

} // namespace weft::iss::WEFT_VECTOR_TARGET
