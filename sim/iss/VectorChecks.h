// What encodings of vector instructions are legal under the current vtype: register groups and their overlap
// (RISC-V unprivileged specification, chapter V, "Vector Operands" and "Vector Masking").
#pragma once

#include "sim/iss/Hart.h"

namespace weft::iss {

/// Number of registers of a group with EMUL = 2^emulLog2.
constexpr unsigned groupRegisters(int emulLog2) { return emulLog2 <= 0 ? 1u : 1u << emulLog2; }

/// EMUL a power of two from 1/8 to 8.
constexpr bool emulSupported(int emulLog2) { return emulLog2 >= -3 && emulLog2 <= 3; }

/// A group's first register is a multiple of its number of registers. `registers` may be several numbers ored together.
constexpr bool groupsAligned(unsigned registers, int emulLog2) {
  return (registers & (groupRegisters(emulLog2) - 1)) == 0;
}

struct VectorGroup {
  unsigned first = 0;
  int emulLog2 = 0;
  unsigned eewBits = 8; // 1 of a mask

  constexpr unsigned count() const { return groupRegisters(emulLog2); }
  constexpr unsigned end() const { return first + count(); }
  constexpr bool overlaps(const VectorGroup &other) const { return first < other.end() && other.first < end(); }
};

/// Whether an instruction may write `destination` while it reads `source`: they do not overlap, or have the same EEW,
/// or the narrower one lies where the elements that both hold are not clobbered before they are read. Groups are
/// aligned.
constexpr bool mayOverlap(const VectorGroup &destination, const VectorGroup &source) {
  if (!destination.overlaps(source) || destination.eewBits == source.eewBits)
    return true;
  if (destination.eewBits < source.eewBits)
    return destination.first == source.first;
  return source.emulLog2 >= 0 && source.end() == destination.end();
}

/// Whether an instruction may read both: no register is read with two EEWs. A destination that is accumulated into is
/// read, too.
constexpr bool mayReadBoth(const VectorGroup &a, const VectorGroup &b) {
  return a.eewBits == b.eewBits || !a.overlaps(b);
}

// Groups that hold the mask v0 begin with it, so that numbers tell.

/// A masked instruction must not write v0, unless it writes a mask or the scalar result of a reduction; nor store it.
inline bool usesItsMask(const Op &op) { return !op.unmasked && op.rd == 0; }
/// Nor must it read v0 as a source that is no mask. For instructions without vs1 that is any number but 0.
inline bool readsItsMask(const Op &op, unsigned vs2, unsigned vs1 = 1) {
  return !op.unmasked && (vs2 == 0 || vs1 == 0);
}

} // namespace weft::iss
