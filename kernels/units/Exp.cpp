#include "kernels/units/Exp.h"

#include "kernels/units/Binary32.h"

namespace weft::units {

namespace {

constexpr ExpRow table[] = {
#include "kernels/units/ExpTable.inc"
};
static_assert(std::size(table) == 64);

constexpr uint32_t fractionBits = 28, offsetBits = 22;

/// 2^f for f in units of 2^-28, in units of 2^-30.
uint32_t powerOfTwo(uint32_t fraction) {
  const ExpRow &row = table[fraction >> offsetBits];
  const uint64_t offset = fraction & ((1u << offsetBits) - 1);
  const uint64_t slope = row.slope + (row.curvature * (offset >> 6) >> 16);
  return row.value + uint32_t(slope * offset >> 20);
}

uint32_t expOf(uint32_t x, uint32_t mantissaBits) {
  const uint32_t infinite = 255u << mantissaBits;
  const bool negative = x & signBit;
  if (isNan(x))
    return quietNan >> (23 - mantissaBits);
  if (biasedExponent(x) >= 127 + 7) // |x| >= 128
    return negative ? 0 : infinite;
  const uint32_t shift = 156 - biasedExponent(x);
  const uint64_t magnitude = shift > 63 ? 0 : significandOf(x) * expLog2e >> shift;
  const int64_t t = negative ? -int64_t(magnitude) : int64_t(magnitude);
  const uint32_t power = powerOfTwo(uint32_t(t) & ((1u << fractionBits) - 1));
  return roundMagnitude(power, int32_t(t >> fractionBits) - 30, mantissaBits, Rounding::NearestEven);
}

uint32_t difference(uint32_t x, uint32_t f) { return addBinary32(x, f ^ signBit, Rounding::NearestEven).bits; }

} // namespace

std::span<const ExpRow, 64> expTable() { return table; }
uint32_t expBinary32(uint32_t x) { return expOf(x, 23); }
uint16_t expBfloat16(uint32_t x) { return uint16_t(expOf(x, 7)); }

uint8_t exp(const VectorCall &call) {
  for (uint32_t i = 0; i < call.vl; ++i) {
    if (call.sewBits == 32)
      storeElement(call.vd, i, expBinary32(loadElement<uint32_t>(call.vs2, i)));
    else
      storeElement(call.vd, i, expBfloat16(uint32_t(loadElement<uint16_t>(call.vs2, i)) << 16));
  }
  return 0;
}

uint8_t expDifference(const VectorCall &call) {
  for (uint32_t i = 0; i < call.vl; ++i) {
    if (call.sewBits == 32)
      storeElement(call.vd, i, expBinary32(difference(loadElement<uint32_t>(call.vs2, i), uint32_t(call.scalar))));
    else
      storeElement(
          call.vd, i,
          expBfloat16(difference(uint32_t(loadElement<uint16_t>(call.vs2, i)) << 16, uint32_t(call.scalar) << 16)));
  }
  return 0;
}

} // namespace weft::units
