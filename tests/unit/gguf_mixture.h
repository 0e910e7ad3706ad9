// Mixtures of experts with random weights, as GGUF files that have the experts in blocks.
#pragma once

#include "tests/unit/gguf_convert.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace weft::test {

struct Mixture {
  uint64_t hidden = 256, inner = 256, experts = 4, topK = 2, layers = 2;
  static constexpr uint64_t vocabulary = 48, heads = 4;

  nlohmann::json config() const {
    return {{"architectures", {"MixtralForCausalLM"}},
            {"model_type", "mixtral"},
            {"vocab_size", vocabulary},
            {"hidden_size", hidden},
            {"intermediate_size", inner},
            {"num_hidden_layers", layers},
            {"num_attention_heads", heads},
            {"num_key_value_heads", heads},
            {"num_local_experts", experts},
            {"num_experts_per_tok", topK},
            {"max_position_embeddings", 64},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 10000.0},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", false},
            {"sliding_window", nullptr},
            {"bos_token_id", 0},
            {"eos_token_id", 1}};
  }

  HfTensors tensors() const {
    std::mt19937 random(17);
    HfTensors result;
    auto matrix = [&](const std::string &name, uint64_t rows, uint64_t columns, float size) {
      std::normal_distribution<float> number(0, size / std::sqrt(float(columns)));
      HfTensor &tensor = result[name] = {{rows, columns}, std::vector<float>(rows * columns)};
      std::generate(tensor.values.begin(), tensor.values.end(), [&] { return number(random); });
    };
    auto ones = [&](const std::string &name) { result[name] = {{hidden}, std::vector<float>(hidden, 1.0F)}; };
    matrix("model.embed_tokens.weight", vocabulary, hidden, 16);
    matrix("lm_head.weight", vocabulary, hidden, 2);
    ones("model.norm.weight");
    for (uint64_t layer = 0; layer < layers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      ones(prefix + "input_layernorm.weight");
      ones(prefix + "post_attention_layernorm.weight");
      for (const char *projection : {"q", "k", "v", "o"})
        matrix(prefix + "self_attn." + projection + "_proj.weight", hidden, hidden, 1);
      matrix(prefix + "block_sparse_moe.gate.weight", experts, hidden, 2);
      for (uint64_t expert = 0; expert < experts; ++expert) {
        const std::string name = prefix + "block_sparse_moe.experts." + std::to_string(expert) + ".";
        matrix(name + "w1.weight", inner, hidden, 2);
        matrix(name + "w3.weight", inner, hidden, 2);
        matrix(name + "w2.weight", hidden, inner, 2);
      }
    }
    return result;
  }
};

/// Formats of gate, up and down; other matrices are numbers.
struct ExpertFormats {
  runtime::BlockFormat gate, up, down;

  std::optional<runtime::BlockFormat> operator()(const std::string &name) const {
    auto is = [&](const char *part) { return name.find(part) != std::string::npos; };
    if (is("_inp")) // the router
      return std::nullopt;
    return is("ffn_gate")   ? std::optional(gate)
           : is("ffn_up")   ? std::optional(up)
           : is("ffn_down") ? std::optional(down)
                            : std::nullopt;
  }
};

/// `older`: experts are tensors of their own, not one stack. `asNumbers`: F32 with the numbers of the blocks.
inline std::string mixtureFile(const Mixture &mixture, const ExpertFormats &formats, bool older = false,
                               bool asNumbers = false) {
  return toGguf(mixture.config(), mixture.tensors(),
                {.formatOf = [&](const std::string &name, uint64_t) { return formats(name); },
                 .asNumbers = asNumbers,
                 .older = older});
}

} // namespace weft::test
