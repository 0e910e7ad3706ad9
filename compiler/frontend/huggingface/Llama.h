// LlamaForCausalLM in Hugging Face's spelling: JSON in, LlamaConfig out. Touches no file.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/frontend/Weights.h"
#include "hw-models/support/Result.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace weft::frontend::hf {

/// Reads a config.json. Absent keys: num_key_value_heads = num_attention_heads, head_dim = hidden_size / heads,
/// rope_theta = 10000, tie_word_embeddings = false; every other size is required. RoPE types: default and llama3,
/// spelled rope_theta + rope_scaling or rope_parameters. Errors name `origin` and the key. `name` is left empty.
Result<LlamaConfig> parseLlamaConfig(const nlohmann::json &config, const std::string &origin);

/// Every weight of the model and its shape as stored (linear layers: [out, in]), in the order of use.
std::vector<ExpectedWeight> llamaWeights(const LlamaConfig &config);

/// Weights that some files carry and the model does not read: the rotary frequencies, which the config gives, and the
/// head's copy when it is tied to the embedding.
bool llamaIgnoresWeight(const LlamaConfig &config, const std::string &name);

} // namespace weft::frontend::hf
