// What the cores keep in their SRAM.
#pragma once

#include "runtime/CoreSet.h"

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

  bool operator==(const SramBytes &) const = default;
};

/// Cores that use their SRAM alike.
struct SramClass {
  std::string name; // CoreSet::name of its cores
  CoreSet cores;
  SramBytes peak;                  // the most of any program, each kind for itself
  std::vector<SramBytes> programs; // by program of the package
};

/// The cores of the mesh, grouped by the bytes that they use in each program: the resident buffers, which every core
/// has, and the buffers that its tasks name. The fullest first. `package` has passed checkPackage.
std::vector<SramClass> sramUse(const Package &package);

/// The cores whose tasks name each buffer of `program`. Resident buffers belong to all.
std::vector<CoreSet> bufferUsers(const Package &package, const pkg::ProgramT &program);

/// Lower-case name of a buffer kind as reports print it: weights, constants, kv_cache, …
const char *kindName(pkg::BufferKind kind);

} // namespace weft::runtime
