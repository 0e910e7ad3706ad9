// Integer instructions whose elements all have one width.
#include "sim/iss/VectorInteger.h"
#include "sim/iss/VectorShapes.h"

namespace weft::iss {

namespace {

/// vmv.v.*: vs2 is v0 in the encoding and not read.
template <VectorForm Form> bool executeMove(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const unsigned vs1 = firstRegister<Form>(op);
  if (state.illegal || !groupsAligned(op.rd | vs1, state.lmulLog2))
    return hart.illegal(op);
  const unsigned width = sewIndex(state);
  return runElements<Form>(hart, op, findLoop(VectorLoopKind::Move, width, isScalar<Form>), {width, width, width},
                           hart.vectorRegister(0), hart.vectorRegister(vs1));
}

using Kind = VectorLoopKind;
using Form = VectorForm;

// The rows of a switch for the forms that an instruction has.
#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#define WEFT_VV(name, kind) WEFT_ROW(name##_VV, executeSame<Kind::kind, Form::Vector>)
#define WEFT_VX(name, kind) WEFT_ROW(name##_VX, executeSame<Kind::kind, Form::Scalar>)
#define WEFT_VI(name, kind) WEFT_ROW(name##_VI, executeSame<Kind::kind, Form::Immediate>)
#define WEFT_VU(name, kind) WEFT_ROW(name##_VI, executeSame<Kind::kind, Form::UnsignedImmediate>)
#define WEFT_VV_VX(name, kind) WEFT_VV(name, kind) WEFT_VX(name, kind)

Execute sameExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_VV_VX(VADD, Add)
    WEFT_VI(VADD, Add)
    WEFT_VV_VX(VSUB, Sub)
    WEFT_VX(VRSUB, ReverseSub)
    WEFT_VI(VRSUB, ReverseSub)
    WEFT_VV_VX(VMINU, MinU)
    WEFT_VV_VX(VMIN, Min)
    WEFT_VV_VX(VMAXU, MaxU)
    WEFT_VV_VX(VMAX, Max)
    WEFT_VV_VX(VAND, And)
    WEFT_VI(VAND, And)
    WEFT_VV_VX(VOR, Or)
    WEFT_VI(VOR, Or)
    WEFT_VV_VX(VXOR, Xor)
    WEFT_VI(VXOR, Xor)
    WEFT_VV_VX(VSLL, ShiftLeft)
    WEFT_VU(VSLL, ShiftLeft)
    WEFT_VV_VX(VSRL, ShiftRight)
    WEFT_VU(VSRL, ShiftRight)
    WEFT_VV_VX(VSRA, ShiftRightArithmetic)
    WEFT_VU(VSRA, ShiftRightArithmetic)
    WEFT_VV_VX(VMUL, Multiply)
    WEFT_VV_VX(VMULH, MultiplyHigh)
    WEFT_VV_VX(VMULHU, MultiplyHighU)
    WEFT_VV_VX(VMULHSU, MultiplyHighSU)
    WEFT_VV_VX(VDIV, Divide)
    WEFT_VV_VX(VDIVU, DivideU)
    WEFT_VV_VX(VREM, Remainder)
    WEFT_VV_VX(VREMU, RemainderU)
    WEFT_VV_VX(VMACC, MultiplyAccumulate)
    WEFT_VV_VX(VMADD, MultiplyAdd)
    WEFT_VV_VX(VNMSAC, NegateMultiplyAccumulate)
    WEFT_VV_VX(VNMSUB, NegateMultiplyAdd)
    WEFT_ROW(VMV_V_V, executeMove<Form::Vector>)
    WEFT_ROW(VMV_V_X, executeMove<Form::Scalar>)
    WEFT_ROW(VMV_V_I, executeMove<Form::Immediate>)
    WEFT_ROW(VMERGE_VVM, executeWithCarry<Kind::Merge, Form::Vector>)
    WEFT_ROW(VMERGE_VXM, executeWithCarry<Kind::Merge, Form::Scalar>)
    WEFT_ROW(VMERGE_VIM, executeWithCarry<Kind::Merge, Form::Immediate>)
    WEFT_ROW(VADC_VVM, executeWithCarry<Kind::AddCarry, Form::Vector>)
    WEFT_ROW(VADC_VXM, executeWithCarry<Kind::AddCarry, Form::Scalar>)
    WEFT_ROW(VADC_VIM, executeWithCarry<Kind::AddCarry, Form::Immediate>)
    WEFT_ROW(VSBC_VVM, executeWithCarry<Kind::SubBorrow, Form::Vector>)
    WEFT_ROW(VSBC_VXM, executeWithCarry<Kind::SubBorrow, Form::Scalar>)
  default:
    return nullptr;
  }
}

#define WEFT_COMPARE_VV(name, kind) WEFT_ROW(name##_VV, executeToMask<Kind::kind, Form::Vector, MaskUse::Mask>)
#define WEFT_COMPARE_VX(name, kind) WEFT_ROW(name##_VX, executeToMask<Kind::kind, Form::Scalar, MaskUse::Mask>)
#define WEFT_COMPARE_VI(name, kind) WEFT_ROW(name##_VI, executeToMask<Kind::kind, Form::Immediate, MaskUse::Mask>)

