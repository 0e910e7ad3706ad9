// A mesh engine together with what it refers to: core model, kernels, weight files, trace.
#pragma once

#include "tools/Tool.h"

namespace weft::tools {

/// The mesh engine with `package` loaded, as the package's own hardware description says. The package outlives it.
Result<std::unique_ptr<runtime::Device>> makeLoadedEngine(const runtime::Package &package,
                                                          const DeviceOptions &options);

} // namespace weft::tools
