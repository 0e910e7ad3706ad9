// The C extension of RV64GC: each 16-bit encoding stands for one 32-bit instruction.
#include "sim/iss/Decode.h"

using namespace weft::iss;

namespace {

constexpr uint32_t stackPointer = 2, returnAddress = 1;
constexpr uint32_t reserved = 0;

/// Bits `high` to `low` of a word, moved to begin at bit `to`.
constexpr uint32_t bits(uint32_t word, unsigned high, unsigned low, unsigned to = 0) {
  return ((word >> low) & ((1u << (high - low + 1)) - 1)) << to;
}
constexpr uint32_t signExtended(uint32_t value, unsigned width) {
  return static_cast<uint32_t>(static_cast<int32_t>(value << (32 - width)) >> (32 - width));
}

// The formats of the 32-bit encodings; immediates are cut to their field.
constexpr uint32_t typeI(uint32_t opcode, uint32_t funct3, uint32_t rd, uint32_t rs1, uint32_t immediate) {
  return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | immediate << 20;
}
constexpr uint32_t typeR(uint32_t opcode, uint32_t funct3, uint32_t funct7, uint32_t rd, uint32_t rs1, uint32_t rs2) {
  return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25;
}
constexpr uint32_t typeS(uint32_t opcode, uint32_t funct3, uint32_t rs1, uint32_t rs2, uint32_t immediate) {
  return opcode | bits(immediate, 4, 0, 7) | funct3 << 12 | rs1 << 15 | rs2 << 20 | bits(immediate, 11, 5, 25);
}
constexpr uint32_t typeB(uint32_t funct3, uint32_t rs1, uint32_t rs2, uint32_t offset) {
  return 0x63 | bits(offset, 11, 11, 7) | bits(offset, 4, 1, 8) | funct3 << 12 | rs1 << 15 | rs2 << 20 |
         bits(offset, 10, 5, 25) | bits(offset, 12, 12, 31);
}
constexpr uint32_t typeJ(uint32_t rd, uint32_t offset) {
  return 0x6f | rd << 7 | bits(offset, 19, 12, 12) | bits(offset, 11, 11, 20) | bits(offset, 10, 1, 21) |
         bits(offset, 20, 20, 31);
}

// Major opcodes.
constexpr uint32_t load = 0x03, loadFloat = 0x07, opImmediate = 0x13, opImmediate32 = 0x1b, store = 0x23,
                   storeFloat = 0x27, op = 0x33, lui = 0x37, op32 = 0x3b, jalr = 0x67;
// funct3 of accesses.
constexpr uint32_t wordAccess = 2, doubleAccess = 3;

constexpr uint32_t rdPrime(uint32_t w) { return 8 + bits(w, 4, 2); } // also rs2'
constexpr uint32_t rs1Prime(uint32_t w) { return 8 + bits(w, 9, 7); }
constexpr uint32_t rdFull(uint32_t w) { return bits(w, 11, 7); }
constexpr uint32_t rs2Full(uint32_t w) { return bits(w, 6, 2); }
constexpr uint32_t immediate6(uint32_t w) { return signExtended(bits(w, 12, 12, 5) | bits(w, 6, 2), 6); }
constexpr uint32_t amount6(uint32_t w) { return bits(w, 12, 12, 5) | bits(w, 6, 2); }

uint32_t expandQuadrant0(uint32_t w) {
  uint32_t wordOffset = bits(w, 12, 10, 3) | bits(w, 6, 6, 2) | bits(w, 5, 5, 6);
  uint32_t doubleOffset = bits(w, 12, 10, 3) | bits(w, 6, 5, 6);
  switch (w >> 13) {
  case 0: { // c.addi4spn
    uint32_t immediate = bits(w, 12, 11, 4) | bits(w, 10, 7, 6) | bits(w, 6, 6, 2) | bits(w, 5, 5, 3);
    return immediate ? typeI(opImmediate, 0, rdPrime(w), stackPointer, immediate) : reserved;
  }
  case 1: // c.fld
    return typeI(loadFloat, doubleAccess, rdPrime(w), rs1Prime(w), doubleOffset);
  case 2: // c.lw
    return typeI(load, wordAccess, rdPrime(w), rs1Prime(w), wordOffset);
  case 3: // c.ld
    return typeI(load, doubleAccess, rdPrime(w), rs1Prime(w), doubleOffset);
  case 5: // c.fsd
    return typeS(storeFloat, doubleAccess, rs1Prime(w), rdPrime(w), doubleOffset);
  case 6: // c.sw
    return typeS(store, wordAccess, rs1Prime(w), rdPrime(w), wordOffset);
  case 7: // c.sd
    return typeS(store, doubleAccess, rs1Prime(w), rdPrime(w), doubleOffset);
  default:
    return reserved;
  }
}

/// c.srli, c.srai, c.andi and the register forms.
uint32_t expandArithmetic(uint32_t w) {
  uint32_t rd = rs1Prime(w), rs2 = rdPrime(w);
  switch (bits(w, 11, 10)) {
  case 0:
    return typeI(opImmediate, 5, rd, rd, amount6(w));
  case 1:
    return typeI(opImmediate, 5, rd, rd, 0x400 | amount6(w));
  case 2:
    return typeI(opImmediate, 7, rd, rd, immediate6(w));
  default:
    break;
  }
  switch (bits(w, 12, 12, 2) | bits(w, 6, 5)) {
  case 0:
    return typeR(op, 0, 0x20, rd, rd, rs2); // sub
  case 1:
    return typeR(op, 4, 0, rd, rd, rs2); // xor
  case 2:
    return typeR(op, 6, 0, rd, rd, rs2); // or
  case 3:
    return typeR(op, 7, 0, rd, rd, rs2); // and
  case 4:
    return typeR(op32, 0, 0x20, rd, rd, rs2); // subw
  case 5:
    return typeR(op32, 0, 0, rd, rd, rs2); // addw
  default:
    return reserved;
  }
}

/// c.addi16sp and c.lui.
uint32_t expandUpper(uint32_t w) {
  uint32_t rd = rdFull(w);
  if (amount6(w) == 0)
    return reserved;
  if (rd != stackPointer)
    return lui | rd << 7 | immediate6(w) << 12;
  uint32_t immediate = bits(w, 12, 12, 9) | bits(w, 6, 6, 4) | bits(w, 5, 5, 6) | bits(w, 4, 3, 7) | bits(w, 2, 2, 5);
  return typeI(opImmediate, 0, rd, rd, signExtended(immediate, 10));
}

uint32_t expandQuadrant1(uint32_t w) {
  uint32_t rd = rdFull(w);
  switch (w >> 13) {
  case 0: // c.nop, c.addi
    return typeI(opImmediate, 0, rd, rd, immediate6(w));
  case 1: // c.addiw
    return rd ? typeI(opImmediate32, 0, rd, rd, immediate6(w)) : reserved;
  case 2: // c.li
    return typeI(opImmediate, 0, rd, 0, immediate6(w));
  case 3:
    return expandUpper(w);
  case 4:
    return expandArithmetic(w);
  case 5: // c.j
    return typeJ(0, signExtended(bits(w, 12, 12, 11) | bits(w, 11, 11, 4) | bits(w, 10, 9, 8) | bits(w, 8, 8, 10) |
                                     bits(w, 7, 7, 6) | bits(w, 6, 6, 7) | bits(w, 5, 3, 1) | bits(w, 2, 2, 5),
                                 12));
  default: // c.beqz, c.bnez
    return typeB(
        w >> 13 & 1, rs1Prime(w), 0,
        signExtended(bits(w, 12, 12, 8) | bits(w, 11, 10, 3) | bits(w, 6, 5, 6) | bits(w, 4, 3, 1) | bits(w, 2, 2, 5),
                     9));
  }
}

/// c.jr, c.mv, c.ebreak, c.jalr, c.add.
uint32_t expandMove(uint32_t w) {
  uint32_t rd = rdFull(w), rs2 = rs2Full(w);
  bool link = bits(w, 12, 12);
  if (rs2)
    return typeR(op, 0, 0, rd, link ? rd : 0, rs2);
  if (rd)
    return typeI(jalr, 0, link ? returnAddress : 0, rd, 0);
  return link ? 0x00100073 /* ebreak */ : reserved;
}

uint32_t expandQuadrant2(uint32_t w) {
  uint32_t rd = rdFull(w), rs2 = rs2Full(w);
  uint32_t loadWordOffset = bits(w, 12, 12, 5) | bits(w, 6, 4, 2) | bits(w, 3, 2, 6);
  uint32_t loadDoubleOffset = bits(w, 12, 12, 5) | bits(w, 6, 5, 3) | bits(w, 4, 2, 6);
  uint32_t storeWordOffset = bits(w, 12, 9, 2) | bits(w, 8, 7, 6);
  uint32_t storeDoubleOffset = bits(w, 12, 10, 3) | bits(w, 9, 7, 6);
  switch (w >> 13) {
  case 0: // c.slli
    return typeI(opImmediate, 1, rd, rd, amount6(w));
  case 1: // c.fldsp
    return typeI(loadFloat, doubleAccess, rd, stackPointer, loadDoubleOffset);
  case 2: // c.lwsp
    return rd ? typeI(load, wordAccess, rd, stackPointer, loadWordOffset) : reserved;
  case 3: // c.ldsp
    return rd ? typeI(load, doubleAccess, rd, stackPointer, loadDoubleOffset) : reserved;
  case 4:
    return expandMove(w);
  case 5: // c.fsdsp
    return typeS(storeFloat, doubleAccess, stackPointer, rs2, storeDoubleOffset);
  case 6: // c.swsp
    return typeS(store, wordAccess, stackPointer, rs2, storeWordOffset);
  default: // c.sdsp
    return typeS(store, doubleAccess, stackPointer, rs2, storeDoubleOffset);
  }
}

} // namespace

uint32_t weft::iss::expandCompressed(uint16_t word) {
  switch (word & 3) {
  case 0:
    return expandQuadrant0(word);
  case 1:
    return expandQuadrant1(word);
  case 2:
    return expandQuadrant2(word);
  default:
    return reserved;
  }
}
