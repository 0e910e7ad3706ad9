// Slides, gathers, compress, moves of whole registers and between a vector's first element and an x register.
#include "sim/iss/VectorInteger.h"
#include "sim/iss/VectorShapes.h"

namespace weft::iss {

namespace {

/// Puts `results`, made for elements [begin, begin + count), where they belong; under the mask if there is one.
void storeBody(Hart &hart, const Op &op, const std::byte *results, size_t begin, size_t count) {
  const unsigned width = sewIndex(hart.vector);
  VectorLoopOperands operands;
  operands.destination = hart.vectorRegister(op.rd) + (begin << width);
  operands.vs1 = results;
  operands.count = count;
  if (op.unmasked) {
    std::memcpy(operands.destination, results, count << width);
    return;
  }
  MaskBytes mask;
  expandMask(hart.vectorRegister(0), begin + count, mask);
  operands.vs2 = operands.destination;
  operands.mask = mask + begin;
  findLoop(VectorLoopKind::Merge, width, false)(operands);
}

/// vd and vs2 are groups of LMUL registers; `Apart` where they must not overlap.
template <bool Apart> bool legalPermutation(const Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  return !state.illegal && !usesItsMask(op) && !readsItsMask(op, op.rs2) &&
         groupsAligned(op.rd | op.rs2, state.lmulLog2) && !(Apart && op.rd == op.rs2); // groups of one size
}

template <VectorForm Form> bool executeSlideUp(Hart &hart, const Op &op) {
  if (!legalPermutation<true>(hart, op))
    return hart.illegal(op);
  const VectorState &state = hart.vector;
  const uint64_t offset = scalarOperand<Form>(hart, op);
  const size_t begin = std::max(state.vstart, offset); // elements below the offset stay
  if (begin < state.vl)
    storeBody(hart, op, hart.vectorRegister(op.rs2) + ((begin - offset) << sewIndex(state)), begin, state.vl - begin);
  return finish(hart);
}

template <VectorForm Form> bool executeSlideDown(Hart &hart, const Op &op) {
  if (!legalPermutation<false>(hart, op))
    return hart.illegal(op);
  const VectorState &state = hart.vector;
  if (const size_t begin = state.vstart; begin < state.vl) {
    // Elements come from [begin + offset, vl + offset); those at VLMAX and above are zero.
    alignas(64) std::byte results[maxGroupBytes];
    const unsigned width = sewIndex(state);
    const size_t offset = std::min<uint64_t>(scalarOperand<Form>(hart, op), state.vlmax), count = state.vl - begin;
    const size_t there = begin + offset < state.vlmax ? std::min<size_t>(count, state.vlmax - begin - offset) : 0;
    if (there != 0)
      std::memcpy(results, hart.vectorRegister(op.rs2) + ((begin + offset) << width), there << width);
    std::memset(results + (there << width), 0, (count - there) << width);
    storeBody(hart, op, results, begin, count);
  }
  return finish(hart);
}

template <bool Up> bool executeSlideOne(Hart &hart, const Op &op) {
  if (!legalPermutation<Up>(hart, op))
    return hart.illegal(op);
  const VectorState &state = hart.vector;
  if (state.vstart < state.vl) {
    alignas(64) std::byte results[maxGroupBytes];
    const unsigned width = sewIndex(state);
    const std::byte *vs2 = hart.vectorRegister(op.rs2);
    const size_t element = size_t{1} << width, rest = (state.vl - 1) << width;
    std::memcpy(results + (Up ? element : 0), vs2 + (Up ? 0 : element), rest);
    std::memcpy(results + (Up ? 0 : rest), &hart.x[op.rs1], element);
    storeBody(hart, op, results + (state.vstart << width), state.vstart, state.vl - state.vstart);
  }
  return finish(hart);
}

template <class Element, class Index>
void gather(std::byte *results, const std::byte *vs2, const std::byte *indices, size_t count, size_t vlmax) {
  for (size_t i = 0; i < count; ++i) {
    Index index;
    Element value = 0;
    std::memcpy(&index, indices + i * sizeof(Index), sizeof(Index));
    if (index < vlmax)
      std::memcpy(&value, vs2 + index * sizeof(Element), sizeof(Element));
    std::memcpy(results + i * sizeof(Element), &value, sizeof(Element));
  }
}

template <bool Index16, class Element> void gatherBody(Hart &hart, const Op &op, const VectorState &state) {
  using Index = std::conditional_t<Index16, uint16_t, Element>;
  alignas(64) std::byte results[maxGroupBytes];
  gather<Element, Index>(results, hart.vectorRegister(op.rs2),
                         hart.vectorRegister(op.rs1) + state.vstart * sizeof(Index), state.vl - state.vstart,
                         state.vlmax);
  storeBody(hart, op, results, state.vstart, state.vl - state.vstart);
}

template <bool Index16> bool executeGather(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const int indexLmul = Index16 ? state.lmulLog2 + 1 - static_cast<int>(sewIndex(state)) : state.lmulLog2;
  const VectorGroup destination{op.rd, state.lmulLog2, state.sewBits}, data{op.rs2, state.lmulLog2, state.sewBits},
      indices{op.rs1, indexLmul, Index16 ? 16 : state.sewBits};
  if (!legalPermutation<true>(hart, op) || !emulSupported(indexLmul) || !groupsAligned(op.rs1, indexLmul) ||
      destination.overlaps(indices) || !mayReadBoth(data, indices) || readsItsMask(op, op.rs2, op.rs1))
    return hart.illegal(op);
  if (state.vstart < state.vl) {
    switch (state.sewBits) {
    case 8:
      gatherBody<Index16, uint8_t>(hart, op, state);
      break;
    case 16:
      gatherBody<Index16, uint16_t>(hart, op, state);
      break;
    case 32:
      gatherBody<Index16, uint32_t>(hart, op, state);
      break;
    default:
      gatherBody<Index16, uint64_t>(hart, op, state);
    }
  }
  return finish(hart);
}

/// vrgather with one index for all: a splat.
template <VectorForm Form> bool executeGatherScalar(Hart &hart, const Op &op) {
  if (!legalPermutation<true>(hart, op))
    return hart.illegal(op);
  const VectorState &state = hart.vector;
  if (const size_t begin = state.vstart; begin < state.vl) {
    const unsigned width = sewIndex(state);
    const uint64_t index = scalarOperand<Form>(hart, op);
    const VectorLoop loop = findLoop(VectorLoopKind::Move, width, true);
    VectorLoopOperands operands;
    operands.destination = hart.vectorRegister(op.rd) + (begin << width);
    operands.count = state.vl - begin;
    if (index < state.vlmax)
      std::memcpy(&operands.scalar, hart.vectorRegister(op.rs2) + (index << width), size_t{1} << width);
    if (op.unmasked)
      loop(operands);
    else
      runMasked(hart, loop, operands, width);
  }
  return finish(hart);
}

template <class Element>
void compress(const VectorState &state, std::byte *vd, const std::byte *vs2, const std::byte *mask) {
  size_t count = 0;
  for (size_t i = 0; i < state.vl; ++i)
    if (static_cast<uint8_t>(mask[i / 8]) >> (i % 8) & 1)
      std::memcpy(vd + count++ * sizeof(Element), vs2 + i * sizeof(Element), sizeof(Element));
}

bool executeCompress(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const VectorGroup destination{op.rd, state.lmulLog2, state.sewBits}, data{op.rs2, state.lmulLog2, state.sewBits},
      mask{op.rs1, 0, 1};
  if (!legalPermutation<true>(hart, op) || state.vstart != 0 || destination.overlaps(mask) || data.overlaps(mask))
    return hart.illegal(op);
  std::byte *vd = hart.vectorRegister(op.rd);
  const std::byte *vs2 = hart.vectorRegister(op.rs2), *vs1 = hart.vectorRegister(op.rs1);
  switch (state.sewBits) {
  case 8:
    compress<uint8_t>(state, vd, vs2, vs1);
    break;
  case 16:
    compress<uint16_t>(state, vd, vs2, vs1);
    break;
  case 32:
    compress<uint32_t>(state, vd, vs2, vs1);
    break;
  default:
    compress<uint64_t>(state, vd, vs2, vs1);
  }
  return finish(hart);
}

/// vmv<n>r.v moves elements of SEW bits from vstart on, without regard to vl. As it depends on SEW, it is illegal
/// while vill is set.
template <unsigned Count> bool executeMoveWhole(Hart &hart, const Op &op) {
  if (hart.vector.illegal || (op.rd | op.rs2) % Count != 0)
    return hart.illegal(op);
  const size_t bytes = size_t{Count} * hart.isa.vlenBytes();
  const size_t skipped = hart.vector.vstart << sewIndex(hart.vector);
  if (skipped < bytes)
    std::memmove(hart.vectorRegister(op.rd) + skipped, hart.vectorRegister(op.rs2) + skipped, bytes - skipped);
  return finish(hart);
}

bool executeToScalar(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (state.illegal)
    return hart.illegal(op);
  uint64_t value = 0;
  std::memcpy(&value, hart.vectorRegister(op.rs2), state.sewBits / 8);
  const unsigned unused = 64 - state.sewBits;
  if (op.rd != 0)
    hart.x[op.rd] = static_cast<uint64_t>(static_cast<int64_t>(value << unused) >> unused);
  return finish(hart);
}

bool executeFromScalar(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (state.illegal)
    return hart.illegal(op);
  if (state.vstart < state.vl) // element 0 only, also if vstart is beyond it
    std::memcpy(hart.vectorRegister(op.rd), &hart.x[op.rs1], state.sewBits / 8);
  return finish(hart);
}

} // namespace

Execute vectorPermutationExecutor(Opcode opcode) {
  switch (opcode) {
  case Opcode::VSLIDEUP_VX:
    return executeSlideUp<VectorForm::Scalar>;
  case Opcode::VSLIDEUP_VI:
    return executeSlideUp<VectorForm::UnsignedImmediate>;
  case Opcode::VSLIDEDOWN_VX:
    return executeSlideDown<VectorForm::Scalar>;
  case Opcode::VSLIDEDOWN_VI:
    return executeSlideDown<VectorForm::UnsignedImmediate>;
  case Opcode::VSLIDE1UP_VX:
    return executeSlideOne<true>;
  case Opcode::VSLIDE1DOWN_VX:
    return executeSlideOne<false>;
  case Opcode::VRGATHER_VV:
    return executeGather<false>;
  case Opcode::VRGATHEREI16_VV:
    return executeGather<true>;
  case Opcode::VRGATHER_VX:
    return executeGatherScalar<VectorForm::Scalar>;
  case Opcode::VRGATHER_VI:
    return executeGatherScalar<VectorForm::UnsignedImmediate>;
  case Opcode::VCOMPRESS_VM:
    return executeCompress;
  case Opcode::VMV1R_V:
    return executeMoveWhole<1>;
  case Opcode::VMV2R_V:
    return executeMoveWhole<2>;
  case Opcode::VMV4R_V:
    return executeMoveWhole<4>;
  case Opcode::VMV8R_V:
    return executeMoveWhole<8>;
  case Opcode::VMV_X_S:
    return executeToScalar;
  case Opcode::VMV_S_X:
    return executeFromScalar;
  default:
    return nullptr;
  }
}

} // namespace weft::iss
