// Executors of vector floating-point instructions by the types of their operands: legality, masks, then the loop.
#pragma once

#include "sim/iss/FloatRegisters.h"
#include "sim/iss/VectorFloatLoops.h"
#include "sim/iss/VectorShapes.h"

namespace weft::iss {

/// The type of a vector operand's elements.
struct FloatElement {
  enum Type : uint8_t { None, Integer, Float, BFloat };
  Type type = None;
  bool wide = false; // 2 * SEW
};

/// The operands of an instruction.
struct FloatShape {
  FloatElement destination, second, first;
  bool readsOld = false;
  bool minimal = false; // Zvfhmin has it, too
};

constexpr FloatElement sewFloat{FloatElement::Float, false}, wideFloat{FloatElement::Float, true},
    sewInteger{FloatElement::Integer, false}, wideInteger{FloatElement::Integer, true},
    sewBFloat{FloatElement::BFloat, false}, noElement{};

constexpr bool elementSupported(const hw::Isa &isa, FloatElement element, unsigned sewBits, bool minimal) {
  const unsigned bits = sewBits << element.wide;
  switch (element.type) {
  case FloatElement::Integer:
    return bits <= 64;
  case FloatElement::Float:
    return bits == 32 || bits == 64 || (bits == 16 && (minimal ? isa.zvfhmin : isa.zvfh));
  case FloatElement::BFloat:
    return bits == 16;
  case FloatElement::None:
    break;
  }
  return true;
}

/// What every vector floating-point instruction asks for. A reserved rounding mode is illegal even where nothing
/// rounds; altfmt, which drafts give a meaning for floating point that no core here has, is reserved.
inline bool floatReady(const Hart &hart) {
  return !hart.vector.illegal && !hart.vector.alternate && hart.privileged.floatEnabled && hart.frm <= maxRounding;
}

/// Number 1 of the type: no operation on it raises a flag.
constexpr uint64_t harmless(FloatElement element, unsigned sewBits) {
  const unsigned bits = sewBits << element.wide;
  if (element.type == FloatElement::Integer)
    return 1;
  if (element.type == FloatElement::BFloat)
    return BFloat::one;
  return bits == 16 ? Half::one : bits == 32 ? uint64_t{Single::one} : Double::one;
}

/// f[rs1] as a number of SEW bits.
inline uint64_t scalarNumber(const Hart &hart, const Op &op, unsigned sewBits, bool isBFloat = false) {
  switch (sewBits) {
  case 16:
    return isBFloat ? floatRegister<BFloat>(hart, op.rs1) : floatRegister<Half>(hart, op.rs1);
  case 32:
    return floatRegister<Single>(hart, op.rs1);
  default:
    return hart.f[op.rs1];
  }
}

/// Runs a loop and gathers its flags.
inline void runFloatLoop(Hart &hart, VectorFloatKind kind, unsigned sew, bool scalar, VectorLoopOperands &operands) {
  const VectorFloatLoops &all = vectorFloatLoops();
  const auto row = static_cast<size_t>(kind);
  operands.rounding = hart.frm;
  uint8_t flags = (hart.hostFloat ? all.host : all.soft).loops[row][sew][scalar](operands);
  if (flags & notDone)
    flags = all.soft.loops[row][sew][scalar](operands);
  hart.fflags |= flags;
}

/// For hart.preparing: the loop that runFloatLoop() will run.
void rememberFloatLoop(Hart &hart, VectorFloatKind kind, const VectorLoopOperands &operands, bool vector,
                       bool isBFloat);

/// An operand of a masked instruction: elements that are not active are replaced by a harmless number.
class ActiveOperand {
public:
  const std::byte *of(const std::byte *elements, const VectorLoopOperands &run, unsigned index, uint64_t inactive) {
    return merge(elements, 0, run, index, inactive, false);
  }
  const std::byte *ofScalar(uint64_t value, const VectorLoopOperands &run, unsigned index, uint64_t inactive) {
    return merge(bytes, value, run, index, inactive, true);
  }

private:
  const std::byte *merge(const std::byte *elements, uint64_t value, const VectorLoopOperands &run, unsigned index,
                         uint64_t inactive, bool scalar);

