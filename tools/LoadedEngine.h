// A mesh engine together with what it refers to: core model, kernels, weight files, trace.
#pragma once

#include "sim/costs/MeasuredCosts.h"
#include "sim/mesh/MeshEngine.h"
#include "tools/Tool.h"

namespace weft::tools {

/// The mesh engine with `package` loaded, as the package's own hardware description says. The package outlives it.
Result<std::unique_ptr<runtime::Device>> makeLoadedEngine(const runtime::Package &package,
                                                          const DeviceOptions &options);

/// The same for a device that takes what the mesh engine takes, and for who watches it.
struct EngineMaker {
  std::function<Result<std::unique_ptr<runtime::Device>>(const runtime::Package &, const hw::Hardware &,
                                                         const sim::MeshEngineOptions &)>
      make;                        // empty: the mesh engine, with the evaluator that the options name
  sim::TraceSink *trace = nullptr; // must outlive the device; instead of DeviceOptions::tracePath
};
Result<std::unique_ptr<runtime::Device>> makeLoadedEngine(const runtime::Package &package, const DeviceOptions &options,
                                                          const EngineMaker &maker);

/// Where measured costs go, from DeviceOptions::costCache or an option like it. A store that fails is a warning on
/// stderr.
sim::MeasuredCostsOptions costOptions(const std::string &costCache);

/// Tool::kernelCosts.
Result<std::optional<runtime::KernelCosts>> measureKernelCosts(const runtime::Package &package,
                                                               const std::string &costCache);

/// Tool::loadMap.
Result<runtime::LoadMap> loadMapOf(runtime::Device &device, const runtime::Launch &launch,
                                   const runtime::LaunchReport &report);

} // namespace weft::tools
