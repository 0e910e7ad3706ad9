// How large a machine is, by component, from the figures of its YAML file.
#pragma once

#include "hw-models/Hardware.h"

#include <optional>

namespace weft::hw {

/// mm2 of one core, and of the whole machine.
struct AreaOfMachine {
  double logic = 0, lanes = 0, registers = 0, sram = 0, router = 0, links = 0, units = 0; // of a core
  double dieCrossings = 0;                                                                // of the machine
  double cores = 0;                                                                       // how many

  double core() const { return logic + lanes + registers + sram + router + links + units; }
  double total() const { return cores * core() + dieCrossings; }
};

/// Lanes of a core's vector unit, as area.lane_mm2 counts them.
double lanesOf(const CoreSpec &core);

/// Nullopt if logic, lanes, SRAM or router have no figure. Other components without one count as nothing.
std::optional<AreaOfMachine> areaOf(const Hardware &hardware);

} // namespace weft::hw
