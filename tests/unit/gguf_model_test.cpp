// GGUF files as models: what metadata and tensors of each architecture come to, and what is refused.
#include "compiler/frontend/gguf/GgufModel.h"
#include "tests/unit/gguf_writer.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>

using namespace weft;
using namespace weft::frontend;
using Catch::Matchers::Contains;
using weft::test::GgufWriter;
using weft::test::raw;
namespace fs = std::filesystem;

namespace {

/// A file of one small model. Tensors are zeros of F32, queries 4 heads of 8 values.
struct Sample {
  GgufWriter writer;
  std::string architecture;

  explicit Sample(const std::string &architecture, bool rmsNorms = true) : architecture(architecture) {
    writer.text("general.architecture", architecture);
    count("block_count", 2).count("embedding_length", 32).count("feed_forward_length", 48).count("context_length", 64);
    count("attention.head_count", 4).count("attention.head_count_kv", 2);
    real(rmsNorms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 1e-5f);
    tensor("token_embd.weight", {32, 100}).tensor("output_norm.weight", {32});
  }
  Sample &count(const std::string &key, uint32_t value) {
    writer.u32(architecture + "." + key, value);
    return *this;
  }
  Sample &real(const std::string &key, float value) {
    writer.f32(architecture + "." + key, value);
    return *this;
  }
  Sample &tensor(const std::string &name, std::vector<uint64_t> extents, uint32_t type = 0) {
    uint64_t bytes = 4;
    for (uint64_t extent : extents)
      bytes *= extent;
    writer.tensor(name, std::move(extents), type, std::string(bytes, '\0'));
    return *this;
  }
  /// In both layers.
  Sample &blocks(const std::string &part, std::vector<uint64_t> extents) {
    for (int i = 0; i < 2; ++i)
      tensor(fmt::format("blk.{}.{}", i, part), extents);
    return *this;
  }
  Sample &attention() {
    return blocks("attn_norm.weight", {32})
        .blocks("attn_q.weight", {32, 32})
        .blocks("attn_k.weight", {32, 16})
        .blocks("attn_v.weight", {32, 16})
        .blocks("attn_output.weight", {32, 32});
  }
  Sample &mlp() {
    return blocks("ffn_norm.weight", {32})
        .blocks("ffn_gate.weight", {32, 48})
        .blocks("ffn_up.weight", {32, 48})
        .blocks("ffn_down.weight", {48, 32});
  }
};

Result<gguf::Model> read(const std::string &bytes) {
  const fs::path path = fs::path(WEFT_BINARY_DIR) / "gguf_model_test.gguf";
  std::ofstream(path, std::ios::binary) << bytes;
  Result<gguf::Model> model = gguf::readModel(path.string());
  fs::remove(path);
  return model;
}
TransformerConfig configOf(const Sample &sample) {
  Result<gguf::Model> model = read(sample.writer.file());
  INFO((model ? "" : model.error().message));
  REQUIRE(model);
  return std::move(model->config);
}
std::string complaint(const Sample &sample) {
  Result<gguf::Model> model = read(sample.writer.file());
  return model ? "accepted" : model.error().message;
}

} // namespace

TEST_CASE("a Llama's description", "[gguf]") {
  Sample sample("llama");
  sample.attention().mlp().real("rope.freq_base", 500000).count("rope.dimension_count", 8);
  sample.tensor("rope_freqs.weight", {4});
  std::vector<float> factors{1, 1, 4, 8};
  std::memcpy(sample.writer.tensors.back().bytes.data(), factors.data(), 16);
  sample.writer.u32("tokenizer.ggml.bos_token_id", 1).u32("tokenizer.ggml.eos_token_id", 2);
  sample.writer.u32("tokenizer.ggml.eot_token_id", UINT32_MAX);
  TransformerConfig config = configOf(sample);
  CHECK(config.vocabSize == 100);
  CHECK(config.maxPositions == 64);
  CHECK(config.layers.size() == 2);
  CHECK(config.bosToken == 1);
  CHECK(config.eosTokens == std::vector<int32_t>{2});
  CHECK(config.heads[0].steps[0].linear.weight.name == "token_embd.weight"); // tied
  const AttentionConfig &attention = config.layers[1].attention;
  CHECK(attention.headDim == 8);
  CHECK(attention.kvHeads == 2);
  CHECK(attention.scale == 1 / std::sqrt(8.0));
  // Queries and keys are put in order again, values are as they are.
  CHECK(attention.q.weight.steps.size() == 3);
  CHECK(attention.q.weight.shape() == std::vector<uint64_t>{32, 32});
  CHECK(attention.k.weight.shape() == std::vector<uint64_t>{16, 32});
  CHECK(attention.v.weight.steps.empty());
  REQUIRE(config.rope.inverseFrequencies.size() == 4);
  CHECK(config.rope.inverseFrequencies[1] == std::pow(500000.0, -2.0 / 8));
  CHECK(config.rope.inverseFrequencies[3] == std::pow(500000.0, -6.0 / 8) / 8);
  CHECK(config.layers[0].mlp.activation == ActivationKind::Silu);
}

