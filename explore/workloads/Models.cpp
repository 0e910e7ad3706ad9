#include "explore/workloads/Models.h"

#include "compiler/frontend/huggingface/Llama.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#define XXH_INLINE_ALL
#include <xxhash.h>

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

Result<std::shared_ptr<const std::vector<Request>>> Models::requestsOf(const Workload &workload) const {
  const std::pair key{XXH3_64bits(workload.traceText.data(), workload.traceText.size()), workload.requests};
  const std::lock_guard lock(mutex);
  if (auto found = traces.find(key); found != traces.end())
    return found->second;
  auto requests = readTrace(workload.traceText, workload.tracePath);
  if (!requests)
    return requests.takeError();
  if (workload.requests && workload.requests < requests->size())
    requests->resize(workload.requests);
  return traces.emplace(key, std::make_shared<const std::vector<Request>>(*std::move(requests))).first->second;
}

} // namespace weft::explore
