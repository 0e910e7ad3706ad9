// The machine that host kernels are compiled for.
#pragma once

#include <string>
#include <vector>

namespace weft::codegen {

struct VectorShape;

struct HostTarget {
  std::string triple;                // "x86_64-unknown-linux-gnu"
  std::string cpu;                   // LLVM's name of the level: "x86-64-v3", "x86-64", "generic"
  std::vector<std::string> features; // LLVM's names of what must be present beyond the architecture's baseline
  bool fma = true;                   // fused multiply-add in one instruction
  bool nativeHalf = true;            // f16 to f32 in one instruction
  unsigned vectorRegisters = 16;     // groups of 8 f32 lanes in the register file

  bool operator==(const HostTarget &) const = default;
};

/// x86-64-v3 if this machine has all of it, else the baseline of its architecture. Finer features make no difference,
/// so that machines of one level produce the same object.
HostTarget defaultHostTarget();
/// The baseline of this machine's architecture.
HostTarget genericHostTarget();
/// What the vectoriser may use on this host.
VectorShape vectorShape(const HostTarget &target);

} // namespace weft::codegen
