// The core kinds: the one list that the schema, the checks and makeCoreModel() read. A new kind is a file here and a
// line in CoreKinds.cpp.
#pragma once

#include "hw-models/CoreModel.h"

#include <memory>
#include <span>
#include <string_view>

namespace weft::hw {

struct CoreKind {
  std::string_view name; // parallelism.core.kind
  std::string_view doc;
  bool hasVlen; // parallelism.core.vlen must be given; otherwise it must not
  std::unique_ptr<CoreModel> (*make)(const Hardware &hardware);
};

std::span<const CoreKind> coreKinds();
/// Null if there is no such kind.
const CoreKind *findCoreKind(std::string_view name);

std::unique_ptr<CoreModel> makeRvvCore(const Hardware &hardware);
std::unique_ptr<CoreModel> makeDsdCore(const Hardware &hardware);

} // namespace weft::hw
