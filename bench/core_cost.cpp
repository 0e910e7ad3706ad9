#include "core_cost.h"

#include "compiler/codegen/CoreKernels.h"
#include "hw-models/core/rvv/Timing.h"
#include "sim/iss/KernelMachine.h"
#include "sim/iss/TimingObserver.h"

namespace weft::bench {

Result<Cost> costOnCore(mlir::ModuleOp module, const std::string &name, const char *units,
                        const std::vector<uint32_t> &operandBytes, const std::vector<int64_t> &scalars) {
  auto hardware = hw::load("rvv-lab", {{"parallelism.core.units", units}});
  if (!hardware)
    return hardware.takeError();
  auto object = codegen::compileCoreKernels(module, {hw::isaOf(hardware->parallelism.core)});
  if (!object)
    return object.takeError();
  auto machine = iss::KernelMachine::create(std::as_bytes(std::span(object->image)), {name}, *hardware);
  if (!machine)
    return machine.takeError();
  std::vector<std::byte> sram(hardware->memory.sramBytes);
  std::vector<uint32_t> operands;
  uint32_t next = 0;
  for (uint32_t bytes : operandBytes) {
    operands.push_back(next);
    next += (bytes + 63) / 64 * 64;
  }
  auto timing = hw::rvv::makeTiming(*hardware);
  iss::TimingObserver observer(*timing);
  auto instructions = machine->call(0, sram, operands, scalars, &observer);
  if (!instructions)
    return instructions.takeError();
  return Cost{static_cast<double>(*instructions), static_cast<double>(timing->cycles())};
}

} // namespace weft::bench
