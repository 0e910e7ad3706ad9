#include "compiler/pipeline/Compile.h"

#include "compiler/pipeline/CheckStack.h"
#include "compiler/pipeline/State.h"
#include "runtime/support/WriteFile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace weft::compiler {

namespace {

Result<void> dump(const CompileOptions &options, const PhaseInfo &info, size_t number, State &state) {
  if (options.dumpDirectory.empty() || info.level.empty())
    return {};
  std::error_code failure;
  std::filesystem::create_directories(options.dumpDirectory, failure);
  std::string path = fmt::format("{}/{:02}-{}.mlir", options.dumpDirectory, number, info.name);
  if (failure)
    return userError(fmt::format("cannot create the folder {}: {}", options.dumpDirectory, failure.message()));
  return runtime::writeFile(path, state.print(info.phase));
}

} // namespace

Result<Compilation> compile(const CompileOptions &options) {
  auto state = State::create(options);
  if (!state)
    return state.takeError();
  Compilation result;
  for (size_t number = 0; number < phases.size(); ++number) {
    const PhaseInfo &info = phases[number];
    auto start = std::chrono::steady_clock::now();
    if (auto done = (*state)->run(info.phase); !done)
      return done.takeError();
    result.times.push_back(
        {std::string(info.name), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
    if (auto done = dump(options, info, number, **state); !done)
      return done.takeError();
    if (options.progress)
      options.progress(static_cast<double>(number + 1) / phases.size());
    if (info.phase == Phase::Link && options.product != Product::Package) {
      auto code = (*state)->coreCode(options.product);
      if (!code)
        return code.takeError();
      result.code = std::move(*code);
      break;
    }
    if (info.phase == options.until) {
      if (info.phase != Phase::Package)
        result.ir = (*state)->print(info.phase);
      break;
    }
  }
  result.maxSeq = (*state)->maxSeq();
  result.decisions = (*state)->takeDecisions();
  result.ops = (*state)->takeOps();
  result.placements = (*state)->takePlacements();
  result.experts = (*state)->takeExperts();
  result.warnings = (*state)->takeWarnings();
  result.tuning = (*state)->tuning();
  result.kernels = (*state)->kernelText();
  result.stages = (*state)->stages();
  result.capacity = (*state)->capacity();
  result.package = (*state)->takePackage();
  if (result.package)
    if (auto checked = checkStack(*result.package, options.hardware); !checked)
      return checked.takeError();
  if (result.package && options.measureKernels) {
    auto costs = options.measureKernels(*result.package);
    if (costs)
      result.kernelCosts = std::move(*costs);
    else
      result.costsProblem = costs.error().message;
  }
  return result;
}

} // namespace weft::compiler
