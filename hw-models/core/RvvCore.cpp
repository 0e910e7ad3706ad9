// A RISC-V core with the vector extension. Its rates follow from what the timing model knows of its units: one vector
// instruction after the other with chaining, loads and stores under the arithmetic.
#include "hw-models/core/CoreKinds.h"

using namespace weft;
using namespace weft::hw;

CoreRates hw::rvvRates(const Hardware &hardware) {
  const CoreSpec &core = hardware.parallelism.core;
  const RvvTiming &rvv = core.rvv;
  auto orDatapath = [&](uint32_t bits) { return double(bits ? bits : core.dlenBits); };
  constexpr double f32Bits = 32;
  double lanes = orDatapath(rvv.width.floating) / f32Bits;

  // An exponential is a polynomial of some 12 instructions. One rate stands for both, so the mean of their times.
  constexpr double exponentialInstructions = 12;
  double divide = rvv.divide.floatCycles + rvv.divide.floatCyclesPerBit * f32Bits;
  if (rvv.divide.style == "rows")
    divide /= std::max(1.0, core.dlenBits / f32Bits);
  double special = (exponentialInstructions / lanes + divide) / 2;

  // Call and return, vsetvli and addresses, and the way of the first result from the queue to memory.
  constexpr uint32_t setUpInstructions = 4;
  uint32_t startup = 2 * rvv.scalar.branchCycles + setUpInstructions + rvv.dispatch.latency + rvv.memory.startup +
                     rvv.memory.loadLatency + rvv.latency.floating;
  return {.macsF32 = lanes,
          .macsF16 = lanes * rvv.wideningRate, // the accumulator is f32: narrow operands save loads, not results
          .alu = lanes,
          .special = 1 / special,
          .loadBytes = orDatapath(rvv.memory.loadBits) / 8,
          .storeBytes = orDatapath(rvv.memory.storeBits) / 8,
          .startup = startup};
}
