#include "hw-models/Area.h"

using namespace weft::hw;

double weft::hw::lanesOf(const CoreSpec &core) {
  return core.kind == "dsd" ? core.macsPerCycleF16 : core.dlenBits / 32.0;
}

/// Links of a mesh's one axis of `n` cores that cross a boundary, both ways counted once.
static double crossingsOn(uint32_t n, uint32_t every) { return every && n ? (n - 1) / every : 0; }

std::optional<AreaOfMachine> weft::hw::areaOf(const Hardware &hardware) {
  const Area &figures = hardware.area;
  if (!figures.logicMm2 || !figures.laneMm2 || !figures.sramKibMm2 || !figures.routerMm2)
    return std::nullopt;
  const Parallelism &mesh = hardware.parallelism;
  const CoreSpec &core = mesh.core;
  constexpr double vectorRegisters = 32, bitsOfKib = 8 * 1024, linksOfCore = 4;
  AreaOfMachine area;
  area.logic = *figures.logicMm2;
  area.lanes = *figures.laneMm2 * lanesOf(core);
  area.registers = figures.registerKibMm2.value_or(0) * vectorRegisters * core.vlenBits / bitsOfKib;
  area.sram = *figures.sramKibMm2 * hardware.memory.sramBytes / 1024;
  area.router = *figures.routerMm2;
  area.links = figures.linkByteMm2.value_or(0) * linksOfCore * hardware.routing.linkBytes;
  area.units = figures.unitMm2.value_or(0) * static_cast<double>(core.units.size());
  area.cores = static_cast<double>(mesh.meshWidth) * mesh.meshHeight;
  const DieCrossing &dies = hardware.latency.dieCrossing;
  area.dieCrossings =
      figures.dieCrossingMm2.value_or(0) * (crossingsOn(mesh.meshWidth, dies.columns) * mesh.meshHeight +
                                            crossingsOn(mesh.meshHeight, dies.rows) * mesh.meshWidth);
  return area;
}
