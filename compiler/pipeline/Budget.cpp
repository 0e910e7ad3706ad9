#include "compiler/pipeline/Budget.h"

#include "compiler/pipeline/State.h"
#include "compiler/plan/FabricBuffers.h"

#include <fmt/format.h>

namespace weft::compiler {

namespace {

/// Bytes that the fullest core needs besides code and stack, compiled with other options; 0 if that fails for another
/// reason.
uint64_t neededWith(CompileOptions options) {
  // A machine with more SRAM than any program needs: what is asked is how much that is.
  options.hardware.memory.sramBytes = UINT32_MAX;
  options.until = Phase::Plan;
  options.dumpDirectory.clear();
  options.progress = nullptr;
  auto state = State::create(options);
  if (!state)
    return 0;
  for (const PhaseInfo &info : phases) {
    if (!(*state)->run(info.phase))
      return 0;
    if (info.phase == Phase::Plan)
      break;
  }
  return (*state)->peakBytes();
}

std::vector<plan::Remedy> findRemedies(const CompileOptions &options) {
  std::vector<plan::Remedy> remedies;
  uint64_t reserved = options.hardware.memory.codeBytes + options.hardware.memory.stackBytes;
  auto fits = [&](const CompileOptions &tried, uint64_t &needed) {
    needed = neededWith(tried);
    return needed != 0 && needed <= options.hardware.usableBytes();
  };
  uint64_t needed = 0;
  // The longest context that fits this mesh, to a power of two and then to sixteenths of it.
  for (uint32_t maxSeq = options.maxSeq / 2; maxSeq >= 16; maxSeq /= 2) {
    CompileOptions tried = options;
    tried.maxSeq = maxSeq;
    if (fits(tried, needed)) {
      remedies.push_back({fmt::format("--max-seq {}", maxSeq), needed + reserved});
      break;
    }
  }
  const hw::Parallelism &machine = options.hardware.parallelism;
  for (uint32_t factor = 2;
       options.meshWidth * (factor / 2) < machine.meshWidth || options.meshHeight * (factor / 2) < machine.meshHeight;
       factor *= 2) {
    CompileOptions tried = options;
    tried.meshWidth = std::min(options.meshWidth * factor, machine.meshWidth);
    tried.meshHeight = std::min(options.meshHeight * factor, machine.meshHeight);
    if (fits(tried, needed)) {
      remedies.push_back({fmt::format("--mesh {}x{}", tried.meshWidth, tried.meshHeight), needed + reserved});
      break;
    }
  }
  if (remedies.size() < 2) {
    needed = neededWith(options);
    if (needed)
      remedies.push_back(
          {fmt::format("--set memory.sram_kib={}", (needed + reserved + 1023) / 1024), needed + reserved});
  }
  return remedies;
}

} // namespace

Result<void> checkBudget(const CompileOptions &options, mlir::ModuleOp module, uint32_t alignBytes) {
  plan::ModuleBuffers buffers = plan::collectBuffers(module);
  plan::SharedPlan shared = plan::planPrograms(buffers.resident, buffers.programs, alignBytes);
  std::vector<plan::Budget> budgets;
  const hw::Memory &memory = options.hardware.memory;
  for (size_t i = 0; i < buffers.programs.size(); ++i) {
    std::vector<plan::PlanBuffer> all = buffers.resident;
    all.insert(all.end(), buffers.programs[i].begin(), buffers.programs[i].end());
    budgets.push_back(plan::budgetOf(i == 0 ? "all (prefill)" : "all (decode)", memory.sramBytes, memory.codeBytes,
                                     memory.stackBytes, all, shared.programs[i].peakBytes));
  }
  return plan::checkBudgets(fmt::format("{} on {}x{} cores of {} with --max-seq {}", options.model, options.meshWidth,
                                        options.meshHeight, options.hardware.name, options.maxSeq),
                            budgets, [&] { return findRemedies(options); });
}

} // namespace weft::compiler
