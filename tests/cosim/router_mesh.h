// What tests of the mesh of routers share: the machine that a variant is, and how a device with it is made.
#pragma once

#include "mesh_programs.h"
#include "sim/cosim/mesh/MeshCosim.h"

namespace weft::test {

inline hw::Hardware machineOf(const cosim::RouterVariant &of) {
  hw::Hardware machine = smallHardware();
  machine.routing.colors = of.colors;
  machine.latency.hop = of.hop;
  machine.latency.ramp = of.ramp;
  machine.routing.linkBytes = of.wordBytes;
  machine.routing.queueWords = of.queueWords;
  machine.routing.reduceStage = of.reduceStage;
  return machine;
}

/// SystemC builds one mesh in a process, so it has room for all programs. `variant`: see MeshCosimOptions.
inline MakeDevice routerMaker(const cosim::RouterVariant *variant) {
  return [variant](const runtime::Package &package, const hw::Hardware &hardware,
                   const sim::MeshEngineOptions &options) -> Result<std::unique_ptr<runtime::Device>> {
    auto mesh = cosim::makeMeshCosim(package, hardware, {options, 1, 8, 8, variant});
    if (!mesh)
      return mesh.takeError();
    return std::unique_ptr<runtime::Device>(std::move(*mesh));
  };
}
inline const MakeDevice makeRouters = routerMaker(nullptr);

} // namespace weft::test
