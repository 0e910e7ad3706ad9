// Half precision on hosts that only convert it: loops on single-precision numbers, with conversions before and after.
// Only for files that weft_vector_sources compiles.
#pragma once

#include "sim/iss/VectorFloatLoopTemplates.h"

#if defined(WEFT_HOST_FUSES)
#include <immintrin.h>
#endif

namespace weft::iss::WEFT_VECTOR_TARGET {

#if defined(WEFT_HOST_FUSES)

namespace {

/// No vector has more half-precision numbers: VLEN 1024, LMUL 8.
constexpr size_t maxHalves = 512;
constexpr size_t halvesAtOnce = 8;

// The host's instructions convert eight numbers or four. What lies in the places that are not needed would raise flags,
// and compilers leave there what happens to be there, hence intrinsics, and zeros in those places.

// NaNs are found in integers: a comparison would be made in half precision, one number at a time.
__m256 canonicalSingle(__m256 values) {
  const __m256i bits = _mm256_castps_si256(values);
  const __m256i nan = _mm256_cmpgt_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(Single::magnitude)),
                                         _mm256_set1_epi32(Single::infinity));
  return _mm256_castsi256_ps(_mm256_blendv_epi8(bits, _mm256_set1_epi32(Single::canonicalNan), nan));
}
__m128i canonicalHalf(__m128i bits) {
  const __m128i nan =
      _mm_cmpgt_epi16(_mm_and_si128(bits, _mm_set1_epi16(Half::magnitude)), _mm_set1_epi16(Half::infinity));
  return _mm_blendv_epi8(bits, _mm_set1_epi16(Half::canonicalNan), nan);
}
__m256 widenEight(const std::byte *from) {
  return canonicalSingle(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from))));
}
__m128i narrowEight(const std::byte *from) {
  return canonicalHalf(
      _mm256_cvtps_ph(_mm256_loadu_ps(reinterpret_cast<const float *>(from)), _MM_FROUND_CUR_DIRECTION));
}

/// Half to single precision; NaN becomes canonical.
void widenHalves(const std::byte *from, std::byte *to, size_t count) {
  size_t i = 0;
  for (; i + halvesAtOnce <= count; i += halvesAtOnce)
    _mm256_storeu_ps(reinterpret_cast<float *>(to + i * 4), widenEight(from + i * 2));
  if (i < count) {
    alignas(32) std::byte last[halvesAtOnce * 2]{}, result[halvesAtOnce * 4];
    std::memcpy(last, from + i * 2, (count - i) * 2);
    _mm256_store_ps(reinterpret_cast<float *>(result), widenEight(last));
    std::memcpy(to + i * 4, result, (count - i) * 4);
  }
}

/// Single to half precision, rounded; NaN becomes canonical.
void narrowHalves(const std::byte *from, std::byte *to, size_t count) {
  size_t i = 0;
  for (; i + halvesAtOnce <= count; i += halvesAtOnce)
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i * 2), narrowEight(from + i * 4));
  if (i < count) {
    alignas(32) std::byte last[halvesAtOnce * 4]{}, result[halvesAtOnce * 2];
    std::memcpy(last, from + i * 4, (count - i) * 4);
    _mm_store_si128(reinterpret_cast<__m128i *>(result), narrowEight(last));
    std::memcpy(to + i * 2, result, (count - i) * 2);
  }
}

/// One number; not by the instruction, for which compilers would not clear the other places.
inline float widenHalf(uint16_t bits) {
  const uint32_t sign = uint32_t{bits} << 16 & Single::sign, magnitude = bits & Half::magnitude;
  if (magnitude > Half::infinity)
    return __builtin_bit_cast(float, Single::canonicalNan);
  uint32_t result;
  if (magnitude <= Half::fraction) // exact
    result = __builtin_bit_cast(uint32_t, static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  else if (magnitude == Half::infinity)
    result = Single::infinity;
  else
    result = (magnitude << (Single::fractionBits - Half::fractionBits)) +
             (static_cast<uint32_t>(Single::bias - Half::bias) << Single::fractionBits);
  return __builtin_bit_cast(float, result | sign);
}

/// Which operands of an instruction are in half precision.
enum HalfOperands : unsigned { halfVs2 = 1, halfVs1 = 2, halfScalar = 4, halfOld = 8, halfResult = 16 };

/// Runs a loop on single-precision numbers.
template <VectorFloatLoop Loop, unsigned Halves> uint8_t throughSingle(const VectorLoopOperands &operands) {
  constexpr size_t bufferBytes = maxHalves * 4;
  alignas(64) std::byte vs2[Halves & halfVs2 ? bufferBytes : 1], vs1[Halves & halfVs1 ? bufferBytes : 1],
      old[Halves & halfOld ? bufferBytes : 1], result[Halves & halfResult ? bufferBytes : 1];
  VectorLoopOperands single = operands;
  auto widened = [&](const std::byte *from, std::byte *to) {
    widenHalves(from, to, operands.count);
    return to;
  };
  if constexpr (Halves & halfVs2)
    single.vs2 = widened(operands.vs2, vs2);
  if constexpr (Halves & halfVs1)
    single.vs1 = widened(operands.vs1, vs1);
  if constexpr (Halves & halfOld)
    single.old = widened(operands.old, old);
  if constexpr (Halves & halfScalar)
    single.scalar = __builtin_bit_cast(uint32_t, widenHalf(static_cast<uint16_t>(operands.scalar)));
  if constexpr (Halves & halfResult)
    single.destination = result;
  uint8_t flags = Loop(single);
  if constexpr (Halves & halfScalar)
    flags |= isSignalling<Half>(static_cast<uint16_t>(operands.scalar)) ? invalidFlag : 0;
  if constexpr (Halves & halfResult)
    narrowHalves(result, operands.destination, operands.count);
  return flags;
}

} // namespace

#endif

} // namespace weft::iss::WEFT_VECTOR_TARGET
