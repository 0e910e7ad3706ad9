// Decoding by table: a word's major opcode, funct3 and upper six bits choose a short list of candidates.
#include "sim/iss/Decode.h"
#include "kernels/units/Types.h"
#include "sim/iss/Hart.h"

#include <array>
#include <vector>

using namespace weft;
using namespace weft::iss;

namespace {

constexpr size_t opcodeCount = static_cast<size_t>(Opcode::Count);

constexpr std::array<Instruction, opcodeCount> instructions = {{
    Instruction{"illegal", 0, 0, Format::None, hw::rvv::OpClass::System, Extension::I},
#define WEFT_INSTRUCTION(id, name, match, mask, format, cls, extension)                                                \
  Instruction{name, match, mask, Format::format, hw::rvv::OpClass::cls, Extension::extension},
#include "sim/iss/Instructions.def"
#undef WEFT_INSTRUCTION
}};

/// Bits 31:26, 14:12 and 6:2 of a word: what tells most instructions apart.
constexpr uint32_t keyMask = 0xfc00707c;
constexpr size_t keyCount = size_t{1} << 14;
constexpr size_t keyOf(uint32_t word) { return (word >> 26) << 8 | ((word >> 12) & 7) << 5 | ((word >> 2) & 31); }

/// For each key the opcodes whose match agrees with it.
class Candidates {
public:
  Candidates() {
    std::vector<std::vector<Opcode>> lists(keyCount);
    for (size_t i = 1; i < opcodeCount; ++i) {
      const Instruction &row = instructions[i];
      // All values of the key's bits that the row's mask leaves free, as the subsets of a set.
      uint32_t free = keyMask & ~row.mask, subset = 0;
      do {
        lists[keyOf(row.match | subset)].push_back(static_cast<Opcode>(i));
        subset = (subset - free) & free;
      } while (subset != 0);
    }
    begin.reserve(keyCount + 1);
    for (const std::vector<Opcode> &list : lists) {
      begin.push_back(static_cast<uint32_t>(opcodes.size()));
      opcodes.insert(opcodes.end(), list.begin(), list.end());
    }
    begin.push_back(static_cast<uint32_t>(opcodes.size()));
  }

  Opcode find(uint32_t word) const {
    size_t key = keyOf(word);
    for (uint32_t i = begin[key]; i < begin[key + 1]; ++i) {
      const Instruction &row = instructions[static_cast<size_t>(opcodes[i])];
      if ((word & row.mask) == row.match)
        return opcodes[i];
    }
    return Opcode::Illegal;
  }

private:
  std::vector<uint32_t> begin;
  std::vector<Opcode> opcodes;
};

/// By opcode; what each part of the simulator executes.
std::array<Execute, opcodeCount> gatherExecutors() {
  std::array<Execute, opcodeCount> table{};
  const auto owners = {scalarExecutor,        scalarFloatExecutor, vectorConfigExecutor, vectorMemoryExecutor,
                       vectorIntegerExecutor, vectorFloatExecutor, unitExecutor};
  for (size_t i = 1; i < opcodeCount; ++i)
    for (auto owner : owners)
      if (!table[i])
        table[i] = owner(static_cast<Opcode>(i));
  return table;
}

Execute executorOf(Opcode opcode) {
  static const std::array<Execute, opcodeCount> table = gatherExecutors();
  Execute found = table[static_cast<size_t>(opcode)];
  return found ? found : [](Hart &hart, const Op &op) { return hart.illegal(op); };
}

int64_t signExtend(uint32_t value, unsigned bits) {
  return static_cast<int32_t>(value << (32 - bits)) >> static_cast<int32_t>(32 - bits);
}

int64_t branchOffset(uint32_t word) {
  return signExtend(
      (word >> 31) << 12 | ((word >> 7) & 1) << 11 | ((word >> 25) & 0x3f) << 5 | ((word >> 8) & 0xf) << 1, 13);
}

int64_t jumpOffset(uint32_t word) {
  return signExtend(
      (word >> 31) << 20 | ((word >> 12) & 0xff) << 12 | ((word >> 20) & 1) << 11 | ((word >> 21) & 0x3ff) << 1, 21);
}

uint8_t elementWidth(uint32_t word) {
  switch ((word >> 12) & 7) {
  case 0:
    return 8;
  case 5:
    return 16;
  case 6:
    return 32;
  default:
    return 64;
  }
}

/// Rounding modes 5 and 6 are reserved.
bool decodeRounding(Op &op) {
  op.rounding = (op.word >> 12) & 7;
  return op.rounding != 5 && op.rounding != 6;
}

/// `word` has the operands (for a compressed instruction, its expansion). False if the encoding is reserved.
bool decodeScalar(Op &op, Format format, uint32_t word) {
  switch (format) {
  case Format::U:
    op.immediate = static_cast<int32_t>(word & 0xfffff000);
    return true;
  case Format::J:
    op.immediate = jumpOffset(word);
    return true;
  case Format::B:
    op.immediate = branchOffset(word);
    return true;
  case Format::I:
  case Format::Load:
  case Format::FLoad:
    op.immediate = static_cast<int32_t>(word) >> 20;
    return true;
  case Format::Store:
  case Format::FStore:
    op.immediate = signExtend((word >> 25) << 5 | ((word >> 7) & 31), 12);
    return true;
  case Format::Shift:
    op.immediate = (word >> 20) & 63;
    return true;
  case Format::ShiftWord:
    op.immediate = (word >> 20) & 31;
    return true;
  case Format::Fence: // ignores the fields of registers: nothing may take them for what it writes
    op.rd = op.rs1 = 0;
    [[fallthrough]];
  case Format::Csr:
  case Format::CsrImmediate:
    op.immediate = word >> 20;
    return true;
  case Format::UnitRoutePut:
  case Format::UnitRouteGet:
    op.immediate = word >> 20;
    return true;
  case Format::F4:
  case Format::FR:
  case Format::FUnary:
  case Format::FToXRounding:
  case Format::XToFRounding:
    return decodeRounding(op);
  default:
    return true;
  }
}

/// Register groups of whole-register instructions are aligned to their size.
bool aligned(uint8_t first, uint8_t count) { return first % count == 0; }

bool decodeVector(Op &op, Format format, uint32_t word) {
  op.unmasked = (word >> 25) & 1;
  if (isVectorUnit(format)) // where bit 25 is part of the encoding there are no masks
    op.unmasked = op.unmasked || (instructions[static_cast<size_t>(op.opcode)].mask & units::maskBit);
  switch (format) {
  case Format::VSetVli:
    op.immediate = (word >> 20) & 0x7ff;
    return true;
  case Format::VSetIVli:
    op.immediate = (word >> 20) & 0x3ff;
    return true;
  case Format::VLoad:
  case Format::VStore:
  case Format::VLoadStrided:
  case Format::VStoreStrided:
  case Format::VLoadIndexed:
  case Format::VStoreIndexed:
  case Format::VLoadMask:
  case Format::VStoreMask:
    op.fields = static_cast<uint8_t>((word >> 29) + 1);
    op.eewBits = elementWidth(word);
    return true;
  case Format::VLoadWhole:
  case Format::VStoreWhole:
    op.fields = static_cast<uint8_t>((word >> 29) + 1);
    op.eewBits = elementWidth(word);
    return aligned(op.rd, op.fields);
  case Format::VVI:
  case Format::VVICarry:
  case Format::VVIUnmasked:
  case Format::VMoveI:
    op.immediate = signExtend(op.rs1, 5);
    return true;
  case Format::VVIU:
  case Format::UnitVectorImmediate:
    op.immediate = op.rs1;
    return true;
  case Format::UnitBatched: // the group's number is a multiple of eight
    op.immediate = op.rs2 & 7;
    op.rs2 &= static_cast<uint8_t>(~7u);
    return true;
  case Format::VMoveWhole:
    op.fields = static_cast<uint8_t>(op.rs1 + 1);
    return aligned(op.rd, op.fields) && aligned(op.rs2, op.fields);
  default:
    return true;
  }
}

Op illegalOp(uint32_t word, uint8_t bytes) {
  Op op;
  op.word = word;
  op.bytes = bytes;
  op.execute = executorOf(Opcode::Illegal);
  return op;
}

} // namespace

