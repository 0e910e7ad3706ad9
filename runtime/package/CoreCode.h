// The machine code of a mesh's cores, as a package's object holds it.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::runtime {

struct CodeSymbol {
  std::string name;
  uint64_t address = 0, bytes = 0;
};

struct CoreCode {
  uint64_t address = 0;            // of the first byte
  std::span<const uint8_t> bytes;  // what a core's memory holds: code and constants
  std::vector<CodeSymbol> symbols; // functions, by address
};

/// A kernel's functions together, without the constants that kernels share.
struct KernelSize {
  std::string name;
  uint64_t bytes = 0;
};

/// Whether the object is for the cores of a mesh, which have no operating system, and not for a host.
bool isForCore(const pkg::KernelObjectT &object);
/// The object for the mesh's cores; null if the package has none.
const pkg::KernelObjectT *findCoreObject(const std::vector<std::unique_ptr<pkg::KernelObjectT>> &objects);

/// Reads the object's image and trusts nothing in it. The result refers to the object. Errors: not a static ELF
/// executable of one segment, truncated, symbols outside that segment.
Result<CoreCode> readCoreCode(const pkg::KernelObjectT &object);
/// By name; a function `name.body` counts for `name`.
std::vector<KernelSize> kernelSizes(const CoreCode &code);

} // namespace weft::runtime