  alignas(64) std::byte bytes[maxGroupBytes];
};

/// Copies the active ones of `results` to `destination`.
void storeActive(std::byte *destination, const std::byte *results, const uint8_t *mask, size_t count, unsigned index);

/// `operands` are at element vstart and are not masked yet. Not inline: unmasked instructions need not set up its
/// buffers.
void runFloatMasked(Hart &hart, VectorFloatKind kind, const FloatShape &shape, bool scalar,
                    VectorLoopOperands &operands);

/// Whether groups are legal: aligned, of supported size, and overlapping only as allowed, also the mask.
template <FloatShape Shape, bool Scalar> bool floatGroupsLegal(const Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  const int lmul = state.lmulLog2;
  constexpr bool anyWide = Shape.destination.wide || Shape.second.wide;
  if (!elementSupported(hart.isa, Shape.destination, state.sewBits, Shape.minimal) ||
      !elementSupported(hart.isa, Shape.second, state.sewBits, Shape.minimal) ||
      !elementSupported(hart.isa, Shape.first, state.sewBits, Shape.minimal) || (anyWide && lmul > 2))
    return false;
  constexpr bool hasFirst = Shape.first.type != FloatElement::None && !Scalar;
  if (usesItsMask(op) || readsItsMask(op, op.rs2, hasFirst ? op.rs1 : 1))
    return false;
  const unsigned vs1 = hasFirst ? op.rs1 : 0;
  if constexpr (!anyWide)
    return groupsAligned(op.rd | op.rs2 | vs1, lmul);
  auto group = [&](unsigned first, FloatElement element) {
    return VectorGroup{first, lmul + element.wide, state.sewBits << element.wide};
  };
  const VectorGroup destination = group(op.rd, Shape.destination), second = group(op.rs2, Shape.second),
                    first = group(vs1, Shape.first);
  constexpr auto mayBeBoth = Shape.readsOld ? mayReadBoth : mayOverlap;
  return groupsAligned(op.rd, destination.emulLog2) && groupsAligned(op.rs2, second.emulLog2) &&
         groupsAligned(vs1, lmul) && mayBeBoth(destination, second) &&
         (!hasFirst || (mayBeBoth(destination, first) && mayReadBoth(second, first)));
}

/// Element-wise instructions.
template <VectorFloatKind Kind, FloatShape Shape, bool Scalar = false> bool executeFloat(Hart &hart, const Op &op) {
  const VectorState &state = hart.vector;
  if (!floatReady(hart) || !floatGroupsLegal<Shape, Scalar>(hart, op))
    return hart.illegal(op);
  const size_t begin = state.vstart;
  if (begin >= state.vl)
    return finish(hart);
  const unsigned sew = sewIndex(state);
  const std::byte *second = hart.vectorRegister(op.rs2), *first = nullptr;
  constexpr bool hasFirst = Shape.first.type != FloatElement::None && !Scalar;
  if constexpr (hasFirst)
    first = hart.vectorRegister(op.rs1);

  // Where widths differ, a destination over a source would be written before the source is read.
  GroupCopy secondCopy, firstCopy;
  if constexpr (Shape.destination.wide != Shape.second.wide) {
    const VectorGroup destination{op.rd, state.lmulLog2 + Shape.destination.wide, 0},
        source{op.rs2, state.lmulLog2 + Shape.second.wide, 0};
    if (destination.overlaps(source))
      second = secondCopy.of(hart, source.first, source.count());
  }
  if constexpr (hasFirst && Shape.destination.wide != Shape.first.wide) {
    const VectorGroup destination{op.rd, state.lmulLog2 + 1, 0}, source{op.rs1, state.lmulLog2, 0};
    if (destination.overlaps(source))
      first = firstCopy.of(hart, source.first, source.count());
  }

  VectorLoopOperands operands;
  operands.destination = hart.vectorRegister(op.rd) + (begin << (sew + Shape.destination.wide));
  operands.old = operands.destination;
  operands.vs2 = second + (begin << (sew + Shape.second.wide));
  if constexpr (hasFirst)
    operands.vs1 = first + (begin << (sew + Shape.first.wide));
  if constexpr (Scalar)
    operands.scalar = scalarNumber(hart, op, state.sewBits, Shape.first.type == FloatElement::BFloat);
  operands.count = state.vl - begin;
  if (op.unmasked) [[likely]] {
    if (hart.preparing) [[unlikely]]
      rememberFloatLoop(hart, Kind, operands, !Scalar, Shape.first.type == FloatElement::BFloat);
    runFloatLoop(hart, Kind, sew, Scalar, operands);
  } else {
    static constexpr FloatShape shape = Shape;
    runFloatMasked(hart, Kind, shape, Scalar, operands);
  }
  return finish(hart);
}

} // namespace weft::iss
