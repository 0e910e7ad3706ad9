#include "explore/workloads/Models.h"

#include "compiler/frontend/huggingface/Llama.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weft::explore {

double ModelShape::macsOfToken(double context) const {
  const double queries = double(heads) * double(headSize), keys = double(keyValueHeads) * double(headSize);
  const double layer = double(hidden) * (2 * queries + 2 * keys + 3 * double(intermediate)) + 2 * queries * context;
  return double(layers) * layer + double(hidden) * double(vocabulary);
}

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
  const ModelShape shape{.hidden = config->hiddenSize,
                         .intermediate = config->intermediateSize,
                         .layers = config->layers,
                         .heads = config->heads,
                         .keyValueHeads = config->kvHeads,
                         .headSize = config->headDim,
                         .vocabulary = config->vocabSize};
  known.emplace(workload.modelText, shape);
  return shape;
}

} // namespace weft::explore
