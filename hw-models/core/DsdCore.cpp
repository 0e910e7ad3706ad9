// A core whose vector engine runs data-structure descriptors, as the wafer-scale engine has: one instruction streams
// whole operands from SRAM through the arithmetic and back, so that read, compute and write overlap from the first
// element on. Its rates are what its YAML declares.
#include "hw-models/core/CoreKinds.h"

using namespace weft;
using namespace weft::hw;

CoreRates hw::dsdRates(const Hardware &hardware) {
  const CoreSpec &core = hardware.parallelism.core;
  return {.macsF32 = core.macsPerCycleF32,
          .macsF16 = core.macsPerCycleF16,
          .alu = core.aluPerCycle,
          .special = core.specialPerCycle,
          .loadBytes = core.loadBytesPerCycle,
          .storeBytes = core.storeBytesPerCycle,
          .startup = core.kernelStartup,
          .vectorIssue = core.vectorIssue,
          .descriptor = core.descriptor,
          .taskActivation = core.taskActivation,
          .vectorInterval = core.vectorInterval};
}
