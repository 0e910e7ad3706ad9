#include "compiler/pipeline/Capacity.h"

#include "compiler/pipeline/State.h"
#include "compiler/plan/FabricBuffers.h"
#include "compiler/plan/Stages.h"

namespace weft::compiler {

namespace {

/// Bytes beside the resident buffers with a cache for `tokens`: those of one layer stand for all.
std::optional<int64_t> transientWith(CompileOptions options, uint32_t tokens) {
  options.maxSeq = tokens;
  options.layers = 1;
  options.hardware.memory.sramBytes = UINT32_MAX;
  options.dumpDirectory.clear();
  options.progress = nullptr;
  auto state = State::create(options);
  for (const PhaseInfo &info : phases) {
    if (!state || !(*state)->run(info.phase))
      return std::nullopt;
    if (info.phase == Phase::Plan)
      break;
  }
  return static_cast<int64_t>((*state)->transientBytes());
}

} // namespace

Capacity capacityOf(const CompileOptions &options, mlir::ModuleOp module, const Stages &stages, uint32_t alignBytes) {
  const auto height = static_cast<int64_t>(options.meshHeight);
  const int64_t rowsNow = (options.maxSeq + height - 1) / height;
  plan::ModuleBuffers buffers = plan::collectBuffers(module);
  const auto transient = static_cast<int64_t>(plan::transientBytes(buffers, alignBytes));
  // Scores and the like grow with the rows, too: by as much as from these to one more or less.
  int64_t grows = 0;
  for (int64_t step : {height, -height})
    if (int64_t tokens = int64_t{options.maxSeq} + step; grows == 0 && tokens > 0)
      if (auto other = transientWith(options, static_cast<uint32_t>(tokens)))
        grows = std::max<int64_t>((*other - transient) * (step > 0 ? 1 : -1), 0);
  plan::ResidentUse use = plan::residentUse(module, *module.getOps<fabric::ProgramOp>().begin());
  auto limit = [&](int64_t rows) {
    int64_t left = static_cast<int64_t>(options.hardware.usableBytes()) - transient - (rows - rowsNow) * grows;
    return static_cast<uint64_t>(std::max<int64_t>(left, 0));
  };
  const auto most = static_cast<int>(std::max(stages.needed, stages.onMachine));
  int64_t rows = plan::mostCachedRows(buffers.resident, use.segmentsOf, use.segments, rowsNow, most, limit, alignBytes);
  return {static_cast<uint64_t>(most), static_cast<uint64_t>(rows), static_cast<uint64_t>(rows * height),
          static_cast<uint64_t>(rows)};
}

} // namespace weft::compiler
