// What holds for the ops that are generated from the descriptions of units (kernels/units).
#pragma once

#include "kernels/units/Units.h"

#include "mlir/IR/Operation.h"

namespace weft::rv {

/// Verifies an op of the instruction with this name:
///  * U1: operands and result hold what one form of the instruction says, of those with altfmt if the op has it. s8x4
///  and u8x4 are i32 words.
///  * U2: vectors have rank 1 and one length, all fixed or all scalable. Of a batched op vs1 has rank 1, vs2 is eight
///    vectors of its length, and accumulator and result hold eight elements, or a power of two times as many.
///  * U3: an immediate fits its field: 0 to 31, of ci 0 to 7; the result has the eight elements that ci names.
///  * U4: a route is 0 to 4095.
llvm::LogicalResult verifyUnitOp(mlir::Operation *op, llvm::StringRef instruction);

/// The form that a verified op of `instruction` has; null: a scalar unit's.
const units::Form *formOf(mlir::Operation *op, const units::Instruction &instruction);

} // namespace weft::rv