TEST_CASE("experts in one tensor", "[gguf]") {
  Sample sample("llama");
  sample.attention().blocks("ffn_norm.weight", {32}).count("expert_count", 3).count("expert_used_count", 2);
  sample.blocks("ffn_gate_inp.weight", {32, 3}).blocks("ffn_gate_exps.weight", {32, 48, 3});
  sample.blocks("ffn_up_exps.weight", {32, 48, 3}).blocks("ffn_down_exps.weight", {48, 32, 3});
  TransformerConfig config = configOf(sample);
  REQUIRE(config.layers[0].moe);
  CHECK(config.layers[0].moe->experts.size() == 3);
  CHECK(config.layers[0].moe->topK == 2);
  CHECK(config.layers[0].moe->experts[2].down.weight.shape() == std::vector<uint64_t>{32, 48});
}

TEST_CASE("Qwen's biases and norms of queries and keys", "[gguf]") {
  Sample two("qwen2");
  two.attention().mlp().blocks("attn_q.bias", {32}).blocks("attn_k.bias", {16}).blocks("attn_v.bias", {16});
  TransformerConfig config = configOf(two);
  CHECK(config.layers[0].attention.q.bias.name == "blk.0.attn_q.bias");
  CHECK(config.layers[0].attention.q.weight.steps.empty());
  CHECK(!config.rope.interleaved);
  Sample three("qwen3");
  three.attention().mlp().blocks("attn_q_norm.weight", {8}).blocks("attn_k_norm.weight", {8});
  CHECK(configOf(three).layers[1].attention.keyNorm.weight.name == "blk.1.attn_k_norm.weight");
}

TEST_CASE("Gemma 2's scales, caps and windows", "[gguf]") {
  Sample sample("gemma2");
  sample.attention().mlp().blocks("post_attention_norm.weight", {32}).blocks("post_ffw_norm.weight", {32});
  sample.count("attention.sliding_window", 16).real("attn_logit_softcapping", 25).real("final_logit_softcapping", 15);
  TransformerConfig config = configOf(sample);
  CHECK(config.embedding.scale == std::sqrt(32.0));
  CHECK(config.heads[0].softcap == 15);
  CHECK(config.layers[0].attention.window == 16);
  CHECK(config.layers[1].attention.window == 0);
  CHECK(config.layers[1].attention.softcap == 25);
  CHECK(config.layers[0].mlpNorms.post);
  CHECK(config.finalNorm.offset == 0); // it is in the file
}

TEST_CASE("Phi-3's fused projections", "[gguf]") {
  Sample sample("phi3");
  sample.blocks("attn_norm.weight", {32}).blocks("attn_qkv.weight", {32, 64}).blocks("attn_output.weight", {32, 32});
  sample.blocks("ffn_norm.weight", {32}).blocks("ffn_up.weight", {32, 96}).blocks("ffn_down.weight", {48, 32});
  TransformerConfig config = configOf(sample);
  CHECK(config.layers[0].attention.v.weight.shape() == std::vector<uint64_t>{16, 32});
  CHECK(config.layers[0].mlp.gate.weight.shape() == std::vector<uint64_t>{48, 32});
  CHECK(config.layers[0].mlp.up.weight.steps[0].begin == 48);
  CHECK(!config.layers[0].mlp.gate.bias);
  sample.blocks("ffn_up.bias", {96});
  config = configOf(sample);
  CHECK(config.layers[0].mlp.gate.bias.shape() == std::vector<uint64_t>{48});
  CHECK(config.layers[0].mlp.up.bias.steps[0].begin == 48);
}

