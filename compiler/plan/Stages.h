// A model whose weights and cache are more than a mesh holds: its layers lie on several meshes of the same size, one
// after the other, each with a part of them. A launch passes through these stages in turn, so that one program, which
// runs all layers on one mesh, has the time of all; only its resident buffers are told apart.
#pragma once

#include "compiler/plan/Sram.h"

namespace weft::plan {

/// Which stage each resident buffer lies in.
struct StagePlan {
  int count = 1;
  uint64_t fullestBytes = 0;      // of the fullest stage
  std::vector<int> stageOfBuffer; // -1: in all stages
};

/// A program is a row of `segments`; a stage is some of them in a row. `segmentsOf[i]`: those that name buffer i,
/// ascending. A buffer that more than one names lies in every stage. A stage takes as many segments as fit in `limit`
/// bytes, and at least one. `alignBytes` >= 1.
StagePlan divideStages(std::span<const PlanBuffer> resident, std::span<const std::vector<int>> segmentsOf, int segments,
                       uint64_t limit, uint32_t alignBytes);

/// The most rows of the sequence that every core can keep in the cache if there may be `stages` stages: 0 if not even
/// one row fits. Buffers of the cache hold `rowsNow` rows; `limit(rows)`: what a core then has for resident buffers.
int64_t mostCachedRows(std::span<const PlanBuffer> resident, std::span<const std::vector<int>> segmentsOf, int segments,
                       int64_t rowsNow, int stages, const std::function<uint64_t(int64_t)> &limit, uint32_t alignBytes);

/// The resident buffers of the stage that has most bytes of them, those of all stages included.
std::vector<PlanBuffer> fullestStage(std::span<const PlanBuffer> resident);

} // namespace weft::plan
