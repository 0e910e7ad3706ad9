// Instructions of units as inline assembly, for what no intrinsic reaches: `.insn` with the table's encoding.
#include "compiler/codegen/UnitCalls.h"

#include "llvm/ADT/bit.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"

#include <fmt/format.h>

namespace weft::codegen {

namespace {

uint32_t opcodeOf(uint32_t match) { return match & 0x7f; }
uint32_t functionOf(uint32_t match) { return match >> 12 & 7; }
uint32_t firstSourceOf(uint32_t match) { return match >> 15 & 31; }

/// An instruction of three registers, unmasked.
std::string instructionText(const units::Instruction &instruction, std::string_view vd, std::string_view third,
                            std::string_view vs2) {
  uint32_t word = instruction.match | (units::maskBit & ~instruction.mask);
  return fmt::format(".insn r {:#x}, {}, {}, {}, {}, {}", opcodeOf(word), functionOf(word), word >> 25, vd, third, vs2);
}

/// vl that `vsetivli` has room for.
bool isImmediate(std::optional<uint64_t> length) {
  constexpr uint64_t most = 31;
  return length && *length <= most;
}

/// Sets vl and vtype. Elements that the instruction does not write stay what they were.
std::string configurationText(const units::Form &form, int lmulLog2, std::optional<uint64_t> length,
                              unsigned lengthOperand) {
  constexpr uint32_t alternateBit = 1 << 8;
  uint32_t type = static_cast<uint32_t>(lmulLog2 & 7) | llvm::countr_zero(form.sewBits / 8) << 3 |
                  (form.alternate ? alternateBit : 0);
  std::string what = form.alternate ? fmt::format("{:#x}", type)
                                    : fmt::format("e{}, m{}{}, tu, mu", form.sewBits, lmulLog2 < 0 ? "f" : "",
                                                  1 << std::abs(lmulLog2));
  if (isImmediate(length))
    return fmt::format("vsetivli zero, {}, {}", *length, what);
  return fmt::format("vsetvli zero, ${}, {}", lengthOperand, what);
}

/// ci stands in the low bits of vs2's number, and which group of eight vs2 is, only the register allocator knows.
std::string batchedText(const units::Instruction &instruction, uint32_t ci, const std::string &third,
                        const std::string &vs2) {
  if (ci == 0)
    return instructionText(instruction, "$0", third, vs2);
  std::string text, between;
  for (unsigned group : {0, 8, 16, 24}) {
    text += fmt::format("{}.ifc {}, v{}\n\t{}\n\t.endif", between, vs2, group,
                        instructionText(instruction, "$0", third, fmt::format("v{}", group + ci)));
    between = "\n\t";
  }
  return text;
}

/// What stands in rs1's place.
std::string thirdText(const UnitCall &call, unsigned operand) {
  switch (call.instruction->format) {
  case units::Format::Vector:
    return fmt::format("x{}", firstSourceOf(call.instruction->match));
  case units::Format::VectorImmediate:
    return fmt::format("x{}", call.immediate);
  default:
    return fmt::format("${}", operand);
  }
}

/// A destination may be a source of elements of the same size; LLVM takes care of nothing else.
bool mayOverlap(const UnitCall &call) {
  const units::Form &form = *call.form;
  return call.instruction->format != units::Format::Batched && bitsOf(form.vd) == bitsOf(form.vs2) &&
         (call.instruction->format != units::Format::VectorVector || bitsOf(form.vd) == bitsOf(form.third));
}

} // namespace

UnitAssembly unitAssembly(const UnitCall &call, int lmulLog2, std::optional<uint64_t> length) {
  const units::Instruction &instruction = *call.instruction;
  UnitAssembly result;
  result.constraints = mayOverlap(call) ? "=^vr" : "=&^vr";
  unsigned next = 1;
  if (instruction.readsDestination) {
    result.constraints += ",0";
    ++next;
  }
  const std::string vs2 = fmt::format("${}", next++);
  result.constraints += ",^vr";
  const std::string third = thirdText(call, next);
  if (third.starts_with('$')) {
    ++next;
    result.constraints += instruction.format == units::Format::VectorScalar  ? ",r"
                          : instruction.format == units::Format::VectorFloat ? ",f"
                                                                             : ",^vr";
  }
  result.takesLength = !isImmediate(length);
  result.constraints += result.takesLength ? ",r,~{vl},~{vtype}" : ",~{vl},~{vtype}";
  result.text = configurationText(*call.form, lmulLog2, length, next) + "\n\t" +
                (instruction.format == units::Format::Batched ? batchedText(instruction, call.immediate, third, vs2)
                                                              : instructionText(instruction, "$0", third, vs2));
  return result;
}

/// A route is the immediate of an instruction, there with a sign.
static UnitAssembly scalarAssembly(const UnitCall &call) {
  const units::Instruction &instruction = *call.instruction;
  constexpr uint32_t signBit = 1 << 11;
  auto route = static_cast<int32_t>(call.immediate ^ signBit) - static_cast<int32_t>(signBit);
  bool isGet = instruction.format == units::Format::RouteGet;
  return {fmt::format(".insn i {:#x}, {}, {}, {}", opcodeOf(instruction.match), functionOf(instruction.match),
                      isGet ? "$0, x0" : "x0, $0", route),
          isGet ? "=r" : "r", false};
}

void assembleScalarUnits(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function)) {
      auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction);
      std::optional<UnitCall> unit = call ? unitCallOf(*call) : std::nullopt;
      if (!unit || unit->form)
        continue;
      UnitAssembly assembly = scalarAssembly(*unit);
      call->setCalledOperand(
          llvm::InlineAsm::get(call->getFunctionType(), assembly.text, assembly.constraints, /*hasSideEffects=*/true));
    }
}

} // namespace weft::codegen
