#include "hw-models/Energy.h"

using namespace weft::hw;

static double alwaysPj(const Hardware &hardware) {
  const Energy &figures = hardware.energy;
  return *figures.leakagePerCyclePj + figures.sramKibPerCyclePj.value_or(0) * hardware.memory.sramBytes / 1024 +
         figures.unitPerCyclePj.value_or(0) * static_cast<double>(hardware.parallelism.core.units.size());
}

std::optional<Joules> weft::hw::joulesOf(const Hardware &hardware, const Activity &activity) {
  const Energy &figures = hardware.energy;
  if (!figures.macPj || !figures.sramBytePj || !figures.hopBytePj || !figures.leakagePerCyclePj)
    return std::nullopt;
  constexpr double pico = 1e-12;
  return Joules{.macs = pico * *figures.macPj * activity.macs,
                .sram = pico * *figures.sramBytePj * activity.sramBytes,
                .links = pico * *figures.hopBytePj * activity.hopBytes,
                .dieCrossings = pico * figures.dieCrossingBytePj.value_or(0) * activity.crossingBytes,
                .always = pico * alwaysPj(hardware) * activity.coreCycles};
}

std::optional<double> weft::hw::idleWatts(const Hardware &hardware) {
  if (!hardware.energy.leakagePerCyclePj)
    return std::nullopt;
  const Parallelism &mesh = hardware.parallelism;
  return 1e-3 * alwaysPj(hardware) * mesh.clockGhz * mesh.meshWidth * mesh.meshHeight;
}
