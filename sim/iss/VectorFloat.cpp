// Vector floating-point instructions whose elements all have one width.
#include "sim/iss/VectorFloat.h"
#include "sim/iss/VectorFloatShapes.h"

namespace weft::iss {

namespace {

using Kind = VectorFloatKind;

constexpr FloatShape binary{sewFloat, sewFloat, sewFloat}, unary{sewFloat, sewFloat, noElement},
    fused{sewFloat, sewFloat, sewFloat, true};

/// One bit from SEW op SEW.
template <VectorFloatKind Kind, bool Scalar> bool executeFloatCompare(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const VectorGroup destination{op.rd, 0, 1}, second{op.rs2, state.lmulLog2, state.sewBits},
      first{Scalar ? 0u : op.rs1, state.lmulLog2, state.sewBits};
  if (!floatReady(hart) || !elementSupported(hart.isa, sewFloat, state.sewBits, false) ||
      !groupsAligned(second.first | first.first, state.lmulLog2) || !mayOverlap(destination, second) ||
      readsItsMask(op, op.rs2, Scalar ? 1 : op.rs1) || (!Scalar && !mayOverlap(destination, first)))
    return hart.illegal(op);
  const size_t begin = state.vstart;
  if (begin >= state.vl)
    return finish(hart);
  const unsigned sew = sewIndex(state);
  MaskBytes results, mask;
  std::memset(results, 0, begin);
  VectorLoopOperands operands;
  operands.destination = reinterpret_cast<std::byte *>(results + begin);
  operands.vs2 = hart.vectorRegister(op.rs2) + (begin << sew);
  operands.vs1 = hart.vectorRegister(first.first) + (begin << sew);
  if constexpr (Scalar)
    operands.scalar = scalarNumber(hart, op, state.sewBits);
  operands.count = state.vl - begin;
  if (op.unmasked) {
    runFloatLoop(hart, Kind, sew, Scalar, operands);
    writeMask(hart.vectorRegister(op.rd), results, begin, state.vl, nullptr);
    return finish(hart);
  }
  expandMask(hart.vectorRegister(0), state.vl, mask);
  operands.mask = mask + begin;
  const uint64_t one = harmless(sewFloat, state.sewBits);
  ActiveOperand secondActive, firstActive;
  operands.vs2 = secondActive.of(operands.vs2, operands, sew, one);
  operands.vs1 = Scalar ? firstActive.ofScalar(operands.scalar, operands, sew, one)
                        : firstActive.of(operands.vs1, operands, sew, one);
  runFloatLoop(hart, Kind, sew, false, operands);
  writeMask(hart.vectorRegister(op.rd), results, begin, state.vl, hart.vectorRegister(0));
  return finish(hart);
}

// The rows of a switch for the forms that an instruction has.
#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#define WEFT_VV(name, kind, shape) WEFT_ROW(name##_VV, executeFloat<Kind::kind, shape>)
#define WEFT_VF(name, kind, shape) WEFT_ROW(name##_VF, executeFloat<Kind::kind, shape, true>)
#define WEFT_VV_VF(name, kind, shape) WEFT_VV(name, kind, shape) WEFT_VF(name, kind, shape)
#define WEFT_COMPARE_VF(name, kind) WEFT_ROW(name##_VF, executeFloatCompare<Kind::kind, true>)
#define WEFT_COMPARE(name, kind) WEFT_ROW(name##_VV, executeFloatCompare<Kind::kind, false>) WEFT_COMPARE_VF(name, kind)

} // namespace

Execute vectorFloatArithmeticExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_VV_VF(VFADD, Add, binary)
    WEFT_VV_VF(VFSUB, Subtract, binary)
    WEFT_VF(VFRSUB, ReverseSubtract, binary)
    WEFT_VV_VF(VFMUL, Multiply, binary)
    WEFT_VV_VF(VFDIV, Divide, binary)
    WEFT_VF(VFRDIV, ReverseDivide, binary)
    WEFT_VV_VF(VFMIN, Minimum, binary)
    WEFT_VV_VF(VFMAX, Maximum, binary)
    WEFT_VV_VF(VFSGNJ, SignInject, binary)
    WEFT_VV_VF(VFSGNJN, SignInjectNegated, binary)
    WEFT_VV_VF(VFSGNJX, SignInjectCombined, binary)
    WEFT_ROW(VFSQRT_V, executeFloat<Kind::SquareRoot, unary>)
    WEFT_ROW(VFRSQRT7_V, executeFloat<Kind::ReciprocalSquareRoot7, unary>)
    WEFT_ROW(VFREC7_V, executeFloat<Kind::Reciprocal7, unary>)
    WEFT_ROW(VFCLASS_V, executeFloat<Kind::Classify, unary>)
    WEFT_VV_VF(VFMACC, Accumulate, fused)
    WEFT_VV_VF(VFNMACC, NegatedAccumulate, fused)
    WEFT_VV_VF(VFMSAC, AccumulateSubtracted, fused)
    WEFT_VV_VF(VFNMSAC, NegatedAccumulateSubtracted, fused)
    WEFT_VV_VF(VFMADD, MultiplyAdd, fused)
    WEFT_VV_VF(VFNMADD, NegatedMultiplyAdd, fused)
    WEFT_VV_VF(VFMSUB, MultiplySubtract, fused)
    WEFT_VV_VF(VFNMSUB, NegatedMultiplySubtract, fused)
    WEFT_COMPARE(VMFEQ, Equal)
    WEFT_COMPARE(VMFNE, NotEqual)
    WEFT_COMPARE(VMFLT, Less)
    WEFT_COMPARE(VMFLE, LessEqual)
    WEFT_COMPARE_VF(VMFGT, Greater)
    WEFT_COMPARE_VF(VMFGE, GreaterEqual)
  default:
    return nullptr;
  }
}

Execute vectorFloatExecutor(Opcode opcode) {
  for (auto owner : {vectorFloatArithmeticExecutor, vectorFloatConvertExecutor, vectorFloatWidenExecutor,
                     vectorFloatReduceExecutor, vectorFloatMoveExecutor})
    if (Execute execute = owner(opcode))
      return execute;
  return nullptr;
}

} // namespace weft::iss
