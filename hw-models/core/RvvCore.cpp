// A RISC-V core with the vector extension. Its rates follow from what the timing model knows of its units: one vector
// instruction after the other with chaining, loads and stores under the arithmetic.
#include "hw-models/core/CoreKinds.h"
#include "hw-models/core/rvv/Units.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace weft;
using namespace weft::hw;

CoreRates hw::rvvRates(const Hardware &hardware) {
  const CoreSpec &core = hardware.parallelism.core;
  const RvvTiming &timing = core.rvv;
  rvv::UnitMap units(timing);
  auto bitsPerCycle = [&](rvv::Unit unit, uint32_t bits) {
    return std::ldexp(double(bits), units.rateLog2(unit)) * std::popcount(units.pipesOf(unit));
  };
  constexpr double f32Bits = 32;
  double lanes = bitsPerCycle(rvv::Unit::Float, core.dlenBits) / f32Bits;
  uint32_t portBits = timing.memory.bits ? timing.memory.bits : core.dlenBits;

  // An exponential as compiler/codegen/ExpandMath.cpp writes it: bounds 4, exponent 4, remainder 2, polynomial 8,
  // result 3, scaling by two powers of two 8. One rate stands for both, so the mean of their times.
  constexpr double exponentialInstructions = 29;
  double divide = timing.divide.floatCycles + timing.divide.cyclesPerBit * f32Bits;
  const std::vector<std::string> &elementwise = timing.elementwise.operations;
  if (std::find(elementwise.begin(), elementwise.end(), "divide") == elementwise.end())
    divide /= std::max(1.0, core.dlenBits / f32Bits);
  double special = (exponentialInstructions / lanes + divide) / 2;

  // Call and return, vsetvli and addresses, and the way of the first result from the queue to memory.
  constexpr uint32_t setUpInstructions = 4;
  uint32_t startup = 2 * timing.scalar.branchCycles + setUpInstructions + timing.dispatch.roundTrip / 2 +
                     timing.startup + timing.memory.loadLatency + timing.latency.floating;
  return {.macsF32 = lanes,
          // The accumulator is f32: narrow operands save loads, and results where widening has a rate of its own.
          .macsF16 = std::ldexp(lanes, units.rateLog2(rvv::Trait::Widen)),
          .alu = lanes,
          .special = 1 / special,
          .loadBytes = bitsPerCycle(rvv::Unit::Load, portBits) / 8,
          .storeBytes = bitsPerCycle(rvv::Unit::Store, portBits) / 8,
          .startup = startup};
}
