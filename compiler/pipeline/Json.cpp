// The weft.compile/1 report; docs/json.md documents it.
#include "compiler/pipeline/Compile.h"

#include <nlohmann/json.hpp>

#include <set>

namespace weft::compiler {

namespace {

nlohmann::json describeProgram(const pkg::ProgramT &program) {
  std::set<int> colors;
  for (const auto &channel : program.channels)
    for (const pkg::Flow &flow : channel->flows)
      colors.insert(flow.color());
  uint64_t instructions = 0;
  for (const auto &task : program.tasks)
    instructions += task->instrs.size();
  return {{"name", program.name},
          {"tasks", program.tasks.size()},
          {"instructions", instructions},
          {"ops", program.ops.size()},
          {"channels", program.channels.size()},
          {"colors", colors.size()},
          {"buffers", program.buffers.size()}};
}

nlohmann::json describeCosts(const runtime::Package &package, const runtime::KernelCosts &costs) {
  nlohmann::json kernels = nlohmann::json::array();
  for (size_t i = 0; i < costs.kernels.size(); ++i)
    kernels.push_back({{"name", package.kernels[i]->name},
                       {"rows", costs.kernels[i].rows},
                       {"cycles", costs.kernels[i].cycles},
                       {"instructions", costs.kernels[i].instructions}});
  return {{"measured", costs.measured},
          {"from_cache", costs.fromCache},
          {"cache", costs.cachePath.empty() ? nlohmann::json() : nlohmann::json(costs.cachePath)},
          {"kernels", kernels}};
}

} // namespace

std::string toJson(const CompileOptions &options, const Compilation &compilation) {
  nlohmann::json report = {{"schema", "weft.compile/1"},
                           {"model", options.model},
                           {"hardware", options.hardware.name},
                           {"dtype", options.dtype.empty() ? "stored" : options.dtype},
                           {"max_seq", compilation.maxSeq}};
  for (const PhaseTime &time : compilation.times)
    report["phases"].push_back({{"name", time.name}, {"seconds", time.seconds}});
  report["decisions"] = nlohmann::json::array();
  for (const Decision &decision : compilation.decisions) {
    nlohmann::json alternatives = nlohmann::json::array();
    for (const Decision::Alternative &alternative : decision.alternatives)
      alternatives.push_back({{"name", alternative.name}, {"predicted_cycles", alternative.predictedCycles}});
    report["decisions"].push_back({{"phase", decision.phase},
                                   {"op", decision.op},
                                   {"choice", decision.choice},
                                   {"reason", decision.reason},
                                   {"alternatives", alternatives}});
  }
  if (compilation.ops)
    report["ops"] = {{"raised", compilation.ops->raised}, {"generic", compilation.ops->generic}};
  if (!compilation.placements.empty()) {
    nlohmann::json ops = nlohmann::json::array();
    size_t distributed = 0;
    for (const OpPlacement &op : compilation.placements) {
      ops.push_back({{"name", op.name}, {"op", op.op}, {"distributed", op.distributed}, {"how", op.how}});
      distributed += op.distributed;
    }
    report["general"] = {{"distributed", distributed},
                         {"replicated", compilation.placements.size() - distributed},
                         {"ops", std::move(ops)}};
  }
  if (const TuningUse &tuning = compilation.tuning; tuning.kernels)
    report["tuning"] = {{"kernels", tuning.kernels},
                        {"hits", tuning.hits},
                        {"stale", tuning.stale},
                        {"reordered", tuning.reordered},
                        {"not_reordered", tuning.notReordered}};
  if (const auto &stages = compilation.stages)
    report["stages"] = {{"needed", stages->needed},
                        {"on_machine", stages->onMachine},
                        {"model_bytes", stages->modelBytes},
                        {"machine_bytes", stages->machineBytes}};
  if (const auto &capacity = compilation.capacity)
    report["capacity"] = {{"meshes", capacity->meshes},
                          {"rows", capacity->rows},
                          {"shifted", capacity->shifted},
                          {"appended", capacity->appended}};
  if (compilation.package) {
    const runtime::Package &package = *compilation.package;
    report["mesh"] = {package.mesh_width, package.mesh_height};
    report["kernels"] = package.kernels.size();
    report["weights"] = package.weights.size();
    for (const auto &program : package.programs)
      report["programs"].push_back(describeProgram(*program));
    if (compilation.kernelCosts)
      report["kernel_costs"] = describeCosts(package, *compilation.kernelCosts);
  }
  return report.dump(2) + "\n";
}

} // namespace weft::compiler
