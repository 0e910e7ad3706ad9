// Assembly text of decoded instructions, without the assembler's aliases.
#include "sim/iss/Csr.h"
#include "sim/iss/Decode.h"

#include <array>
#include <fmt/format.h>

using namespace weft::iss;

namespace {

constexpr std::array<std::string_view, 32> integerNames = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
    "a6",   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr std::array<std::string_view, 32> floatNames = {
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

std::string_view x(uint8_t i) { return integerNames[i]; }
std::string_view f(uint8_t i) { return floatNames[i]; }
std::string v(uint8_t i) { return fmt::format("v{}", i); }

/// These never round; assemblers encode rne and do not write it.
bool isExact(Opcode opcode) {
  return opcode == Opcode::FCVT_D_W || opcode == Opcode::FCVT_D_WU || opcode == Opcode::FCVT_D_S ||
         opcode == Opcode::FCVT_D_H || opcode == Opcode::FCVT_S_H;
}

std::string_view roundingSuffix(const Op &op) {
  if (op.rounding == 0 && isExact(op.opcode))
    return "";
  constexpr std::array<std::string_view, 8> names = {", rne", ", rtz", ", rdn", ", rup", ", rmm", "", "", ""};
  return names[op.rounding];
}

std::string_view maskSuffix(const Op &op) { return op.unmasked ? "" : ", v0.t"; }

std::string csrText(const Op &op) {
  std::string_view name = csrName(static_cast<uint32_t>(op.immediate));
  return name.empty() ? fmt::format("{}", op.immediate) : std::string(name);
}

/// "rw", "iorw", …; "unknown" for none, as assemblers write it.
std::string fenceSet(unsigned bits) {
  std::string text;
  for (unsigned i = 0; i < 4; ++i)
    if (bits & (8u >> i))
      text += "iorw"[i];
  return text.empty() ? "unknown" : text;
}

/// "e32, m1, ta, ma", or the number if it names no type.
std::string vtypeText(int64_t vtype) {
  constexpr std::array<std::string_view, 8> groups = {"m1", "m2", "m4", "m8", "", "mf8", "mf4", "mf2"};
  unsigned sew = (vtype >> 3) & 7, group = vtype & 7;
  if ((vtype >> 8) != 0 || sew > 3 || groups[group].empty())
    return fmt::format("{}", vtype);
  return fmt::format("e{}, {}, {}, {}", 8u << sew, groups[group], vtype & 0x40 ? "ta" : "tu",
                     vtype & 0x80 ? "ma" : "mu");
}

/// Ordering bits of atomics.
std::string_view orderingSuffix(const Op &op) {
  constexpr std::array<std::string_view, 4> names = {"", ".rl", ".aq", ".aqrl"};
  return names[(op.word >> 25) & 3];
}

/// The name of a vector memory access: segments are rows of the simple form.
std::string memoryName(const Op &op, Format format) {
  std::string name(nameOf(op.opcode));
  if (op.fields == 1)
    return name;
  switch (format) {
  case Format::VLoad: // vle8ff.v -> vlseg2e8ff.v
  case Format::VStore:
    return fmt::format("{}seg{}{}", name.substr(0, 1) + (format == Format::VLoad ? "l" : "s"), op.fields,
                       name.substr(2));
  case Format::VLoadStrided: // vlse8.v -> vlsseg2e8.v
  case Format::VStoreStrided:
    return fmt::format("{}seg{}{}", name.substr(0, 3), op.fields, name.substr(3));
  default: // vluxei8.v -> vluxseg2ei8.v
    return fmt::format("{}seg{}{}", name.substr(0, 4), op.fields, name.substr(4));
  }
}

std::string scalarOperands(const Op &op, Format format, uint64_t pc) {
  switch (format) {
  case Format::U:
    return fmt::format("{}, {}", x(op.rd), (static_cast<uint64_t>(op.immediate) >> 12) & 0xfffff);
  case Format::J:
    return fmt::format("{}, {:#x}", x(op.rd), pc + static_cast<uint64_t>(op.immediate));
  case Format::B:
    return fmt::format("{}, {}, {:#x}", x(op.rs1), x(op.rs2), pc + static_cast<uint64_t>(op.immediate));
  case Format::I:
    if (op.opcode == Opcode::JALR)
      return fmt::format("{}, {}({})", x(op.rd), op.immediate, x(op.rs1));
    return fmt::format("{}, {}, {}", x(op.rd), x(op.rs1), op.immediate);
  case Format::Shift:
  case Format::ShiftWord:
    return fmt::format("{}, {}, {}", x(op.rd), x(op.rs1), op.immediate);
  case Format::Load:
    return fmt::format("{}, {}({})", x(op.rd), op.immediate, x(op.rs1));
  case Format::FLoad:
    return fmt::format("{}, {}({})", f(op.rd), op.immediate, x(op.rs1));
  case Format::Store:
    return fmt::format("{}, {}({})", x(op.rs2), op.immediate, x(op.rs1));
  case Format::FStore:
    return fmt::format("{}, {}({})", f(op.rs2), op.immediate, x(op.rs1));
  case Format::R:
    return fmt::format("{}, {}, {}", x(op.rd), x(op.rs1), x(op.rs2));
  case Format::Fence:
    if (op.opcode == Opcode::FENCE_I)
      return "";
    return fmt::format("{}, {}", fenceSet((op.immediate >> 4) & 15), fenceSet(op.immediate & 15));
  case Format::Csr:
    return fmt::format("{}, {}, {}", x(op.rd), csrText(op), x(op.rs1));
  case Format::CsrImmediate:
    return fmt::format("{}, {}, {}", x(op.rd), csrText(op), op.rs1);
  case Format::LoadReserved:
    return fmt::format("{}, ({})", x(op.rd), x(op.rs1));
  case Format::Atomic:
    return fmt::format("{}, {}, ({})", x(op.rd), x(op.rs2), x(op.rs1));
  case Format::UnitRoutePut:
    return fmt::format("{}, {}", op.immediate, x(op.rs1));
  case Format::UnitRouteGet:
    return fmt::format("{}, {}", x(op.rd), op.immediate);
  default:
    return "";
  }
}

std::string scalarFloatOperands(const Op &op, Format format) {
  switch (format) {
  case Format::F4:
    return fmt::format("{}, {}, {}, {}{}", f(op.rd), f(op.rs1), f(op.rs2), f(op.rs3), roundingSuffix(op));
  case Format::FR:
    return fmt::format("{}, {}, {}{}", f(op.rd), f(op.rs1), f(op.rs2), roundingSuffix(op));
  case Format::FUnary:
    return fmt::format("{}, {}{}", f(op.rd), f(op.rs1), roundingSuffix(op));
  case Format::FRNoRounding:
    return fmt::format("{}, {}, {}", f(op.rd), f(op.rs1), f(op.rs2));
  case Format::FCompare:
    return fmt::format("{}, {}, {}", x(op.rd), f(op.rs1), f(op.rs2));
  case Format::FToX:
    return fmt::format("{}, {}", x(op.rd), f(op.rs1));
  case Format::FToXRounding:
    return fmt::format("{}, {}{}", x(op.rd), f(op.rs1), roundingSuffix(op));
  case Format::XToF:
    return fmt::format("{}, {}", f(op.rd), x(op.rs1));
  default: // XToFRounding
    return fmt::format("{}, {}{}", f(op.rd), x(op.rs1), roundingSuffix(op));
  }
}

std::string vectorMemoryOperands(const Op &op, Format format) {
  switch (format) {
  case Format::VSetVli:
    return fmt::format("{}, {}, {}", x(op.rd), x(op.rs1), vtypeText(op.immediate));
  case Format::VSetIVli:
    return fmt::format("{}, {}, {}", x(op.rd), op.rs1, vtypeText(op.immediate));
  case Format::VSetVl:
    return fmt::format("{}, {}, {}", x(op.rd), x(op.rs1), x(op.rs2));
  case Format::VLoadStrided:
  case Format::VStoreStrided:
    return fmt::format("{}, ({}), {}{}", v(op.rd), x(op.rs1), x(op.rs2), maskSuffix(op));
  case Format::VLoadIndexed:
  case Format::VStoreIndexed:
    return fmt::format("{}, ({}), {}{}", v(op.rd), x(op.rs1), v(op.rs2), maskSuffix(op));
  default:
    return fmt::format("{}, ({}){}", v(op.rd), x(op.rs1), maskSuffix(op));
  }
}

std::string vectorOperands(const Op &op, Format format) {
  auto three = [&](const std::string &second, auto third, std::string_view end) {
    return fmt::format("{}, {}, {}{}", v(op.rd), second, third, end);
  };
  switch (format) {
  case Format::VVV:
  case Format::UnitVectorVector:
    return three(v(op.rs2), v(op.rs1), maskSuffix(op));
  case Format::VVX:
  case Format::UnitVectorScalar:
    return three(v(op.rs2), x(op.rs1), maskSuffix(op));
  case Format::VVF:
  case Format::UnitVectorFloat:
    return three(v(op.rs2), f(op.rs1), maskSuffix(op));
  case Format::UnitBatched:
    return three(v(op.rs2), fmt::format("{}, {}", v(op.rs1), op.immediate), maskSuffix(op));
  case Format::VVI:
  case Format::VVIU:
  case Format::UnitVectorImmediate:
    return three(v(op.rs2), op.immediate, maskSuffix(op));
  case Format::VVVCarry:
    return three(v(op.rs2), v(op.rs1), ", v0");
  case Format::VVXCarry:
    return three(v(op.rs2), x(op.rs1), ", v0");
  case Format::VVFCarry:
    return three(v(op.rs2), f(op.rs1), ", v0");
  case Format::VVICarry:
    return three(v(op.rs2), op.immediate, ", v0");
  case Format::VVVUnmasked:
    return three(v(op.rs2), v(op.rs1), "");
  case Format::VVXUnmasked:
    return three(v(op.rs2), x(op.rs1), "");
  case Format::VVIUnmasked:
    return three(v(op.rs2), op.immediate, "");
  case Format::VMacV:
    return three(v(op.rs1), v(op.rs2), maskSuffix(op));
  case Format::VMacX:
    return three(std::string(x(op.rs1)), v(op.rs2), maskSuffix(op));
  case Format::VMacF:
    return three(std::string(f(op.rs1)), v(op.rs2), maskSuffix(op));
  case Format::VUnary:
  case Format::UnitVector:
    return fmt::format("{}, {}{}", v(op.rd), v(op.rs2), maskSuffix(op));
  case Format::VMaskToX:
    return fmt::format("{}, {}{}", x(op.rd), v(op.rs2), maskSuffix(op));
  case Format::VIndex:
    return fmt::format("{}{}", v(op.rd), maskSuffix(op));
  case Format::VMoveV:
    return fmt::format("{}, {}", v(op.rd), v(op.rs1));
  case Format::VMoveX:
  case Format::VFromX:
    return fmt::format("{}, {}", v(op.rd), x(op.rs1));
  case Format::VMoveF:
  case Format::VFromF:
    return fmt::format("{}, {}", v(op.rd), f(op.rs1));
  case Format::VMoveI:
    return fmt::format("{}, {}", v(op.rd), op.immediate);
  case Format::VMoveWhole:
    return fmt::format("{}, {}", v(op.rd), v(op.rs2));
  case Format::VToX:
    return fmt::format("{}, {}", x(op.rd), v(op.rs2));
  default: // VToF
    return fmt::format("{}, {}", f(op.rd), v(op.rs2));
  }
}

} // namespace

std::string weft::iss::disassemble(const Op &op, uint64_t pc) {
  if (op.opcode == Opcode::Illegal)
    return op.bytes == 2 ? fmt::format(".half {:#06x}", op.word) : fmt::format(".word {:#010x}", op.word);
  Format format = instructionOf(op.opcode).format;
  std::string name(nameOf(op.opcode)), operands;
  if (isVector(format) && format >= Format::VVV)
    operands = vectorOperands(op, format);
  else if (isVector(format))
    operands = vectorMemoryOperands(op, format);
  else if (format >= Format::F4 && isScalarFloat(format))
    operands = scalarFloatOperands(op, format);
  else
    operands = scalarOperands(op, format, pc);
  if (format == Format::Atomic || format == Format::LoadReserved)
    name += orderingSuffix(op);
  bool mayBeSegment = format >= Format::VLoad && format <= Format::VStoreIndexed;
  if (mayBeSegment)
    name = memoryName(op, format);
  return operands.empty() ? name : name + " " + operands;
}
