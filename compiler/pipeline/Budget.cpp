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

/// Meshes of the machine worth trying, nearest first: a square, which cuts contractions into fewer and better filled
/// blocks, then ever larger ones.
std::vector<std::pair<uint32_t, uint32_t>> otherMeshes(const CompileOptions &options) {
  const hw::Parallelism &machine = options.hardware.parallelism;
  uint32_t width = options.meshWidth, height = options.meshHeight;
  std::vector<std::pair<uint32_t, uint32_t>> meshes;
  if (width != height)
    meshes.emplace_back(std::min(width, height), std::min(width, height));
  while (width < machine.meshWidth || height < machine.meshHeight) {
    width = std::min(2 * width, machine.meshWidth);
    height = std::min(2 * height, machine.meshHeight);
    meshes.emplace_back(width, height);
  }
  return meshes;
}

std::vector<plan::Remedy> findRemedies(const CompileOptions &options) {
  std::vector<plan::Remedy> remedies;
  const uint64_t reserved = options.hardware.memory.codeBytes + options.hardware.memory.stackBytes;
  auto needed = [&](uint32_t width, uint32_t height, uint32_t maxSeq) {
    CompileOptions tried = options;
    tried.meshWidth = width;
    tried.meshHeight = height;
    tried.maxSeq = maxSeq;
    return neededWith(tried);
  };
  auto fits = [&](uint64_t bytes) { return bytes != 0 && bytes <= options.hardware.usableBytes(); };
  int64_t maxSeq = plan::largestThatFits(1, options.maxSeq - 1, [&](int64_t tokens) {
    return fits(needed(options.meshWidth, options.meshHeight, static_cast<uint32_t>(tokens)));
  });
  if (maxSeq >= 1)
    remedies.push_back({fmt::format("--max-seq {}", maxSeq),
                        needed(options.meshWidth, options.meshHeight, static_cast<uint32_t>(maxSeq)) + reserved});
  for (auto [width, height] : otherMeshes(options))
    if (uint64_t bytes = needed(width, height, options.maxSeq); fits(bytes)) {
      remedies.push_back({fmt::format("--mesh {}x{}", width, height), bytes + reserved});
      break;
    }
  if (remedies.size() < 2)
    if (uint64_t bytes = needed(options.meshWidth, options.meshHeight, options.maxSeq))
      remedies.push_back({fmt::format("--set memory.sram_kib={}", (bytes + reserved + 1023) / 1024), bytes + reserved});
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
