// Where buffers lie in a core's SRAM. Buffers whose lives do not overlap share bytes.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace weft::plan {

using pkg::BufferKind;
inline constexpr int bufferKinds = static_cast<int>(BufferKind::MAX) + 1;

/// A buffer and its life: from task `firstUse` to task `lastUse`, both included. A resident one lives for ever, in the
/// stage it belongs to (Stages.h); -1: in all of them.
struct PlanBuffer {
  std::string name;
  BufferKind kind = BufferKind::Activations;
  uint64_t bytes = 0;
  int firstUse = 0, lastUse = 0;
  bool resident = false;
  int stage = -1;
};

/// The task at which most bytes are alive, each buffer rounded up to the alignment.
struct Tightest {
  int task = 0;
  uint64_t bytes = 0;
};
Tightest findTightest(std::span<const PlanBuffer> buffers, uint32_t alignBytes);

struct SramPlan {
  std::vector<uint64_t> offsets; // of each buffer, in bytes
  uint64_t peakBytes = 0;        // end of the highest buffer
  Tightest tightest;             // its bytes (above `base`) are the least that any placement needs
};

/// Places `buffers` at or above `base`; resident ones first. Deterministic; does not look at any budget.
/// Greedy best fit over a few orders, the lowest peak wins. `alignBytes` >= 1.
SramPlan planSram(std::span<const PlanBuffer> buffers, uint64_t base, uint32_t alignBytes);

/// Several programs that share the resident part: it lies below all of them, at the same offsets.
struct SharedPlan {
  SramPlan resident;
  std::vector<SramPlan> programs;
  uint64_t peakBytes = 0;
};
/// `resident` live for ever whatever their flags say; each program's buffers must not be resident.
SharedPlan planPrograms(std::span<const PlanBuffer> resident, std::span<const std::vector<PlanBuffer>> programs,
                        uint32_t alignBytes);

/// No two live buffers overlap, all are aligned, at or above `base` and below `limit`. Names the buffers (our fault).
Result<void> verify(std::span<const PlanBuffer> buffers, const SramPlan &plan, uint64_t base, uint64_t limit,
                    uint32_t alignBytes);

/// What a core class needs and has.
struct Budget {
  std::string className;
  uint64_t sramBytes = 0, codeBytes = 0, stackBytes = 0;
  std::array<uint64_t, bufferKinds> kindBytes{}; // alive at the tightest task, by BufferKind
  uint64_t gapBytes = 0;                         // alignment and what the placement could not close
  uint64_t neededBytes() const;
};

/// The budget of a class from its plan: `buffers` are those of the program (and the resident ones, `resident` set).
Budget budgetOf(std::string className, uint64_t sramBytes, uint64_t codeBytes, uint64_t stackBytes,
                std::span<const PlanBuffer> buffers, uint64_t peakBytes);

/// A change that would make the program fit, found by planning it anew.
struct Remedy {
  std::string action;       // "--max-seq 384"
  uint64_t neededBytes = 0; // of the fullest core, after it
};

/// Success if every budget fits. Else the user's error: the table of the fullest class, then the remedies (the first
/// two of those that `remedies` computes; it is called only then).
Result<void> checkBudgets(const std::string &what, std::span<const Budget> budgets,
                          const std::function<std::vector<Remedy>()> &remedies);

/// The largest value of [lo, hi] for which `fits` holds, if it holds for all below it; lo - 1 if for none.
int64_t largestThatFits(int64_t lo, int64_t hi, const std::function<bool(int64_t)> &fits);

} // namespace weft::plan
