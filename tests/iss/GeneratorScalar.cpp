// Scalar instructions: integer, atomic, floating point, CSRs.
#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"
#include "tests/iss/KnownDifferences.h"

namespace weft::isstest {

namespace {
/// The width of the access of a load, store or atomic instruction, from funct3.
int32_t accessBytes(const Row &row) { return 1 << (row.match >> 12 & 3); }

uint32_t roundingMode(Random &random) { return random.percent(40) ? 7 : static_cast<uint32_t>(random.below(5)); }

/// Width of the floats that a scalar instruction reads, which its name ends with; 0 if it reads none.
unsigned sourceFloatBytes(const Row &row) {
  if (row.cls < hw::rvv::OpClass::FpAdd || row.cls > hw::rvv::OpClass::FpMove)
    return 0;
  const char last = row.name.back();
  return last == 'h' ? 2 : last == 's' ? 4 : last == 'd' ? 8 : 0;
}
} // namespace

const Row &Generator::scalarRow() {
  for (;;) {
    const Row &row = randomRow(selection.scalar);
    const unsigned bytes = sourceFloatBytes(row);
    if (bytes == 0 || bytes == floatBytes || random.percent(12))
      return row;
  }
}

Unit Generator::scalar() {
  const Row &row = scalarRow();
  const uint32_t match = row.match;
  const unsigned rd = destination(), rs1 = source(), rs2 = source(), base = addressRegister();
  const int32_t bytes = accessBytes(row);
  Unit unit;
  std::vector<uint32_t> &words = unit.words;
  switch (row.format) {
  case Format::U:
    words = {uType(match, rd, static_cast<uint32_t>(random.next()) & 0xfffff)};
    break;
  case Format::J: // over one instruction
    words = {jType(match, rd, 8), addi(destination(), source(), 1)};
    break;
  case Format::I:
    if (row.opcode == iss::Opcode::JALR) // the base is the address of the auipc
      words = {uType(0x17, base, 0), jalr(rd, base, 12 + static_cast<int32_t>(random.below(2))),
               addi(destination(), source(), 2)};
    else
      words = {iType(match, rd, rs1, static_cast<int32_t>(random.between(-2048, 2047)))};
    break;
  case Format::Shift:
    words = {iType(match, rd, rs1, static_cast<int32_t>(random.below(64)))};
    break;
  case Format::ShiftWord:
    words = {iType(match, rd, rs1, static_cast<int32_t>(random.below(32)))};
    break;
  case Format::R:
    words = {rType(match, rd, rs1, rs2)};
    break;
  case Format::Load:
  case Format::FLoad:
  case Format::Store:
  case Format::FStore: {
    const auto offset = static_cast<int32_t>(random.between(-300, 300));
    const int32_t alignment = random.percent(80) ? bytes : 1;
    words = {scratchAddress(base, offset, offset + bytes, alignment)};
    const int32_t aligned = offset / alignment * alignment;
    const bool store = row.format == Format::Store || row.format == Format::FStore;
    const unsigned data = row.format == Format::FLoad ? rs2 : rd;
    words.push_back(store ? sType(match, base, rs2, aligned) : iType(match, data, base, aligned));
    break;
  }
  case Format::Fence:
    words = {match == 0xf ? 0x0ff0000f : match};
    break;
  case Format::LoadReserved: {
    // A reservation and its use; often a second store without a reservation, which must fail.
    const uint32_t order = static_cast<uint32_t>(random.below(4)) << 25;
    const uint32_t sc = (match & 0x707f) | 0x18000000;
    unsigned first = destination();
    while (first == base)
      first = destination();
    words = {scratchAddress(base, 0, bytes, bytes), rType(match | order, first, base, 0),
             rType(sc | order, first, base, rs2)};
    if (random.percent(40))
      words.push_back(rType(sc, rd, base, source()));
    break;
  }
  case Format::Atomic: {
    words = {scratchAddress(base, 0, bytes, bytes)};
    if ((match & 0xf8000000) == 0x18000000) { // SC without LR: give away whatever reservation there is
      unsigned first = destination();
      while (first == base)
        first = destination();
      words.push_back(rType(match, first, base, rs2));
      words.push_back(rType(match, rd, base, rs2));
      words.insert(words.begin() + 1, rType((match & 0x707f) | 0x10000000, first, base, 0));
    } else {
      words.push_back(rType(match | static_cast<uint32_t>(random.below(4)) << 25, rd, base, rs2));
    }
    break;
  }
  case Format::F4:
    words = {rType(match, source(), rs1, rs2) | roundingMode(random) << 12 | static_cast<uint32_t>(source()) << 27};
    break;
  case Format::FR:
    words = {rType(match, source(), rs1, rs2) | roundingMode(random) << 12};
    break;
  case Format::FRNoRounding:
    words = {rType(match, source(), rs1, rs2)};
    break;
  case Format::FCompare:
    words = {rType(match, rd, rs1, rs2)};
    break;
  case Format::FUnary:
    words = {rType(match, source(), rs1, 0) | roundingMode(random) << 12};
    break;
  case Format::FToX:
    words = {rType(match, rd, rs1, 0)};
    break;
  case Format::FToXRounding:
    words = {rType(match, rd, rs1, 0) | roundingMode(random) << 12};
    break;
  case Format::XToF:
    words = {rType(match, source(), rs1, 0)};
    break;
  case Format::XToFRounding:
    words = {rType(match, source(), rs1, 0) | roundingMode(random) << 12};
    break;
  default:
    break;
  }
  if (row.cls >= hw::rvv::OpClass::FpAdd && row.cls <= hw::rvv::OpClass::FpMove)
    appendFlagsRead(unit.words);
  return unit;
}

void Generator::appendFlagsRead(std::vector<uint32_t> &words) {
  if (random.percent(12))
    words.push_back(csrrwi(destination(), csr::fflags, 0));
}

Unit Generator::control() {
  const unsigned rd = destination();
  const uint32_t immediateForm = random.pick({0x5073u, 0x6073u, 0x7073u}); // csrrwi, csrrsi, csrrci
  const uint32_t registerForm = immediateForm - 0x4000;
  const auto value = static_cast<unsigned>(random.below(32));
  const auto validRounding = static_cast<unsigned>(random.below(5));
  switch (random.below(10)) {
  case 0: // a read-only register
    return {.words = {csrrs(rd, random.pick({csr::vl, csr::vtype, csr::vlenb}), 0)}};
  case 1:
    return {.words = {rType(immediateForm | random.pick({csr::fflags, csr::vcsr}) << 20, rd, value, 0)}};
  case 2: {
    if (random.percent(50))
      return {.words = {rType(registerForm | random.pick({csr::fflags, csr::vcsr}) << 20, rd, source(), 0)}};
    const bool rounding = random.percent(50);
    return {.words = {rType(immediateForm | (rounding ? csr::vxrm : csr::vxsat) << 20, rd,
                            value & (rounding ? vxrmBits : vxsatBits), 0)}};
  }
  case 3: // vstart is read back at once: what vector instructions make of it is not for a random value to find out
    return {.words = {rType(immediateForm | csr::vstart << 20, rd, value, 0), csrrw(destination(), csr::vstart, 0)}};
  case 4: // a rounding mode that instructions may then use
    return {.words = {csrrwi(rd, csr::frm, validRounding)}};
  case 5:
  case 6: // reserved modes can be written but not used
    return {.words = {rType(random.pick({immediateForm, registerForm}) | random.pick({csr::frm, csr::fcsr}) << 20, rd,
                            source(), 0),
                      csrrwi(destination(), csr::frm, validRounding)}};
  default:
    return {.words = {csrrwi(rd, random.pick({csr::vxrm, csr::frm}), static_cast<unsigned>(random.below(4)))}};
  }
}

} // namespace weft::isstest
