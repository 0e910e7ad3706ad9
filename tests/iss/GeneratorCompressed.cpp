// Compressed instructions, encoded here: the table only has what they stand for.
#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"

namespace weft::isstest {

namespace {
/// Bits `high` down to `low` of `value`, moved to bit `to` of the instruction.
constexpr uint32_t place(uint32_t value, unsigned high, unsigned low, unsigned to) {
  return (value >> low & ((1u << (high - low + 1)) - 1)) << to;
}

} // namespace

Unit Generator::compressed() {
  const auto near = static_cast<uint32_t>(random.below(8)), near2 = static_cast<uint32_t>(random.below(8)); // x8 to x15
  uint32_t rd = destination();
  const auto six = static_cast<uint32_t>(random.below(64));
  const uint32_t nonZeroSix = six == 0 ? 1 : six;
  const uint32_t split = place(six, 5, 5, 12) | place(six, 4, 0, 2);
  const uint32_t nonZeroSplit = place(nonZeroSix, 5, 5, 12) | place(nonZeroSix, 4, 0, 2);
  const unsigned sp = 2;

  switch (random.below(24)) {
  case 0: { // c.addi4spn
    const auto immediate = static_cast<uint32_t>(random.between(1, 255)) * 4;
    return {.words = {place(immediate, 5, 4, 11) | place(immediate, 9, 6, 7) | place(immediate, 2, 2, 6) |
                      place(immediate, 3, 3, 5) | near << 2}};
  }
  case 1:
  case 2: { // c.fld, c.ld, c.fsd, c.sd
    const uint32_t function = random.pick({1u, 3u, 5u, 7u});
    const auto offset = static_cast<uint32_t>(random.below(32)) * 8;
    return {.words = {scratchAddress(8 + near, 0, 264, 8),
                      function << 13 | place(offset, 5, 3, 10) | near << 7 | place(offset, 7, 6, 5) | near2 << 2}};
  }
  case 3: { // c.lw, c.sw
    const uint32_t function = random.pick({2u, 6u});
    const auto offset = static_cast<uint32_t>(random.below(32)) * 4;
    return {.words = {scratchAddress(8 + near, 0, 132, 4), function << 13 | place(offset, 5, 3, 10) | near << 7 |
                                                               place(offset, 2, 2, 6) | place(offset, 6, 6, 5) |
                                                               near2 << 2}};
  }
  case 4: // c.nop and c.addi
  case 5:
    return {.words = {0x0001 | rd << 7 | (rd == 0 ? 0 : nonZeroSplit)}};
  case 6: // c.addiw
    return {.words = {0x2001 | (rd == 0 ? 1 : rd) << 7 | split}};
  case 7: // c.li
    return {.words = {0x4001 | rd << 7 | split}};
  case 8: { // c.addi16sp
    const uint32_t immediate = nonZeroSix << 4;
    return {.words = {0x6101 | place(immediate, 9, 9, 12) | place(immediate, 4, 4, 6) | place(immediate, 6, 6, 5) |
                      place(immediate, 8, 7, 3) | place(immediate, 5, 5, 2)}};
  }
  case 9: // c.lui
    return {.words = {0x6001 | (rd == 0 || rd == sp ? 5 : rd) << 7 | nonZeroSplit}};
  case 10: // c.srli, c.srai, c.andi
    return {.words = {0x8001 | random.pick({0u, 1u}) << 10 | near << 7 | nonZeroSplit}};
  case 11:
    return {.words = {0x8801 | near << 7 | split}};
  case 12:
  case 13: // c.sub, c.xor, c.or, c.and
    return {.words = {0x8c01 | static_cast<uint32_t>(random.below(4)) << 5 | near << 7 | near2 << 2}};
  case 14: // c.subw, c.addw
    return {.words = {0x9c01 | static_cast<uint32_t>(random.below(2)) << 5 | near << 7 | near2 << 2}};
  case 15: // c.j over a 4-byte instruction
    return {.words = {0xa001 | place(6, 3, 1, 3), addi(destination(), source(), 3)}};
  case 16: // c.beqz, c.bnez over one of 2 bytes
    return {
        .words = {random.pick({0xc001u, 0xe001u}) | near << 7 | place(4, 2, 1, 3), 0x4001 | (8 + near2) << 7 | split}};
  case 17: // c.slli
    return {.words = {0x0002 | (rd == 0 ? 1 : rd) << 7 | nonZeroSplit}};
  case 18: { // c.fldsp, c.ldsp
    const auto offset = static_cast<uint32_t>(random.below(64)) * 8;
    const bool integer = random.percent(50);
    if (!integer)
      rd = source();
    else if (rd == 0)
      rd = 1;
    return {.words = {scratchAddress(sp, 0, 520, 8), 0x2002 | (integer ? 0x4000 : 0) | rd << 7 |
                                                         place(offset, 5, 5, 12) | place(offset, 4, 3, 5) |
                                                         place(offset, 8, 6, 2)}};
  }
  case 19: { // c.lwsp
    const auto offset = static_cast<uint32_t>(random.below(64)) * 4;
    return {.words = {scratchAddress(sp, 0, 260, 4), 0x4002 | (rd == 0 ? 1 : rd) << 7 | place(offset, 5, 5, 12) |
                                                         place(offset, 4, 2, 4) | place(offset, 7, 6, 2)}};
  }
  case 20: { // c.fsdsp, c.sdsp
    const auto offset = static_cast<uint32_t>(random.below(64)) * 8;
    return {.words = {scratchAddress(sp, 0, 520, 8), random.pick({0xa002u, 0xe002u}) | place(offset, 5, 3, 10) |
                                                         place(offset, 8, 6, 7) | source() << 2}};
  }
  case 21: { // c.swsp
    const auto offset = static_cast<uint32_t>(random.below(64)) * 4;
    return {.words = {scratchAddress(sp, 0, 260, 4),
                      0xc002 | place(offset, 5, 2, 9) | place(offset, 7, 6, 7) | source() << 2}};
  }
  case 22: { // c.jr, c.jalr to what follows: auipc (4) + addi (4) + jump (2)
    const unsigned target = addressRegister();
    return {.words = {uType(0x17, target, 0), addi(target, target, 10), random.pick({0x8002u, 0x9002u}) | target << 7}};
  }
  default: { // c.mv, c.add
    const auto rs2 = static_cast<uint32_t>(random.between(1, 31));
    return {.words = {random.pick({0x8002u, 0x9002u}) | (rd == 0 ? 1 : rd) << 7 | rs2 << 2}};
  }
  }
}

} // namespace weft::isstest
