#include "dialects/rv/UnitOps.h"

#include "dialects/rv/Rv.h"
#include "kernels/units/Units.h"

#include <algorithm>

using namespace mlir;

namespace weft::rv {

namespace {

using units::ElementType;
using units::Format;
using units::Instruction;

const Instruction &instructionOf(StringRef name) {
  for (const units::Unit &unit : units::all())
    for (const Instruction &each : unit.instructions)
      if (each.name == std::string_view(name))
        return each;
  llvm_unreachable("generated from the same table");
}

bool holds(Type type, ElementType element) {
  Type inner = type;
  if (auto vector = dyn_cast<VectorType>(type))
    inner = vector.getElementType();
  switch (element) {
  case ElementType::None:
    return true;
  case ElementType::S8:
  case ElementType::U8:
    return inner.isSignlessInteger(8);
  case ElementType::I32:
  case ElementType::S8x4:
  case ElementType::U8x4:
    return inner.isSignlessInteger(32);
  case ElementType::F32:
    return inner.isF32();
  case ElementType::Bf16:
    return inner.isBF16();
  }
  return false;
}

/// Operands of an op in the order of its definition.
struct Operands {
  Type acc, vs2, third, result; // acc and third may be null

  Operands(Operation *op, const Instruction &instruction) {
    unsigned next = 0;
    if (instruction.readsDestination)
      acc = op->getOperand(next++).getType();
    vs2 = op->getOperand(next++).getType();
    if (next < op->getNumOperands())
      third = op->getOperand(next).getType();
    result = op->getResult(0).getType();
  }

  /// `alternate`: vtype.altfmt if the op says it.
  bool hold(const units::Form &form, std::optional<bool> alternate) const {
    if (alternate && *alternate != form.alternate)
      return false;
    return holds(result, form.vd) && (!acc || holds(acc, form.vd)) && holds(vs2, form.vs2) &&
           (!third || holds(third, form.third));
  }
};

/// None if elements alone say it.
std::optional<bool> alternateOf(Operation *op, const Instruction &instruction) {
  auto isAlternate = [](const units::Form &form) { return form.alternate; };
  if (llvm::none_of(instruction.forms, isAlternate) || llvm::all_of(instruction.forms, isAlternate))
    return std::nullopt;
  return op->hasAttr("altfmt");
}

std::string formsText(const Instruction &instruction) {
  std::string text;
  llvm::raw_string_ostream out(text);
  StringRef between = "";
  for (const units::Form &form : instruction.forms) {
    out << between << "vd " << units::nameOf(form.vd) << ", vs2 " << units::nameOf(form.vs2);
    if (form.third != ElementType::None)
      out << ", " << units::ruleOf(instruction.format).third << ' ' << units::nameOf(form.third);
    between = "; or ";
  }
  return text;
}

bool sameLength(VectorType a, VectorType b) {
  return a.getShape() == b.getShape() && a.getScalableDims() == b.getScalableDims();
}

LogicalResult verifyLengths(Operation *op, const Operands &operands) {
  auto result = cast<VectorType>(operands.result), vs2 = cast<VectorType>(operands.vs2);
  auto third = dyn_cast_or_null<VectorType>(operands.third);
  if (result.getRank() != 1 || !sameLength(result, vs2) || (third && !sameLength(result, third)))
    return op->emitOpError("U2: vectors must have rank 1 and the same length");
  return success();
}

LogicalResult verifyRange(Operation *op, StringRef attribute, int64_t high, StringRef rule) {
  auto value = op->getAttrOfType<IntegerAttr>(attribute);
  if (value && (value.getInt() < 0 || value.getInt() > high))
    return op->emitOpError() << rule << ": " << attribute << " is " << value.getInt() << "; allowed: 0 to " << high;
  return success();
}

LogicalResult verifyBatchedLengths(Operation *op, const Operands &operands) {
  auto result = cast<VectorType>(operands.result), vs2 = cast<VectorType>(operands.vs2),
       vs1 = cast<VectorType>(operands.third);
  constexpr int64_t batch = 8;
  bool isRight = result.getRank() == 1 && result.getNumElements() % batch == 0 &&
                 llvm::isPowerOf2_64(result.getNumElements()) && !result.isScalable() && vs1.getRank() == 1 &&
                 !vs1.isScalable() && vs2.getRank() == 2 && !vs2.isScalable() && vs2.getDimSize(0) == batch &&
                 vs2.getDimSize(1) == vs1.getDimSize(0);
  if (!isRight)
    return op->emitOpError("U2: wants vs1 of n elements, vs2 of 8 x n, and 8 results, or a power of two times 8");
  return verifyRange(op, "ci", result.getNumElements() / batch - 1, "U3");
}

} // namespace

const units::Form *formOf(Operation *op, const Instruction &instruction) {
  if (instruction.forms.empty())
    return nullptr;
  Operands operands(op, instruction);
  std::optional<bool> alternate = alternateOf(op, instruction);
  auto found =
      llvm::find_if(instruction.forms, [&](const units::Form &form) { return operands.hold(form, alternate); });
  return found == instruction.forms.end() ? nullptr : &*found;
}

LogicalResult verifyUnitOp(Operation *op, StringRef name) {
  const Instruction &instruction = instructionOf(name);
  if (failed(verifyRange(op, "route", 4095, "U4")) || failed(verifyRange(op, "immediate", 31, "U3")) ||
      failed(verifyRange(op, "ci", 7, "U3")))
    return failure();
  if (instruction.forms.empty())
    return success();
  if (!formOf(op, instruction))
    return op->emitOpError("U1: operands must hold ") << formsText(instruction);
  Operands operands(op, instruction);
  return instruction.format == Format::Batched ? verifyBatchedLengths(op, operands) : verifyLengths(op, operands);
}

#include "kernels/units/UnitOpVerifiers.inc"

} // namespace weft::rv
