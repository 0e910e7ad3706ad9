#include "kernels/units/Dot.h"

#include "kernels/units/Binary32.h"

#include <algorithm>

namespace weft::units {

namespace {

int32_t extend(uint32_t byte, bool isSigned) { return isSigned ? int32_t(int8_t(byte)) : int32_t(uint8_t(byte)); }

uint32_t dotOfFour(uint32_t left, bool leftSigned, uint32_t right, bool rightSigned) {
  uint32_t sum = 0;
  for (uint32_t shift = 0; shift < 32; shift += 8)
    sum += uint32_t(extend(left >> shift, leftSigned) * extend(right >> shift, rightSigned));
  return sum;
}

uint8_t quadDot(const VectorCall &call, bool leftSigned, bool rightSigned) {
  for (uint32_t i = 0; i < call.vl; ++i) {
    if (!isActive(call.mask, i))
      continue;
    const uint32_t right = call.vs1 ? loadElement<uint32_t>(call.vs1, i) : uint32_t(call.scalar);
    const uint32_t product = dotOfFour(loadElement<uint32_t>(call.vs2, i), leftSigned, right, rightSigned);
    storeElement<uint32_t>(call.vd, i, loadElement<uint32_t>(call.vd, i) + product);
  }
  return 0;
}

constexpr uint32_t rowsInBatch = 8;

uint8_t batchedByteDot(const VectorCall &call, bool leftSigned) {
  const uint32_t registerBytes = call.vlenBits / 8;
  for (uint32_t row = 0; call.vl && row < rowsInBatch; ++row) {
    const uint32_t destination = call.immediate * rowsInBatch + row;
    if (!isActive(call.mask, destination))
      continue;
    uint32_t sum = loadElement<uint32_t>(call.vd, destination);
    for (uint32_t i = 0; i < call.vl; ++i)
      sum += uint32_t(extend(uint32_t(call.vs2[size_t(row) * registerBytes + i]), leftSigned) *
                      extend(uint32_t(call.vs1[i]), call.alternate));
    storeElement(call.vd, destination, sum);
  }
  return 0;
}

/// A product of two bf16 numbers as the algorithm sees it: magnitude * 2^(referenceExponent - 268), up to its sign.
struct Product {
  bool negative;
  uint32_t referenceExponent; // 0 if the product is zero, else the sum of the biased exponents, subnormals counting 1
  uint32_t magnitude;         // 16 bits
};

Product multiply(uint16_t left, uint16_t right) {
  const uint32_t leftExponent = left >> 7 & 0xff, rightExponent = right >> 7 & 0xff;
  const uint32_t magnitude =
      ((left & 0x7f) | (leftExponent ? 0x80 : 0)) * ((right & 0x7f) | (rightExponent ? 0x80 : 0));
  const uint32_t reference = std::max(leftExponent, 1u) + std::max(rightExponent, 1u);
  return {bool((left ^ right) >> 15), magnitude ? reference : 0, magnitude};
}

/// What NaNs and infinities among the products come to.
struct Special {
  bool isNan = false, invalid = false, positive = false, negative = false; // the last two: infinite products met

  void add(uint16_t leftHalf, uint16_t rightHalf) {
    const uint32_t left = uint32_t(leftHalf) << 16, right = uint32_t(rightHalf) << 16;
    const bool infinite = isInfinite(left) || isInfinite(right), zero = !(left << 1) || !(right << 1);
    invalid |= isSignalling(left) || isSignalling(right) || (infinite && zero);
    if (units::isNan(left) || units::isNan(right) || (infinite && zero))
      isNan = true;
    else if (infinite)
      ((left ^ right) & signBit ? negative : positive) = true;
  }
};

} // namespace

uint8_t vqdot(const VectorCall &call) { return quadDot(call, true, true); }
uint8_t vqdotu(const VectorCall &call) { return quadDot(call, false, false); }
uint8_t vqdotsu(const VectorCall &call) { return quadDot(call, true, false); }
uint8_t vqdotus(const VectorCall &call) { return quadDot(call, false, true); }
uint8_t vqwbdotau(const VectorCall &call) { return batchedByteDot(call, false); }
uint8_t vqwbdotas(const VectorCall &call) { return batchedByteDot(call, true); }

uint32_t bulkNormalisedDot(const std::byte *left, const std::byte *right, uint32_t vl, uint32_t n, uint8_t &flags) {
  const uint32_t guardBits = uint32_t(std::bit_width(n - 1)); // ceil(log2 n)
  Special special;
  uint32_t largest = 0;
  for (uint32_t i = 0; i < vl; ++i) {
    const uint16_t a = loadElement<uint16_t>(left, i), b = loadElement<uint16_t>(right, i);
    special.add(a, b);
    largest = std::max(largest, multiply(a, b).referenceExponent);
  }
  const bool cancelled = special.positive && special.negative;
  if (special.invalid || cancelled)
    flags |= flagInvalid;
  if (special.isNan || cancelled)
    return quietNan;
  if (special.positive || special.negative)
    return infinity | (special.negative ? signBit : 0);

  // The largest product keeps 2 integer bits and q - 1 + g bits behind the point, q = 24; others lose what lies below.
  const uint32_t padding = 9 + guardBits;
  int64_t sum = 0;
  for (uint32_t i = 0; i < vl; ++i) {
    const Product product = multiply(loadElement<uint16_t>(left, i), loadElement<uint16_t>(right, i));
    const uint64_t aligned = shiftRightJam(uint64_t(product.magnitude) << padding, largest - product.referenceExponent);
    sum += product.negative ? -int64_t(aligned) : int64_t(aligned);
  }
  const int32_t exponent = int32_t(largest) - 268 - int32_t(padding);
  const uint32_t magnitude = roundMagnitude(uint64_t(sum < 0 ? -sum : sum), exponent, 23, Rounding::Odd);
  if (magnitude == infinity)
    flags |= flagOverflow;
  return magnitude | (sum < 0 ? signBit : 0);
}

uint8_t vfwbdota(const VectorCall &call) {
  const uint32_t registerBytes = call.vlenBits / 8;
  uint8_t flags = 0;
  for (uint32_t row = 0; call.vl && row < rowsInBatch; ++row) {
    const uint32_t destination = call.immediate * rowsInBatch + row;
    if (!isActive(call.mask, destination))
      continue;
    const uint32_t dot =
        bulkNormalisedDot(call.vs2 + size_t(row) * registerBytes, call.vs1, call.vl, call.vlenBits / 16, flags);
    const Binary32Result sum = addBinary32(loadElement<uint32_t>(call.vd, destination), dot, Rounding::Odd);
    flags |= sum.flags;
    storeElement(call.vd, destination, sum.bits);
  }
  return flags;
}

} // namespace weft::units
