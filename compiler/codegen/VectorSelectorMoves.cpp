// Memory, conversions, comparisons and moves between lanes.
#include "compiler/codegen/VectorSelector.h"

#include "llvm/IR/IntrinsicsRISCV.h"

using namespace llvm;

namespace weft::codegen {

// ---- memory -----------------------------------------------------------------------------------------------------

/// Whole registers need no length.
Value *VectorSelector::selectLoad(LoadInst &op) {
  Type *type = typeFor(op.getType());
  if (!op.isSimple() || op.getType()->getScalarSizeInBits() < 8)
    return nullptr;
  if (fillsRegisters(op.getType()))
    return made(b.CreateAlignedLoad(type, op.getPointerOperand(), op.getAlign()));
  return call(Intrinsic::riscv_vle, {type, b.getInt64Ty()},
              {none(type), op.getPointerOperand(), lengthOf(op.getType())});
}

bool VectorSelector::selectStore(StoreInst &op) {
  Type *fixed = op.getValueOperand()->getType();
  Value *value = op.isSimple() && fixed->getScalarSizeInBits() >= 8 ? vector(op.getValueOperand()) : nullptr;
  if (!value)
    return false;
  if (fillsRegisters(fixed))
    made(b.CreateAlignedStore(value, op.getPointerOperand(), op.getAlign()));
  else
    call(Intrinsic::riscv_vse, {value->getType(), b.getInt64Ty()}, {value, op.getPointerOperand(), lengthOf(fixed)});
  return true;
}

// ---- conversions ------------------------------------------------------------------------------------------------

/// Integers to wider ones; `from` has elements of 8 bits or more.
Value *VectorSelector::extend(Value *from, Type *fixed, bool isSigned) {
  Type *type = typeFor(fixed);
  return type ? call(isSigned ? Intrinsic::riscv_vsext : Intrinsic::riscv_vzext,
                     {type, from->getType(), b.getInt64Ty()}, {none(type), from, lengthOf(fixed)})
              : nullptr;
}

/// Integers to narrower ones of 8 bits or more, halving them step by step.
Value *VectorSelector::narrow(Value *from, Type *fixed) {
  unsigned bits = fixed->getScalarSizeInBits();
  while (from && bits >= 8 && from->getType()->getScalarSizeInBits() > bits) {
    Type *type = typeFor(fixed->getWithNewBitWidth(from->getType()->getScalarSizeInBits() / 2));
    from = call(Intrinsic::riscv_vnsrl, {type, from->getType(), b.getInt64Ty(), b.getInt64Ty()},
                {none(type), from, word(0), lengthOf(fixed)});
  }
  return from && from->getType()->getScalarSizeInBits() == bits ? from : nullptr;
}

Value *VectorSelector::toReal(Value *from, Type *fixed, bool isSigned) {
  // Words become real numbers at the width of both; narrower ones are extended at that width first, which keeps it.
  if (from->getType()->getScalarSizeInBits() < 32)
    from = extend(from, fixed->getWithNewType(b.getInt32Ty()), isSigned);
  if (!from || from->getType()->getScalarSizeInBits() != 32 || !fixed->getScalarType()->isFloatTy())
    return nullptr;
  Type *type = typeFor(fixed);
  return call(isSigned ? Intrinsic::riscv_vfcvt_f_x_v : Intrinsic::riscv_vfcvt_f_xu_v,
              {type, from->getType(), b.getInt64Ty()}, {none(type), from, word(dynamicRounding), lengthOf(fixed)});
}

Value *VectorSelector::selectCast(CastInst &op) {
  auto *source = dyn_cast<FixedVectorType>(op.getSrcTy());
  Type *fixed = op.getType(), *type = typeFor(fixed);
  Value *from = source && source->getScalarSizeInBits() >= 8 ? vector(op.getOperand(0)) : nullptr;
  if (!from || source->getNumElements() != cast<FixedVectorType>(fixed)->getNumElements())
    return nullptr;
  auto convert = [&](Intrinsic::ID id) {
    return call(id, {type, from->getType(), b.getInt64Ty()}, {none(type), from, lengthOf(fixed)});
  };
  bool toFloat = fixed->getScalarType()->isFloatTy();
  switch (op.getOpcode()) {
  case Instruction::BitCast:
    return made(b.CreateBitCast(from, type));
  case Instruction::Trunc:
    return narrow(from, fixed);
  case Instruction::SExt:
  case Instruction::ZExt:
    return extend(from, fixed, op.getOpcode() == Instruction::SExt);
  case Instruction::SIToFP:
  case Instruction::UIToFP:
    return toReal(from, fixed, op.getOpcode() == Instruction::SIToFP);
  case Instruction::FPToSI:
  case Instruction::FPToUI:
    if (!source->getScalarType()->isFloatTy() || fixed->getScalarSizeInBits() != 32)
      return nullptr;
    return convert(op.getOpcode() == Instruction::FPToSI ? Intrinsic::riscv_vfcvt_rtz_x_f_v
                                                         : Intrinsic::riscv_vfcvt_rtz_xu_f_v);
  case Instruction::FPExt:
    if (toFloat && source->getScalarType()->isHalfTy() && isa.zvfhmin)
      return convert(Intrinsic::riscv_vfwcvt_f_f_v);
    if (toFloat && source->getScalarType()->isBFloatTy() && isa.zvfbfmin)
      return convert(Intrinsic::riscv_vfwcvtbf16_f_f_v);
    return nullptr;
  default:
    return nullptr;
  }
}

// ---- comparisons ------------------------------------------------------------------------------------------------

/// The instruction for `x predicate y`; 0 if there is none. Those for "greater" exist with a scalar y.
static Intrinsic::ID comparison(CmpInst::Predicate predicate) {
  switch (predicate) {
  case CmpInst::FCMP_OEQ:
    return Intrinsic::riscv_vmfeq;
  case CmpInst::FCMP_UNE:
    return Intrinsic::riscv_vmfne;
  case CmpInst::FCMP_OLT:
    return Intrinsic::riscv_vmflt;
  case CmpInst::FCMP_OLE:
    return Intrinsic::riscv_vmfle;
  case CmpInst::FCMP_OGT:
    return Intrinsic::riscv_vmfgt;
  case CmpInst::FCMP_OGE:
    return Intrinsic::riscv_vmfge;
  case CmpInst::ICMP_EQ:
    return Intrinsic::riscv_vmseq;
  case CmpInst::ICMP_NE:
    return Intrinsic::riscv_vmsne;
  case CmpInst::ICMP_ULT:
    return Intrinsic::riscv_vmsltu;
  case CmpInst::ICMP_ULE:
    return Intrinsic::riscv_vmsleu;
  case CmpInst::ICMP_UGT:
    return Intrinsic::riscv_vmsgtu;
  case CmpInst::ICMP_UGE:
    return Intrinsic::riscv_vmsgeu;
  case CmpInst::ICMP_SLT:
    return Intrinsic::riscv_vmslt;
  case CmpInst::ICMP_SLE:
    return Intrinsic::riscv_vmsle;
  case CmpInst::ICMP_SGT:
    return Intrinsic::riscv_vmsgt;
  case CmpInst::ICMP_SGE:
    return Intrinsic::riscv_vmsge;
  default:
    return 0;
  }
}

Value *VectorSelector::selectCompare(CmpInst &op) {
  Type *fixed = op.getOperand(0)->getType();
  Value *x = op.getOperand(0), *y = op.getOperand(1);
  CmpInst::Predicate predicate = op.getPredicate();
  if (!typeFor(fixed) || !hasArithmetic(fixed))
    return nullptr;
  if (predicate == CmpInst::FCMP_UNO || predicate == CmpInst::FCMP_ORD) {
    // InstCombine compares with a number to ask whether x is one.
    if (x != y && !llvm::isa<Constant>(y))
      return nullptr;
    predicate = predicate == CmpInst::FCMP_UNO ? CmpInst::FCMP_UNE : CmpInst::FCMP_OEQ;
    y = x;
  }
  // "Not (x >= y)" for "x < y or one is NaN".
  bool inverted =
      CmpInst::isFPPredicate(predicate) && CmpInst::isUnordered(predicate) && predicate != CmpInst::FCMP_UNE;
  if (inverted)
    predicate = CmpInst::getInversePredicate(predicate);
  bool swap = scalarOf(x) && !scalarOf(y);
  if (swap) {
    std::swap(x, y);
    predicate = CmpInst::getSwappedPredicate(predicate);
  }
  Value *left = vector(x), *right = either(y);
  if (!left || !right || !comparison(predicate))
    return nullptr;
  Value *result =
      call(comparison(predicate), {left->getType(), right->getType(), b.getInt64Ty()}, {left, right, lengthOf(fixed)});
  return inverted
             ? call(Intrinsic::riscv_vmnand, {result->getType(), b.getInt64Ty()}, {result, result, lengthOf(fixed)})
             : result;
}

Value *VectorSelector::selectMerge(SelectInst &op) {
  Value *same = op.getCondition()->getType()->isVectorTy() ? scalarOf(op.getCondition()) : op.getCondition();
  if (same) {
    Value *ifTrue = vector(op.getTrueValue()), *ifFalse = vector(op.getFalseValue());
    return ifTrue && ifFalse ? made(b.CreateSelect(same, ifTrue, ifFalse)) : nullptr;
  }
  if (!hasArithmetic(op.getType()))
    return nullptr;
  Value *mask = vector(op.getCondition()), *ifTrue = either(op.getTrueValue()), *ifFalse = vector(op.getFalseValue());
  if (!mask || !ifTrue || !ifFalse)
    return nullptr;
  bool realScalar = ifTrue->getType()->isFloatingPointTy();
  return call(realScalar ? Intrinsic::riscv_vfmerge : Intrinsic::riscv_vmerge,
              {ifFalse->getType(), ifTrue->getType(), b.getInt64Ty()},
              {none(ifFalse->getType()), ifFalse, ifTrue, mask, lengthOf(op.getType())});
}

// ---- between lanes ----------------------------------------------------------------------------------------------

/// Lanes side by side of one vector.
Value *VectorSelector::selectShuffle(ShuffleVectorInst &op) {
  auto *source = cast<FixedVectorType>(op.getOperand(0)->getType());
  ArrayRef<int> lanes = op.getShuffleMask();
  auto *known = llvm::find_if(lanes, [](int lane) { return lane >= 0; });
  if (known == lanes.end() || source->getScalarSizeInBits() < 8)
    return nullptr;
  int64_t first = *known - (known - lanes.begin());
  for (auto [i, lane] : llvm::enumerate(lanes))
    if (lane >= 0 && lane != first + static_cast<int64_t>(i))
      return nullptr;
  if (first < 0 || first + lanes.size() > source->getNumElements())
    return nullptr;
  Value *from = vector(op.getOperand(0));
  Type *type = typeFor(op.getType()), *xlen = b.getInt64Ty();
  if (!from || !type)
    return nullptr;
  if (first > 0)
    from =
        call(Intrinsic::riscv_vslidedown, {from->getType(), xlen},
             {none(from->getType()), from, word(first), word(static_cast<int64_t>(lanes.size())), word(tailAgnostic)});
  return from->getType() == type ? from : made(b.CreateExtractVector(type, from, word(0)));
}

} // namespace weft::codegen
