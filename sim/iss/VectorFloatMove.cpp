// Floating-point reductions, merge, slides by one, and moves between f registers and vectors.
#include "sim/iss/VectorFloat.h"
#include "sim/iss/VectorFloatShapes.h"

namespace weft::iss {

namespace {

using Kind = VectorFloatKind;

bool sewSupported(const Hart &hart) { return elementSupported(hart.isa, sewFloat, hart.vector.sewBits, false); }

/// Elements whose byte in `mask` is 1, one after the other. Returns how many.
size_t gatherActive(std::byte *to, const std::byte *from, const uint8_t *mask, size_t count, unsigned index) {
  size_t active = 0;
  for (size_t i = 0; i < count; ++i)
    if (mask[i])
      std::memcpy(to + (active++ << index), from + (i << index), size_t{1} << index);
  return active;
}

/// vd[0] = vs1[0] op all active elements of vs2, in their order, also where the specification leaves the order open.
template <VectorFloatKind Kind, bool Widens> bool executeFloatReduction(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (!floatReady(hart) || !sewSupported(hart) || !reductionLegal<Widens>(hart, op))
    return hart.illegal(op);
  if (state.vl != 0) {
    const unsigned sew = sewIndex(state), resultBytes = 1u << (sew + Widens);
    alignas(64) std::byte active[maxGroupBytes];
    MaskBytes mask;
    VectorLoopOperands operands;
    operands.vs2 = hart.vectorRegister(op.rs2);
    operands.count = state.vl;
    std::memcpy(&operands.scalar, hart.vectorRegister(op.rs1), resultBytes);
    if (!op.unmasked) {
      expandMask(hart.vectorRegister(0), state.vl, mask);
      operands.count = gatherActive(active, operands.vs2, mask, state.vl, sew);
      operands.vs2 = active;
    }
    operands.destination = hart.vectorRegister(op.rd);
    if (operands.count == 0) // vs1[0] as it is, also if it is NaN
      std::memcpy(operands.destination, &operands.scalar, resultBytes);
    else
      runFloatLoop(hart, Kind, sew, false, operands);
  }
  return finish(hart);
}

/// vfmerge.vfm, and vfmv.v.f, which takes the scalar for every element.
template <bool Merges> bool executeFloatMerge(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const unsigned vs2 = Merges ? op.rs2 : 0;
  if (!floatReady(hart) || !sewSupported(hart) || !groupsAligned(op.rd | vs2, state.lmulLog2) ||
      (Merges && (op.rd == 0 || vs2 == 0)))
    return hart.illegal(op);
  if (const size_t begin = state.vstart; begin < state.vl) {
    const unsigned width = sewIndex(state);
    MaskBytes mask;
    VectorLoopOperands operands;
    operands.destination = hart.vectorRegister(op.rd) + (begin << width);
    operands.vs2 = hart.vectorRegister(vs2) + (begin << width);
    operands.scalar = scalarNumber(hart, op, state.sewBits);
    operands.count = state.vl - begin;
    if (Merges) {
      expandMask(hart.vectorRegister(0), state.vl, mask);
      operands.mask = mask + begin;
    }
    findLoop(Merges ? VectorLoopKind::Merge : VectorLoopKind::Move, width, true)(operands);
  }
  return finish(hart);
}

template <bool Up> bool executeFloatSlideOne(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (!floatReady(hart) || !sewSupported(hart) || usesItsMask(op) || readsItsMask(op, op.rs2) ||
      !groupsAligned(op.rd | op.rs2, state.lmulLog2) || (Up && op.rd == op.rs2))
    return hart.illegal(op);
  if (const size_t begin = state.vstart; begin < state.vl) {
    alignas(64) std::byte results[maxGroupBytes];
    const unsigned width = sewIndex(state);
    const std::byte *vs2 = hart.vectorRegister(op.rs2);
    const uint64_t scalar = scalarNumber(hart, op, state.sewBits);
    const size_t element = size_t{1} << width, rest = (state.vl - 1) << width;
    std::memcpy(results + (Up ? element : 0), vs2 + (Up ? 0 : element), rest);
    std::memcpy(results + (Up ? 0 : rest), &scalar, element);
    std::byte *destination = hart.vectorRegister(op.rd) + (begin << width);
    const std::byte *from = results + (begin << width);
    if (op.unmasked) {
      std::memcpy(destination, from, (state.vl - begin) << width);
    } else {
      MaskBytes mask;
      expandMask(hart.vectorRegister(0), state.vl, mask);
      storeActive(destination, from, mask + begin, state.vl - begin, width);
    }
  }
  return finish(hart);
}

/// Reads element 0 whatever vl, vstart and LMUL are.
bool executeToF(Hart &hart, const Op &op) {
  if (!floatReady(hart) || !sewSupported(hart))
    return hart.illegal(op);
  uint64_t value = ~uint64_t{0}; // boxed
  std::memcpy(&value, hart.vectorRegister(op.rs2), hart.vector.sewBits / 8);
  hart.f[op.rd] = value;
  return finish(hart);
}

bool executeFromF(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (!floatReady(hart) || !sewSupported(hart))
    return hart.illegal(op);
  if (state.vstart < state.vl) {
    const uint64_t value = scalarNumber(hart, op, state.sewBits);
    std::memcpy(hart.vectorRegister(op.rd), &value, state.sewBits / 8);
  }
  return finish(hart);
}

#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;

} // namespace

Execute vectorFloatReduceExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_ROW(VFREDUSUM_VS, executeFloatReduction<Kind::ReduceSum, false>)
    WEFT_ROW(VFREDOSUM_VS, executeFloatReduction<Kind::ReduceSum, false>)
    WEFT_ROW(VFREDMIN_VS, executeFloatReduction<Kind::ReduceMinimum, false>)
    WEFT_ROW(VFREDMAX_VS, executeFloatReduction<Kind::ReduceMaximum, false>)
    WEFT_ROW(VFWREDUSUM_VS, executeFloatReduction<Kind::WidenReduceSum, true>)
    WEFT_ROW(VFWREDOSUM_VS, executeFloatReduction<Kind::WidenReduceSum, true>)
  default:
    return nullptr;
  }
}

Execute vectorFloatMoveExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_ROW(VFMERGE_VFM, executeFloatMerge<true>)
    WEFT_ROW(VFMV_V_F, executeFloatMerge<false>)
    WEFT_ROW(VFSLIDE1UP_VF, executeFloatSlideOne<true>)
    WEFT_ROW(VFSLIDE1DOWN_VF, executeFloatSlideOne<false>)
    WEFT_ROW(VFMV_F_S, executeToF)
    WEFT_ROW(VFMV_S_F, executeFromF)
  default:
    return nullptr;
  }
}

} // namespace weft::iss
