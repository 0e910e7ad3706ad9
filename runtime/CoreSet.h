// Sets of cores of a mesh, and short names for them.
#pragma once

#include "runtime/package/PackageFile.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weft::runtime {

class CoreSet {
public:
  /// Empty.
  CoreSet(uint32_t width, uint32_t height) : meshWidth(width), words((uint64_t(width) * height + 63) / 64) {}
  static CoreSet all(const Package &package);
  /// The members of `cls`. Both have passed checkPackage.
  static CoreSet of(const Package &package, const pkg::ClassT &cls);

  void insert(uint64_t x, uint64_t y);
  bool contains(uint64_t x, uint64_t y) const;
  uint64_t size() const;
  CoreSet operator|(const CoreSet &other) const;
  CoreSet operator&(const CoreSet &other) const;
  CoreSet operator-(const CoreSet &other) const;
  bool operator==(const CoreSet &other) const = default;

  /// "all", "core 0,0" (x, y), "row 0", "columns 1-15", "rows 0-3, columns 4-7", "diagonal", or "all but" one of these;
  /// of a set of another shape "112 cores". `height` is that of the mesh.
  std::string name(uint32_t height) const;

private:
  /// The name of a set that is none, a rectangle or the diagonal; "" for others.
  std::string shape(uint32_t height) const;

  uint32_t meshWidth;
  std::vector<uint64_t> words; // a bit a core, row after row
};

} // namespace weft::runtime
