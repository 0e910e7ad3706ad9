#include "dialects/rv/Rv.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"

#include "dialects/rv/RvDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/rv/RvOps.cpp.inc"

using namespace mlir;

namespace weft::rv {

void RvDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/rv/RvOps.cpp.inc"
      >();
}

LogicalResult WideningFmaOp::verify() {
  auto acc = cast<VectorType>(getAcc().getType()), narrow = cast<VectorType>(getNarrow().getType());
  if (acc.getRank() != 1 || !acc.getElementType().isF32())
    return emitOpError("R1: the accumulator must be a vector of rank 1 of f32, not ") << acc;
  if (narrow.getRank() != 1 || !(narrow.getElementType().isBF16() || narrow.getElementType().isF16()))
    return emitOpError("R2: the narrow operand must be a vector of rank 1 of bf16 or f16, not ") << narrow;
  if (acc.getShape() != narrow.getShape() || acc.getScalableDims() != narrow.getScalableDims())
    return emitOpError("R3: the accumulator ")
           << acc << " and the narrow operand " << narrow << " must have the same length";
  if (Type scalar = getScalar().getType(); !scalar.isF32() && scalar != narrow.getElementType())
    return emitOpError("R4: the scalar must be an f32 or a ") << narrow.getElementType() << ", not a " << scalar;
  return success();
}

LogicalResult Dot4Op::verify() {
  if (!getElementTypeOrSelf(getResult().getType()).isInteger(32))
    return emitOpError("R5: works on words, i32 or vectors of it, not on ") << getResult().getType();
  return success();
}

} // namespace weft::rv
