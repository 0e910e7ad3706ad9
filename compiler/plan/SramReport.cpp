// The budget table and the message of a program that does not fit.
#include "compiler/plan/Sram.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace weft::plan {

uint64_t Budget::neededBytes() const {
  return std::accumulate(kindBytes.begin(), kindBytes.end(), codeBytes + stackBytes + gapBytes);
}

Budget budgetOf(std::string className, uint64_t sramBytes, uint64_t codeBytes, uint64_t stackBytes,
                std::span<const PlanBuffer> buffers, uint64_t peakBytes) {
  Budget budget{std::move(className), sramBytes, codeBytes, stackBytes, {}, 0};
  int task = findTightest(buffers, 1).task;
  uint64_t alive = 0;
  for (const PlanBuffer &buffer : buffers)
    if (buffer.resident || (buffer.firstUse <= task && task <= buffer.lastUse)) {
      budget.kindBytes[static_cast<size_t>(buffer.kind)] += buffer.bytes;
      alive += buffer.bytes;
    }
  budget.gapBytes = peakBytes > alive ? peakBytes - alive : 0;
  return budget;
}

/// 49152 -> "49,152".
static std::string withCommas(uint64_t value) {
  std::string digits = std::to_string(value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(i, ",");
  return digits;
}

static std::string budgetTable(const Budget &budget) {
  static constexpr std::array<const char *, bufferKinds> kindNames = {"weights",     "constants",     "KV cache",
                                                                      "activations", "communication", "host I/O"};
  std::string table;
  auto row = [&](const char *name, uint64_t bytes) {
    table += fmt::format("  {:<20} {:>14}\n", name, withCommas(bytes));
  };
  row("code", budget.codeBytes);
  row("stack", budget.stackBytes);
  for (int kind = 0; kind < bufferKinds; ++kind)
    row(kindNames[kind], budget.kindBytes[kind]);
  row("alignment and gaps", budget.gapBytes);
  row("needed", budget.neededBytes());
  row("available", budget.sramBytes);
  return table;
}

Result<void> checkBudgets(const std::string &what, std::span<const Budget> budgets,
                          const std::function<std::vector<Remedy>()> &remedies) {
  auto excess = [](const Budget &b) {
    return static_cast<int64_t>(b.neededBytes()) - static_cast<int64_t>(b.sramBytes);
  };
  auto fullest = std::max_element(budgets.begin(), budgets.end(),
                                  [&](const Budget &a, const Budget &b) { return excess(a) < excess(b); });
  if (fullest == budgets.end() || excess(*fullest) <= 0)
    return success();
  std::string message = fmt::format("{} does not fit: a core of class '{}' lacks {} bytes of SRAM\n{}", what,
                                    fullest->className, withCommas(excess(*fullest)), budgetTable(*fullest));
  std::vector<Remedy> found = remedies ? remedies() : std::vector<Remedy>{};
  if (found.empty())
    message += "no change of sequence length or mesh that was tried makes it fit; use a machine with more SRAM a core";
  for (size_t i = 0; i < std::min<size_t>(found.size(), 2); ++i)
    message += fmt::format("{}{} (needs {} bytes a core)", i == 0 ? "it fits with " : "\nor with ", found[i].action,
                           withCommas(found[i].neededBytes));
  return userError(std::move(message));
}

} // namespace weft::plan
