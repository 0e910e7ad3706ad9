// Messages for a user: what stopped a program, why, and what to do.
#include "kernels/units/Units.h"
#include "sim/iss/Csr.h"
#include "sim/iss/Decode.h"
#include "sim/iss/MachineImpl.h"
#include "sim/iss/UnitInstructions.h"
#include "sim/iss/Units.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::iss;

namespace {

std::string_view nameOf(Cause cause) {
  switch (cause) {
  case Cause::FetchMisaligned:
    return "misaligned instruction address";
  case Cause::FetchFault:
    return "instruction fetch outside executable memory";
  case Cause::IllegalInstruction:
    return "illegal instruction";
  case Cause::Breakpoint:
    return "breakpoint";
  case Cause::LoadMisaligned:
    return "misaligned atomic load";
  case Cause::LoadFault:
    return "load outside readable memory";
  case Cause::StoreMisaligned:
    return "misaligned atomic store";
  case Cause::StoreFault:
    return "store outside writable memory";
  case Cause::HostRequest:
    return "tohost names a block outside memory";
  case Cause::MeshWaits:
    return "waits for the mesh";
  case Cause::UnitDiffers:
    return "a unit's result is not that of its golden model";
  case Cause::UserCall:
  case Cause::MachineCall:
    return "system call that the simulator does not know (write, exit and exit_group are)";
  }
  return "exception";
}

/// The widest set of instructions, for what a word is on any core.
Op decodeForAny(uint32_t word) {
  hw::Isa all;
  all.units = ~uint32_t{0};
  all.zfhmin = all.zfh = all.zvfhmin = all.zvfh = all.zfbfmin = all.zvfbfmin = all.zvfbfwma = true;
  return decode(word, all);
}

std::string_view nameOf(Extension extension) {
  switch (extension) {
  case Extension::Zfhmin:
    return "zfhmin";
  case Extension::ZfhminOrZfbfmin:
    return "zfhmin or zfbfmin";
  case Extension::Zfh:
    return "zfh";
  case Extension::Zfbfmin:
    return "zfbfmin";
  case Extension::Zvfbfmin:
    return "zvfbfmin";
  case Extension::Zvfbfwma:
    return "zvfbfwma";
  default: // every core has the other standard ones
    return extension > Extension::LastStandard ? units::all()[unitIndexOf(extension)].extension : "";
  }
}

std::string needs(std::string_view extension, const hw::Isa &isa) {
  return fmt::format("it needs {}, which the core ({}) lacks: build the program without it, or name a core or an ISA "
                     "that has it",
                     extension, hw::isaText(isa));
}

bool usesFloatUnit(const Op &op) {
  const std::string_view name = nameOf(op.opcode);
  if (isVectorUnit(instructionOf(op.opcode).format))
    return usesFloatRegister(instructionOf(op.opcode).format) || unitInstruction(op.opcode).instruction->flags != 0;
  const bool isVectorFloat = (name.starts_with("vf") && name != "vfirst.m") || name.starts_with("vmf");
  return isVectorFloat || usesFloatRegister(instructionOf(op.opcode).format);
}

/// Vector arithmetic in half precision depends on vtype, so that the decoder cannot refuse it.
std::string_view halfExtensionOf(const Op &op, const Hart &hart) {
  const std::string_view name = nameOf(op.opcode);
  if (!usesFloatUnit(op) || isVectorUnit(instructionOf(op.opcode).format) || hart.vector.illegal ||
      hart.vector.sewBits != 16)
    return "";
  if (name == "vfwcvt.f.f.v" || name == "vfncvt.f.f.w")
    return hart.isa.zvfhmin ? "" : "zvfhmin";
  return hart.isa.zvfh ? "" : "zvfh";
}

std::string whyVector(const Op &op, const Hart &hart) {
  const VectorState &v = hart.vector;
  if (v.illegal)
    return "vtype is not set, or to what the core does not support (vill): execute a vsetvli that it supports first";
  const std::string lmul = v.lmulLog2 < 0 ? fmt::format("1/{}", 1 << -v.lmulLog2) : fmt::format("{}", 1 << v.lmulLog2);
  if (const std::string_view extension = halfExtensionOf(op, hart); !extension.empty())
    return needs(extension, hart.isa);
  if (isVectorUnit(instructionOf(op.opcode).format))
    return fmt::format(
        "it is reserved while SEW is {}, LMUL {}, altfmt {:d} and vstart {}, or with these registers: see "
        "what docs/units.md says of it",
        v.sewBits, lmul, v.alternate, v.vstart);
  if (hart.frm > 4 && usesFloatUnit(op))
    return fmt::format("frm holds {}, which is no rounding mode", hart.frm);
  return fmt::format(
      "it is reserved while SEW is {}, LMUL {} and vstart {}: see that the element widths exist, register "
      "numbers are multiples of their group, and a group overlaps neither a mask nor one of other width",
      v.sewBits, lmul, v.vstart);
}

std::string whyCsr(const Op &op, const Hart &hart) {
  const auto number = static_cast<uint32_t>(op.immediate);
  const std::string_view known = csrName(number);
  const std::string name = known.empty() ? fmt::format("{:#x}", number) : fmt::format("{} ({:#x})", known, number);
  if (readCsr(hart, number))
    return fmt::format("the control register {} is read-only", name);
  Hart machine;
  machine.isa = hart.isa;
  if (!readCsr(machine, number))
    return fmt::format("the simulator has no control register {}", name);
  if (hart.privileged.mode != Mode::Machine)
    return fmt::format("the control register {} is not for user mode, or mcounteren closes it", name);
  return fmt::format("the control register {} belongs to a unit that is off: set FS and VS of mstatus first", name);
}

std::string whyIllegal(const Hart &hart, uint32_t word) {
  const Op op = decodeForAny(word);
  if (op.opcode == Opcode::Illegal)
    return word == 0
               ? "memory is zero there: the program jumped to what is no code, or ran past its end"
               : "the simulator knows no such instruction: it is data, reserved, or of an extension beyond RV64GCV "
                 "with half precision and bfloat16";
  const Instruction &row = instructionOf(op.opcode);
  if (!has(hart.isa, row.extension))
    return needs(nameOf(row.extension), hart.isa);
  if (isVector(row.format) && !hart.privileged.vectorEnabled)
    return "the vector unit is off: set mstatus.VS first";
  if (usesFloatUnit(op) && !hart.privileged.floatEnabled)
    return "the floating-point unit is off: set mstatus.FS first";
  if (isVector(row.format))
    return whyVector(op, hart);
  if (isScalarFloat(row.format))
    return fmt::format("its rounding mode is none; frm holds {}", hart.frm);
  if (row.format == Format::Csr || row.format == Format::CsrImmediate)
    return whyCsr(op, hart);
  return "it needs machine mode"; // mret, wfi
}

std::string describeTrap(const Outcome &outcome) {
  std::string text = fmt::format("{} at {:#x}", nameOf(outcome.trap.cause), outcome.pc);
  switch (outcome.trap.cause) {
  case Cause::UserCall:
  case Cause::MachineCall:
    return text + fmt::format(": number {}", outcome.trap.value);
  case Cause::FetchFault:
    return text;
  case Cause::LoadFault:
  case Cause::StoreFault:
  case Cause::LoadMisaligned:
  case Cause::StoreMisaligned:
  case Cause::HostRequest:
    text += fmt::format(", address {:#x}", outcome.trap.value);
    break;
  default:
    break;
  }
  bool compressed = (outcome.word & 3) != 3;
  text += fmt::format(": {:#0{}x} ({})", outcome.word, compressed ? 6 : 10,
                      disassemble(decodeForAny(outcome.word), outcome.pc));
  return outcome.why.empty() ? text : text + "; " + outcome.why;
}

} // namespace

std::string weft::iss::describe(const Outcome &outcome) {
  switch (outcome.stop) {
  case Stop::Exited:
  case Stop::Returned:
    return {};
  case Stop::Trapped:
  case Stop::Waits:
    return describeTrap(outcome);
  case Stop::Limit: {
    std::string text = fmt::format("still running after {} instructions", outcome.instructions + outcome.trapped);
    if (outcome.trapped)
      text += fmt::format(" ({} retired, {} trapped)", outcome.instructions, outcome.trapped);
    return text + fmt::format(", at {:#x}", outcome.pc);
  }
  }
  return {};
}

std::string Machine::Impl::whyTrapped(uint32_t word) const {
  switch (hart.trap.cause) {
  case Cause::IllegalInstruction:
    return whyIllegal(hart, word);
  case Cause::UnitDiffers:
    return hart.unitPartner->report();
  case Cause::MeshWaits:
    return hart.meshPort ? fmt::format("route {} {}", hart.trap.value,
                                       decodeForAny(word).opcode == Opcode::MESH_PUT ? "is full" : "has no word")
                         : "no mesh is connected to the core";
  default:
    return {};
  }
}
