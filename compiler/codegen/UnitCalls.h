// Instructions of custom units on their way through LLVM. In the IR one is inline assembly that names it, on vectors of
// fixed length. VectorSelector makes an intrinsic or machine instruction of it for a core, callUnitFunctions() calls of
// the golden model for a host. Internal to compiler/codegen.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "kernels/units/Units.h"

#include "mlir/IR/PatternMatch.h"

#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weft::codegen {

/// A call of an instruction: what the operands do not say.
struct UnitCall {
  const units::Instruction *instruction = nullptr;
  const units::Form *form = nullptr; // null: a scalar unit's
  uint32_t immediate = 0;            // also ci, and a route
};

/// rv ops of units, each instruction of the table, to inline assembly.
void addUnitLowering(mlir::RewritePatternSet &patterns);
std::string unitCallText(const UnitCall &call);
/// The instruction that `call` is; none if it is another call.
std::optional<UnitCall> unitCallOf(const llvm::CallInst &call);

/// Host: replaces calls by those of the golden model, lane by lane, whose code becomes part of `module`. The same bits
/// as the core's, since it is the same function.
Result<void> callUnitFunctions(llvm::Module &module);

/// Core: the intrinsic that has the instruction's operands, where there is one: of LLVM's vector coprocessor interface,
/// or a stand-in. That is an instruction of RVV with the same operands, which the object file replaces; LLVM places and
/// schedules it, as it does not inline assembly.
struct UnitIntrinsic {
  llvm::Intrinsic::ID id = 0;
  std::optional<unsigned> opcode; // of the coprocessor interface
  bool standsIn = false, keepsTail = false;
  bool takesFirstSourceFirst = false; // vs1 before vs2
};
/// A stand-in is taken for `function`: one instruction of a format in each.
std::optional<UnitIntrinsic> unitIntrinsic(const UnitCall &call, llvm::Function &function);

/// Core: inline assembly with the instruction's own encoding; it sets vtype itself. The first register is $0, the
/// result, then come accumulator, vs2, third operand and length as far as there are any.
struct UnitAssembly {
  std::string text, constraints;
  bool takesLength = true; // else it is in the text
};
/// The group of vs2 and of others has 2^lmulLog2 registers; `length` is vl if it is known.
UnitAssembly unitAssembly(const UnitCall &call, int lmulLog2, std::optional<uint64_t> length);
/// Core: calls of scalar units' instructions become machine instructions.
void assembleScalarUnits(llvm::Module &module);

/// Instructions of units that have stand-ins, by function; the functions have no other use of the stand-ins.
using StandIns = std::map<std::string, std::vector<const units::Instruction *>, std::less<>>;
StandIns standInsOf(const llvm::Module &module);
/// Gives stand-ins of a relocatable object the encodings of what they stand for.
Result<void> replaceStandIns(std::vector<uint8_t> &object, const StandIns &standIns);
/// The same in assembler text.
std::string replaceStandIns(const std::string &assembly, const StandIns &standIns);
/// "vqdot.vx\tv8, v12, a0" if `word` is an instruction of a unit that the core has, else empty.
std::string unitText(uint32_t word, const hw::Isa &isa);

} // namespace weft::codegen
