// What tests of the mesh of routers share: the machine that a variant is, and how a device with it is made.
#pragma once

#include "mesh_programs.h"
#include "sim/cosim/mesh/MeshCosim.h"

namespace weft::test {

inline hw::Hardware machineOf(const cosim::RouterVariant &of) {
  hw::Hardware machine = smallHardware();
  machine.latency.hop = of.hop;
  machine.latency.ramp = of.ramp;
  machine.routing.linkBytes = of.wordBytes;
  machine.routing.queueWords = of.queueWords;
  machine.routing.reduceStage = of.reduceStage;
  return machine;
}

/// SystemC builds one mesh in a process, so it has room for all programs.
inline Result<std::unique_ptr<runtime::Device>>
makeRouters(const runtime::Package &package, const hw::Hardware &hardware, const sim::MeshEngineOptions &options) {
  auto mesh = cosim::makeMeshCosim(package, hardware, {options, 1, 8, 8});
  if (!mesh)
    return mesh.takeError();
  return std::unique_ptr<runtime::Device>(std::move(*mesh));
}

} // namespace weft::test
