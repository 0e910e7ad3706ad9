#include "compiler/frontend/huggingface/Limits.h"
#include "compiler/frontend/huggingface/Pieces.h"

#include <cmath>
#include <fmt/format.h>

namespace weft::frontend::hf {

static TransformerConfig read(Reading &reading) {
  ConfigReader &keys = reading.keys;
  TransformerConfig config;
  config.vocabSize = keys.requiredCount("vocab_size", 1, maxVocab);
  config.hiddenSize = keys.requiredCount("hidden_size", 1, maxWidth);
  config.maxPositions = keys.count("max_position_embeddings", 1, maxContext).value_or(2048);
  const uint64_t hidden = config.hiddenSize, inner = keys.requiredCount("ffn_dim", 1, maxWidth);
  const uint64_t embedded = keys.count("word_embed_proj_dim", 1, maxWidth).value_or(config.hiddenSize);
  const uint32_t layers = keys.requiredCount("num_hidden_layers", 1, maxLayers);
  const uint32_t heads = readHeadsOf(reading, "num_attention_heads", hidden);
  const ActivationKind activation = readActivation(reading, "activation_function", "relu");
  const bool before = keys.flag("do_layer_norm_before", true), bias = keys.flag("enable_bias", true);
  const bool affine = keys.flag("layer_norm_elementwise_affine", true);
  const bool finalNorm = before && !keys.flag("_remove_final_layer_norm", false);
  refuseUnsupported(reading);
  readTokens(reading, config);
  if (keys.failure())
    return config;

  auto norm = [&](const std::string &name) {
    return affine ? layerNormOf(name, hidden, 1e-5) : NormConfig{.kind = NormKind::Layer, .weight = {}, .bias = {}};
  };
  const bool isBaseModel = !reading.is("ForCausalLM");
  // Some files begin one step further in.
  std::string prefix = isBaseModel && !reading.weights ? "decoder." : "model.decoder.";
  for (const char *other : {"decoder.", ""})
    if (!reading.hasWeight(prefix + "embed_tokens.weight") &&
        reading.hasWeight(std::string(other) + "embed_tokens.weight"))
      prefix = other;
  config.embedding.tokens = {prefix + "embed_tokens.weight", {config.vocabSize, embedded}, {}};
  // The first two rows belong to no position.
  config.embedding.positions = {prefix + "embed_positions.weight", {config.maxPositions + 2ULL, hidden}, {}};
  config.embedding.positionOffset = 2;
  if (embedded != hidden)
    config.embedding.projection = linearOf(prefix + "project_in", embedded, hidden, false);
  if (finalNorm)
    config.finalNorm = norm(prefix + "final_layer_norm");
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("{}layers.{}", prefix, i), self = name + ".self_attn";
    LayerConfig layer;
    layer.name = fmt::format("layers.{}", i);
    (before ? layer.attentionNorms.pre : layer.attentionNorms.after) = norm(name + ".self_attn_layer_norm");
    (before ? layer.mlpNorms.pre : layer.mlpNorms.after) = norm(name + ".final_layer_norm");
    AttentionConfig &attention = layer.attention;
    attention.heads = attention.kvHeads = heads;
    attention.headDim = static_cast<uint32_t>(hidden / heads);
    attention.q = linearOf(self + ".q_proj", hidden, hidden, bias);
    attention.k = linearOf(self + ".k_proj", hidden, hidden, bias);
    attention.v = linearOf(self + ".v_proj", hidden, hidden, bias);
    attention.output = linearOf(self + ".out_proj", hidden, hidden, bias);
    attention.rotary = false;
    attention.scale = 1 / std::sqrt(static_cast<double>(attention.headDim));
    layer.mlp = {.activation = activation,
                 .gate = {},
                 .up = linearOf(name + ".fc1", hidden, inner, bias),
                 .down = linearOf(name + ".fc2", inner, hidden, bias)};
    config.layers.push_back(std::move(layer));
  }
  if (isBaseModel)
    makeBaseModel(config);
  else
    addTextHead(config, linearOf("lm_head", embedded, config.vocabSize, false), keys.flag("tie_word_embeddings", true));
  if (embedded != hidden) {
    const HeadConfig::Step project = {
        .linear = linearOf(prefix + "project_out", hidden, embedded, false), .activation = {}, .norm = {}};
    if (isBaseModel) {
      config.returnsHidden = false;
      config.heads = {{.steps = {project}, .output = "last_hidden_state"}};
    } else {
      config.heads.front().steps.insert(config.heads.front().steps.begin(), project);
    }
  }
  return config;
}

static constexpr std::string_view classes[] = {"OPTForCausalLM", "OPTModel"};
const Architecture opt = {classes, "OPT", "opt-350m", "learned positions, norms before or after, projected embeddings",
                          read};

} // namespace weft::frontend::hf
