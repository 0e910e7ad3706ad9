#include "tools/CompiledPoint.h"

#include "runtime/SramUse.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::tools {

using explore::CompiledRun;
using explore::Point;

static Result<CompiledRun> runPoint(const Tool &tool, const Point &point) {
  const explore::Workload &workload = *point.workload;
  if (workload.batch != 1)
    return userError(fmt::format("batch {}: a compiled model runs one sequence", workload.batch));
  CompileOptions options;
  options.model = workload.modelPath;
  options.machine = point.hardware;
  if (workload.meshWidth)
    options.mesh = MeshSize{workload.meshWidth, workload.meshHeight};
  options.maxSeq = workload.context;
  options.shapesOnly = true;
  options.phase = workload.phase;
  auto package = tool.compile(options, {});
  if (!package)
    return package.takeError();
  DeviceOptions deviceOptions;
  deviceOptions.timingOnly = true;
  auto device = tool.makeDevice(**package, deviceOptions);
  if (!device)
    return device.takeError();
  auto result = (*device)->run({.program = workload.phase,
                                .tokensInCache = workload.context,
                                .inputs = {{"tokens", {static_cast<int32_t>(workload.context), 0}}}});
  if (!result)
    return result.takeError();
  const runtime::LaunchReport &report = result->report;
  CompiledRun run;
  run.cycles = static_cast<double>(report.cycles);
  for (const runtime::OpTime &op : report.ops) {
    run.compute += op.compute;
    run.communicate += op.communicate;
    run.wait += op.wait;
  }
  run.wordHops = static_cast<double>(report.counters.wordHops);
  for (const runtime::SramClass &use : runtime::sramUse(**package))
    run.sramUsedBytes = std::max(run.sramUsedBytes, static_cast<double>(use.peak.total));
  return run;
}

explore::RunCompiled compiledBy(const Tool &tool) {
  return [&tool](const Point &point) { return runPoint(tool, point); };
}

} // namespace weft::tools
