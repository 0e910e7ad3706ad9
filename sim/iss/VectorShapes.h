// Executors of element-wise instructions by the widths of their operands: legality, then the loop.
#pragma once

#include "sim/iss/VectorElementwise.h"

namespace weft::iss {

template <VectorForm Form> constexpr bool isScalar = Form != VectorForm::Vector;

/// The register number of vs1, or one that breaks no rule if there is none.
template <VectorForm Form> unsigned firstRegister(const Op &op) { return isScalar<Form> ? 0 : op.rs1; }

/// Whether a masked instruction writes v0 or reads it as data.
template <VectorForm Form> bool clashesWithMask(const Op &op) {
  return usesItsMask(op) || readsItsMask(op, op.rs2, isScalar<Form> ? 1 : op.rs1);
}

/// SEW = SEW op SEW.
template <VectorLoopKind Kind, VectorForm Form> bool executeSame(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (state.illegal || clashesWithMask<Form>(op) ||
      !groupsAligned(op.rd | op.rs2 | firstRegister<Form>(op), state.lmulLog2))
    return hart.illegal(op);
  const unsigned width = sewIndex(state);
  return runElements<Form>(hart, op, findLoop(Kind, width, isScalar<Form>), {width, width, width},
                           hart.vectorRegister(op.rs2), hart.vectorRegister(firstRegister<Form>(op)));
}

/// A copy of a register group, for instructions whose destination lies over a source of another width.
class GroupCopy {
public:
  const std::byte *of(const Hart &hart, unsigned first, unsigned count) {
    std::memcpy(bytes, hart.vectorRegister(first), count * hart.isa.vlenBytes());
    return bytes;
  }

private:
  alignas(64) std::byte bytes[maxGroupBytes];
};

/// Whether a widening instruction reads its destination.
constexpr bool accumulates(VectorLoopKind kind) {
  return kind >= VectorLoopKind::WidenAccumulate && kind <= VectorLoopKind::WidenAccumulateUS;
}

/// 2 * SEW = SEW op SEW, or 2 * SEW op SEW if `WideSecond`.
template <VectorLoopKind Kind, VectorForm Form, bool WideSecond> bool executeWidening(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const int lmul = state.lmulLog2, sew = static_cast<int>(state.sewBits);
  if (state.illegal || sew > 32 || lmul > 2 || clashesWithMask<Form>(op))
    return hart.illegal(op);
  const unsigned vs1 = firstRegister<Form>(op);
  const VectorGroup destination{op.rd, lmul + 1, state.sewBits * 2}, first{vs1, lmul, state.sewBits},
      second{op.rs2, lmul + WideSecond, state.sewBits << WideSecond};
  constexpr auto mayBeBoth = accumulates(Kind) ? mayReadBoth : mayOverlap;
  if (!groupsAligned(op.rd, lmul + 1) || !groupsAligned(op.rs2, second.emulLog2) || !groupsAligned(vs1, lmul) ||
      !mayBeBoth(destination, second) ||
      (!isScalar<Form> && (!mayBeBoth(destination, first) || !mayReadBoth(second, first))))
    return hart.illegal(op);
  const unsigned width = sewIndex(state);
  GroupCopy firstCopy, secondCopy;
  const std::byte *secondBytes = !WideSecond && destination.overlaps(second)
                                     ? secondCopy.of(hart, second.first, second.count())
                                     : hart.vectorRegister(op.rs2);
  const std::byte *firstBytes = !isScalar<Form> && destination.overlaps(first)
                                    ? firstCopy.of(hart, first.first, first.count())
                                    : hart.vectorRegister(vs1);
  return runElements<Form>(hart, op, findLoop(Kind, width, isScalar<Form>), {width + 1, width + WideSecond, width},
                           secondBytes, firstBytes);
}

/// SEW = 2 * SEW op SEW.
template <VectorLoopKind Kind, VectorForm Form> bool executeNarrowing(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const int lmul = state.lmulLog2, sew = static_cast<int>(state.sewBits);
  if (state.illegal || sew > 32 || lmul > 2 || clashesWithMask<Form>(op))
    return hart.illegal(op);
  const unsigned vs1 = firstRegister<Form>(op);
  const VectorGroup destination{op.rd, lmul, state.sewBits}, second{op.rs2, lmul + 1, state.sewBits * 2};
  if (!groupsAligned(op.rd | vs1, lmul) || !groupsAligned(op.rs2, lmul + 1) || !mayOverlap(destination, second) ||
      (!isScalar<Form> && !mayReadBoth(second, {vs1, lmul, state.sewBits})))
    return hart.illegal(op);
  const unsigned width = sewIndex(state);
  GroupCopy copy;
  const std::byte *bytes =
      destination.overlaps(second) ? copy.of(hart, second.first, second.count()) : hart.vectorRegister(op.rs2);
  return runElements<Form>(hart, op, findLoop(Kind, width, isScalar<Form>), {width, width + 1, width}, bytes,
                           hart.vectorRegister(vs1));
}

/// SEW = SEW / 2^FactorLog2, extended.
template <VectorLoopKind Kind, int FactorLog2> bool executeExtension(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const int lmul = state.lmulLog2, sourceLmul = lmul - FactorLog2;
  const unsigned sourceBits = state.sewBits >> FactorLog2;
  if (state.illegal || sourceBits < 8 || !emulSupported(sourceLmul) || clashesWithMask<VectorForm::Immediate>(op))
    return hart.illegal(op);
  const VectorGroup destination{op.rd, lmul, state.sewBits}, source{op.rs2, sourceLmul, sourceBits};
  if (!groupsAligned(op.rd, lmul) || !groupsAligned(op.rs2, sourceLmul) || !mayOverlap(destination, source))
    return hart.illegal(op);
  const unsigned width = sewIndex(state);
  GroupCopy copy;
  const std::byte *bytes =
      destination.overlaps(source) ? copy.of(hart, source.first, source.count()) : hart.vectorRegister(op.rs2);
  return runElements<VectorForm::Vector>(hart, op, findLoop(Kind, width, false), {width, width - FactorLog2, 0}, bytes,
                                         bytes);
}

/// One element from the elements of vs2 and element 0 of vs1, which is 2 * SEW wide if `Widens`.
template <bool Widens> bool reductionLegal(const Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const VectorGroup elements{op.rs2, state.lmulLog2, state.sewBits}, start{op.rs1, 0, state.sewBits << Widens};
  return !state.illegal && state.vstart == 0 && state.sewBits << Widens <= 64 &&
         groupsAligned(op.rs2, state.lmulLog2) && !readsItsMask(op, op.rs2, op.rs1) && mayReadBoth(elements, start);
}

/// How an instruction with a mask for result reads v0.
enum class MaskUse : uint8_t { Mask, Carry, None };

/// One bit from SEW op SEW.
template <VectorLoopKind Kind, VectorForm Form, MaskUse Use> bool executeToMask(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const unsigned vs1 = firstRegister<Form>(op);
  const VectorGroup destination{op.rd, 0, 1};
  if (state.illegal || !groupsAligned(op.rs2 | vs1, state.lmulLog2) ||
      (Use != MaskUse::None && readsItsMask(op, op.rs2, isScalar<Form> ? 1 : vs1)) ||
      !mayOverlap(destination, {op.rs2, state.lmulLog2, state.sewBits}) ||
      (!isScalar<Form> && !mayOverlap(destination, {vs1, state.lmulLog2, state.sewBits})))
    return hart.illegal(op);
  if (state.vstart < state.vl) {
    MaskBytes results, carries;
    VectorLoopOperands operands;
    operands.destination = reinterpret_cast<std::byte *>(results);
    operands.vs2 = hart.vectorRegister(op.rs2);
    operands.vs1 = hart.vectorRegister(vs1);
    operands.scalar = scalarOperand<Form>(hart, op);
    operands.count = state.vl;
    if constexpr (Use == MaskUse::Carry) {
      expandMask(hart.vectorRegister(0), state.vl, carries);
      operands.mask = carries;
    }
    findLoop(Kind, sewIndex(state), isScalar<Form>)(operands);
    writeMask(hart.vectorRegister(op.rd), results, state.vstart, state.vl,
              Use == MaskUse::Mask && !op.unmasked ? hart.vectorRegister(0) : nullptr);
  }
  return finish(hart);
}

/// SEW = SEW op SEW with v0 as carry, borrow or selector; every element of the body is written.
template <VectorLoopKind Kind, VectorForm Form> bool executeWithCarry(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const unsigned vs1 = firstRegister<Form>(op);
  if (state.illegal || clashesWithMask<Form>(op) || !groupsAligned(op.rd | op.rs2 | vs1, state.lmulLog2))
    return hart.illegal(op);
  if (const size_t begin = state.vstart; begin < state.vl) {
    MaskBytes mask;
    expandMask(hart.vectorRegister(0), state.vl, mask);
    const unsigned width = sewIndex(state);
    VectorLoopOperands operands;
    operands.destination = hart.vectorRegister(op.rd) + (begin << width);
    operands.vs2 = hart.vectorRegister(op.rs2) + (begin << width);
    operands.vs1 = hart.vectorRegister(vs1) + (begin << width);
    operands.scalar = scalarOperand<Form>(hart, op);
    operands.mask = mask + begin;
    operands.count = state.vl - begin;
    findLoop(Kind, width, isScalar<Form>)(operands);
  }
  return finish(hart);
}

} // namespace weft::iss
