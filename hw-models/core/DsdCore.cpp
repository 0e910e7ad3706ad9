// A core whose vector engine runs data-structure descriptors, as the wafer-scale engine has: one instruction streams
// whole operands from SRAM through the arithmetic and back, so that read, compute and write overlap from the first
// element on.
#include "hw-models/core/CoreKinds.h"
#include "hw-models/core/Rates.h"

using namespace weft;
using namespace weft::hw;

namespace {

class DsdCore final : public CoreModel {
public:
  explicit DsdCore(const CoreSpec &core) : core(core) {}
  uint64_t kernelCycles(const KernelWork &work) const override { return cyclesFromRates(core, work); }

private:
  CoreSpec core;
};

} // namespace

std::unique_ptr<CoreModel> hw::makeDsdCore(const Hardware &hardware) {
  return std::make_unique<DsdCore>(hardware.parallelism.core);
}
