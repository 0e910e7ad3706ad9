#include "compiler/pipeline/Experts.h"

#include <fmt/format.h>

namespace weft::compiler {

Result<void> placeExperts(const CompileOptions &options, mlir::ModuleOp graph, place::PlaceOptions &place) {
  place.experts = options.experts;
  const std::vector<place::ExpertLayer> layers = place::expertLayers(graph);
  if (layers.empty() && options.layers) // the model's first ones may have none, others do not matter here
    return {};
  if (options.expertLoads && options.experts == place::ExpertsMode::Dense)
    return userError(
        fmt::format("--expert-load {} has no use with --experts dense, where every core has a part of every "
                    "expert",
                    options.expertLoads->path));
  if (options.expertLoads) {
    place::ExpertLoadFile file = *options.expertLoads;
    if (options.layers && file.layers.size() > layers.size()) // only the model's first ones
      file.layers.resize(layers.size());
    auto loads = place::loadsFor(file, layers);
    if (!loads)
      return loads.takeError();
    place.expertLoads = std::move(*loads);
  }
  if (layers.empty())
    return refuseExpertOptions(options, "the model has no layers with experts");
  // Compilations that ask how much SRAM is needed pretend to have more.
  place::PlaceOptions real = place;
  real.sramBytes = options.stageBytes;
  place.expertChoices = place::chooseExperts(graph, real);
  return {};
}

std::vector<Decision> expertDecisions(const std::vector<place::ExpertChoice> &choices) {
  std::vector<Decision> decisions;
  for (const place::ExpertChoice &choice : choices)
    decisions.push_back(
        {"place",
         "experts of " + choice.layer,
         choice.routed ? "routed" : "dense",
         choice.reason,
         {{"dense", static_cast<int64_t>(choice.denseCycles)}, {"routed", static_cast<int64_t>(choice.routedCycles)}}});
  return decisions;
}

Result<void> refuseExpertOptions(const CompileOptions &options, const std::string &why) {
  if (options.experts != place::ExpertsMode::Auto)
    return userError(fmt::format("--experts {} has no experts to place: {}",
                                 options.experts == place::ExpertsMode::Dense ? "dense" : "routed", why));
  if (options.expertLoads)
    return userError(fmt::format("--expert-load {} has no experts to place: {}", options.expertLoads->path, why));
  return {};
}

Result<void> refuseExpertsByOps(const CompileOptions &options, const std::string &why) {
  const std::string ops = options.place == PlaceChoice::General
                              ? "--place general places ops one by one"
                              : fmt::format("this model's ops are placed one by one ({})", why);
  if (options.experts == place::ExpertsMode::Routed)
    return userError("--experts routed: regions of experts need the placement of layers (--place whole); " + ops);
  if (options.experts == place::ExpertsMode::Dense)
    return userError("--experts dense has nothing to decide: " + ops +
                     ", where every expert is computed for every token");
  if (options.expertLoads)
    return userError(fmt::format("--expert-load {} is for regions of experts, which need the placement of layers "
                                 "(--place whole); {}",
                                 options.expertLoads->path, ops));
  return {};
}

} // namespace weft::compiler
