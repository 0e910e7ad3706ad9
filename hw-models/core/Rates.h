// Time from declared rates: what core kinds share until something measures their kernels.
#pragma once

#include "hw-models/CoreModel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::hw {

/// startup + max(compute, load, store), rounded up. Arithmetic, loads and stores overlap; the kinds of arithmetic share
/// the core's issue and do not. Every step is monotone in every count, rounding included. A time beyond 64 bits is the
/// largest 64-bit number, so that it is still more than any other.
inline uint64_t cyclesFromRates(const CoreSpec &core, const KernelWork &work) {
  double macRate = work.narrowOperand ? core.macsPerCycleF16 : core.macsPerCycleF32;
  double compute =
      double(work.macs) / macRate + double(work.alu) / core.aluPerCycle + double(work.special) / core.specialPerCycle;
  double load = double(work.loadBytes) / core.loadBytesPerCycle;
  double store = double(work.storeBytes) / core.storeBytesPerCycle;
  double busy = std::ceil(std::max({compute, load, store}));
  constexpr uint64_t most = std::numeric_limits<uint64_t>::max();
  if (busy >= 0x1p63)
    return most;
  return core.kernelStartup + static_cast<uint64_t>(busy);
}

} // namespace weft::hw
