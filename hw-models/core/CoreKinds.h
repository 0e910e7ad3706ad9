// The core kinds: the one list that the schema, the checks and makeCoreModel() read. A new kind is a file here and a
// line in CoreKinds.cpp.
#pragma once

#include "hw-models/CoreModel.h"

#include <span>
#include <string_view>

namespace weft::hw {

struct CoreKind {
  std::string_view name; // parallelism.core.kind
  std::string_view doc;
  CoreRates (*rates)(const Hardware &hardware);
};

std::span<const CoreKind> coreKinds();
/// Null if there is no such kind.
const CoreKind *findCoreKind(std::string_view name);

CoreRates rvvRates(const Hardware &hardware);
CoreRates dsdRates(const Hardware &hardware);

} // namespace weft::hw
