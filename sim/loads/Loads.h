// How much each core computes and each link carries in a launch. Both follow from the program alone: no instruction
// depends on data or on time, so that whatever runs the program, these are the numbers. Nothing is simulated.
#pragma once

#include "hw-models/CoreModel.h"
#include "runtime/Device.h"
#include "runtime/LoadMap.h"

#include <functional>

namespace weft::sim {

struct LoadOptions {
  const hw::CoreModel *coreModel = nullptr; // what kernels cost
  /// As MeshEngineOptions has it; may be empty.
  std::function<Result<uint64_t>(uint32_t kernel, int64_t rows)> kernelCosts{};
  uint32_t mostBins = 256; // a side
};

/// Of a launch that ran and gave `report`. Errors: as of loading the package, or of a kernel's cost.
Result<runtime::LoadMap> loadMap(const runtime::Package &package, const hw::Hardware &hardware,
                                 const runtime::Launch &launch, const runtime::LaunchReport &report,
                                 const LoadOptions &options);

} // namespace weft::sim
