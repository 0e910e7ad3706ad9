// A program's launch, timed by one of the evaluators.
#pragma once

#include "hw-models/CoreModel.h"
#include "sim/maxplus/MaxPlusEngine.h"
#include "sim/mesh/MeshEngine.h"

namespace weft::test {

inline Result<runtime::LaunchReport> timeOf(const runtime::Package &package, const hw::Hardware &hardware,
                                            decltype(sim::makeMaxPlusEngine) make) {
  auto core = hw::makeCoreModel(hardware);
  if (!core)
    return core.takeError();
  sim::MeshEngineOptions options;
  options.timingOnly = true;
  options.coreModel = core->get();
  auto engine = make(package, hardware, options);
  if (!engine)
    return engine.takeError();
  auto result = (*engine)->run({package.programs[0]->name, 1, {}});
  if (!result)
    return result.takeError();
  return result->report;
}

} // namespace weft::test
