// Instructions for a unit under test, with all their operands: what a core would hand over, and what must come back.
#pragma once

#include "kernels/units/OperandClasses.h"
#include "kernels/units/Units.h"

#include <cstddef>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace weft::cosim {

using Random = std::mt19937_64;

struct UnitInstruction {
  const units::Instruction *instruction = nullptr; // null: a word that is not the unit's
  uint32_t word = 0;
  uint32_t vlenBits = 0, sewBits = 32, lmulEighths = 8, vl = 0;
  bool alternate = false, masked = false;
  uint32_t batch = 0; // ci, of batched forms
  uint64_t scalar = 0;
  std::vector<std::byte> vs2, vs1, vd, mask; // register groups; the mask is v0
  bool killed = false;

  bool isBatched() const { return instruction->format == units::Format::Batched; }
  uint32_t vtype() const;
  units::VectorCall call();           // that works on vd in place
  uint32_t bitsOfDestination() const; // of an element
};

/// What the golden model makes of it.
struct Expected {
  std::vector<std::byte> vd;
  uint32_t flags = 0;
};
Expected expectedOf(UnitInstruction instruction);

/// One operand beat, as the ports take it, and one result beat: the bytes of vd from `byteOffset` that it may replace.
struct OperandBeat {
  uint32_t vs2Offset = 0, vs1Offset = 0, vdOffset = 0; // bytes
  uint64_t mask = 0;                                   // a bit an element of vd, of the beat at vdOffset
};
struct ResultBeat {
  uint32_t vdOffset = 0;
  uint64_t enable = 0;          // a bit a byte: active elements of the body
  uint32_t lastOperandBeat = 0; // that it needs
};
std::vector<OperandBeat> operandBeats(const UnitInstruction &instruction, uint32_t dlenBits);
std::vector<ResultBeat> resultBeats(const UnitInstruction &instruction, uint32_t dlenBits);

/// A random legal instruction of the unit; now and then one that is killed or a word that is not the unit's.
UnitInstruction randomInstruction(const units::Unit &unit, uint32_t vlenBits, Random &random);
/// `instruction` in one form, with operands of all classes.
UnitInstruction randomInstruction(const units::Instruction &instruction, const units::Form &form, uint32_t vlenBits,
                                  Random &random);

/// All 65,536 operands of an instruction with one operand of bfloat16, LMUL 8.
std::deque<UnitInstruction> everyBfloat16(const units::Instruction &instruction, uint32_t vlenBits);

std::string describe(const UnitInstruction &instruction);

} // namespace weft::cosim
