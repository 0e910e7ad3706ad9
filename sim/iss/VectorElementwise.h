// What element-wise vector instructions share: where operands are, which encodings are legal, masks, vstart.
#pragma once

#include "sim/iss/PreparedVector.h"
#include "sim/iss/VectorChecks.h"
#include "sim/iss/VectorLoops.h"
#include "sim/iss/VectorMaskBits.h"

#include <bit>

namespace weft::iss {

/// Where the first operand comes from: a register group, x[rs1], a sign-extended or an unsigned immediate.
enum class VectorForm : uint8_t { Vector, Scalar, Immediate, UnsignedImmediate };

template <VectorForm Form> uint64_t scalarOperand(const Hart &hart, const Op &op) {
  if constexpr (Form == VectorForm::Scalar)
    return hart.x[op.rs1];
  if constexpr (Form == VectorForm::Immediate)
    return static_cast<uint64_t>(op.immediate);
  if constexpr (Form == VectorForm::UnsignedImmediate)
    return static_cast<uint64_t>(op.immediate) & 31;
  return 0;
}

inline unsigned sewIndex(const VectorState &state) {
  return static_cast<unsigned>(std::countr_zero(state.sewBits)) - 3;
}

inline VectorLoop findLoop(VectorLoopKind kind, unsigned index, bool scalar) {
  return vectorLoops().loops[static_cast<size_t>(kind)][index][scalar];
}

/// Retires a vector instruction.
inline bool finish(Hart &hart) {
  hart.vector.vstart = 0;
  return true;
}

/// Runs `loop` under the mask v0: elements [vstart, vl) of `operands`, whose pointers are at element vstart already.
/// Results are `1 << destinationIndex` bytes each.
void runMasked(Hart &hart, VectorLoop loop, VectorLoopOperands &operands, unsigned destinationIndex);

/// Elements' widths as binary logarithms of bytes.
struct VectorWidths {
  unsigned destination = 0, second = 0, first = 0;
};

/// Legality has been checked, and that operands do not overlap the destination but element by element.
template <VectorForm Form>
bool runElements(Hart &hart, const Op &op, VectorLoop loop, VectorWidths widths, const std::byte *vs2,
                 const std::byte *vs1) {
  VectorState &state = hart.vector;
  const size_t begin = state.vstart;
  if (begin < state.vl) {
    VectorLoopOperands operands;
    operands.destination = hart.vectorRegister(op.rd) + (begin << widths.destination);
    operands.old = operands.destination;
    operands.vs2 = vs2 + (begin << widths.second);
    operands.vs1 = vs1 + (begin << widths.first);
    operands.scalar = scalarOperand<Form>(hart, op);
    operands.count = state.vl - begin;
    operands.rounding = state.vxrm;
    if (!op.unmasked) {
      runMasked(hart, loop, operands, widths.destination);
      return finish(hart);
    }
    if (hart.preparing) [[unlikely]]
      rememberLoop(hart, loop, operands, Form == VectorForm::Scalar ? ScalarSource::X : ScalarSource::Constant);
    if (loop(operands))
      state.vxsat = true;
  }
  return finish(hart);
}

} // namespace weft::iss
