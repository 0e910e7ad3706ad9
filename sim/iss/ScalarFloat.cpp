// Arithmetic and comparison of F, D and Zfh.
#include "sim/iss/ScalarFloat.h"
#include "sim/iss/FloatHost.h"

namespace weft::iss {

namespace {

using soft::Context;
using soft::Rounding;

/// The slow way, for rounding modes and formats that the host lacks. Kept out of line: no instruction of the host's
/// unit may be moved in front of the decision for it.
template <class F, auto compute, class... Operands>
[[gnu::noinline]] bool executeSoft(Hart &hart, const Op &op, Operands... operands) {
  const uint8_t rounding = roundingOf(hart, op);
  if (rounding > maxRounding)
    return hart.illegal(op);
  Context context{static_cast<Rounding>(rounding)};
  setFloatRegister<F>(hart, op.rd, compute(context, operands...));
  hart.fflags |= context.flags;
  return true;
}

#if defined(__x86_64__)
template <class F, auto hostCompute, auto softCompute> bool binaryHost(Hart &hart, const Op &op) {
  const BitsOf<F> a = floatRegister<F>(hart, op.rs1), b = floatRegister<F>(hart, op.rs2);
  if (!hostRounds(hart, roundingOf(hart, op))) [[unlikely]]
    return executeSoft<F, softCompute>(hart, op, a, b);
  setFloatRegister<F>(hart, op.rd, hostCompute(a, b));
  return true;
}

template <class F> bool squareRootHost(Hart &hart, const Op &op) {
  const BitsOf<F> a = floatRegister<F>(hart, op.rs1);
  if (!hostRounds(hart, roundingOf(hart, op))) [[unlikely]]
    return executeSoft<F, soft::squareRoot<F>>(hart, op, a);
  setFloatRegister<F>(hart, op.rd, host::squareRoot<F>(a));
  return true;
}
#endif

template <class F, auto softCompute> bool binarySoft(Hart &hart, const Op &op) {
  return executeSoft<F, softCompute>(hart, op, floatRegister<F>(hart, op.rs1), floatRegister<F>(hart, op.rs2));
}

template <class F> bool squareRootSoft(Hart &hart, const Op &op) {
  return executeSoft<F, soft::squareRoot<F>>(hart, op, floatRegister<F>(hart, op.rs1));
}

/// The factors and the addend of a fused multiply-add, with the signs that the instruction gives them.
template <class F, bool NegateProduct, bool NegateAddend> struct Fused {
  BitsOf<F> a, b, c;

  Fused(const Hart &hart, const Op &op)
      : a(floatRegister<F>(hart, op.rs1)), b(floatRegister<F>(hart, op.rs2)), c(floatRegister<F>(hart, op.rs3)) {
    if constexpr (NegateProduct)
      a ^= F::sign;
    if constexpr (NegateAddend)
      c ^= F::sign;
  }
};

template <class F, bool NegateProduct, bool NegateAddend> bool fuseSoft(Hart &hart, const Op &op) {
  const Fused<F, NegateProduct, NegateAddend> operands(hart, op);
  return executeSoft<F, soft::fuse<F>>(hart, op, operands.a, operands.b, operands.c);
}

#if defined(__x86_64__)
template <class F, bool NegateProduct, bool NegateAddend>
[[gnu::target("fma")]] bool fuseHost(Hart &hart, const Op &op) {
  if (!hostRounds(hart, roundingOf(hart, op))) [[unlikely]]
    return fuseSoft<F, NegateProduct, NegateAddend>(hart, op);
  const Fused<F, NegateProduct, NegateAddend> operands(hart, op);
  const BitsOf<F> result = host::fuse<F>(operands.a, operands.b, operands.c);
  // The host finds nothing wrong with infinity times zero if NaN is added to it.
  if (result == F::canonicalNan) [[unlikely]]
    hart.fflags |= soft::productFlags<F>(operands.a, operands.b);
  setFloatRegister<F>(hart, op.rd, result);
  return true;
}
#endif

template <class F, bool NegateProduct, bool NegateAddend> Execute fuseExecutor() {
#if defined(__x86_64__)
  if constexpr (host::computes<F>)
    if (host::fuses())
      return fuseHost<F, NegateProduct, NegateAddend>;
#endif
  return fuseSoft<F, NegateProduct, NegateAddend>;
}

template <class F, auto compute> bool compare(Hart &hart, const Op &op) {
  Context context;
  hart.x[op.rd] = compute(context, floatRegister<F>(hart, op.rs1), floatRegister<F>(hart, op.rs2));
  hart.fflags |= context.flags;
  return true;
}

template <class F, auto compute> bool choose(Hart &hart, const Op &op) {
  Context context;
  setFloatRegister<F>(hart, op.rd, compute(context, floatRegister<F>(hart, op.rs1), floatRegister<F>(hart, op.rs2)));
  hart.fflags |= context.flags;
  return true;
}

#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#if defined(__x86_64__)
#define WEFT_BINARY(opcode, F, function) WEFT_ROW(opcode, binaryHost<F, host::function<F>, soft::function<F>>)
#define WEFT_ROOT(opcode, F) WEFT_ROW(opcode, squareRootHost<F>)
#else
#define WEFT_BINARY(opcode, F, function) WEFT_ROW(opcode, binarySoft<F, soft::function<F>>)
#define WEFT_ROOT(opcode, F) WEFT_ROW(opcode, squareRootSoft<F>)
#endif
#define WEFT_COMMON(S, F)                                                                                              \
  WEFT_ROW(FMADD_##S, fuseExecutor<F, false, false>())                                                                 \
  WEFT_ROW(FMSUB_##S, fuseExecutor<F, false, true>())                                                                  \
  WEFT_ROW(FNMSUB_##S, fuseExecutor<F, true, false>())                                                                 \
  WEFT_ROW(FNMADD_##S, fuseExecutor<F, true, true>())                                                                  \
  WEFT_ROW(FMIN_##S, choose<F, soft::minimum<F>>)                                                                      \
  WEFT_ROW(FMAX_##S, choose<F, soft::maximum<F>>)                                                                      \
  WEFT_ROW(FEQ_##S, compare<F, soft::equal<F>>)                                                                        \
  WEFT_ROW(FLT_##S, compare<F, soft::less<F>>)                                                                         \
  WEFT_ROW(FLE_##S, compare<F, soft::lessEqual<F>>)

} // namespace

Execute scalarFloatArithmeticExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_BINARY(FADD_S, Single, add)
    WEFT_BINARY(FSUB_S, Single, subtract)
    WEFT_BINARY(FMUL_S, Single, multiply)
    WEFT_BINARY(FDIV_S, Single, divide)
    WEFT_ROOT(FSQRT_S, Single)
    WEFT_BINARY(FADD_D, Double, add)
    WEFT_BINARY(FSUB_D, Double, subtract)
    WEFT_BINARY(FMUL_D, Double, multiply)
    WEFT_BINARY(FDIV_D, Double, divide)
    WEFT_ROOT(FSQRT_D, Double)
    WEFT_ROW(FADD_H, binarySoft<Half, soft::add<Half>>)
    WEFT_ROW(FSUB_H, binarySoft<Half, soft::subtract<Half>>)
    WEFT_ROW(FMUL_H, binarySoft<Half, soft::multiply<Half>>)
    WEFT_ROW(FDIV_H, binarySoft<Half, soft::divide<Half>>)
    WEFT_ROW(FSQRT_H, squareRootSoft<Half>)
    WEFT_COMMON(S, Single)
    WEFT_COMMON(D, Double)
    WEFT_COMMON(H, Half)
  default:
    return nullptr;
  }
}

Execute scalarFloatExecutor(Opcode opcode) {
  for (auto owner : {scalarFloatArithmeticExecutor, scalarFloatConvertExecutor, scalarFloatMoveExecutor})
    if (Execute execute = owner(opcode))
      return execute;
  return nullptr;
}

} // namespace weft::iss
