// A RISC-V core with the vector extension. Its rates are those of one vector instruction after the other with chaining:
// a chime of LMUL * VLEN / DLEN cycles each, loads and stores under the arithmetic.
#include "hw-models/core/CoreKinds.h"
#include "hw-models/core/Rates.h"

using namespace weft;
using namespace weft::hw;

namespace {

class RvvCore final : public CoreModel {
public:
  explicit RvvCore(const CoreSpec &core) : core(core) {}
  uint64_t kernelCycles(const KernelWork &work) const override { return cyclesFromRates(core, work); }

private:
  CoreSpec core;
};

} // namespace

std::unique_ptr<CoreModel> hw::makeRvvCore(const Hardware &hardware) {
  return std::make_unique<RvvCore>(hardware.parallelism.core);
}
