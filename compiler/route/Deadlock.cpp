#include "compiler/route/Deadlock.h"

#include "compiler/route/DeadlockProof.h"
#include "compiler/route/DeadlockRun.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace weft::route {

/// The values of the program's parameters for n tokens in the cache.
static Result<std::vector<int64_t>> paramsFor(const pkg::ProgramT &program, int64_t tokens) {
  std::vector<int64_t> values;
  for (const auto &param : program.params) {
    int64_t value = tokens;
    for (int divisor : param->divisors) {
      if (divisor < 1)
        return internalError(
            fmt::format("program '{}': parameter '{}' is divided by {}", program.name, param->name, divisor));
      value = (value + divisor - 1) / divisor;
    }
    values.push_back(value);
  }
  return values;
}

/// Whether launch parameters decide how many words move. If not, one run stands for all.
static bool dependsOnParams(const pkg::ProgramT &program) {
  auto isParam = [](const std::unique_ptr<pkg::Expr> &expr) {
    return expr && expr->source() == pkg::Source::Param && expr->scale() != 0;
  };
  for (const auto &task : program.tasks)
    for (const auto &instr : task->instrs) {
      bool isCall = instr->kind == pkg::InstrKind::Call;
      if (!isCall && (isParam(instr->bytes) || isParam(instr->count)))
        return true;
    }
  return std::any_of(program.inputs.begin(), program.inputs.end(),
                     [&](const auto &input) { return isParam(input->bytes); });
}

/// Ends of the range, and two lengths between: one just past a full row of ranks, one in the middle.
static std::vector<int> defaultCounts(const pkg::PackageT &package) {
  int64_t most = std::max<int64_t>(package.model ? package.model->max_seq : 1, 1);
  std::vector<int> counts;
  for (int64_t n : {int64_t{1}, most, int64_t{package.mesh_height} + 1, most / 2})
    if (n >= 1 && n <= most)
      counts.push_back(static_cast<int>(n));
  return counts;
}

Result<void> checkDeadlock(const pkg::PackageT &package, const pkg::ProgramT &program, const DeadlockOptions &options,
                           DeadlockStatistics *statistics) {
  DeadlockStatistics local;
  DeadlockStatistics &stats = statistics ? *statistics : local;
  constexpr uint32_t maxExtent = 1 << 15;
  if (package.mesh_width < 1 || package.mesh_height < 1 || package.mesh_width > maxExtent ||
      package.mesh_height > maxExtent)
    return internalError(
        fmt::format("a {}x{} mesh; each side must be 1 to {}", package.mesh_width, package.mesh_height, maxExtent));
  std::vector<int> counts = options.tokenCounts.empty() ? defaultCounts(package) : options.tokenCounts;
  if (!dependsOnParams(program))
    counts.resize(1);
  std::set<std::vector<int64_t>> tried;
  for (int tokens : counts) {
    auto params = paramsFor(program, tokens);
    if (!params)
      return params.takeError();
    if (!tried.insert(*params).second)
      continue;
    std::string obstacle;
    if (options.proveFirst) {
      DeadlockProof proof = proveNoDeadlock(package, program, options, *params);
      if (proof.proven) {
        ++stats.proofs;
        continue;
      }
      obstacle = fmt::format("\n  (not proven: {})", proof.obstacle);
    }
    ++stats.runs;
    if (auto ran = detail::Run(package, program, options, *params).execute(stats.instructions); !ran) {
      Error error = ran.takeError();
      error.message += fmt::format("\n  (with {} tokens in the cache)", tokens) + obstacle;
      return error;
    }
  }
  return success();
}

Result<void> checkDeadlock(const pkg::PackageT &package, const DeadlockOptions &options) {
  for (const auto &program : package.programs)
    if (auto checked = checkDeadlock(package, *program, options); !checked)
      return checked;
  return success();
}

} // namespace weft::route
