// The loops of element-wise vector instructions and reductions of integers: all that takes time, and nothing else. They
// know no registers and no legality. Compiled for several instruction sets (VectorTarget.h), so this header defines no
// function.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::iss {

enum class VectorLoopKind : uint8_t {
  // SEW = SEW op SEW
  Add,
  Sub,
  ReverseSub,
  MinU,
  Min,
  MaxU,
  Max,
  And,
  Or,
  Xor,
  ShiftLeft,
  ShiftRight,
  ShiftRightArithmetic,
  Multiply,
  MultiplyHigh,
  MultiplyHighU,
  MultiplyHighSU,
  Divide,
  DivideU,
  Remainder,
  RemainderU,
  Move /* vs1 or scalar; vs2 is not read */,
  Merge,
  AddCarry,
  SubBorrow,
  // SEW = SEW op SEW, rounded or saturated
  SaturatingAdd,
  SaturatingAddU,
  SaturatingSub,
  SaturatingSubU,
  AveragingAdd,
  AveragingAddU,
  AveragingSub,
  AveragingSubU,
  SaturatingMultiply,
  ScalingShift,
  ScalingShiftU,
  // SEW += SEW op SEW
  MultiplyAccumulate /* vmacc */,
  MultiplyAdd /* vmadd */,
  NegateMultiplyAccumulate /* vnmsac */,
  NegateMultiplyAdd /* vnmsub */,
  // one byte, 0 or 1, an element
  Equal,
  NotEqual,
  Less,
  LessU,
  LessEqual,
  LessEqualU,
  Greater,
  GreaterU,
  CarryOut,
  BorrowOut,
  // 2 * SEW from SEW op SEW
  WidenAdd,
  WidenAddU,
  WidenSub,
  WidenSubU,
  WidenMultiply,
  WidenMultiplyU,
  WidenMultiplySU,
  WidenAccumulate,
  WidenAccumulateU,
  WidenAccumulateSU,
  WidenAccumulateUS,
  // 2 * SEW from 2 * SEW op SEW
  WideAdd,
  WideAddU,
  WideSub,
  WideSubU,
  // SEW from 2 * SEW op SEW
  NarrowShift,
  NarrowShiftArithmetic,
  NarrowClip,
  NarrowClipU,
  // SEW from SEW / 2, 4, 8
  ZeroExtend2,
  SignExtend2,
  ZeroExtend4,
  SignExtend4,
  ZeroExtend8,
  SignExtend8,
  // scalar + i
  Index,
  // one SEW or 2 * SEW from `scalar` and all active elements of vs2
  ReduceSum,
  ReduceAnd,
  ReduceOr,
  ReduceXor,
  ReduceMin,
  ReduceMinU,
  ReduceMax,
  ReduceMaxU,
  WidenReduceSum,
  WidenReduceSumU,
  Count
};

struct VectorLoopOperands {
  std::byte *destination = nullptr;
  const std::byte *old = nullptr; // the destination's elements before, for multiply-add
  const std::byte *vs2 = nullptr, *vs1 = nullptr;
  uint64_t scalar = 0;
  /// One byte, 0 or 1, an element; null if all are 1. Merge and the carries select by it; saturating operations and
  /// reductions leave out elements whose byte is 0; the others ignore it.
  const uint8_t *mask = nullptr;
  size_t count = 0;
  uint8_t rounding = 0; // vxrm
};

/// Returns whether an active element saturated. Operands lie where the destination lies, or do not overlap it.
using VectorLoop = bool (*)(const VectorLoopOperands &operands);

struct VectorLoopTable {
  /// By kind, log2(SEW / 8), and 1 if the scalar takes the place of vs1. Null where there is no such instruction.
  VectorLoop loops[static_cast<size_t>(VectorLoopKind::Count)][4][2] = {};
};

/// Those for this host.
const VectorLoopTable &vectorLoops();

} // namespace weft::iss
