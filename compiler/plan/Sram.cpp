#include "compiler/plan/Sram.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <numeric>

namespace weft::plan {

static uint64_t alignUp(uint64_t bytes, uint32_t alignBytes) {
  return (bytes + alignBytes - 1) / alignBytes * alignBytes;
}

static bool livesOverlap(const PlanBuffer &a, const PlanBuffer &b) {
  if (a.resident && b.resident)
    return a.stage < 0 || b.stage < 0 || a.stage == b.stage;
  return a.resident || b.resident || (a.firstUse <= b.lastUse && b.firstUse <= a.lastUse);
}

namespace {
/// One greedy placement: buffers in `order`, each into the smallest gap among the live ones that holds it.
struct Placement {
  std::span<const PlanBuffer> buffers;
  uint64_t base;
  uint32_t alignBytes;
  std::vector<uint64_t> offsets;
  std::vector<size_t> placed; // ascending offset
  uint64_t peak;

  Placement(std::span<const PlanBuffer> buffers, uint64_t base, uint32_t alignBytes)
      : buffers(buffers), base(alignUp(base, alignBytes)), alignBytes(alignBytes), offsets(buffers.size(), 0),
        peak(base) {}

  uint64_t endOf(size_t i) const { return offsets[i] + alignUp(buffers[i].bytes, alignBytes); }

  void place(size_t index, bool bestFit) {
    uint64_t bytes = alignUp(buffers[index].bytes, alignBytes), top = base;
    uint64_t chosen = 0, chosenGap = std::numeric_limits<uint64_t>::max();
    bool found = false;
    for (size_t other : placed) {
      if (!livesOverlap(buffers[index], buffers[other]))
        continue;
      uint64_t gap = offsets[other] > top ? offsets[other] - top : 0;
      if (gap >= bytes && gap > 0 && gap < chosenGap && (bestFit || !found)) {
        chosen = top;
        chosenGap = gap;
        found = true;
      }
      top = std::max(top, endOf(other));
    }
    offsets[index] = found ? chosen : top;
    peak = std::max(peak, offsets[index] + buffers[index].bytes);
    auto above = [&](size_t a, size_t b) { return offsets[a] < offsets[b]; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), index, above), index);
  }
};

enum class Order { Size, Area, Life, Start };
} // namespace

