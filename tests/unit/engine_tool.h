// The tools' engine, for tests of what calls it.
#pragma once

#include "tools/LoadedEngine.h"

namespace weft::test {

inline tools::Tool engineTool() {
  tools::Tool tool;
  tool.makeDevice = [](const runtime::Package &package, const tools::DeviceOptions &options) {
    return tools::makeLoadedEngine(package, options);
  };
  return tool;
}

} // namespace weft::test
