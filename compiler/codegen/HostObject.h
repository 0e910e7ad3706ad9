// From an LLVM module to a shared object in memory. Internal to compiler/codegen.
#pragma once

#include "compiler/codegen/HostTarget.h"
#include "hw-models/support/Result.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace weft::codegen {

Result<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(const HostTarget &target);
/// Optimises `module` and writes a relocatable object.
Result<std::vector<uint8_t>> emitObject(llvm::Module &module, llvm::TargetMachine &machine);
/// Links one relocatable object into a shared one that depends on nothing.
Result<std::vector<uint8_t>> linkShared(const std::vector<uint8_t> &object);

} // namespace weft::codegen
