// Conversions of F, D, Zfhmin and Zfbfmin between formats, and from and to integers.
#include "sim/iss/FloatHost.h"
#include "sim/iss/ScalarFloat.h"

namespace weft::iss {

namespace {

using soft::Context;
using soft::Rounding;

template <class To, class From> [[gnu::noinline]] bool convertSoft(Hart &hart, const Op &op) {
  const uint8_t rounding = roundingOf(hart, op);
  if (rounding > maxRounding)
    return hart.illegal(op);
  Context context{static_cast<Rounding>(rounding)};
  setFloatRegister<To>(hart, op.rd, soft::convert<To, From>(context, floatRegister<From>(hart, op.rs1)));
  hart.fflags |= context.flags;
  return true;
}

template <class To, class From> bool convert(Hart &hart, const Op &op) {
#if defined(__x86_64__)
  if constexpr (host::computes<To> && host::computes<From>)
    if (hostRounds(hart, roundingOf(hart, op))) [[likely]] {
      setFloatRegister<To>(hart, op.rd, host::convert<To, From>(floatRegister<From>(hart, op.rs1)));
      return true;
    }
#endif
  return convertSoft<To, From>(hart, op);
}

/// Results of 32 bits, unsigned ones too, are sign-extended.
uint64_t extended(uint64_t value, unsigned width) {
  return width == 32 ? static_cast<uint64_t>(static_cast<int32_t>(value)) : value;
}

template <class F, bool Signed, unsigned Width> [[gnu::noinline]] bool toIntegerSoft(Hart &hart, const Op &op) {
  const uint8_t rounding = roundingOf(hart, op);
  if (rounding > maxRounding)
    return hart.illegal(op);
  Context context{static_cast<Rounding>(rounding)};
  const uint64_t value = soft::toInteger<F>(context, floatRegister<F>(hart, op.rs1), Signed, Width);
  hart.fflags |= context.flags;
  hart.x[op.rd] = extended(value, Width);
  return true;
}

#if defined(__x86_64__)
/// Whether `a` cannot leave the range of an integer, however it is rounded.
template <class F, bool Signed, unsigned Width> bool fits(BitsOf<F> a) {
  constexpr auto limit = static_cast<BitsOf<F>>(static_cast<uint64_t>(F::bias + int{Width} - 2) << F::fractionBits);
  return (Signed ? a & F::magnitude : a) < limit;
}
#endif

template <class F, bool Signed, unsigned Width> bool toInteger(Hart &hart, const Op &op) {
#if defined(__x86_64__)
  if constexpr (host::computes<F>) {
    const BitsOf<F> a = floatRegister<F>(hart, op.rs1);
    const uint8_t rounding = roundingOf(hart, op);
    // Programs written in C truncate whatever the mode is; the host has an instruction for that.
    const bool truncates = rounding == static_cast<uint8_t>(Rounding::TowardZero) && hart.hostFloat;
    if ((truncates || hostRounds(hart, rounding)) && fits<F, Signed, Width>(a)) [[likely]] {
      hart.x[op.rd] = static_cast<uint64_t>(truncates ? host::toInteger<F, true>(a) : host::toInteger<F, false>(a));
      return true;
    }
  }
#endif
  return toIntegerSoft<F, Signed, Width>(hart, op);
}

template <class F, bool Signed, unsigned Width> [[gnu::noinline]] bool fromIntegerSoft(Hart &hart, const Op &op) {
  const uint8_t rounding = roundingOf(hart, op);
  if (rounding > maxRounding)
    return hart.illegal(op);
  Context context{static_cast<Rounding>(rounding)};
  const uint64_t x = hart.x[op.rs1];
  const uint64_t value = Width == 64 ? x : Signed ? extended(x, 32) : static_cast<uint32_t>(x);
  setFloatRegister<F>(hart, op.rd,
                      Signed ? soft::fromSigned<F>(context, static_cast<int64_t>(value))
                             : soft::fromUnsigned<F>(context, value));
  hart.fflags |= context.flags;
  return true;
}

template <class F, bool Signed, unsigned Width> bool fromInteger(Hart &hart, const Op &op) {
#if defined(__x86_64__)
  if constexpr (host::computes<F> && (Signed || Width == 32))
    if (hostRounds(hart, roundingOf(hart, op))) [[likely]] {
      const uint64_t x = hart.x[op.rs1];
      const uint64_t value = Width == 64 ? x : Signed ? extended(x, 32) : static_cast<uint32_t>(x);
      setFloatRegister<F>(hart, op.rd, host::fromSigned<F>(static_cast<int64_t>(value)));
      return true;
    }
#endif
  return fromIntegerSoft<F, Signed, Width>(hart, op);
}

#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#define WEFT_INTEGERS(S, F)                                                                                            \
  WEFT_ROW(FCVT_W_##S, toInteger<F, true, 32>)                                                                         \
  WEFT_ROW(FCVT_WU_##S, toInteger<F, false, 32>)                                                                       \
  WEFT_ROW(FCVT_L_##S, toInteger<F, true, 64>)                                                                         \
  WEFT_ROW(FCVT_LU_##S, toInteger<F, false, 64>)                                                                       \
  WEFT_ROW(FCVT_##S##_W, fromInteger<F, true, 32>)                                                                     \
  WEFT_ROW(FCVT_##S##_WU, fromInteger<F, false, 32>)                                                                   \
  WEFT_ROW(FCVT_##S##_L, fromInteger<F, true, 64>)                                                                     \
  WEFT_ROW(FCVT_##S##_LU, fromInteger<F, false, 64>)

} // namespace

Execute scalarFloatConvertExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_INTEGERS(S, Single)
    WEFT_INTEGERS(D, Double)
    WEFT_INTEGERS(H, Half)
    WEFT_ROW(FCVT_S_D, convert<Single, Double>)
    WEFT_ROW(FCVT_D_S, convert<Double, Single>)
    WEFT_ROW(FCVT_S_H, convert<Single, Half>)
    WEFT_ROW(FCVT_H_S, convert<Half, Single>)
    WEFT_ROW(FCVT_D_H, convert<Double, Half>)
    WEFT_ROW(FCVT_H_D, convert<Half, Double>)
    WEFT_ROW(FCVT_S_BF16, convert<Single, BFloat>)
    WEFT_ROW(FCVT_BF16_S, convert<BFloat, Single>)
  default:
    return nullptr;
  }
}

} // namespace weft::iss
