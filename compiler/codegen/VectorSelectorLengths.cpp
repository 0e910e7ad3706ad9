// Vectors of which only the first lanes count: a mask "lane < n" becomes the vector length, an address a lane a stride.
#include "compiler/codegen/VectorSelector.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IntrinsicsRISCV.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"

using namespace llvm;

namespace weft::codegen {

namespace {
/// first, first + step, first + 2 * step, …
struct Sequence {
  int64_t first, step;
};
} // namespace

static std::optional<Sequence> sequenceOf(Value *value) {
  auto *constant = dyn_cast<ConstantDataVector>(value);
  if (!constant || !constant->getElementType()->isIntegerTy() || constant->getNumElements() < 2)
    return std::nullopt;
  // Unsigned, since constants may be anything; what a sequence of lanes is for has small numbers.
  auto at = [&](unsigned i) { return static_cast<uint64_t>(constant->getElementAsAPInt(i).getSExtValue()); };
  uint64_t step = at(1) - at(0);
  for (unsigned i = 0; i < constant->getNumElements(); ++i)
    if (at(i) != at(0) + i * step)
      return std::nullopt;
  return Sequence{static_cast<int64_t>(at(0)), static_cast<int64_t>(step)};
}

/// The step of a sequence that begins with 0.
static std::optional<int64_t> stepOf(Value *value) {
  std::optional<Sequence> sequence = sequenceOf(value);
  return sequence && sequence->first == 0 ? std::optional(sequence->step) : std::nullopt;
}

/// The lanes' numbers, and what is at a fixed distance from them; null for other constants.
Value *VectorSelector::numbers(Value *constant) {
  std::optional<Sequence> sequence = sequenceOf(constant);
  Type *type = sequence ? typeFor(constant->getType()) : nullptr;
  if (!type || sequence->step != 1)
    return nullptr;
  Value *length = lengthOf(constant->getType());
  Value *lanes = call(Intrinsic::riscv_vid, {type, b.getInt64Ty()}, {none(type), length});
  Value *first = ConstantInt::getSigned(type->getScalarType(), sequence->first);
  return sequence->first == 0 ? lanes
                              : call(Intrinsic::riscv_vadd, {type, first->getType(), b.getInt64Ty()},
                                     {none(type), lanes, first, length});
}

/// How many lanes `compare` is true for, if it is "lane < n" and n not negative; null otherwise.
Value *VectorSelector::laneCount(ICmpInst &compare) {
  Value *lanes = compare.getOperand(0), *limit = compare.getOperand(1);
  CmpInst::Predicate predicate = compare.getPredicate();
  if (predicate == CmpInst::ICMP_SGT || predicate == CmpInst::ICMP_UGT) {
    std::swap(lanes, limit);
    predicate = CmpInst::getSwappedPredicate(predicate);
  }
  if ((predicate != CmpInst::ICMP_SLT && predicate != CmpInst::ICMP_ULT) || stepOf(lanes) != 1)
    return nullptr;
  Value *scalar = scalarOf(limit);
  if (!scalar)
    return nullptr;
  uint64_t most = cast<FixedVectorType>(compare.getType())->getNumElements();
  auto isWithin = [&](Value *value) { return !computeConstantRange(value, false).getUnsignedMax().ugt(most); };
  // A number that is known to be small is as small before it is made narrower.
  auto *narrowed = dyn_cast<TruncInst>(scalar);
  bool staysPositive = APInt::getSignedMaxValue(scalar->getType()->getScalarSizeInBits()).uge(most);
  if (narrowed && staysPositive && isWithin(narrowed->getOperand(0)))
    scalar = narrowed->getOperand(0);
  else if (predicate == CmpInst::ICMP_SLT && !isWithin(scalar))
    return nullptr;
  Value *count = made(b.CreateZExtOrTrunc(scalar, b.getInt64Ty()));
  return isWithin(scalar) ? count
                          : made(b.CreateBinaryIntrinsic(Intrinsic::umin, count, word(static_cast<int64_t>(most))));
}

/// The length that all vectors among the operands share: null if all their lanes count. False if they differ.
bool VectorSelector::takeLength(Instruction &instruction) {
  shortLength = nullptr;
  for (Value *operand : instruction.operands())
    if (Value *length = lengths.lookup(operand)) {
      if (shortLength && shortLength != length)
        return false;
      shortLength = length;
    }
  return true;
}

/// A mask that only says how many lanes count is no vector.
bool VectorSelector::isLength(Instruction &instruction) {
  auto *compare = dyn_cast<ICmpInst>(&instruction);
  Value *count = compare && compare->getType()->isVectorTy() ? laneCount(*compare) : nullptr;
  if (count)
    laneCounts[compare] = count;
  return count;
}

/// Addresses at a fixed distance from each other: one and a sequence, or such ones and a further distance for all.
bool VectorSelector::isStride(Instruction &instruction) {
  auto *address = dyn_cast<GetElementPtrInst>(&instruction);
  if (!address || address->getNumIndices() != 1 || !address->getType()->isVectorTy())
    return false;
  Value *base = address->getPointerOperand(), *index = address->getOperand(1);
  if (auto from = strides.find(base); from != strides.end()) {
    Value *scalar = index->getType()->isVectorTy() ? scalarOf(index) : index;
    if (!scalar)
      return false;
    Stride further = from->second;
    further.first = made(b.CreateGEP(address->getSourceElementType(), further.first, scalar));
    strides[address] = further;
    return true;
  }
  std::optional<int64_t> step = stepOf(index);
  if (!step || base->getType()->isVectorTy())
    return false;
  const DataLayout &layout = instruction.getModule()->getDataLayout();
  int64_t bytes = static_cast<int64_t>(layout.getTypeAllocSize(address->getSourceElementType()).getFixedValue());
  strides[address] = {base, *step * bytes};
  return true;
}

/// Whether `length` has been computed wherever `block` is entered.
bool VectorSelector::isKnownAt(Value *length, const BasicBlock &block) const {
  auto *computed = dyn_cast<Instruction>(length);
  return !computed || dominators.properlyDominates(computed->getParent(), &block);
}

/// Sets the length that `mask` stands for: null if all lanes count. False if it is another mask.
bool VectorSelector::takeMask(Value *mask) {
  shortLength = laneCounts.lookup(mask);
  return shortLength || match(mask, PatternMatch::m_AllOnes());
}

Value *VectorSelector::selectMaskedLoad(IntrinsicInst &op) {
  bool gathers = op.getIntrinsicID() == Intrinsic::masked_gather;
  Value *mask = op.getArgOperand(2), *otherwise = op.getArgOperand(3);
  Type *type = typeFor(op.getType());
  // Lanes that do not count may hold anything.
  if (!type || op.getType()->getScalarSizeInBits() < 8 || !llvm::isa<Constant>(otherwise) || !takeMask(mask))
    return nullptr;
  if (!gathers)
    return call(Intrinsic::riscv_vle, {type, b.getInt64Ty()},
                {none(type), op.getArgOperand(0), lengthOf(op.getType())});
  auto stride = strides.find(op.getArgOperand(0));
  if (stride == strides.end())
    return nullptr;
  return call(Intrinsic::riscv_vlse, {type, b.getInt64Ty()},
              {none(type), stride->second.first, word(stride->second.bytes), lengthOf(op.getType())});
}

bool VectorSelector::selectMaskedStore(IntrinsicInst &op) {
  Type *fixed = op.getArgOperand(0)->getType();
  Value *ofValue = lengths.lookup(op.getArgOperand(0));
  Value *value = fixed->getScalarSizeInBits() >= 8 ? vector(op.getArgOperand(0)) : nullptr;
  if (!value || !takeMask(op.getArgOperand(3)) || (ofValue && ofValue != shortLength))
    return false;
  SmallVector<Value *> operands = {value, op.getArgOperand(1)};
  bool scatters = op.getIntrinsicID() == Intrinsic::masked_scatter;
  if (scatters) {
    auto stride = strides.find(op.getArgOperand(1));
    if (stride == strides.end())
      return false;
    operands = {value, stride->second.first, word(stride->second.bytes)};
  }
  operands.push_back(lengthOf(fixed));
  call(scatters ? Intrinsic::riscv_vsse : Intrinsic::riscv_vse, {value->getType(), b.getInt64Ty()}, operands);
  return true;
}

} // namespace weft::codegen
