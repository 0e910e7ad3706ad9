// Custom units' instructions by opcode. Private to sim/iss.
#pragma once

#include "kernels/units/Units.h"
#include "sim/iss/VectorChecks.h"

namespace weft::iss {

/// A unit's instruction, with the unit's place in units::all(). `instruction` is null for opcodes of the standard.
struct UnitInstruction {
  const units::Instruction *instruction = nullptr;
  const units::Unit *unit = nullptr;
  uint8_t index = 0;
};

const UnitInstruction &unitInstruction(Opcode opcode);

/// Registers that a vector unit's instruction reads and writes; of no register count is 0.
struct UnitGroups {
  struct Group {
    unsigned first = 0, count = 0;
    bool overlaps(const Group &other) const { return first < other.first + other.count && other.first < first + count; }
  } vd, vs2, vs1;
};

/// `instruction` is a vector unit's. Legality is not looked at.
UnitGroups groupsOf(const Op &op, const units::Instruction &instruction, const units::Form &form, const Hart &hart);

} // namespace weft::iss
