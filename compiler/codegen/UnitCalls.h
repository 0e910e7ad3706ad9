// Instructions of custom units on their way through LLVM. In the IR one is inline assembly that names it, on vectors of
// fixed length. VectorSelector makes an intrinsic of it for a core, callUnitFunctions() calls of the golden model for a
// host. Internal to compiler/codegen.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "kernels/units/Units.h"

#include "mlir/IR/PatternMatch.h"

#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"

#include <set>
#include <string>
#include <vector>

namespace weft::codegen {

/// rv ops of units to inline assembly.
void addUnitLowering(mlir::RewritePatternSet &patterns);
std::string unitCallText(llvm::StringRef instruction);
/// The instruction that `call` is; null if it is another call.
const units::Instruction *unitCallOf(const llvm::CallInst &call);

/// Host: replaces calls by those of the golden model, lane by lane, whose code becomes part of `module`. The same bits
/// as the core's, since it is the same function.
Result<void> callUnitFunctions(llvm::Module &module);

/// Core: an intrinsic of LLVM's vector coprocessor interface whose operands are the instruction's. An instruction whose
/// encoding is not of that interface is carried by a stand-in, and gets its own encoding in the object file.
struct UnitIntrinsic {
  llvm::Intrinsic::ID id = 0;
  unsigned opcode = 0; // of the coprocessor interface
  bool standsIn = false, keepsTail = false;
};
std::optional<UnitIntrinsic> unitIntrinsic(const units::Instruction &instruction);
/// On functions that have stand-ins, and no other use of their instructions.
inline constexpr const char *standInAttribute = "weft-stand-ins";
std::set<std::string> functionsWithStandIns(const llvm::Module &module);
/// Gives stand-ins in `functions` of a relocatable object the encodings of what they stand for.
Result<void> replaceStandIns(std::vector<uint8_t> &object, const std::set<std::string> &functions);
/// The same in assembler text.
std::string replaceStandIns(const std::string &assembly, const std::set<std::string> &functions);
/// "vqdot.vx\tv8, v12, a0" if `word` is an instruction of a unit that the core has, else empty.
std::string unitText(uint32_t word, const hw::Isa &isa);

} // namespace weft::codegen
