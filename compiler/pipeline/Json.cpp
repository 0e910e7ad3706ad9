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

nlohmann::json describeExperts(const place::ExpertChoice &choice) {
  const place::ExpertPlan &plan = choice.plan;
  nlohmann::json result = {{"layer", choice.layer},
                           {"experts", choice.shape.experts},
                           {"top_k", choice.shape.topK},
                           {"load", choice.loadKnown ? "given" : "uniform"},
                           {"placed", choice.routed ? "routed" : "dense"},
                           {"reason", choice.reason},
                           {"predicted_cycles", {{"dense", choice.denseCycles}, {"routed", choice.routedCycles}}}};
  if (!choice.routed)
    return result;
  nlohmann::json table = nlohmann::json::array(), replicas = nlohmann::json::object();
  for (int64_t region = 0; region < plan.regions; ++region)
    table.push_back(
        std::vector<int>(plan.expert.begin() + region * plan.slots, plan.expert.begin() + (region + 1) * plan.slots));
  for (int expert = 0; expert < choice.shape.experts; ++expert)
    if (const int64_t count = plan.replicas(expert); count > 1)
      replicas[std::to_string(expert)] = count;
  result["regions"] = plan.regions;
  result["rows_per_region"] = plan.rowsPerRegion;
  result["slots"] = plan.slots;
  result["expert_of_slot"] = std::move(table);
  result["replicas"] = std::move(replicas);
  result["pairs"] = {
      {"mean", plan.meanPairs}, {"busiest_decode", plan.expectedPairs}, {"busiest_prefill", plan.blockPairs}};
  return result;
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
    report["ops"] = {{"raised", compilation.ops->raised},
                     {"generic", compilation.ops->generic},
                     {"unrounded", compilation.ops->unrounded}};
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
  for (const place::ExpertChoice &choice : compilation.experts)
    report["experts"].push_back(describeExperts(choice));
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
  return report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace weft::compiler
