// Cores grouped by the classes that they are members of.
#pragma once

#include "runtime/package/PackageFile.h"
#include "sim/maxplus/CoreSet.h"

namespace weft::sim::maxplus {

struct Group {
  std::vector<bool> member; // by the given classes
  CoreSet cores;
};

/// The cores that are members of at least one of `classes`, those of the same ones together.
std::vector<Group> partition(const runtime::Package &package, const std::vector<uint32_t> &classes);

} // namespace weft::sim::maxplus
