// Instructions on masks: logic, counts, first elements, viota and vid.
#include "sim/iss/VectorInteger.h"
#include "sim/iss/VectorShapes.h"

namespace weft::iss {

namespace {

struct And {
  static uint64_t apply(uint64_t b, uint64_t a) { return b & a; }
};
struct AndNot {
  static uint64_t apply(uint64_t b, uint64_t a) { return b & ~a; }
};
struct Nand {
  static uint64_t apply(uint64_t b, uint64_t a) { return ~(b & a); }
};
struct Or {
  static uint64_t apply(uint64_t b, uint64_t a) { return b | a; }
};
struct OrNot {
  static uint64_t apply(uint64_t b, uint64_t a) { return b | ~a; }
};
struct Nor {
  static uint64_t apply(uint64_t b, uint64_t a) { return ~(b | a); }
};
struct Xor {
  static uint64_t apply(uint64_t b, uint64_t a) { return b ^ a; }
};
struct Xnor {
  static uint64_t apply(uint64_t b, uint64_t a) { return ~(b ^ a); }
};

template <class F> bool executeLogic(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (state.illegal)
    return hart.illegal(op);
  std::byte *vd = hart.vectorRegister(op.rd);
  const std::byte *vs2 = hart.vectorRegister(op.rs2), *vs1 = hart.vectorRegister(op.rs1);
  for (size_t word = state.vstart / 64; word * 64 < state.vl; ++word) {
    const uint64_t selected = maskRange(word, state.vstart, state.vl);
    const uint64_t value = F::apply(loadMaskWord(vs2, word), loadMaskWord(vs1, word));
    const uint64_t result = (loadMaskWord(vd, word) & ~selected) | (value & selected);
    std::memcpy(vd + word * 8, &result, 8);
  }
  return finish(hart);
}

/// Bits of vs2 that are set, active and below vl, of one word.
uint64_t activeWord(const Hart &hart, const Op &op, size_t word) {
  uint64_t bits = loadMaskWord(hart.vectorRegister(op.rs2), word) & maskRange(word, 0, hart.vector.vl);
  if (!op.unmasked)
    bits &= loadMaskWord(hart.vectorRegister(0), word);
  return bits;
}

/// Index of the first element that is set and active; vl if there is none.
uint64_t findFirst(const Hart &hart, const Op &op) {
  for (size_t word = 0; word * 64 < hart.vector.vl; ++word)
    if (uint64_t bits = activeWord(hart, op, word))
      return word * 64 + static_cast<unsigned>(std::countr_zero(bits));
  return hart.vector.vl;
}

bool executeCount(Hart &hart, const Op &op) {
  if (hart.vector.illegal || hart.vector.vstart != 0)
    return hart.illegal(op);
  uint64_t count = 0;
  for (size_t word = 0; word * 64 < hart.vector.vl; ++word)
    count += static_cast<unsigned>(std::popcount(activeWord(hart, op, word)));
  if (op.rd != 0)
    hart.x[op.rd] = count;
  return finish(hart);
}

bool executeFirst(Hart &hart, const Op &op) {
  if (hart.vector.illegal || hart.vector.vstart != 0)
    return hart.illegal(op);
  const uint64_t first = findFirst(hart, op);
  if (op.rd != 0)
    hart.x[op.rd] = first < hart.vector.vl ? first : ~uint64_t{0};
  return finish(hart);
}

enum class SetMask : uint8_t { BeforeFirst, IncludingFirst, OnlyFirst };

template <SetMask Which> bool executeSetMask(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (state.illegal || state.vstart != 0 || op.rd == op.rs2 || usesItsMask(op))
    return hart.illegal(op);
  const uint64_t first = findFirst(hart, op);
  std::byte *vd = hart.vectorRegister(op.rd);
  for (size_t word = 0; word * 64 < state.vl; ++word) {
    uint64_t selected = maskRange(word, 0, state.vl);
    if (!op.unmasked)
      selected &= loadMaskWord(hart.vectorRegister(0), word);
    const uint64_t value =
        maskRange(word, Which == SetMask::OnlyFirst ? first : 0, Which == SetMask::BeforeFirst ? first : first + 1);
    const uint64_t result = (loadMaskWord(vd, word) & ~selected) | (value & selected);
    std::memcpy(vd + word * 8, &result, 8);
  }
  return finish(hart);
}

template <class U> void storeCounts(const Hart &hart, const Op &op, std::byte *vd) {
  const size_t vl = hart.vector.vl;
  U count = 0;
  for (size_t i = 0; i < vl; ++i) {
    if (!op.unmasked && !hart.maskBit(i))
      continue;
    std::memcpy(vd + i * sizeof(U), &count, sizeof(U));
    count += static_cast<uint8_t>(hart.vectorRegister(op.rs2)[i / 8]) >> (i % 8) & 1;
  }
}

bool executeIota(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const VectorGroup destination{op.rd, state.lmulLog2, state.sewBits}, source{op.rs2, 0, 1};
  if (state.illegal || state.vstart != 0 || usesItsMask(op) || !groupsAligned(op.rd, state.lmulLog2) ||
      destination.overlaps(source))
    return hart.illegal(op);
  std::byte *vd = hart.vectorRegister(op.rd);
  switch (state.sewBits) {
  case 8:
    storeCounts<uint8_t>(hart, op, vd);
    break;
  case 16:
    storeCounts<uint16_t>(hart, op, vd);
    break;
  case 32:
    storeCounts<uint32_t>(hart, op, vd);
    break;
  default:
    storeCounts<uint64_t>(hart, op, vd);
  }
  return finish(hart);
}

bool executeIndex(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (state.illegal || usesItsMask(op) || !groupsAligned(op.rd, state.lmulLog2))
    return hart.illegal(op);
  if (const size_t begin = state.vstart; begin < state.vl) {
    const unsigned width = sewIndex(state);
    const VectorLoop loop = findLoop(VectorLoopKind::Index, width, true);
    VectorLoopOperands operands;
    operands.destination = hart.vectorRegister(op.rd) + (begin << width);
    operands.scalar = begin;
    operands.count = state.vl - begin;
    if (op.unmasked)
      loop(operands);
    else
      runMasked(hart, loop, operands, width);
  }
  return finish(hart);
}

} // namespace

Execute vectorMaskExecutor(Opcode opcode) {
  switch (opcode) {
  case Opcode::VMAND_MM:
    return executeLogic<And>;
  case Opcode::VMANDN_MM:
    return executeLogic<AndNot>;
  case Opcode::VMNAND_MM:
    return executeLogic<Nand>;
  case Opcode::VMOR_MM:
    return executeLogic<Or>;
  case Opcode::VMORN_MM:
    return executeLogic<OrNot>;
  case Opcode::VMNOR_MM:
    return executeLogic<Nor>;
  case Opcode::VMXOR_MM:
    return executeLogic<Xor>;
  case Opcode::VMXNOR_MM:
    return executeLogic<Xnor>;
  case Opcode::VCPOP_M:
    return executeCount;
  case Opcode::VFIRST_M:
    return executeFirst;
  case Opcode::VMSBF_M:
    return executeSetMask<SetMask::BeforeFirst>;
  case Opcode::VMSIF_M:
    return executeSetMask<SetMask::IncludingFirst>;
  case Opcode::VMSOF_M:
    return executeSetMask<SetMask::OnlyFirst>;
  case Opcode::VIOTA_M:
    return executeIota;
  case Opcode::VID_V:
    return executeIndex;
  default:
    return nullptr;
  }
}

} // namespace weft::iss
