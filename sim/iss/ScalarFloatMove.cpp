// Scalar floating-point instructions that move bits: loads, stores, transfers, signs, class.
#include "sim/iss/FloatRegisters.h"
#include "sim/iss/ScalarFloat.h"

#include <type_traits>

namespace weft::iss {

namespace {

template <class F> bool load(Hart &hart, const Op &op) {
  const uint64_t address = hart.x[op.rs1] + static_cast<uint64_t>(op.immediate);
  BitsOf<F> bits;
  const std::byte *from = hart.memory->find(address, sizeof bits, Memory::Read);
  if (!from)
    return hart.fail(Cause::LoadFault, address);
  std::memcpy(&bits, from, sizeof bits);
  setFloatRegister<F>(hart, op.rd, bits);
  return true;
}

/// Stores and transfers take the low bits as they are, boxed or not.
template <class F> bool store(Hart &hart, const Op &op) {
  const uint64_t address = hart.x[op.rs1] + static_cast<uint64_t>(op.immediate);
  const auto bits = static_cast<BitsOf<F>>(hart.f[op.rs2]);
  std::byte *to = hart.memory->find(address, sizeof bits, Memory::Write);
  if (!to)
    return hart.fail(Cause::StoreFault, address);
  std::memcpy(to, &bits, sizeof bits);
  return true;
}

template <class F> bool toX(Hart &hart, const Op &op) {
  using Signed = std::make_signed_t<BitsOf<F>>;
  hart.x[op.rd] = static_cast<uint64_t>(int64_t{static_cast<Signed>(hart.f[op.rs1])});
  return true;
}

template <class F> bool fromX(Hart &hart, const Op &op) {
  setFloatRegister<F>(hart, op.rd, static_cast<BitsOf<F>>(hart.x[op.rs1]));
  return true;
}

enum class Sign { Copied, Negated, Combined };

template <class F, Sign sign> bool injectSign(Hart &hart, const Op &op) {
  const BitsOf<F> a = floatRegister<F>(hart, op.rs1), b = floatRegister<F>(hart, op.rs2);
  const auto from = static_cast<BitsOf<F>>(sign == Sign::Copied ? b : sign == Sign::Negated ? ~b : a ^ b);
  setFloatRegister<F>(hart, op.rd, static_cast<BitsOf<F>>((a & F::magnitude) | (from & F::sign)));
  return true;
}

template <class F> bool classify(Hart &hart, const Op &op) {
  hart.x[op.rd] = soft::classify<F>(floatRegister<F>(hart, op.rs1));
  return true;
}

#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#define WEFT_COMMON(S, F)                                                                                              \
  WEFT_ROW(FSGNJ_##S, injectSign<F, Sign::Copied>)                                                                     \
  WEFT_ROW(FSGNJN_##S, injectSign<F, Sign::Negated>)                                                                   \
  WEFT_ROW(FSGNJX_##S, injectSign<F, Sign::Combined>)                                                                  \
  WEFT_ROW(FCLASS_##S, classify<F>)

} // namespace

Execute scalarFloatMoveExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_ROW(FLH, load<Half>)
    WEFT_ROW(FLW, load<Single>)
    WEFT_ROW(FLD, load<Double>)
    WEFT_ROW(FSH, store<Half>)
    WEFT_ROW(FSW, store<Single>)
    WEFT_ROW(FSD, store<Double>)
    WEFT_ROW(FMV_X_H, toX<Half>)
    WEFT_ROW(FMV_X_W, toX<Single>)
    WEFT_ROW(FMV_X_D, toX<Double>)
    WEFT_ROW(FMV_H_X, fromX<Half>)
    WEFT_ROW(FMV_W_X, fromX<Single>)
    WEFT_ROW(FMV_D_X, fromX<Double>)
    WEFT_COMMON(S, Single)
    WEFT_COMMON(D, Double)
    WEFT_COMMON(H, Half)
  default:
    return nullptr;
  }
}

} // namespace weft::iss
