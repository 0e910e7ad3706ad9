#include "compiler/pipeline/Budget.h"

#include "compiler/pipeline/State.h"
#include "compiler/plan/FabricBuffers.h"
#include "compiler/plan/Stages.h"
#include "dialects/fabric/FabricDialect.h"
#include "dialects/grid/GridDialect.h"
#include "runtime/package/CoreCode.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::compiler {

namespace {

/// Bytes that the fullest core needs besides code and stack, compiled with other options; 0 if that fails for another
/// reason.
uint64_t neededWith(CompileOptions options) {
  // A machine with more SRAM than any program needs: what is asked is how much that is. Of layers that lie on several
  // meshes one stands for all.
  if (options.shapesOnly)
    options.layers = 1;
  options.stageBytes = options.hardware.usableBytes();
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
  // A tensor program has no longest sequence.
  const bool generates = options.maxSeq != 0;
  int64_t maxSeq = generates ? plan::largestThatFits(1, options.maxSeq - 1,
                                                     [&](int64_t tokens) {
                                                       return fits(needed(options.meshWidth, options.meshHeight,
                                                                          static_cast<uint32_t>(tokens)));
                                                     })
                             : 0;
  if (maxSeq >= 1)
    remedies.push_back({fmt::format("--max-seq {}", maxSeq),
                        needed(options.meshWidth, options.meshHeight, static_cast<uint32_t>(maxSeq)) + reserved});
  for (auto [width, height] : otherMeshes(options))
    if (uint64_t bytes = needed(width, height, options.maxSeq); fits(bytes)) {
      remedies.push_back({fmt::format("--mesh {}x{}", width, height), bytes + reserved});
      break;
    }
  // More SRAM always helps; where nothing else does, less of it together with a shorter cache is the other choice.
  std::vector<uint32_t> lengths = {options.maxSeq};
  if (options.maxSeq > 1)
    lengths.push_back(options.maxSeq / 2);
  for (uint32_t maxSeq : lengths)
    if (uint64_t bytes = remedies.size() < 2 ? needed(options.meshWidth, options.meshHeight, maxSeq) : 0) {
      std::string shorter = maxSeq < options.maxSeq ? fmt::format("--max-seq {} ", maxSeq) : "";
      remedies.push_back(
          {fmt::format("{}--set memory.sram_kib={}", shorter, (bytes + reserved + 1023) / 1024), bytes + reserved});
    }
  return remedies;
}

/// Of a stored element. Those in blocks count without their scales.
int64_t bitsOf(mlir::Type element) {
  auto blocks = mlir::dyn_cast<grid::BlocksType>(element);
  return blocks ? blocks.getBits() : element.getIntOrFloatBitWidth();
}

/// Bytes that the stored elements of the resident buffers take, without padding, and those of the cache.
uint64_t modelBytes(const CompileOptions &options, mlir::ModuleOp module) {
  uint64_t bytes = 0;
  for (auto weight : module.getOps<fabric::WeightOp>()) {
    auto type = mlir::cast<mlir::RankedTensorType>(weight.getType());
    bytes += static_cast<uint64_t>(type.getNumElements()) * bitsOf(type.getElementType()) / 8;
  }
  for (auto experts : module.getOps<fabric::ExpertsOp>()) {
    auto type = mlir::cast<mlir::RankedTensorType>(experts.getType());
    const bool innerRows = grid::layoutOf(type).getDims()[1].getAxis() == grid::Axis::Y;
    const auto parts = experts.getParts().size() / experts.getExperts();
    const int64_t held = llvm::count_if(experts.getExpert(), [](int64_t expert) { return expert >= 0; });
    bytes += held * parts * experts.getInner() * static_cast<uint64_t>(type.getDimSize(innerRows ? 2 : 1)) *
             bitsOf(type.getElementType()) / 8;
  }
  // A cache's bytes on a core hold rows of the sequence, the same on all.
  for (const plan::PlanBuffer &buffer : plan::collectBuffers(module).resident)
    if (buffer.kind == plan::BufferKind::KvCache)
      bytes += buffer.bytes * options.meshWidth * options.meshHeight;
  return bytes;
}

Result<void> checkMachine(const CompileOptions &options, mlir::ModuleOp module) {
  Stages stages = stagesOf(options, module);
  if (stages.modelBytes <= stages.machineBytes)
    return {};
  const hw::Parallelism &machine = options.hardware.parallelism;
  auto giga = [](uint64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  return userError(fmt::format(
      "{} does not fit on {}: its weights and a cache of {} tokens take {:.2f} GB, the {}x{} cores have {:.2f} GB for "
      "buffers; {} meshes of {}x{} cores would hold it, the machine has room for {}. A part of it fits with --layers, "
      "smaller weights with --dtype",
      options.model, options.hardware.name, options.maxSeq, giga(stages.modelBytes), machine.meshWidth,
      machine.meshHeight, giga(stages.machineBytes), stages.needed, options.meshWidth, options.meshHeight,
      stages.onMachine));
}

} // namespace

Stages stagesOf(const CompileOptions &options, mlir::ModuleOp module) {
  const hw::Parallelism &machine = options.hardware.parallelism;
  uint64_t across = machine.meshWidth / options.meshWidth, down = machine.meshHeight / options.meshHeight;
  return {static_cast<uint64_t>(plan::countStages(module)), across * down, modelBytes(options, module),
          uint64_t{machine.meshWidth} * machine.meshHeight * options.hardware.usableBytes()};
}

Result<void> checkBudget(const CompileOptions &options, mlir::ModuleOp module, uint32_t alignBytes) {
  plan::ModuleBuffers buffers = plan::collectBuffers(module);
  plan::SharedPlan shared = plan::planPrograms(buffers.resident, buffers.programs, alignBytes);
  std::vector<plan::Budget> budgets;
  const hw::Memory &memory = options.hardware.memory;
  for (size_t i = 0; i < buffers.programs.size(); ++i) {
    std::vector<plan::PlanBuffer> all = plan::fullestStage(buffers.resident);
    all.insert(all.end(), buffers.programs[i].begin(), buffers.programs[i].end());
    budgets.push_back(plan::budgetOf("all (" + buffers.names[i] + ")", memory.sramBytes, memory.codeBytes,
                                     memory.stackBytes, all, shared.programs[i].peakBytes));
  }
  if (options.shapesOnly)
    if (auto fits = checkMachine(options, module); !fits)
      return fits;
  std::string longest = options.maxSeq ? fmt::format(" with --max-seq {}", options.maxSeq) : "";
  return plan::checkBudgets(fmt::format("{} on {}x{} cores of {}{}", options.model, options.meshWidth,
                                        options.meshHeight, options.hardware.name, longest),
                            budgets, [&] { return findRemedies(options); });
}

Result<void> checkCode(const CompileOptions &options, const pkg::KernelObjectT &object, uint64_t bufferBytes) {
  auto code = runtime::readCoreCode(object);
  if (!code)
    return internalError("the compiler made an object that cannot be read: " + code.error().message);
  const hw::Memory &memory = options.hardware.memory;
  const uint64_t needed = code->bytes.size();
  if (needed <= memory.codeBytes)
    return {};
  std::vector<runtime::KernelSize> sizes = runtime::kernelSizes(*code);
  std::stable_sort(sizes.begin(), sizes.end(), [](const auto &a, const auto &b) { return a.bytes > b.bytes; });
  constexpr size_t shown = 8;
  std::string list;
  uint64_t rest = 0, functions = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    functions += sizes[i].bytes;
    if (i < shown)
      list += fmt::format("\n  {:>8}  {}", sizes[i].bytes, sizes[i].name);
    else
      rest += sizes[i].bytes;
  }
  if (sizes.size() > shown)
    list += fmt::format("\n  {:>8}  {} smaller kernels", rest, sizes.size() - shown);
  list += fmt::format("\n  {:>8}  constants", needed - functions);
  const uint64_t codeKib = (needed + 1023) / 1024;
  std::string remedy = fmt::format("--set memory.reserve_kib.code={}", codeKib);
  if (uint64_t sram = codeKib * 1024 + memory.stackBytes + bufferBytes; sram > memory.sramBytes)
    remedy += fmt::format(" --set memory.sram_kib={}, since buffers take {} bytes", (sram + 1023) / 1024, bufferBytes);
  return userError(fmt::format("{} on {}x{} cores of {}: {} kernels take {} bytes of code and constants, a core "
                               "reserves {} for code\n   bytes  kernel{}\nremedy: {}",
                               options.model, options.meshWidth, options.meshHeight, options.hardware.name,
                               sizes.size(), needed, memory.codeBytes, list, remedy));
}

} // namespace weft::compiler