const Instruction &weft::iss::instructionOf(Opcode opcode) { return instructions[static_cast<size_t>(opcode)]; }

bool weft::iss::has(const hw::Isa &isa, Extension extension) {
  switch (extension) {
  case Extension::Zfhmin:
    return isa.zfhmin;
  case Extension::ZfhminOrZfbfmin: // loads, stores and moves of 16 bits belong to both
    return isa.zfhmin || isa.zfbfmin;
  case Extension::Zfh:
    return isa.zfh;
  case Extension::Zfbfmin:
    return isa.zfbfmin;
  case Extension::Zvfbfmin:
    return isa.zvfbfmin;
  case Extension::Zvfbfwma:
    return isa.zvfbfwma;
  default:
    return extension <= Extension::LastStandard || isa.hasUnit(unitIndexOf(extension));
  }
}

Op weft::iss::decode(uint32_t fetched, const hw::Isa &isa) {
  static const Candidates candidates;
  bool compressed = (fetched & 3) != 3;
  uint32_t stored = compressed ? fetched & 0xffff : fetched;
  uint8_t bytes = compressed ? 2 : 4;
  uint32_t word = compressed ? expandCompressed(static_cast<uint16_t>(fetched)) : fetched;
  Opcode opcode = word ? candidates.find(word) : Opcode::Illegal;
  const Instruction &row = instructionOf(opcode);
  if (opcode == Opcode::Illegal || !has(isa, row.extension))
    return illegalOp(stored, bytes);

  Op op;
  op.word = word;
  op.opcode = opcode;
  op.bytes = bytes;
  op.rd = (word >> 7) & 31;
  op.rs1 = (word >> 15) & 31;
  op.rs2 = (word >> 20) & 31;
  op.rs3 = static_cast<uint8_t>(word >> 27);
  if (!(isVector(row.format) ? decodeVector(op, row.format, word) : decodeScalar(op, row.format, word)))
    return illegalOp(stored, bytes);
  op.word = stored;
  op.execute = executorOf(opcode);
  return op;
}

std::string_view weft::iss::nameOf(Opcode opcode) { return instructionOf(opcode).name; }

hw::rvv::OpClass weft::iss::classOf(Opcode opcode) { return instructionOf(opcode).cls; }

std::optional<Opcode> weft::iss::findOpcode(std::string_view name) {
  for (size_t i = 1; i < opcodeCount; ++i)
    if (instructions[i].name == name)
      return static_cast<Opcode>(i);
  return std::nullopt;
}
