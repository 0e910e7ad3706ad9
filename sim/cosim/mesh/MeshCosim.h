// A mesh of Verilated routers as a device: it runs what the mesh engine runs, and should take the same cycles.
#pragma once

#include "sim/cosim/mesh/RouterModel.h"
#include "sim/mesh/MeshEngine.h"

namespace weft::cosim {

struct MeshCosimOptions {
  sim::MeshEngineOptions engine;  // as the mesh engine takes them
  uint64_t seed = 1;              // of what registers hold before their reset
  uint32_t width = 0, height = 0; // routers that are built, at least as many as the package has cores; 0: as many
  const RouterVariant *variant = nullptr; // other routers than those of the build, e.g. with faults; null: of the build
  MeshWave wave{};                        // of the routers, until this device goes
  std::function<void(uint64_t cycle)> progress{}; // of a launch, now and then
};

/// What a mesh co-simulation did.
struct MeshCosimCounts {
  uint64_t routers = 0;     // that are built
  uint64_t words = 0;       // that arrived in cores and at the host
  uint64_t cycles = 0;      // of launches
  uint64_t clocked = 0;     // of them, those in which the routers' clocks ran
  uint64_t evaluations = 0; // routers times clock edges
};

class MeshCosim : public runtime::Device {
public:
  virtual MeshCosimCounts counts() const = 0;
};

/// SystemC builds one hierarchy in a process: a second call hands out the first one's routers again, and is an error if
/// they are too few or of another variant. Errors: a machine that no variant of the build is, and those of the mesh
/// engine.
Result<std::unique_ptr<MeshCosim>> makeMeshCosim(const runtime::Package &package, const hw::Hardware &hardware,
                                                 const MeshCosimOptions &options);

} // namespace weft::cosim
