#include "compiler/frontend/huggingface/Pieces.h"

#include "compiler/frontend/huggingface/Limits.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>

namespace weft::frontend::hf {

std::string Reading::prefix(const std::string &usual, const std::string &probe, bool isBaseModel) const {
  if (hasWeight(usual + probe))
    return usual;
  return hasWeight(probe) || (!weights && isBaseModel) ? "" : usual;
}

LinearConfig linearOf(const std::string &name, uint64_t in, uint64_t out, bool bias) {
  LinearConfig linear;
  linear.weight = {name + ".weight", {out, in}, {}};
  if (bias)
    linear.bias = {name + ".bias", {out}, {}};
  return linear;
}

NormConfig layerNormOf(const std::string &name, uint64_t size, double epsilon) {
  return {.kind = NormKind::Layer,
          .epsilon = epsilon,
          .weight = {name + ".weight", {size}, {}},
          .bias = {name + ".bias", {size}, {}}};
}

static constexpr std::pair<std::string_view, ActivationKind> activations[] = {
    {"silu", ActivationKind::Silu},
    {"swish", ActivationKind::Silu},
    {"gelu", ActivationKind::Gelu},
    {"gelu_python", ActivationKind::Gelu},
    {"gelu_new", ActivationKind::GeluTanh},
    {"gelu_pytorch_tanh", ActivationKind::GeluTanh},
    {"gelu_python_tanh", ActivationKind::GeluTanh},
    {"gelu_fast", ActivationKind::GeluTanh},
    {"gelu_accurate", ActivationKind::GeluTanh},
    {"quick_gelu", ActivationKind::QuickGelu},
    {"relu", ActivationKind::Relu},
    {"relu2", ActivationKind::ReluSquared},
    {"tanh", ActivationKind::Tanh},
    {"sigmoid", ActivationKind::Sigmoid}};

std::optional<ActivationKind> activationOf(std::string_view name) {
  for (auto [spelling, kind] : activations)
    if (name == spelling)
      return kind;
  return std::nullopt;
}

std::string activationNames() {
  std::string all;
  for (auto [spelling, kind] : activations)
    all += (all.empty() ? "" : ", ") + std::string(spelling);
  return all;
}

ActivationKind readActivation(Reading &reading, const std::string &key, std::string_view fallback) {
  std::string name = reading.keys.text(key).value_or(std::string(fallback));
  if (std::optional<ActivationKind> kind = activationOf(name))
    return *kind;
  reading.keys.complain(key, fmt::format("is '{}'; supported are: {}", runtime::printable(name), activationNames()));
  return ActivationKind::Silu;
}

void readTokens(Reading &reading, TransformerConfig &config) {
  std::vector<int32_t> bos = reading.keys.tokens("bos_token_id", config.vocabSize);
  if (bos.size() > 1)
    reading.keys.complain("bos_token_id", "must be one token id");
  config.bosToken = bos.empty() ? -1 : bos.front();
  config.eosTokens = reading.keys.tokens("eos_token_id", config.vocabSize);
}

void refuseUnsupported(Reading &reading) {
  ConfigReader &keys = reading.keys;
  if (keys.has("quantization_config"))
    keys.complain("quantization_config", "is given; quantised weights are not supported here, use F32, F16 or BF16 "
                                         "ones or a GGUF file");
  for (const char *key : {"add_cross_attention", "is_encoder_decoder", "use_bidirectional_attention"})
    if (keys.flag(key, false) && reading.architecture != "T5EncoderModel")
      keys.complain(key, "is true, which is not supported");
  if (keys.has("chunk_size_feed_forward") && keys.number("chunk_size_feed_forward", 0, 1e9).value_or(0) != 0)
    keys.complain("chunk_size_feed_forward", "other than 0 is not supported");
}

uint32_t readHeadsOf(Reading &reading, const std::string &key, uint64_t width) {
  const uint32_t heads = reading.keys.requiredCount(key, 1, maxHeads);
  if (!reading.keys.failure() && width % heads != 0)
    reading.keys.complain(key, fmt::format("({}) does not divide the width of {}", heads, width));
  return heads;
}

void addTextHead(TransformerConfig &config, const LinearConfig &head, bool tied) {
  LinearConfig used = head;
  if (tied) {
    used.weight = config.embedding.tokens;
    config.ignoredWeights.push_back(head.weight.name);
  }
  config.heads = {{.steps = {{.linear = used, .activation = {}, .norm = {}}}, .output = "logits"}};
}

void makeBaseModel(TransformerConfig &config) {
  config.kind = ModelKind::Encoder;
  config.returnsHidden = true;
  config.ignoredWeights.push_back("lm_head.*");
}

} // namespace weft::frontend::hf
