// The RISC-V vector core that a mesh's kernels are compiled for.
#pragma once

#include "hw-models/core/rvv/Isa.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::codegen {

struct VectorShape;
struct WideningSupport;

/// Where the code of kernels lies in a core's address space: away from address 0 and beyond any SRAM that buffers use
/// below it.
inline constexpr uint64_t coreCodeAddress = 0x4000'0000;
inline constexpr const char *coreTriple = "riscv64-unknown-elf";

struct CoreTarget {
  hw::Isa isa;
  uint64_t codeAddress = coreCodeAddress;  // of the first instruction
  std::optional<uint64_t> stackBytes = {}; // that a kernel may take; none: any
};

/// LLVM's names of the instructions the core has: "m", "v", "zvl256b", ….
std::vector<std::string> llvmFeatures(const hw::Isa &isa);
/// Those of them that LLVM may choose from by itself, where makeLengthsExplicit() has not; `anyOps`: in a kernel made
/// from tensors.
std::vector<std::string> fallbackFeatures(const hw::Isa &isa, bool anyOps);
/// Whether the core has the custom unit `name`.
bool hasUnit(const hw::Isa &isa, std::string_view name);
/// What the vectoriser may use on this core.
VectorShape vectorShape(const hw::Isa &isa);
/// Which 16-bit formats the core widens in one instruction.
WideningSupport wideningSupport(const hw::Isa &isa);

} // namespace weft::codegen
