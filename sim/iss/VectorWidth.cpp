// Integer instructions whose result is wider or narrower than an operand, and reductions.
#include "sim/iss/VectorInteger.h"
#include "sim/iss/VectorShapes.h"

namespace weft::iss {

namespace {

/// vd[0] = vs1[0] op all active elements of vs2; vs1 and vd are 2 * SEW wide if `Widens`.
template <VectorLoopKind Kind, bool Widens> bool executeReduction(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (!reductionLegal<Widens>(hart, op))
    return hart.illegal(op);
  if (state.vl != 0) {
    const unsigned resultBytes = state.sewBits / 8 << Widens;
    MaskBytes mask;
    VectorLoopOperands operands;
    operands.vs2 = hart.vectorRegister(op.rs2);
    std::memcpy(&operands.scalar, hart.vectorRegister(op.rs1), resultBytes);
    operands.count = state.vl;
    if (!op.unmasked) {
      expandMask(hart.vectorRegister(0), state.vl, mask);
      operands.mask = mask;
    }
    operands.destination = hart.vectorRegister(op.rd);
    findLoop(Kind, sewIndex(state), false)(operands);
  }
  return finish(hart);
}

using Kind = VectorLoopKind;
using Form = VectorForm;

#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#define WEFT_VV_VX(name, kind)                                                                                         \
  WEFT_ROW(name##_VV, executeWidening<Kind::kind, Form::Vector, false>)                                                \
  WEFT_ROW(name##_VX, executeWidening<Kind::kind, Form::Scalar, false>)
#define WEFT_WV_WX(name, kind)                                                                                         \
  WEFT_ROW(name##_WV, executeWidening<Kind::kind, Form::Vector, true>)                                                 \
  WEFT_ROW(name##_WX, executeWidening<Kind::kind, Form::Scalar, true>)
#define WEFT_NARROW(name, kind)                                                                                        \
  WEFT_ROW(name##_WV, executeNarrowing<Kind::kind, Form::Vector>)                                                      \
  WEFT_ROW(name##_WX, executeNarrowing<Kind::kind, Form::Scalar>)                                                      \
  WEFT_ROW(name##_WI, executeNarrowing<Kind::kind, Form::UnsignedImmediate>)

} // namespace

Execute vectorWidthExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_VV_VX(VWADDU, WidenAddU)
    WEFT_VV_VX(VWADD, WidenAdd)
    WEFT_VV_VX(VWSUBU, WidenSubU)
    WEFT_VV_VX(VWSUB, WidenSub)
    WEFT_WV_WX(VWADDU, WideAddU)
    WEFT_WV_WX(VWADD, WideAdd)
    WEFT_WV_WX(VWSUBU, WideSubU)
    WEFT_WV_WX(VWSUB, WideSub)
    WEFT_VV_VX(VWMULU, WidenMultiplyU)
    WEFT_VV_VX(VWMULSU, WidenMultiplySU)
    WEFT_VV_VX(VWMUL, WidenMultiply)
    WEFT_VV_VX(VWMACCU, WidenAccumulateU)
    WEFT_VV_VX(VWMACC, WidenAccumulate)
    WEFT_VV_VX(VWMACCSU, WidenAccumulateSU)
    WEFT_ROW(VWMACCUS_VX, executeWidening<Kind::WidenAccumulateUS, Form::Scalar, false>)
    WEFT_NARROW(VNSRL, NarrowShift)
    WEFT_NARROW(VNSRA, NarrowShiftArithmetic)
    WEFT_ROW(VZEXT_VF2, executeExtension<Kind::ZeroExtend2, 1>)
    WEFT_ROW(VSEXT_VF2, executeExtension<Kind::SignExtend2, 1>)
    WEFT_ROW(VZEXT_VF4, executeExtension<Kind::ZeroExtend4, 2>)
    WEFT_ROW(VSEXT_VF4, executeExtension<Kind::SignExtend4, 2>)
    WEFT_ROW(VZEXT_VF8, executeExtension<Kind::ZeroExtend8, 3>)
    WEFT_ROW(VSEXT_VF8, executeExtension<Kind::SignExtend8, 3>)
  default:
    return nullptr;
  }
}

Execute vectorReductionExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_ROW(VREDSUM_VS, executeReduction<Kind::ReduceSum, false>)
    WEFT_ROW(VREDAND_VS, executeReduction<Kind::ReduceAnd, false>)
    WEFT_ROW(VREDOR_VS, executeReduction<Kind::ReduceOr, false>)
    WEFT_ROW(VREDXOR_VS, executeReduction<Kind::ReduceXor, false>)
    WEFT_ROW(VREDMINU_VS, executeReduction<Kind::ReduceMinU, false>)
    WEFT_ROW(VREDMIN_VS, executeReduction<Kind::ReduceMin, false>)
    WEFT_ROW(VREDMAXU_VS, executeReduction<Kind::ReduceMaxU, false>)
    WEFT_ROW(VREDMAX_VS, executeReduction<Kind::ReduceMax, false>)
    WEFT_ROW(VWREDSUMU_VS, executeReduction<Kind::WidenReduceSumU, true>)
    WEFT_ROW(VWREDSUM_VS, executeReduction<Kind::WidenReduceSum, true>)
  default:
    return nullptr;
  }
}

} // namespace weft::iss
