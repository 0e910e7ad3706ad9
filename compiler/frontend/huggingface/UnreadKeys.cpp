// Keys that mean something to families other than the one that is read.
#include "compiler/frontend/huggingface/Pieces.h"

#include "runtime/support/Json.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::frontend::hf {

using Json = nlohmann::json;

/// Whether a config that says so computes what one computes that says nothing: null, false, a list of nothing; a factor
/// of 1, a cap or an amount of 0.
static bool saysNothing(const Json &value) {
  if (value.is_number())
    return value.get<double>() == 0 || value.get<double>() == 1;
  return value.is_null() || value == false || (value.is_structured() && value.empty());
}

static bool isRefused(const std::string &key) {
  // Parts of names that stand for a factor, a cap, a norm or a bias in some family or other.
  static constexpr std::string_view parts[] = {"multiplier",  "softcap", "logit_scale",
                                               "logits_scal", "qk_norm", "qk_layernorm"};
  static constexpr std::string_view names[] = {"scale_emb",
                                               "scale_depth",
                                               "dim_model_base",
                                               "embedding_scale",
                                               "scale_embedding",
                                               "query_pre_attn_scalar",
                                               "clip_qkv",
                                               "alibi",
                                               "no_rope_layers",
                                               "no_rope_layer_interval",
                                               "attn_temperature_tuning",
                                               "attention_chunk_size",
                                               "sliding_window_pattern",
                                               "parallel_attn",
                                               "new_decoder_architecture",
                                               "normalize_before",
                                               "zero_centered_gamma",
                                               "attention_sinks",
                                               "swiglu_limit",
                                               "rope_local_base_freq",
                                               "use_mrope",
                                               "rope_theta_local",
                                               "cross_attention_layers",
                                               "embedding_size"};
  return std::any_of(std::begin(parts), std::end(parts),
                     [&](std::string_view part) { return key.find(part) != std::string::npos; }) ||
         std::find(std::begin(names), std::end(names), key) != std::end(names);
}

void refuseUnread(Reading &reading, const Json &config) {
  for (const auto &[key, value] : config.items()) {
    if (reading.keys.wasAsked(key))
      continue;
    // Tables of tokens that are as wide as the model are what is read here.
    const bool isUsual = key == "embedding_size" && config.contains("hidden_size") && value == config["hidden_size"];
    if (isRefused(key) && !isUsual && !saysNothing(value))
      reading.keys.complain(
          key, fmt::format("is {}; models of the class {} have no such thing here, and without it the results would be "
                           "others",
                           runtime::printable(value.dump(-1, ' ', true)), runtime::printable(reading.architecture)));
    const bool isWindowed =
        key == "layer_types" && value.is_array() && std::any_of(value.begin(), value.end(), [](const Json &type) {
          return !(type.is_string() && type == "full_attention");
        });
    if (isWindowed)
      reading.keys.complain(key, fmt::format("asks for other layers than full_attention, which models of the class {} "
                                             "do not have here",
                                             runtime::printable(reading.architecture)));
  }
}

} // namespace weft::frontend::hf
