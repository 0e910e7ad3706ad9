#include "tests/unit/gguf_convert.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace weft::test {

using Json = nlohmann::json;
using runtime::BlockFormat;

namespace {

//===----------------------------------------------------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------------------------------------------------===//

using Renames = std::vector<std::pair<std::string, std::string>>;

// The first that a name contains is replaced, in each list.
const Renames places = {{"transformer.h.", "blk."},
                        {"gpt_neox.layers.", "blk."},
                        {"model.layers.", "blk."},
                        {"encoder.layer.", "blk."},
                        {"transformer.", ""},
                        {"gpt_neox.", ""},
                        {"embeddings.LayerNorm", "token_embd_norm"},
                        {"model.", ""}};
const Renames parts = {
    {"embed_tokens", "token_embd"},
    {"wte", "token_embd"},
    {"embed_in", "token_embd"},
    {"embeddings.word_embeddings", "token_embd"},
    {"wpe", "position_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"lm_head", "output"},
    {"embed_out", "output"},
    {"final_layer_norm", "output_norm"},
    {"ln_f", "output_norm"},
    {"input_layernorm", "attn_norm"},
    {"ln_1", "attn_norm"},
    {"ln_2", "ffn_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"self_attn.q_a_proj", "attn_q_a"},
    {"self_attn.q_a_layernorm", "attn_q_a_norm"},
    {"self_attn.q_b_proj", "attn_q_b"},
    {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
    {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
    {"self_attn.kv_b_proj", "attn_kv_b"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"attn.c_attn", "attn_qkv"},
    {"attn.c_proj", "attn_output"},
    {"attention.query_key_value", "attn_qkv"},
    {"attention.dense", "attn_output"},
    {"attention.self.query", "attn_q"},
    {"attention.self.key", "attn_k"},
    {"attention.self.value", "attn_v"},
    {"attention.output.dense", "attn_output"},
    {"attention.output.LayerNorm", "attn_output_norm"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.gate.", "ffn_gate_inp."},
    {"block_sparse_moe.gate.", "ffn_gate_inp."},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    {"mlp.dense_h_to_4h", "ffn_up"},
    {"mlp.dense_4h_to_h", "ffn_down"},
    {"intermediate.dense", "ffn_up"},
    {"output.dense", "ffn_down"},
    {"output.LayerNorm", "layer_output_norm"},
};

bool replaceFirst(std::string &name, const Renames &renames) {
  for (const auto &[from, to] : renames)
    if (size_t at = name.find(from); at != std::string::npos) {
      name.replace(at, from.size(), to);
      return true;
    }
  return false;
}

std::string ggufName(std::string name, const std::string &kind) {
  if (name.starts_with("model.norm."))
    return "output_norm." + name.substr(11);
  replaceFirst(name, places);
  // The same name has another place in models with norms after their parts.
  const bool postNorms = kind == "gemma2" || kind == "olmo2";
  if (!replaceFirst(name, {{"post_attention_layernorm", postNorms ? "post_attention_norm" : "ffn_norm"}}))
    replaceFirst(name, parts);
  return name;
}

//===----------------------------------------------------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------------------------------------------------===//

/// Rows of `tensor` in another order: `rowOf(i)` is the one that comes to place i.
void reorderRows(HfTensor &tensor, const std::function<uint64_t(uint64_t)> &rowOf) {
  const uint64_t rows = tensor.shape[0], width = tensor.values.size() / rows;
  std::vector<float> values(tensor.values.size());
  for (uint64_t i = 0; i < rows; ++i)
    std::copy_n(tensor.values.begin() + ptrdiff_t(rowOf(i) * width), width, values.begin() + ptrdiff_t(i * width));
  tensor.values = std::move(values);
}

void transpose(HfTensor &tensor) {
  const uint64_t rows = tensor.shape[0], columns = tensor.shape[1];
  std::vector<float> values(tensor.values.size());
  for (uint64_t i = 0; i < rows; ++i)
    for (uint64_t j = 0; j < columns; ++j)
      values[j * rows + i] = tensor.values[i * columns + j];
  tensor = {{columns, rows}, std::move(values)};
}

/// Multiplies rows [begin, end).
void scaleRows(HfTensor &tensor, uint64_t begin, uint64_t end, double factor) {
  const uint64_t width = tensor.values.size() / tensor.shape[0];
  for (uint64_t i = begin * width; i < end * width; ++i)
    tensor.values[i] = float(tensor.values[i] * factor);
}

struct Converter {
  const Json &config;
  HfTensors tensors;
  const ConvertOptions &options;
  std::string kind, arch;
  GgufWriter writer;

  template <typename T> T get(std::initializer_list<const char *> keys, T fallback) const {
    for (const char *key : keys)
      if (config.contains(key) && !config[key].is_null())
        return config[key].get<T>();
    return fallback;
  }
  uint64_t count(std::initializer_list<const char *> keys, uint64_t fallback = 0) const {
    return get<uint64_t>(keys, fallback);
  }
  uint64_t hidden() const { return count({"hidden_size", "n_embd"}); }
  uint64_t heads() const { return count({"num_attention_heads", "n_head"}); }
  uint64_t kvHeads() const { return count({"num_key_value_heads"}, heads()); }
  uint64_t headDim() const { return count({"head_dim"}, hidden() / heads()); }
  Json rope() const {
    Json rope = config.value("rope_parameters", Json::object());
    if (!rope.contains("rope_theta"))
      rope["rope_theta"] = config.value("rope_theta", 10000.0);
    return rope;
  }
  Converter &u32(const std::string &key, uint64_t value) {
    writer.u32(arch + "." + key, uint32_t(value));
    return *this;
  }
  Converter &f32(const std::string &key, double value) {
    writer.f32(arch + "." + key, float(value));
    return *this;
  }

  void describe();
  void describeRope();
  void describeExperts();
  void fold();
  void foldDeepseek(const std::string &name, HfTensor &tensor);
  void stackExperts();
  void splitKeysAndValues();
  void store(const std::string &name, const HfTensor &tensor);
  std::string run();
};

void Converter::describe() {
  writer.text("general.architecture", arch);
  u32("block_count", count({"num_hidden_layers", "n_layer"})).u32("embedding_length", hidden());
  u32("feed_forward_length", count({"intermediate_size", "n_inner"}, 4 * hidden()));
  u32("context_length", count({"max_position_embeddings", "n_positions"}));
  u32("attention.head_count", heads());
  if (arch != "deepseek2")
    u32("attention.head_count_kv", kvHeads());
  if (config.contains("head_dim") && arch != "deepseek2")
    u32("attention.key_length", headDim()).u32("attention.value_length", headDim());
  if (config.contains("rms_norm_eps"))
    f32("attention.layer_norm_rms_epsilon", config["rms_norm_eps"]);
  else
    f32("attention.layer_norm_epsilon", get<double>({"layer_norm_eps", "layer_norm_epsilon"}, 1e-5));
  if (kind == "mistral" || kind == "mixtral" || kind == "gemma2")
    u32("attention.sliding_window", count({"sliding_window"}));
  if (kind == "gemma2")
    f32("attn_logit_softcapping", config["attn_logit_softcapping"])
        .f32("final_logit_softcapping", config["final_logit_softcapping"]);
  if (kind == "gpt_neox")
    writer.flag("gptneox.use_parallel_residual", config["use_parallel_residual"]);
  if (kind == "bert")
    writer.flag("bert.attention.causal", false);
  else if (kind != "gpt2")
    describeRope();
  describeExperts();
  if (const Json eos = config.value("eos_token_id", Json()); !eos.is_null())
    writer.u32("tokenizer.ggml.eos_token_id", eos.is_array() ? eos[0] : eos);
}

void Converter::describeRope() {
  const Json rope = this->rope();
  const std::string type = rope.value("rope_type", "default");
  const double partial = rope.value("partial_rotary_factor", 1.0);
  const uint64_t turning = arch == "deepseek2" ? count({"qk_rope_head_dim"}) : uint64_t(double(headDim()) * partial);
  const double theta = rope["rope_theta"];
  u32("rope.dimension_count", turning);
  if (kind != "gpt_neox") // its converter does not write it
    f32("rope.freq_base", theta);
  std::vector<float> factors;
  if (type == "linear" || type == "yarn") {
    writer.text(arch + ".rope.scaling.type", type);
    f32("rope.scaling.factor", rope["factor"]);
  }
  if (type == "yarn" || type == "longrope")
    u32("rope.scaling.original_context_length", rope["original_max_position_embeddings"]);
  if (type == "longrope") {
    const double original = rope["original_max_position_embeddings"];
    f32("rope.scaling.attn_factor",
        std::sqrt(1 + std::log(double(count({"max_position_embeddings"})) / original) / std::log(original)));
    for (const std::string length : {"short", "long"}) {
      factors = rope[length + "_factor"].get<std::vector<float>>();
      store("rope_factors_" + length + ".weight", {{factors.size()}, factors});
    }
  }
  if (type != "llama3")
    return;
  const double original = rope["original_max_position_embeddings"], low = rope["low_freq_factor"],
               high = rope["high_freq_factor"], factor = rope["factor"];
  factors.clear();
  for (uint64_t i = 0; i < turning; i += 2) {
    const double turns = original * std::pow(theta, -double(i) / double(turning)) / (2 * std::numbers::pi);
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    factors.push_back(float(1 / ((1 - kept) / factor + kept)));
  }
  store("rope_freqs.weight", {{factors.size()}, factors});
}

void Converter::describeExperts() {
  const uint64_t experts = count({"num_local_experts", "n_routed_experts"});
  if (experts == 0)
    return;
  u32("expert_count", experts).u32("expert_used_count", count({"num_experts_per_tok"}));
  if (config.contains("moe_intermediate_size"))
    u32("expert_feed_forward_length", config["moe_intermediate_size"]);
  if (arch != "deepseek2")
    return;
  const bool three = kind == "deepseek_v3";
  const uint64_t rank = count({"kv_lora_rank"}), key = count({"qk_nope_head_dim"}) + count({"qk_rope_head_dim"});
  if (const uint64_t queryRank = count({"q_lora_rank"}))
    u32("attention.q_lora_rank", queryRank);
  u32("attention.kv_lora_rank", rank).u32("leading_dense_block_count", config["first_k_dense_replace"]);
  u32("attention.head_count_kv", options.older ? heads() : 1);
  if (options.older)
    u32("attention.key_length", key).u32("attention.value_length", config["v_head_dim"]);
  else
    u32("attention.key_length", rank + count({"qk_rope_head_dim"}))
        .u32("attention.value_length", rank)
        .u32("attention.key_length_mla", key)
        .u32("attention.value_length_mla", config["v_head_dim"]);
  u32("expert_shared_count", count({"n_shared_experts"}));
  f32("expert_weights_scale", get<double>({"routed_scaling_factor"}, 1));
  if (get<bool>({"norm_topk_prob"}, false))
    writer.flag("deepseek2.expert_weights_norm", true);
  if (!options.older)
    u32("expert_gating_func", three ? 2 : 1);
  if (three || config.value("topk_method", "") == "group_limited_greedy")
    u32("expert_group_count", config["n_group"]).u32("expert_group_used_count", config["topk_group"]);
  if (const Json rope = this->rope(); rope.contains("mscale_all_dim"))
    f32("rope.scaling.yarn_log_multiplier", 0.1 * rope["mscale_all_dim"].get<double>());
}

/// Brings the values of each tensor to what the file has of it.
void Converter::fold() {
  for (auto &[name, tensor] : tensors) {
    if (arch == "llama" && (name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos)) {
      const uint64_t half = headDim() / 2; // neighbours are what turned as halves
      reorderRows(tensor, [&](uint64_t i) { return i / (2 * half) * 2 * half + i % 2 * half + i % (2 * half) / 2; });
    }
    if ((kind == "gemma" || kind == "gemma2") && name.find("norm.weight") != std::string::npos)
      for (float &value : tensor.values)
        value += 1;
    if (kind == "gemma2" && name.find("q_proj") != std::string::npos)
      scaleRows(tensor, 0, tensor.shape[0],
                std::sqrt(double(headDim()) / config["query_pre_attn_scalar"].get<double>()));
    if (kind == "gpt2" && tensor.shape.size() == 2 && name.find(".h.") != std::string::npos)
      transpose(tensor);
    if (kind == "gpt2" && name.find("c_attn") != std::string::npos &&
        get<bool>({"scale_attn_by_inverse_layer_idx"}, false))
      scaleRows(tensor, 0, hidden(), 1 / (1 + std::stod(name.substr(std::string("transformer.h.").size()))));
    if (name.find("query_key_value") != std::string::npos) // of each head its three parts come together
      reorderRows(tensor, [&](uint64_t i) {
        const uint64_t part = i / hidden(), head = i % hidden() / headDim();
        return (head * 3 + part) * headDim() + i % headDim();
      });
    if (arch == "deepseek2")
      foldDeepseek(name, tensor);
  }
}

/// Files have YaRN's temperature as one of scores; where it is a factor of sines and cosines too, it becomes one of
/// what they turn.
void Converter::foldDeepseek(const std::string &name, HfTensor &tensor) {
  const Json rope = this->rope();
  if (!rope.contains("mscale"))
    return;
  auto scale = [&](const char *key) {
    return 1 + 0.1 * rope[key].get<double>() * std::log(rope["factor"].get<double>());
  };
  const double factor = scale("mscale") / scale("mscale_all_dim");
  const uint64_t nope = config["qk_nope_head_dim"], turning = config["qk_rope_head_dim"];
  if (name.find("kv_a_proj") != std::string::npos)
    scaleRows(tensor, tensor.shape[0] - turning, tensor.shape[0], factor);
  else if (name.find("q_b_proj") != std::string::npos || name.find("q_proj") != std::string::npos)
    for (uint64_t head = 0; head < heads(); ++head)
      scaleRows(tensor, head * (nope + turning) + nope, (head + 1) * (nope + turning), factor);
}

/// Experts of a layer become one tensor, one after another.
void Converter::stackExperts() {
  HfTensors stacks;
  const std::map<std::string, std::string> of = {{"w1", "gate"},        {"w2", "down"},        {"w3", "up"},
                                                 {"gate_proj", "gate"}, {"down_proj", "down"}, {"up_proj", "up"}};
  for (auto entry = tensors.begin(); entry != tensors.end();) {
    const std::string &name = entry->first;
    const size_t at = name.find(".experts.");
    if (at == std::string::npos) {
      ++entry;
      continue;
    }
    const size_t number = at + 9, dot = name.find('.', number), layer = std::string("model.layers.").size();
    const std::string block = "blk." + name.substr(layer, name.find('.', layer) - layer) + ".ffn_" +
                              of.at(name.substr(dot + 1, name.rfind('.') - dot - 1));
    if (options.older) {
      stacks[block + "." + name.substr(number, dot - number) + ".weight"] = std::move(entry->second);
    } else { // experts are below ten, so that they come in order
      HfTensor &stack = stacks[block + "_exps.weight"];
      const std::vector<uint64_t> &shape = entry->second.shape;
      stack.shape = {stack.shape.empty() ? 1 : stack.shape[0] + 1, shape[0], shape[1]};
      stack.values.insert(stack.values.end(), entry->second.values.begin(), entry->second.values.end());
    }
    entry = tensors.erase(entry);
  }
  tensors.merge(stacks);
}

/// Of DeepSeek's heads: what makes keys of the latent, transposed, and what makes values.
void Converter::splitKeysAndValues() {
  HfTensors made;
  const uint64_t nope = config["qk_nope_head_dim"], value = config["v_head_dim"], rank = config["kv_lora_rank"];
  for (auto entry = tensors.begin(); entry != tensors.end();) {
    if (entry->first.find("attn_kv_b") == std::string::npos) {
      ++entry;
      continue;
    }
    HfTensor keys{{heads(), rank, nope}, {}}, values{{heads(), value, rank}, {}};
    for (uint64_t head = 0; head < heads(); ++head) {
      const float *from = entry->second.values.data() + head * (nope + value) * rank;
      for (uint64_t i = 0; i < rank; ++i)
        for (uint64_t j = 0; j < nope; ++j)
          keys.values.push_back(from[j * rank + i]);
      values.values.insert(values.values.end(), from + nope * rank, from + (nope + value) * rank);
    }
    const std::string block = entry->first.substr(0, entry->first.find("attn_kv_b"));
    made[block + "attn_k_b.weight"] = std::move(keys);
    made[block + "attn_v_b.weight"] = std::move(values);
    entry = tensors.erase(entry);
  }
  tensors.merge(made);
}

void Converter::store(const std::string &name, const HfTensor &tensor) {
  std::vector<uint64_t> extents(tensor.shape.rbegin(), tensor.shape.rend());
  auto bytesOf = [](const std::vector<float> &numbers) {
    return std::string(reinterpret_cast<const char *>(numbers.data()), numbers.size() * sizeof(float));
  };
  std::optional<BlockFormat> format;
  if (options.formatOf && tensor.shape.size() > 1)
    format = options.formatOf(name, extents[0]);
  if (!format || extents[0] % factsOf(*format).weights != 0) {
    writer.tensor(name, extents, 0, bytesOf(tensor.values));
    return;
  }
  const std::string blocks = quantiseBlocks(*format, tensor.values);
  if (!options.asNumbers) {
    writer.tensor(name, extents, ggufType(*format), blocks);
    return;
  }
  std::vector<float> numbers(tensor.values.size());
  dequantiseBlocks(*format, std::as_bytes(std::span(blocks)), numbers);
  writer.tensor(name, extents, 0, bytesOf(numbers));
}

std::string Converter::run() {
  const std::map<std::string, std::string> archs = {{"mistral", "llama"},         {"mixtral", "llama"},
                                                    {"gpt_neox", "gptneox"},      {"qwen3_moe", "qwen3moe"},
                                                    {"deepseek_v2", "deepseek2"}, {"deepseek_v3", "deepseek2"}};
  kind = config.at("model_type");
  arch = archs.contains(kind) ? archs.at(kind) : kind;
  describe();
  fold();
  stackExperts();
  HfTensors named;
  for (auto &[name, tensor] : tensors)
    if (!name.starts_with("pooler."))
      named[ggufName(name, kind)] = std::move(tensor);
  tensors = std::move(named);
  if (arch == "deepseek2" && !options.older)
    splitKeysAndValues();
  for (const auto &[name, tensor] : tensors)
    store(name, tensor);
  return writer.file();
}

} // namespace

std::string toGguf(const Json &config, HfTensors tensors, const ConvertOptions &options) {
  return Converter{config, std::move(tensors), options, {}, {}, {}}.run();
}

} // namespace weft::test
