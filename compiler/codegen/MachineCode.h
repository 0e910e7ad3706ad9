// From an LLVM module to machine code in memory. Internal to compiler/codegen.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace weft::codegen {

/// A processor as LLVM names it.
struct Processor {
  std::string what; // "host kernels": how messages begin
  std::string triple, cpu;
  std::vector<std::string> features; // beyond the cpu's baseline
  std::string abi;                   // empty: that of the triple
  bool positionIndependent = true;
};

/// "+m,+v": as the attribute "target-features" has it.
std::string featureText(const std::vector<std::string> &features);
Result<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(const Processor &processor);
/// Full: every instruction counts, as on a core; Short: code about as fast, made sooner.
enum class Effort : uint8_t { Full, Short };
/// Sets the module's target and runs LLVM's optimiser on it. Nothing is unrolled or vectorised: kernels come as tiles
/// of vectors.
void optimize(llvm::Module &module, llvm::TargetMachine &machine, Effort effort);
/// A relocatable object of an optimised module, which is used up.
Result<std::vector<uint8_t>> emitObject(llvm::Module &module, llvm::TargetMachine &machine);
/// Its text; the module is used up.
Result<std::string> emitAssembly(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace weft::codegen
