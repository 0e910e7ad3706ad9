// Time from rates: what core kinds share where no kernel has been measured.
#pragma once

#include "hw-models/CoreModel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::hw {

/// startup + control + max(scalar, vectors * issue + max(compute, load, store)), rounded up. Control is what
/// activations and descriptors cost. What a vector instruction costs beside its elements comes between elements and
/// adds up; scalar code that prepares the next one runs beside them. Arithmetic, loads and stores overlap; the kinds of
/// arithmetic share the core's issue and do not. Every step is monotone in every count, rounding included. A time
/// beyond 64 bits is the largest 64-bit number, so that it is still more than any other.
class RateModel final : public CoreModel {
public:
  explicit RateModel(const CoreRates &rates) : rates(rates) {}

  uint64_t kernelCycles(const KernelWork &work) const override {
    double compute = double(work.macs) / (work.narrowOperand ? rates.macsF16 : rates.macsF32) +
                     double(work.alu) / rates.alu + double(work.special) / rates.special;
    double load = double(work.loadBytes) / rates.loadBytes;
    double store = double(work.storeBytes) / rates.storeBytes;
    double control = double(work.descriptors) * rates.descriptor + double(work.activations) * rates.taskActivation;
    double streams = double(work.vectors) * rates.vectorIssue + std::max({compute, load, store});
    double scalar = double(work.vectors) * rates.vectorInterval;
    double busy = std::ceil(control + std::max(scalar, streams));
    if (busy >= 0x1p63)
      return std::numeric_limits<uint64_t>::max();
    return rates.startup + static_cast<uint64_t>(busy);
  }

private:
  CoreRates rates;
};

} // namespace weft::hw
