#include "compiler/codegen/HostTarget.h"

#include "compiler/codegen/Passes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace weft::codegen {

/// What x86-64-v3 has beyond x86-64, as the psABI lists it.
static std::vector<std::string> level3Features() {
  return {"avx",   "avx2",   "bmi",  "bmi2", "cx16",   "f16c",   "fma",   "lzcnt",
          "movbe", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3", "xsave"};
}

HostTarget genericHostTarget() {
  llvm::Triple triple(llvm::sys::getProcessTriple());
  HostTarget target;
  if (triple.getArch() == llvm::Triple::x86_64) {
    target.triple = "x86_64-unknown-linux-gnu";
    target.cpu = "x86-64";
    target.fma = target.nativeHalf = false;
    target.vectorRegisters = 8;
    return target;
  }
  target.triple = (triple.getArchName() + "-unknown-linux-gnu").str();
  target.cpu = "generic";
  bool arm = triple.isAArch64();
  target.fma = target.nativeHalf = arm;
  target.vectorRegisters = arm ? 16 : 8;
  return target;
}

HostTarget defaultHostTarget() {
  HostTarget target = genericHostTarget();
  if (target.cpu != "x86-64")
    return target;
  llvm::StringMap<bool> present = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> wanted = level3Features();
  if (!llvm::all_of(wanted, [&](const std::string &feature) { return present.lookup(feature); }))
    return target;
  target.cpu = "x86-64-v3";
  target.features = std::move(wanted);
  target.fma = target.nativeHalf = true;
  target.vectorRegisters = 16;
  return target;
}

VectorShape vectorShape(const HostTarget &target) { return {.registerBytes = 32, .registers = target.vectorRegisters}; }

} // namespace weft::codegen
