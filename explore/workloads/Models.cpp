#include "explore/workloads/Models.h"

#include "compiler/frontend/huggingface/Llama.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weft::explore {

Result<ModelShape> Models::shapeOf(const Workload &workload) const {
  const std::lock_guard lock(mutex);
  if (auto found = known.find(workload.modelText); found != known.end())
    return found->second;
  const nlohmann::json json = nlohmann::json::parse(workload.modelText, nullptr, false);
  if (!json.is_object())
    return userError(fmt::format("{}: no JSON object", workload.modelPath));
  auto config = frontend::hf::parseLlamaConfig(json, workload.modelPath);
  if (!config)
    return config.takeError();
  const ModelShape shape{config->hiddenSize, config->intermediateSize, config->layers};
  known.emplace(workload.modelText, shape);
  return shape;
}

} // namespace weft::explore
