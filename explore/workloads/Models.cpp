#include "explore/workloads/Models.h"

#include "compiler/frontend/huggingface/Architectures.h"

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

/// The sizes of a decoder whose layers are alike, each with a gated MLP: what costs of a layer are told for.
static Result<ModelShape> shapeOf(const nlohmann::json &json, const std::string &path) {
  auto names = json.find("architectures");
  const bool named = names != json.end() && names->is_array() && !names->empty() && names->front().is_string();
  auto config = frontend::hf::readConfig(json, named ? names->front().get<std::string>() : "LlamaForCausalLM", path);
  if (!config)
    return config.takeError();
  const frontend::LayerConfig &layer = config->layers.front();
  if (config->kind != frontend::ModelKind::Generator || layer.moe || layer.attention.latent || !layer.mlp.gate)
    return userError(fmt::format("{}: searches know models of attention and gated MLPs, which {} is not", path,
                                 config->architecture));
  return ModelShape{.hidden = config->hiddenSize,
                    .intermediate = static_cast<uint32_t>(layer.mlp.up.weight.shape().front()),
                    .layers = static_cast<uint32_t>(config->layers.size()),
                    .heads = layer.attention.heads,
                    .keyValueHeads = layer.attention.kvHeads,
                    .headSize = layer.attention.headDim,
                    .vocabulary = config->vocabSize};
}

Result<ModelShape> Models::shapeOf(const Workload &workload) const {
  const std::lock_guard lock(mutex);
  if (auto found = known.find(workload.modelText); found != known.end())
    return found->second;
  const nlohmann::json json = nlohmann::json::parse(workload.modelText, nullptr, false);
  if (!json.is_object())
    return userError(fmt::format("{}: no JSON object", workload.modelPath));
  auto shape = explore::shapeOf(json, workload.modelPath);
  if (!shape)
    return shape;
  known.emplace(workload.modelText, *shape);
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
