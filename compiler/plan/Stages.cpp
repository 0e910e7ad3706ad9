#include "compiler/plan/Stages.h"

#include <algorithm>
#include <map>

namespace weft::plan {

StagePlan divideStages(std::span<const PlanBuffer> resident, std::span<const std::vector<int>> segmentsOf, int segments,
                       uint64_t limit, uint32_t alignBytes) {
  auto aligned = [&](const PlanBuffer &buffer) { return (buffer.bytes + alignBytes - 1) / alignBytes * alignBytes; };
  std::vector<uint64_t> bytes(static_cast<size_t>(std::max(segments, 1)), 0);
  uint64_t everywhere = 0;
  for (size_t i = 0; i < resident.size(); ++i)
    (segmentsOf[i].size() == 1 ? bytes[segmentsOf[i].front()] : everywhere) += aligned(resident[i]);
  StagePlan plan;
  std::vector<int> stageOf(bytes.size(), 0);
  uint64_t filled = everywhere;
  bool empty = true;
  for (size_t segment = 0; segment < bytes.size(); ++segment) {
    if (!empty && filled + bytes[segment] > limit) {
      ++plan.count;
      filled = everywhere;
    }
    empty = false;
    filled += bytes[segment];
    plan.fullestBytes = std::max(plan.fullestBytes, filled);
    stageOf[segment] = plan.count - 1;
  }
  for (const std::vector<int> &named : segmentsOf)
    plan.stageOfBuffer.push_back(plan.count > 1 && named.size() == 1 ? stageOf[named.front()] : -1);
  return plan;
}

int64_t mostCachedRows(std::span<const PlanBuffer> resident, std::span<const std::vector<int>> segmentsOf, int segments,
                       int64_t rowsNow, int stages, const std::function<uint64_t(int64_t)> &limit,
                       uint32_t alignBytes) {
  std::vector<PlanBuffer> buffers(resident.begin(), resident.end());
  auto fits = [&](int64_t rows) {
    for (size_t i = 0; i < buffers.size(); ++i)
      if (buffers[i].kind == BufferKind::KvCache)
        buffers[i].bytes = resident[i].bytes * static_cast<uint64_t>(rows) / static_cast<uint64_t>(rowsNow);
    StagePlan plan = divideStages(buffers, segmentsOf, segments, limit(rows), alignBytes);
    return plan.count <= stages && plan.fullestBytes <= limit(rows);
  };
  constexpr int64_t most = 1 << 20; // no core has the bytes for as many
  return largestThatFits(1, most, fits);
}

std::vector<PlanBuffer> fullestStage(std::span<const PlanBuffer> resident) {
  std::map<int, uint64_t> bytes;
  for (const PlanBuffer &buffer : resident)
    if (buffer.stage >= 0)
      bytes[buffer.stage] += buffer.bytes;
  auto fullest =
      std::max_element(bytes.begin(), bytes.end(), [](const auto &a, const auto &b) { return a.second < b.second; });
  std::vector<PlanBuffer> result;
  for (const PlanBuffer &buffer : resident)
    if (buffer.stage < 0 || buffer.stage == fullest->first)
      result.push_back(buffer);
  return result;
}

} // namespace weft::plan