Execute toMaskExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_COMPARE_VV(VMSEQ, Equal)
    WEFT_COMPARE_VX(VMSEQ, Equal)
    WEFT_COMPARE_VI(VMSEQ, Equal)
    WEFT_COMPARE_VV(VMSNE, NotEqual)
    WEFT_COMPARE_VX(VMSNE, NotEqual)
    WEFT_COMPARE_VI(VMSNE, NotEqual)
    WEFT_COMPARE_VV(VMSLTU, LessU)
    WEFT_COMPARE_VX(VMSLTU, LessU)
    WEFT_COMPARE_VV(VMSLT, Less)
    WEFT_COMPARE_VX(VMSLT, Less)
    WEFT_COMPARE_VV(VMSLEU, LessEqualU)
    WEFT_COMPARE_VX(VMSLEU, LessEqualU)
    WEFT_COMPARE_VI(VMSLEU, LessEqualU)
    WEFT_COMPARE_VV(VMSLE, LessEqual)
    WEFT_COMPARE_VX(VMSLE, LessEqual)
    WEFT_COMPARE_VI(VMSLE, LessEqual)
    WEFT_COMPARE_VX(VMSGTU, GreaterU)
    WEFT_COMPARE_VI(VMSGTU, GreaterU)
    WEFT_COMPARE_VX(VMSGT, Greater)
    WEFT_COMPARE_VI(VMSGT, Greater)
    WEFT_ROW(VMADC_VVM, executeToMask<Kind::CarryOut, Form::Vector, MaskUse::Carry>)
    WEFT_ROW(VMADC_VXM, executeToMask<Kind::CarryOut, Form::Scalar, MaskUse::Carry>)
    WEFT_ROW(VMADC_VIM, executeToMask<Kind::CarryOut, Form::Immediate, MaskUse::Carry>)
    WEFT_ROW(VMADC_VV, executeToMask<Kind::CarryOut, Form::Vector, MaskUse::None>)
    WEFT_ROW(VMADC_VX, executeToMask<Kind::CarryOut, Form::Scalar, MaskUse::None>)
    WEFT_ROW(VMADC_VI, executeToMask<Kind::CarryOut, Form::Immediate, MaskUse::None>)
    WEFT_ROW(VMSBC_VVM, executeToMask<Kind::BorrowOut, Form::Vector, MaskUse::Carry>)
    WEFT_ROW(VMSBC_VXM, executeToMask<Kind::BorrowOut, Form::Scalar, MaskUse::Carry>)
    WEFT_ROW(VMSBC_VV, executeToMask<Kind::BorrowOut, Form::Vector, MaskUse::None>)
    WEFT_ROW(VMSBC_VX, executeToMask<Kind::BorrowOut, Form::Scalar, MaskUse::None>)
  default:
    return nullptr;
  }
}

} // namespace

Execute vectorArithmeticExecutor(Opcode opcode) {
  if (Execute execute = sameExecutor(opcode))
    return execute;
  return toMaskExecutor(opcode);
}

Execute vectorFixedPointExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_VV_VX(VSADDU, SaturatingAddU)
    WEFT_VI(VSADDU, SaturatingAddU)
    WEFT_VV_VX(VSADD, SaturatingAdd)
    WEFT_VI(VSADD, SaturatingAdd)
    WEFT_VV_VX(VSSUBU, SaturatingSubU)
    WEFT_VV_VX(VSSUB, SaturatingSub)
    WEFT_VV_VX(VAADDU, AveragingAddU)
    WEFT_VV_VX(VAADD, AveragingAdd)
    WEFT_VV_VX(VASUBU, AveragingSubU)
    WEFT_VV_VX(VASUB, AveragingSub)
    WEFT_VV_VX(VSMUL, SaturatingMultiply)
    WEFT_VV_VX(VSSRL, ScalingShiftU)
    WEFT_VU(VSSRL, ScalingShiftU)
    WEFT_VV_VX(VSSRA, ScalingShift)
    WEFT_VU(VSSRA, ScalingShift)
    WEFT_ROW(VNCLIPU_WV, executeNarrowing<Kind::NarrowClipU, Form::Vector>)
    WEFT_ROW(VNCLIPU_WX, executeNarrowing<Kind::NarrowClipU, Form::Scalar>)
    WEFT_ROW(VNCLIPU_WI, executeNarrowing<Kind::NarrowClipU, Form::UnsignedImmediate>)
    WEFT_ROW(VNCLIP_WV, executeNarrowing<Kind::NarrowClip, Form::Vector>)
    WEFT_ROW(VNCLIP_WX, executeNarrowing<Kind::NarrowClip, Form::Scalar>)
    WEFT_ROW(VNCLIP_WI, executeNarrowing<Kind::NarrowClip, Form::UnsignedImmediate>)
  default:
    return nullptr;
  }
}

} // namespace weft::iss