/// Resident buffers first, those of all stages before those of one, else in the order given, so that they lie below all
/// others; then as `order` says.
static std::vector<size_t> orderBuffers(std::span<const PlanBuffer> buffers, Order order) {
  auto key = [&](size_t i) -> std::array<double, 2> {
    const PlanBuffer &b = buffers[i];
    double life = static_cast<double>(b.lastUse) - b.firstUse + 1, bytes = static_cast<double>(b.bytes);
    switch (order) {
    case Order::Size:
      return {-bytes, -life};
    case Order::Area:
      return {-bytes * life, -bytes};
    case Order::Life:
      return {-life, -bytes};
    case Order::Start:
      return {static_cast<double>(b.firstUse), -bytes};
    }
    return {0, 0};
  };
  std::vector<size_t> indices(buffers.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  std::sort(indices.begin(), indices.end(), [&](size_t a, size_t b) {
    if (buffers[a].resident != buffers[b].resident)
      return buffers[a].resident;
    if (buffers[a].resident)
      return std::pair(buffers[a].stage, a) < std::pair(buffers[b].stage, b);
    auto ka = key(a), kb = key(b);
    return ka == kb ? a < b : ka < kb;
  });
  return indices;
}

/// One sweep over the starts and ends of lives.
Tightest findTightest(std::span<const PlanBuffer> buffers, uint32_t alignBytes) {
  std::map<int64_t, int64_t> changes, stages;
  int64_t alive = 0;
  for (const PlanBuffer &buffer : buffers) {
    auto bytes = static_cast<int64_t>(alignUp(buffer.bytes, std::max<uint32_t>(alignBytes, 1)));
    if (buffer.resident) {
      (buffer.stage < 0 ? alive : stages[buffer.stage]) += bytes;
      continue;
    }
    changes[buffer.firstUse] += bytes;
    changes[int64_t{buffer.lastUse} + 1] -= bytes;
  }
  int64_t fullestStage = 0;
  for (auto [stage, bytes] : stages)
    fullestStage = std::max(fullestStage, bytes);
  alive += fullestStage;
  int64_t most = alive;
  Tightest tightest{changes.empty() ? 0 : static_cast<int>(changes.begin()->first), 0};
  for (auto [task, change] : changes) {
    alive += change;
    if (alive > most) {
      most = alive;
      tightest.task = static_cast<int>(task);
    }
  }
  tightest.bytes = static_cast<uint64_t>(most);
  return tightest;
}

SramPlan planSram(std::span<const PlanBuffer> buffers, uint64_t base, uint32_t alignBytes) {
  alignBytes = std::max<uint32_t>(alignBytes, 1);
  SramPlan best;
  best.tightest = findTightest(buffers, alignBytes);
  best.peakBytes = std::numeric_limits<uint64_t>::max();
  for (Order order : {Order::Size, Order::Area, Order::Life, Order::Start})
    for (bool bestFit : {true, false}) {
      Placement placement(buffers, base, alignBytes);
      for (size_t index : orderBuffers(buffers, order))
        placement.place(index, bestFit);
      if (placement.peak < best.peakBytes) {
        best.peakBytes = placement.peak;
        best.offsets = std::move(placement.offsets);
      }
      if (best.peakBytes <= alignUp(base, alignBytes) + best.tightest.bytes)
        return best; // nothing can be lower, but for the last buffer's rounding
    }
  return best;
}

SharedPlan planPrograms(std::span<const PlanBuffer> resident, std::span<const std::vector<PlanBuffer>> programs,
                        uint32_t alignBytes) {
  SharedPlan shared;
  std::vector<PlanBuffer> forEver(resident.begin(), resident.end());
  for (PlanBuffer &buffer : forEver)
    buffer.resident = true;
  shared.resident = planSram(forEver, 0, alignBytes);
  shared.peakBytes = shared.resident.peakBytes;
  for (const auto &buffers : programs) {
    shared.programs.push_back(planSram(buffers, shared.resident.peakBytes, alignBytes));
    shared.peakBytes = std::max(shared.peakBytes, shared.programs.back().peakBytes);
  }
  return shared;
}

Result<void> verify(std::span<const PlanBuffer> buffers, const SramPlan &plan, uint64_t base, uint64_t limit,
                    uint32_t alignBytes) {
  if (plan.offsets.size() != buffers.size())
    return internalError(fmt::format("an SRAM plan of {} offsets for {} buffers", plan.offsets.size(), buffers.size()));
  auto range = [&](size_t i) {
    return fmt::format("'{}' at [{}, {}) of tasks {}..{}", buffers[i].name, plan.offsets[i],
                       plan.offsets[i] + buffers[i].bytes, buffers[i].firstUse, buffers[i].lastUse);
  };
  for (size_t i = 0; i < buffers.size(); ++i) {
    uint64_t offset = plan.offsets[i];
    if (offset % std::max<uint32_t>(alignBytes, 1) != 0)
      return internalError(fmt::format("S1: {} is not aligned to {} bytes", range(i), alignBytes));
    if (offset < base || offset > limit || buffers[i].bytes > limit - offset)
      return internalError(fmt::format("S2: {} leaves [{}, {})", range(i), base, limit));
    for (size_t j = 0; j < i; ++j) {
      bool bytesOverlap = offset < plan.offsets[j] + buffers[j].bytes && plan.offsets[j] < offset + buffers[i].bytes;
      if (bytesOverlap && livesOverlap(buffers[i], buffers[j]))
        return internalError(fmt::format("S3: {} and {} overlap while both live", range(j), range(i)));
    }
  }
  return success();
}

int64_t largestThatFits(int64_t lo, int64_t hi, const std::function<bool(int64_t)> &fits) {
  int64_t good = lo - 1;
  while (good < hi) {
    int64_t middle = good + (hi - good + 1) / 2;
    if (fits(middle))
      good = middle;
    else
      hi = middle - 1;
  }
  return good;
}

} // namespace weft::plan
