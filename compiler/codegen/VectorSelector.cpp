#include "compiler/codegen/VectorSelector.h"

#include "compiler/codegen/UnitCalls.h"

#include "llvm/ADT/bit.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/IntrinsicsRISCV.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace llvm;

namespace weft::codegen {

VectorSelector::VectorSelector(Function &function, const hw::Isa &isa)
    : isa(isa), b(function.getContext()), dominators(function) {
  for (BasicBlock &block : function)
    for (Instruction &instruction : block)
      old.insert(&instruction);
}

// ---- vectors ----------------------------------------------------------------------------------------------------

/// The length of a scalable type depends on the number of lanes alone, so that values of one length fit each other
/// whatever their elements are. Null if the vector needs more than eight registers.
ScalableVectorType *VectorSelector::typeFor(Type *fixed) const {
  auto *type = cast<FixedVectorType>(fixed);
  unsigned units = std::max(1U, bit_ceil(type->getNumElements()) * blockBits / isa.vlenBits);
  if (units * type->getScalarSizeInBits() > 8 * blockBits)
    return nullptr;
  return ScalableVectorType::get(type->getElementType(), units);
}

bool VectorSelector::fillsRegisters(Type *fixed) const {
  auto *type = cast<FixedVectorType>(fixed);
  return type->getNumElements() * blockBits == typeFor(fixed)->getMinNumElements() * isa.vlenBits;
}

/// Of elements that are only moved and converted there may be more kinds.
bool VectorSelector::hasArithmetic(Type *type) const {
  Type *element = type->getScalarType();
  return element->isIntegerTy() ? element->getIntegerBitWidth() >= 8
                                : element->isFloatTy() || element->isDoubleTy() || (element->isHalfTy() && isa.zvfh);
}

/// All ones stand for as many lanes as there are.
Value *VectorSelector::lengthOf(Type *fixed) {
  if (shortLength)
    return shortLength;
  return fillsRegisters(fixed) ? word(-1) : word(cast<FixedVectorType>(fixed)->getNumElements());
}

/// A builder that has nothing to do returns what it was given.
Value *VectorSelector::made(Value *value) {
  if (isa_and_nonnull<Instruction>(value) && !old.contains(value))
    created.emplace_back(value);
  return value;
}

Value *VectorSelector::call(Intrinsic::ID id, ArrayRef<Type *> types, ArrayRef<Value *> operands) {
  return made(b.CreateIntrinsic(id, types, operands));
}

Value *VectorSelector::scalarOf(Value *value) const {
  Value *scalar = getSplatValue(value);
  return scalar ? scalar : splats.lookup(value);
}

Value *VectorSelector::splat(Value *scalar, Type *fixed) {
  Type *type = typeFor(fixed);
  if (!type || !hasArithmetic(scalar->getType()))
    return nullptr;
  bool real = scalar->getType()->isFloatingPointTy();
  return call(real ? Intrinsic::riscv_vfmv_v_f : Intrinsic::riscv_vmv_v_x, {type, b.getInt64Ty()},
              {none(type), scalar, lengthOf(fixed)});
}

Value *VectorSelector::vector(Value *value) {
  if (Value *found = vectors.lookup(value))
    return found;
  if (llvm::isa<UndefValue>(value))
    return typeFor(value->getType()) ? none(typeFor(value->getType())) : nullptr;
  Value *scalar = scalarOf(value);
  return scalar ? splat(scalar, value->getType()) : numbers(value);
}

Value *VectorSelector::either(Value *value) {
  Value *scalar = scalarOf(value);
  return scalar && !llvm::isa<UndefValue>(value) ? scalar : vector(value);
}

// ---- arithmetic -------------------------------------------------------------------------------------------------

Value *VectorSelector::selectBinary(BinaryOperator &op) {
  return op.getType()->isFPOrFPVectorTy() ? floatBinary(op) : integerBinary(op);
}

Value *VectorSelector::floatBinary(BinaryOperator &op) {
  struct Form {
    Intrinsic::ID plain, reversed; // reversed: vector op scalar means scalar op vector
  };
  auto form = [&]() -> Form {
    switch (op.getOpcode()) {
    case Instruction::FAdd:
      return {Intrinsic::riscv_vfadd, Intrinsic::riscv_vfadd};
    case Instruction::FSub:
      return {Intrinsic::riscv_vfsub, Intrinsic::riscv_vfrsub};
    case Instruction::FMul:
      return {Intrinsic::riscv_vfmul, Intrinsic::riscv_vfmul};
    case Instruction::FDiv:
      return {Intrinsic::riscv_vfdiv, Intrinsic::riscv_vfrdiv};
    default:
      return {};
    }
  }();
  if (!form.plain || !op.getType()->getScalarType()->isFloatTy())
    return nullptr;
  bool reversed = scalarOf(op.getOperand(0)) && !scalarOf(op.getOperand(1));
  Value *x = vector(op.getOperand(reversed ? 1 : 0)), *y = either(op.getOperand(reversed ? 0 : 1));
  if (!x || !y)
    return nullptr;
  return call(reversed ? form.reversed : form.plain, {x->getType(), y->getType(), b.getInt64Ty()},
              {none(x->getType()), x, y, word(dynamicRounding), lengthOf(op.getType())});
}

Value *VectorSelector::integerBinary(BinaryOperator &op) {
  if (op.getType()->getScalarSizeInBits() < 8)
    return nullptr; // of masks
  if (Value *widening = wideningMultiplyAdd(op))
    return widening;
  Intrinsic::ID id = [&]() -> Intrinsic::ID {
    switch (op.getOpcode()) {
    case Instruction::Add:
      return Intrinsic::riscv_vadd;
    case Instruction::Sub:
      return Intrinsic::riscv_vsub;
    case Instruction::Mul:
      return Intrinsic::riscv_vmul;
    case Instruction::And:
      return Intrinsic::riscv_vand;
    case Instruction::Or:
      return Intrinsic::riscv_vor;
    case Instruction::Xor:
      return Intrinsic::riscv_vxor;
    case Instruction::Shl:
      return Intrinsic::riscv_vsll;
    case Instruction::LShr:
      return Intrinsic::riscv_vsrl;
    case Instruction::AShr:
      return Intrinsic::riscv_vsra;
    default:
      return 0;
    }
  }();
  if (!id)
    return nullptr;
  bool swapped = op.isCommutative() && scalarOf(op.getOperand(0)) && !scalarOf(op.getOperand(1));
  Value *x = vector(op.getOperand(swapped ? 1 : 0)), *y = either(op.getOperand(swapped ? 0 : 1));
  if (!x || !y)
    return nullptr;
  if (op.isShift() && y->getType()->isIntegerTy())
    y = made(b.CreateZExt(y, b.getInt64Ty()));
  return call(id, {x->getType(), y->getType(), b.getInt64Ty()}, {none(x->getType()), x, y, lengthOf(op.getType())});
}

/// x * y + sum, rounded once.
Value *VectorSelector::multiplyAdd(Value *x, Value *y, Value *sum, Type *fixed) {
  if (Value *widening = wideningFloatMultiplyAdd(x, y, sum, fixed))
    return widening;
  if (scalarOf(y))
    std::swap(x, y);
  Value *factor = either(x), *other = vector(y), *accumulator = vector(sum);
  if (!factor || !other || !accumulator)
    return nullptr;
  return call(Intrinsic::riscv_vfmacc, {accumulator->getType(), factor->getType(), b.getInt64Ty()},
              {accumulator, factor, other, word(dynamicRounding), lengthOf(fixed), word(tailAgnostic)});
}

/// The 16-bit value, or vector, that `value` widens to f32; null if it widens none.
static Value *narrowReal(Value *value) {
  auto narrow = [](Value *wide) -> Value * {
    auto *extension = dyn_cast_or_null<FPExtInst>(wide);
    if (!extension)
      return nullptr;
    Type *from = extension->getSrcTy()->getScalarType();
    return from->isHalfTy() || from->isBFloatTy() ? extension->getOperand(0) : nullptr;
  };
  if (Value *vector = narrow(value)) {
    Value *scalar = getSplatValue(vector);
    return scalar ? scalar : vector;
  }
  return narrow(getSplatValue(value));
}

Value *VectorSelector::wideningFloatMultiplyAdd(Value *x, Value *y, Value *sum, Type *fixed) {
  Value *narrowX = narrowReal(x), *narrowY = narrowReal(y);
  if (!narrowX || !narrowY || !fixed->getScalarType()->isFloatTy())
    return nullptr;
  if (!narrowY->getType()->isVectorTy())
    std::swap(narrowX, narrowY);
  Type *element = narrowX->getType()->getScalarType();
  bool half = element->isHalfTy();
  if (!narrowY->getType()->isVectorTy() || element != narrowY->getType()->getScalarType() ||
      !(half ? isa.zvfh : isa.zvfbfwma))
    return nullptr;
  Value *factor = narrowX->getType()->isVectorTy() ? vector(narrowX) : narrowX;
  Value *other = vector(narrowY), *accumulator = vector(sum);
  if (!factor || !other || !accumulator)
    return nullptr;
  return call(half ? Intrinsic::riscv_vfwmacc : Intrinsic::riscv_vfwmaccbf16,
              {accumulator->getType(), factor->getType(), other->getType(), b.getInt64Ty()},
              {accumulator, factor, other, word(dynamicRounding), lengthOf(fixed), word(tailAgnostic)});
}

/// A factor of a product in 32 bits, as 16 bits that hold it: a scalar or a scalable vector. Null if it needs more.
Value *VectorSelector::narrowFactor(Value *value, Type *fixed) {
  auto source = [](Value *wide) -> Value * {
    auto *extension = dyn_cast_or_null<SExtInst>(wide);
    return extension && extension->getSrcTy()->getScalarSizeInBits() <= 16 ? extension->getOperand(0) : nullptr;
  };
  Value *narrow = source(value), *scalar = narrow ? getSplatValue(narrow) : source(getSplatValue(value));
  if (scalar)
    return scalar->getType()->isIntegerTy(16) ? scalar : made(b.CreateSExt(scalar, b.getInt16Ty()));
  if (!narrow)
    return nullptr;
  Value *from = vector(narrow);
  if (!from || narrow->getType()->getScalarSizeInBits() == 16)
    return from;
  Type *halfType = fixed->getWithNewType(b.getInt16Ty());
  auto *where = dyn_cast<Instruction>(from);
  if (!where)
    return extend(from, halfType, true);
  // One for all products of this vector: beside the vector itself, and with its length.
  Value *&half = halves[narrow];
  if (!half) {
    IRBuilder<>::InsertPointGuard guard(b);
    SaveAndRestore length(shortLength, lengths.lookup(narrow));
    b.SetInsertPoint(llvm::isa<PHINode>(where) ? where->getParent()->getFirstNonPHI() : where->getNextNode());
    half = extend(from, halfType, true);
  }
  return half;
}

/// sum + x * y of sign-extended numbers: vwmacc, exact modulo 2^32 as the plain one.
Value *VectorSelector::wideningMultiplyAdd(BinaryOperator &add) {
  if (add.getOpcode() != Instruction::Add || !add.getType()->getScalarType()->isIntegerTy(32))
    return nullptr;
  for (unsigned i : {0U, 1U}) {
    auto *product = dyn_cast<BinaryOperator>(add.getOperand(i));
    if (!product || product->getOpcode() != Instruction::Mul)
      continue;
    Value *x = narrowFactor(product->getOperand(0), add.getType());
    Value *y = narrowFactor(product->getOperand(1), add.getType());
    if (x && y && !y->getType()->isVectorTy())
      std::swap(x, y);
    Value *sum = x && y && y->getType()->isVectorTy() ? vector(add.getOperand(1 - i)) : nullptr;
    if (sum)
      return call(Intrinsic::riscv_vwmacc, {sum->getType(), x->getType(), y->getType(), b.getInt64Ty()},
                  {sum, x, y, lengthOf(add.getType()), word(tailAgnostic)});
  }
  return nullptr;
}

Value *VectorSelector::selectIntrinsic(IntrinsicInst &op) {
  Type *fixed = op.getType(), *xlen = b.getInt64Ty();
  if (op.getIntrinsicID() == Intrinsic::masked_load || op.getIntrinsicID() == Intrinsic::masked_gather)
    return selectMaskedLoad(op);
  if (op.getIntrinsicID() == Intrinsic::fma)
    return fixed->getScalarType()->isFloatTy()
               ? multiplyAdd(op.getArgOperand(0), op.getArgOperand(1), op.getArgOperand(2), fixed)
               : nullptr;
  if (!llvm::isa<FixedVectorType>(fixed) || !op.arg_size() || op.getArgOperand(0)->getType() != fixed ||
      !hasArithmetic(fixed))
    return nullptr;
  Value *x = vector(op.getArgOperand(0));
  if (!x)
    return nullptr;
  Type *type = x->getType();
  auto withOther = [&](Intrinsic::ID id) -> Value * {
    Value *y = either(op.getArgOperand(1));
    return y ? call(id, {type, y->getType(), xlen}, {none(type), x, y, lengthOf(fixed)}) : nullptr;
  };
  switch (op.getIntrinsicID()) {
  case Intrinsic::sqrt:
    return call(Intrinsic::riscv_vfsqrt, {type, xlen}, {none(type), x, word(dynamicRounding), lengthOf(fixed)});
  case Intrinsic::fabs:
    return call(Intrinsic::riscv_vfsgnjx, {type, type, xlen}, {none(type), x, x, lengthOf(fixed)});
  case Intrinsic::copysign:
    return withOther(Intrinsic::riscv_vfsgnj);
  case Intrinsic::smin:
    return withOther(Intrinsic::riscv_vmin);
  case Intrinsic::smax:
    return withOther(Intrinsic::riscv_vmax);
  case Intrinsic::umin:
    return withOther(Intrinsic::riscv_vminu);
  case Intrinsic::umax:
    return withOther(Intrinsic::riscv_vmaxu);
  default:
    return nullptr;
  }
}

// ---- the rest ---------------------------------------------------------------------------------------------------

Value *VectorSelector::select(Instruction &instruction) {
  if (auto *op = dyn_cast<BinaryOperator>(&instruction))
    return selectBinary(*op);
  if (auto *op = dyn_cast<CastInst>(&instruction))
    return selectCast(*op);
  if (auto *op = dyn_cast<CmpInst>(&instruction))
    return selectCompare(*op);
  if (auto *op = dyn_cast<SelectInst>(&instruction))
    return selectMerge(*op);
  if (auto *op = dyn_cast<ShuffleVectorInst>(&instruction))
    return selectShuffle(*op);
  if (auto *op = dyn_cast<LoadInst>(&instruction))
    return selectLoad(*op);
  if (auto *op = dyn_cast<IntrinsicInst>(&instruction))
    return selectIntrinsic(*op);
  if (auto *op = dyn_cast<CallInst>(&instruction))
    if (std::optional<UnitCall> unit = unitCallOf(*op))
      return selectUnit(*op, *unit);
  if (llvm::isa<FreezeInst>(instruction)) {
    Value *x = vector(instruction.getOperand(0));
    return x ? made(b.CreateFreeze(x)) : nullptr;
  }
  if (instruction.getOpcode() == Instruction::FNeg && hasArithmetic(instruction.getType()))
    if (Value *x = vector(instruction.getOperand(0)))
      return call(Intrinsic::riscv_vfsgnjn, {x->getType(), x->getType(), b.getInt64Ty()},
                  {none(x->getType()), x, x, lengthOf(instruction.getType())});
  return nullptr;
}

/// True if only lane 0 is looked at, to fill vectors with it.
static bool feedsSplats(const Instruction &instruction) {
  return llvm::all_of(instruction.users(), [](const User *user) {
    auto *shuffle = dyn_cast<ShuffleVectorInst>(user);
    auto *cast = dyn_cast<BitCastInst>(user);
    return (shuffle && shuffle->isZeroEltSplat()) || (cast && cast->getType()->isVectorTy() && feedsSplats(*cast));
  });
}

static bool haveSameLanes(Type *x, Type *y) {
  auto *first = dyn_cast<FixedVectorType>(x), *second = dyn_cast<FixedVectorType>(y);
  return first && second && first->getNumElements() == second->getNumElements();
}

/// What a vector has in lane 0, if it was put there; its bits if they are taken for another type.
static Value *laneZero(Value *vector) {
  if (auto *insert = dyn_cast<InsertElementInst>(vector))
    return match(insert->getOperand(2), PatternMatch::m_Zero()) ? insert->getOperand(1) : nullptr;
  auto *cast = dyn_cast<BitCastInst>(vector);
  return cast && haveSameLanes(cast->getSrcTy(), cast->getDestTy()) ? laneZero(cast->getOperand(0)) : nullptr;
}

/// The scalar that a shuffle puts into all lanes, if that is what it does.
static Value *laneForAll(ShuffleVectorInst &shuffle) {
  if (!shuffle.isZeroEltSplat())
    return nullptr;
  auto *known = llvm::find_if(shuffle.getShuffleMask(), [](int lane) { return lane >= 0; });
  return laneZero(shuffle.getOperand(known == shuffle.getShuffleMask().end() || *known == 0 ? 0 : 1));
}

/// A scalar in all lanes is made where it is used; what builds it, and what converts it, needs no vector.
bool VectorSelector::isScalarInAllLanes(Instruction &instruction) {
  if (getSplatValue(&instruction))
    return true;
  if (auto *insert = dyn_cast<InsertElementInst>(&instruction);
      insert && cast<FixedVectorType>(insert->getType())->getNumElements() == 1 && laneZero(insert)) {
    splats[insert] = insert->getOperand(1); // a vector of one lane
    return true;
  }
  if (llvm::isa<InsertElementInst, BitCastInst>(instruction) && laneZero(&instruction))
    return feedsSplats(instruction);
  if (auto *shuffle = dyn_cast<ShuffleVectorInst>(&instruction)) {
    Value *scalar = laneForAll(*shuffle);
    if (scalar)
      splats[shuffle] = made(b.CreateBitCast(scalar, shuffle->getType()->getScalarType()));
    return scalar != nullptr;
  }
  auto *op = dyn_cast<CastInst>(&instruction);
  Value *scalar = op && haveSameLanes(op->getSrcTy(), op->getDestTy()) ? scalarOf(op->getOperand(0)) : nullptr;
  if (!scalar || llvm::isa<UndefValue>(scalar))
    return false;
  splats[op] = made(b.CreateCast(op->getOpcode(), scalar, op->getType()->getScalarType()));
  return true;
}

bool VectorSelector::rewrite(Instruction &instruction) {
  b.SetInsertPoint(&instruction);
  if (isLength(instruction) || isStride(instruction))
    return true;
  if (!takeLength(instruction))
    return false;
  if (auto *masked = dyn_cast<IntrinsicInst>(&instruction); masked && masked->getType()->isVoidTy())
    return (masked->getIntrinsicID() == Intrinsic::masked_store ||
            masked->getIntrinsicID() == Intrinsic::masked_scatter) &&
           selectMaskedStore(*masked);
  // These would look at lanes that do not count.
  if (shortLength && llvm::isa<StoreInst, ExtractElementInst, ShuffleVectorInst>(instruction))
    return false;
  if (auto *store = dyn_cast<StoreInst>(&instruction))
    return selectStore(*store);
  if (auto *extract = dyn_cast<ExtractElementInst>(&instruction)) {
    Value *from = llvm::isa<ConstantInt>(extract->getIndexOperand()) ? vector(extract->getVectorOperand()) : nullptr;
    if (!from)
      return false;
    bool isMoved = extract->getType()->is16bitFPTy() && !hasArithmetic(extract->getType());
    Value *lane = made(b.CreateExtractElement(isMoved ? asWords(from) : from, extract->getIndexOperand()));
    extracted[&instruction] = made(b.CreateBitCast(lane, extract->getType()));
    return true;
  }
  auto *fixed = dyn_cast<FixedVectorType>(instruction.getType());
  if (!fixed)
    return false;
  if (isScalarInAllLanes(instruction))
    return true;
  if (!typeFor(fixed))
    return false;
  if (auto *phi = dyn_cast<PHINode>(&instruction)) {
    vectors[phi] = made(b.CreatePHI(typeFor(fixed), phi->getNumIncomingValues()));
    if (shortLength)
      lengths[phi] = shortLength;
    return !shortLength || isKnownAt(shortLength, *phi->getParent());
  }
  Value *result = select(instruction);
  if (result)
    vectors[&instruction] = result;
  if (shortLength)
    lengths[&instruction] = shortLength;
  return result != nullptr;
}

bool VectorSelector::completePhi(PHINode &phi) {
  auto *target = cast<PHINode>(vectors[&phi]);
  shortLength = lengths.lookup(&phi);
  for (unsigned i = 0; i < phi.getNumIncomingValues(); ++i) {
    b.SetInsertPoint(phi.getIncomingBlock(i)->getTerminator());
    Value *incoming = vector(phi.getIncomingValue(i));
    if (!incoming ||
        (lengths.lookup(phi.getIncomingValue(i)) && lengths.lookup(phi.getIncomingValue(i)) != shortLength))
      return false;
    target->addIncoming(incoming, phi.getIncomingBlock(i));
  }
  return true;
}

void VectorSelector::discard() {
  for (WeakTrackingVH &each : created)
    if (auto *instruction = cast_or_null<Instruction>(static_cast<Value *>(each)))
      instruction->dropAllReferences();
  for (WeakTrackingVH &each : created)
    if (auto *instruction = cast_or_null<Instruction>(static_cast<Value *>(each)))
      instruction->eraseFromParent();
}

void VectorSelector::removeUnused() {
  for (WeakTrackingVH &each : llvm::reverse(created)) {
    auto *instruction = dyn_cast_or_null<Instruction>(static_cast<Value *>(each));
    if (instruction && instruction->use_empty() && !instruction->mayHaveSideEffects())
      instruction->eraseFromParent();
  }
}

} // namespace weft::codegen
