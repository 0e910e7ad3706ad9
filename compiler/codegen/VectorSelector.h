// The RISC-V vector instruction for an operation on vectors of fixed length. Internal to compiler/codegen.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "kernels/units/Units.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ValueHandle.h"

namespace weft::codegen {

struct UnitCall;

inline constexpr int64_t dynamicRounding = 7; // as the rounding mode says, which is to nearest even
inline constexpr unsigned blockBits = 64;     // of VLEN, for each unit of a scalable length
inline constexpr int64_t tailAgnostic = 3;    // and mask-agnostic

/// Makes the scalable counterpart of each vector of one function, beside the old code.
class VectorSelector {
public:
  VectorSelector(llvm::Function &function, const hw::Isa &isa);

  /// Makes what `instruction` computes, before it; operands that come before it have been made. False if there is no
  /// instruction for it here.
  bool rewrite(llvm::Instruction &instruction);
  bool completePhi(llvm::PHINode &phi);
  /// What stands for an instruction that makes a scalar of a vector; null for others.
  llvm::Value *scalarResult(llvm::Instruction &instruction) const { return extracted.lookup(&instruction); }
  /// Removes all that was made.
  void discard();
  /// Removes what was made and is not used: conversions that became part of a widening operation.
  void removeUnused();

private:
  llvm::ScalableVectorType *typeFor(llvm::Type *fixed) const;
  llvm::Value *lengthOf(llvm::Type *fixed);
  bool fillsRegisters(llvm::Type *fixed) const;
  bool hasArithmetic(llvm::Type *type) const;

  /// The scalable vector for `value`; null if there is none. A scalar in all lanes is made on the spot.
  llvm::Value *vector(llvm::Value *value);
  /// The scalar that all lanes of `value` are; null if they differ or are not known.
  llvm::Value *scalarOf(llvm::Value *value) const;
  /// That scalar if there is one, else the vector: an operand of an instruction that takes both.
  llvm::Value *either(llvm::Value *value);

  llvm::Value *call(llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Type *> types, llvm::ArrayRef<llvm::Value *> operands);
  llvm::Value *made(llvm::Value *value);
  llvm::Value *word(int64_t value) { return b.getInt64(value); }
  llvm::Value *none(llvm::Type *type) { return llvm::PoisonValue::get(type); }

  llvm::Value *splat(llvm::Value *scalar, llvm::Type *fixed);
  llvm::Value *numbers(llvm::Value *constant);
  llvm::Value *select(llvm::Instruction &instruction);
  bool isScalarInAllLanes(llvm::Instruction &instruction);
  llvm::Value *selectBinary(llvm::BinaryOperator &op);
  llvm::Value *floatBinary(llvm::BinaryOperator &op);
  llvm::Value *integerBinary(llvm::BinaryOperator &op);
  llvm::Value *multiplyAdd(llvm::Value *x, llvm::Value *y, llvm::Value *sum, llvm::Type *fixed);
  llvm::Value *wideningFloatMultiplyAdd(llvm::Value *x, llvm::Value *y, llvm::Value *sum, llvm::Type *fixed);
  llvm::Value *wideningMultiplyAdd(llvm::BinaryOperator &add);
  llvm::Value *narrowFactor(llvm::Value *value, llvm::Type *fixed);
  llvm::Value *selectCast(llvm::CastInst &cast);
  llvm::Value *extend(llvm::Value *from, llvm::Type *fixed, bool isSigned);
  llvm::Value *narrow(llvm::Value *from, llvm::Type *fixed);
  llvm::Value *toReal(llvm::Value *from, llvm::Type *fixed, bool isSigned);
  llvm::Value *selectCompare(llvm::CmpInst &compare);
  llvm::Value *selectMerge(llvm::SelectInst &op);
  llvm::Value *selectShuffle(llvm::ShuffleVectorInst &op);
  llvm::Value *selectIntrinsic(llvm::IntrinsicInst &op);
  llvm::Value *selectUnit(llvm::CallInst &op, const UnitCall &unit);
  llvm::Value *selectBatchedUnit(llvm::CallInst &op, const UnitCall &unit);
  llvm::Value *groupOf(llvm::ArrayRef<llvm::Value *> rows);
  llvm::Value *asWords(llvm::Value *vector);
  llvm::Value *unitOperand(llvm::Value *operand, const units::Instruction &instruction);
  llvm::Value *assemble(llvm::Type *type, const UnitCall &unit, int lmulLog2, llvm::SmallVector<llvm::Value *> operands,
                        llvm::Value *length);
  llvm::Value *selectLoad(llvm::LoadInst &op);
  bool selectStore(llvm::StoreInst &op);

  llvm::Value *laneCount(llvm::ICmpInst &compare);
  bool isLength(llvm::Instruction &instruction);
  bool isStride(llvm::Instruction &instruction);
  bool takeLength(llvm::Instruction &instruction);
  bool takeMask(llvm::Value *mask);
  bool isKnownAt(llvm::Value *length, const llvm::BasicBlock &block) const;
  llvm::Value *selectMaskedLoad(llvm::IntrinsicInst &op);
  bool selectMaskedStore(llvm::IntrinsicInst &op);

  const hw::Isa &isa;
  llvm::IRBuilder<> b;
  llvm::DominatorTree dominators;
  llvm::DenseMap<llvm::Value *, llvm::Value *> vectors;    // by the fixed vector
  llvm::DenseMap<llvm::Value *, llvm::Value *> splats;     // scalars that fill a converted vector
  llvm::DenseMap<llvm::Value *, llvm::Value *> laneCounts; // by masks that say "lane < n", which are no vectors
  llvm::DenseMap<llvm::Value *, llvm::Value *> lengths;    // of vectors of which only the first lanes count
  struct Stride {
    llvm::Value *first;
    int64_t bytes;
  };
  llvm::DenseMap<llvm::Value *, Stride> strides;          // by the vector of addresses
  llvm::Value *shortLength = nullptr;                     // of the instruction at hand; null: all lanes count
  llvm::DenseMap<llvm::Value *, llvm::Value *> halves;    // bytes as 16 bits
  llvm::DenseMap<llvm::Value *, llvm::Value *> extracted; // by the instruction that extracts
  llvm::SmallPtrSet<llvm::Value *, 32> old;               // instructions that were there before
  llvm::SmallVector<llvm::WeakTrackingVH> created;        // in order
};

} // namespace weft::codegen
