// What each class of cores keeps in its SRAM.
#pragma once

#include "runtime/package/PackageFile.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::runtime {

inline constexpr size_t bufferKinds = size_t(pkg::BufferKind::MAX) + 1;

/// Bytes of SRAM that are part of some buffer in use. Buffers that are never alive together may share bytes; such
/// bytes count once, and once in each kind.
struct SramBytes {
  uint64_t total = 0;
  std::array<uint64_t, bufferKinds> byKind{};
};

struct ClassSram {
  std::string name;
  uint64_t cores = 0;
  SramBytes peak;                  // over all programs together
  std::vector<SramBytes> programs; // by program of the package
};

/// By class of the package: the resident buffers, which every core has, and the buffers that the class's own tasks
/// name. `package` has passed checkPackage.
std::vector<ClassSram> sramUse(const Package &package);

/// Cores that are members of `cls`.
uint64_t coresOf(const pkg::ClassT &cls);

/// Lower-case name of a buffer kind as reports print it: weights, constants, kv_cache, …
const char *kindName(pkg::BufferKind kind);

} // namespace weft::runtime
