// The loops of vector floating-point instructions: all that takes time, and nothing else. They know no registers, no
// masks and no legality. Some are compiled for several instruction sets (VectorTarget.h), so this header defines no
// function.
#pragma once

#include "sim/iss/VectorLoops.h"

namespace weft::iss {

enum class VectorFloatKind : uint8_t {
  // SEW = SEW op SEW
  Add,
  Subtract,
  ReverseSubtract,
  Multiply,
  Divide,
  ReverseDivide,
  Minimum,
  Maximum,
  SignInject,
  SignInjectNegated,
  SignInjectCombined,
  // SEW = op SEW
  SquareRoot,
  ReciprocalSquareRoot7,
  Reciprocal7,
  Classify,
  // SEW = SEW * SEW + old, by the signs of product and old
  Accumulate /* vfmacc */,
  NegatedAccumulate /* vfnmacc */,
  AccumulateSubtracted /* vfmsac */,
  NegatedAccumulateSubtracted /* vfnmsac */,
  // SEW = SEW * old + SEW, by the signs of product and addend
  MultiplyAdd /* vfmadd */,
  NegatedMultiplyAdd /* vfnmadd */,
  MultiplySubtract /* vfmsub */,
  NegatedMultiplySubtract /* vfnmsub */,
  // one byte, 0 or 1, an element
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  // conversions within SEW
  ToUnsigned,
  ToSigned,
  TruncateToUnsigned,
  TruncateToSigned,
  FromUnsigned,
  FromSigned,
  // 2 * SEW from SEW op SEW, and from 2 * SEW op SEW
  WidenAdd,
  WidenSubtract,
  WideAdd,
  WideSubtract,
  WidenMultiply,
  WidenAccumulate /* vfwmacc */,
  WidenNegatedAccumulate,
  WidenAccumulateSubtracted,
  WidenNegatedAccumulateSubtracted,
  WidenAccumulateBFloat /* vfwmaccbf16 */,
  // 2 * SEW from SEW
  WidenToUnsigned,
  WidenToSigned,
  WidenTruncateToUnsigned,
  WidenTruncateToSigned,
  WidenFromUnsigned,
  WidenFromSigned,
  WidenFloat,
  WidenBFloat,
  // SEW from 2 * SEW
  NarrowToUnsigned,
  NarrowToSigned,
  NarrowTruncateToUnsigned,
  NarrowTruncateToSigned,
  NarrowFromUnsigned,
  NarrowFromSigned,
  NarrowFloat,
  NarrowFloatToOdd,
  NarrowBFloat,
  // one SEW or 2 * SEW: `scalar` and then the elements of vs2, one after the other
  ReduceSum,
  ReduceMinimum,
  ReduceMaximum,
  WidenReduceSum,
  Count
};

/// Uses of VectorLoopOperands: `rounding` is frm, `mask` is not read. Returns fflags besides those that the host's
/// floating-point unit gathers.
using VectorFloatLoop = uint8_t (*)(const VectorLoopOperands &operands);
/// Instead of flags: nothing has been done, and the slow loop must do it.
inline constexpr uint8_t notDone = 0x80;

struct VectorFloatLoopTable {
  /// By kind, log2(SEW / 8), and 1 if the scalar takes the place of vs1. Null where there is no such instruction.
  VectorFloatLoop loops[static_cast<size_t>(VectorFloatKind::Count)][4][2] = {};
};

struct VectorFloatLoops {
  VectorFloatLoopTable soft; // any rounding mode, any host
  VectorFloatLoopTable host; // while Hart::hostFloat; the same as `soft` where the host has nothing better
};
const VectorFloatLoops &vectorFloatLoops();

void addSoftLoops(VectorFloatLoopTable &table);

} // namespace weft::iss