TEST_CASE("DeepSeek's latent attention and experts in groups", "[gguf]") {
  Sample sample("deepseek2");
  sample.writer.entries.erase(sample.writer.entries.begin() + 6); // head_count_kv, which is 1 here
  sample.count("attention.head_count_kv", 1).count("attention.kv_lora_rank", 16);
  sample.count("attention.key_length", 20).count("attention.value_length", 16).count("rope.dimension_count", 4);
  sample.count("attention.key_length_mla", 12).count("attention.value_length_mla", 10);
  sample.count("expert_count", 6).count("expert_used_count", 3).count("expert_feed_forward_length", 24);
  sample.count("expert_gating_func", 2).count("expert_group_count", 3).real("expert_weights_scale", 2.5f);
  sample.writer.flag("deepseek2.expert_weights_norm", true);
  sample.blocks("attn_norm.weight", {32}).blocks("attn_q.weight", {32, 48}).blocks("attn_kv_a_mqa.weight", {32, 20});
  sample.blocks("attn_kv_a_norm.weight", {16}).blocks("attn_k_b.weight", {8, 16, 4});
  sample.blocks("attn_v_b.weight", {16, 10, 4}).blocks("attn_output.weight", {40, 32}).blocks("ffn_norm.weight", {32});
  sample.blocks("ffn_gate_inp.weight", {32, 6}).blocks("exp_probs_b.bias", {6});
  sample.blocks("ffn_gate_exps.weight", {32, 24, 6}).blocks("ffn_up_exps.weight", {32, 24, 6});
  sample.blocks("ffn_down_exps.weight", {24, 32, 6});
  Sample groups = sample;
  sample.count("expert_group_used_count", 2);
  TransformerConfig config = configOf(sample);
  const LatentConfig &latent = *config.layers[1].attention.latent;
  CHECK(latent.rank == 16);
  CHECK(latent.nopeDim == 8);
  CHECK(latent.ropeDim == 4);
  CHECK(latent.valueDim == 10);
  CHECK(latent.keyUp.stored == std::vector<uint64_t>{4, 16, 8});
  CHECK(config.layers[1].moe->sigmoid);
  CHECK(config.layers[1].moe->topGroups == 2);
  CHECK(config.layers[1].moe->scale == 2.5);
  CHECK(config.layers[1].moe->choiceBias.name == "blk.1.exp_probs_b.bias");
  groups.count("expert_group_used_count", 1);
  CHECK_THAT(complaint(groups), Contains("6 experts in 3 groups, of which 1 are looked into, do not give 3"));
}

TEST_CASE("GPT-2, GPT-NeoX, OLMo 2 and BERT", "[gguf]") {
  Sample gpt2("gpt2", false);
  gpt2.tensor("output_norm.bias", {32}).tensor("position_embd.weight", {32, 64});
  gpt2.blocks("attn_norm.weight", {32})
      .blocks("attn_norm.bias", {32})
      .blocks("ffn_norm.weight", {32})
      .blocks("ffn_norm.bias", {32});
  gpt2.blocks("attn_qkv.weight", {32, 64})
      .blocks("attn_qkv.bias", {64})
      .blocks("attn_output.weight", {32, 32})
      .blocks("attn_output.bias", {32});
  gpt2.blocks("ffn_up.weight", {32, 48})
      .blocks("ffn_up.bias", {48})
      .blocks("ffn_down.weight", {48, 32})
      .blocks("ffn_down.bias", {32});
  TransformerConfig config = configOf(gpt2);
  CHECK(config.embedding.positions.name == "position_embd.weight");
  CHECK(!config.layers[0].attention.rotary);
  CHECK(!config.layers[0].mlp.gate);
  CHECK(config.layers[0].attentionNorms.pre.kind == NormKind::Layer);

  Sample olmo("olmo2");
  olmo.blocks("attn_q.weight", {32, 32})
      .blocks("attn_k.weight", {32, 16})
      .blocks("attn_v.weight", {32, 16})
      .blocks("attn_output.weight", {32, 32});
  olmo.blocks("attn_q_norm.weight", {32}).blocks("attn_k_norm.weight", {16}).blocks("post_attention_norm.weight", {32});
  olmo.blocks("ffn_gate.weight", {32, 48})
      .blocks("ffn_up.weight", {32, 48})
      .blocks("ffn_down.weight", {48, 32})
      .blocks("post_ffw_norm.weight", {32});
  config = configOf(olmo);
  CHECK(!config.layers[0].attentionNorms.pre);
  CHECK(config.layers[0].attention.queryNorm.weight.stored == std::vector<uint64_t>{32});

  Sample bert("bert", false);
  bert.writer.tensors.pop_back(); // output_norm
  bert.tensor("position_embd.weight", {32, 64}).tensor("token_types.weight", {32, 2});
  bert.tensor("token_embd_norm.weight", {32}).tensor("token_embd_norm.bias", {32});
  for (const auto *name : {"attn_q", "attn_k", "attn_v"})
    bert.blocks(std::string(name) + ".weight", {32, name[5] == 'q' ? 32u : 16u})
        .blocks(std::string(name) + ".bias", {name[5] == 'q' ? 32u : 16u});
  bert.blocks("attn_output.weight", {32, 32})
      .blocks("attn_output.bias", {32})
      .blocks("ffn_up.weight", {32, 48})
      .blocks("ffn_up.bias", {48});
  bert.blocks("ffn_down.weight", {48, 32}).blocks("ffn_down.bias", {32});
  for (const auto *name : {"attn_output_norm", "layer_output_norm"})
    bert.blocks(std::string(name) + ".weight", {32}).blocks(std::string(name) + ".bias", {32});
  config = configOf(bert);
  CHECK(config.kind == ModelKind::Encoder);
  CHECK(config.typeCount == 2);
  CHECK(!config.layers[0].attention.causal);
}

