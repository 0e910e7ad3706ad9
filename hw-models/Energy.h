// What a program uses, by component, from what it did and the figures of the machine's YAML file.
#pragma once

#include "hw-models/Hardware.h"

#include <optional>

namespace weft::hw {

/// What happened, on all cores together.
struct Activity {
  double macs = 0;
  double sramBytes = 0;     // read or written
  double hopBytes = 0;      // bytes times links
  double crossingBytes = 0; // of these, over a boundary of dies
  double coreCycles = 0;    // cycles times cores that have power, busy or not
};

struct Joules {
  double macs = 0, sram = 0, links = 0, dieCrossings = 0;
  double always = 0; // leakage, clock, issue
  double total() const { return macs + sram + links + dieCrossings + always; }
};

/// Nullopt if multiply-accumulates, SRAM, hops or leakage have no figure. Other components without one count as
/// nothing.
std::optional<Joules> joulesOf(const Hardware &hardware, const Activity &activity);

/// Watts of the machine when all its cores are on and do nothing; nullopt without a figure.
std::optional<double> idleWatts(const Hardware &hardware);

} // namespace weft::hw
