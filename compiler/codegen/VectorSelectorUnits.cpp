// Instructions of custom units: as intrinsics where there are any, else as inline assembly.
#include "compiler/codegen/UnitCalls.h"
#include "compiler/codegen/VectorSelector.h"

#include "llvm/ADT/bit.h"
#include "llvm/IR/InlineAsm.h"

using namespace llvm;

namespace weft::codegen {

constexpr unsigned batch = 8; // registers of vs2, and results, of a batched instruction
constexpr unsigned rs1Position = 15;
constexpr int lmulIndexOfOne = 3; // in the table's sets of LMUL

/// All that carries instructions is of integers, and no register need hold what only was made of integers.
Value *VectorSelector::asWords(Value *vector) {
  auto *type = cast<ScalableVectorType>(vector->getType());
  Type *words = type->getWithNewType(b.getIntNTy(type->getScalarSizeInBits()));
  auto *converted = dyn_cast<BitCastInst>(vector);
  return converted && converted->getSrcTy() == words ? converted->getOperand(0) : made(b.CreateBitCast(vector, words));
}

/// A 16-bit number lies in an f register in the low bits of a NaN, which its boxing demands.
static Value *boxed(IRBuilder<> &b, Value *bits) {
  constexpr uint32_t box = 0xffff0000;
  return b.CreateBitCast(b.CreateOr(b.CreateZExt(bits, b.getInt32Ty()), b.getInt32(box)), b.getFloatTy());
}

Value *VectorSelector::unitOperand(Value *operand, const units::Instruction &instruction) {
  Type *type = operand->getType();
  if (type->isVectorTy()) {
    Value *taken = vector(operand);
    return taken ? asWords(taken) : nullptr;
  }
  if (type->isFloatingPointTy())
    return operand;
  return instruction.format == units::Format::VectorFloat ? boxed(b, operand)
                                                          : made(b.CreateSExt(operand, b.getInt64Ty()));
}

/// `operands` without the length.
Value *VectorSelector::assemble(Type *type, const UnitCall &unit, int lmulLog2, SmallVector<Value *> operands,
                                Value *length) {
  auto *constant = dyn_cast<ConstantInt>(length);
  UnitAssembly assembly =
      unitAssembly(unit, lmulLog2, constant ? std::optional(constant->getZExtValue()) : std::nullopt);
  if (assembly.takesLength)
    operands.push_back(length);
  SmallVector<Type *> types;
  for (Value *operand : operands)
    types.push_back(operand->getType());
  auto *code = InlineAsm::get(FunctionType::get(type, types, false), assembly.text, assembly.constraints,
                              /*hasSideEffects=*/false);
  CallInst *result = b.CreateCall(code, operands);
  result->setDoesNotThrow();
  result->setDoesNotAccessMemory();
  return made(result);
}

/// The instruction's LMUL for vectors of this scalable type, which fits the registers that LLVM gives them; none if it
/// is not allowed.
static std::optional<int> lmulFor(const UnitCall &unit, const ScalableVectorType &type) {
  int log2 = static_cast<int>(Log2_32(type.getMinNumElements())) + static_cast<int>(Log2_32(unit.form->sewBits)) -
             static_cast<int>(Log2_32(blockBits));
  auto isAllowed = [&] { return unit.instruction->lmuls >> (log2 + lmulIndexOfOne) & 1; };
  while (log2 < 0 && !isAllowed())
    ++log2;
  return isAllowed() ? std::optional(log2) : std::nullopt;
}

/// Eight registers from eight vectors, which may be shorter than a register each.
Value *VectorSelector::groupOf(ArrayRef<Value *> rows) {
  Type *word = rows.front()->getType()->getScalarType();
  unsigned units = blockBits / word->getScalarSizeInBits();
  auto *one = ScalableVectorType::get(word, units), *all = ScalableVectorType::get(word, units * batch);
  Value *group = PoisonValue::get(all);
  for (auto [index, row] : enumerate(rows)) {
    Value *whole =
        row->getType() == one ? row : made(b.CreateInsertVector(one, PoisonValue::get(one), row, b.getInt64(0)));
    group = made(b.CreateInsertVector(all, group, whole, b.getInt64(index * units)));
  }
  return group;
}

/// vl elements are a register's at most, and the results lie in the registers that `ci` counts through.
Value *VectorSelector::selectBatchedUnit(CallInst &op, const UnitCall &unit) {
  auto *fixed = cast<FixedVectorType>(op.getType());
  auto *row = cast<FixedVectorType>(op.getArgOperand(op.arg_size() - 1)->getType());
  ScalableVectorType *type = typeFor(fixed);
  unsigned bits = units::bitsOf(unit.form->vd), most = std::max(batch, isa.vlenBits / bits);
  if (!type || fixed->getNumElements() > most || row->getNumElements() * unit.form->sewBits > isa.vlenBits)
    return nullptr;
  SmallVector<Value *> vectors;
  for (Value *operand : op.args()) {
    vectors.push_back(unitOperand(operand, *unit.instruction));
    if (!vectors.back())
      return nullptr;
  }
  unsigned first = unit.instruction->readsDestination;
  SmallVector<Value *> operands(vectors.begin(), vectors.begin() + first);
  operands.push_back(groupOf(ArrayRef(vectors).slice(first, batch)));
  operands.push_back(vectors.back());
  Type *words = type->getWithNewType(b.getIntNTy(bits));
  return made(b.CreateBitCast(assemble(words, unit, 0, operands, word(row->getNumElements())), type));
}

Value *VectorSelector::selectUnit(CallInst &op, const UnitCall &unit) {
  if (unit.instruction->format == units::Format::Batched)
    return selectBatchedUnit(op, unit);
  auto *fixed = cast<FixedVectorType>(op.getType());
  ScalableVectorType *type = typeFor(fixed);
  std::optional<int> lmul = type ? lmulFor(unit, *type) : std::nullopt;
  if (!lmul)
    return nullptr;
  std::optional<UnitIntrinsic> intrinsic = unitIntrinsic(unit, *op.getFunction());
  SmallVector<Value *> operands;
  if (intrinsic && intrinsic->opcode)
    operands.push_back(word(*intrinsic->opcode));
  for (Value *operand : op.args()) {
    Value *taken = unitOperand(operand, *unit.instruction);
    if (!taken)
      return nullptr;
    operands.push_back(taken);
  }
  Type *words = type->getWithNewType(b.getIntNTy(type->getScalarSizeInBits()));
  Value *result = nullptr;
  if (!intrinsic) {
    Value *length = shortLength ? shortLength : word(fixed->getNumElements());
    result = assemble(words, unit, *lmul, operands, length);
  } else {
    if (unit.instruction->format == units::Format::Vector)
      operands.push_back(word(SignExtend64<5>(unit.instruction->match >> rs1Position & 31)));
    if (unit.instruction->format == units::Format::VectorImmediate)
      operands.push_back(word(SignExtend64<5>(unit.immediate)));
    operands.push_back(lengthOf(fixed));
    if (intrinsic->takesFirstSourceFirst)
      std::swap(operands[1], operands[2]);
    if (intrinsic->standsIn)
      operands.push_back(word(intrinsic->keepsTail ? 0 : tailAgnostic));
    result = made(b.CreateIntrinsic(words, intrinsic->id, operands));
  }
  return made(b.CreateBitCast(result, type));
}

} // namespace weft::codegen