TEST_CASE("files that are no models of ours", "[gguf]") {
  CHECK_THAT(complaint(Sample("mamba")),
             Contains("the architecture 'mamba' is not known; known are: bert, deepseek2, gemma"));
  GgufWriter none;
  CHECK_THAT(read(none.file()).error().message, Contains("'general.architecture' is missing"));
  CHECK_THAT(complaint(Sample("llama")), Contains("tensor 'blk.0.attn_norm.weight' of shape [32] is missing"));
  Sample extra("llama");
  extra.attention().mlp().tensor("blk.0.attn_sinks.weight", {4});
  CHECK_THAT(complaint(extra), Contains("tensor 'blk.0.attn_sinks.weight' is in the weights but not part"));
  Sample shape("llama");
  shape.attention().mlp();
  shape.writer.tensors.back().extents = {32, 32};
  CHECK_THAT(complaint(shape), Contains("has shape [32, 32]; the config calls for [32, 48]"));
  Sample heads("llama");
  heads.count("attention.key_length", 0);
  CHECK_THAT(complaint(heads), Contains("'llama.attention.key_length' is 0; it must be 1 to"));
  Sample wide("llama");
  wide.writer.entries[2] = GgufWriter().u32("llama.embedding_length", 1 << 22).entries[0];
  wide.writer.entries[5] = GgufWriter().u32("llama.attention.head_count", 1).entries[0];
  wide.writer.entries[6] = GgufWriter().u32("llama.attention.head_count_kv", 1).entries[0];
  CHECK_THAT(complaint(wide),
             Contains("'llama.attention.key_length' is missing, and 4194304 in its place is not 1 to"));
  Sample rope("llama");
  rope.attention().mlp().writer.text("llama.rope.scaling.type", "spiral");
  CHECK_THAT(complaint(rope), Contains("is 'spiral'; supported are none, linear, yarn, longrope"));
  Sample many("llama");
  many.writer.entries[1] = GgufWriter().u32("llama.block_count", 64).entries[0];
  many.attention().blocks("ffn_norm.weight", {32}).blocks("ffn_gate_inp.weight", {32, 4096});
  many.count("expert_count", 4096).count("expert_used_count", 2);
  CHECK_THAT(complaint(many), Contains("'llama.expert_count' is 4096; in 64 layers that is more than 131072 experts"));
  Sample nan("llama");
  nan.writer.entries.back() = nan.writer.entries.back().substr(0, nan.writer.entries.back().size() - 4) + raw(NAN);
  CHECK_THAT(complaint(nan), Contains("'llama.attention.layer_norm_rms_epsilon' is nan"));
  Sample split("llama");
  split.attention().mlp().writer.u32("split.count", 3);
  CHECK_THAT(complaint(split), Contains("is one of 3 files of a model"));
  Sample type("llama");
  type.attention().mlp();
  type.writer.tensors.back() = {"blk.1.ffn_down.weight", {48, 32}, 24, std::string(48 * 32, '\0')};
  CHECK_THAT(complaint(type),
             Contains("tensor 'blk.1.ffn_down.weight' has type I8; supported are F32, F16, BF16, Q4_0"));
}
