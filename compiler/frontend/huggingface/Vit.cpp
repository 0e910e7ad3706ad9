#include "compiler/frontend/huggingface/Limits.h"
#include "compiler/frontend/huggingface/Pieces.h"

#include <cmath>
#include <fmt/format.h>

namespace weft::frontend::hf {

/// A number, or a list of height and width.
static std::pair<uint32_t, uint32_t> readExtent(Reading &reading, const std::string &key, uint32_t fallback) {
  ConfigReader &keys = reading.keys;
  if (!keys.isList(key)) {
    const uint32_t size = keys.count(key, 1, maxWidth).value_or(fallback);
    return {size, size};
  }
  const std::vector<double> sizes = keys.numbers(key, 1, maxWidth);
  if (sizes.size() != 2 || sizes[0] != std::floor(sizes[0]) || sizes[1] != std::floor(sizes[1])) {
    keys.complain(key, "must be an integer or a list of height and width");
    return {1, 1};
  }
  return {static_cast<uint32_t>(sizes[0]), static_cast<uint32_t>(sizes[1])};
}

static TransformerConfig read(Reading &reading) {
  ConfigReader &keys = reading.keys;
  TransformerConfig config;
  config.kind = ModelKind::Encoder;
  config.hiddenSize = keys.requiredCount("hidden_size", 1, maxWidth);
  const uint64_t hidden = config.hiddenSize, inner = keys.requiredCount("intermediate_size", 1, maxWidth);
  const uint32_t layers = keys.requiredCount("num_hidden_layers", 1, maxLayers);
  const uint32_t heads = readHeadsOf(reading, "num_attention_heads", hidden);
  const double epsilon = keys.number("layer_norm_eps", 1e-30, 0.1).value_or(1e-12);
  const ActivationKind activation = readActivation(reading, "hidden_act", "gelu");
  const ActivationKind pooling = readActivation(reading, "pooler_act", "tanh");
  const uint64_t pooled = keys.count("pooler_output_size", 1, maxWidth).value_or(config.hiddenSize);
  const bool bias = keys.flag("qkv_bias", true);
  const auto named = static_cast<uint32_t>(keys.entries("id2label"));
  const uint32_t labels = keys.count("num_labels", 1, maxVocab).value_or(named ? named : 2);
  PatchConfig patches;
  patches.channels = keys.count("num_channels", 1, maxWidth).value_or(3);
  std::tie(patches.height, patches.width) = readExtent(reading, "image_size", 224);
  std::tie(patches.patchHeight, patches.patchWidth) = readExtent(reading, "patch_size", 16);
  refuseUnsupported(reading);
  // A strip at the lower or right edge that fills no patch is not looked at.
  if (!keys.failure() && (patches.height < patches.patchHeight || patches.width < patches.patchWidth))
    keys.complain("patch_size", "is larger than the image_size");
  if (!keys.failure() && (uint64_t{patches.height} * patches.width * patches.channels > (1ULL << 32)))
    keys.complain("image_size", "asks for an image of more than 2^32 values");
  if (keys.failure())
    return config;

  const bool classifies = reading.is("ForImageClassification");
  const std::string prefix = reading.prefix("vit.", "embeddings.cls_token", !classifies);
  const std::string embeddings = prefix + "embeddings.", projection = embeddings + "patch_embeddings.projection";
  // A convolution that steps by its own size is a product with each patch.
  patches.projection.weight = WeightRef{
      projection + ".weight",
      {hidden, patches.channels, patches.patchHeight, patches.patchWidth},
      {}}.collapse(1, 3);
  patches.projection.bias = {projection + ".bias", {hidden}, {}};
  patches.classToken = WeightRef{embeddings + "cls_token", {1, 1, hidden}, {}}.collapse(0, 2);
  patches.positions =
      WeightRef{embeddings + "position_embeddings", {1, patches.patches() + 1, hidden}, {}}.collapse(0, 2);
  config.patches = patches;
  config.finalNorm = layerNormOf(prefix + "layernorm", hidden, epsilon);
  config.ignoredWeights = {"*embeddings.mask_token"};
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("{}encoder.layer.{}", prefix, i), self = name + ".attention.attention.";
    LayerConfig layer;
    layer.name = fmt::format("encoder.layer.{}", i);
    layer.attentionNorms.pre = layerNormOf(name + ".layernorm_before", hidden, epsilon);
    layer.mlpNorms.pre = layerNormOf(name + ".layernorm_after", hidden, epsilon);
    AttentionConfig &attention = layer.attention;
    attention.heads = attention.kvHeads = heads;
    attention.headDim = static_cast<uint32_t>(hidden / heads);
    attention.q = linearOf(self + "query", hidden, hidden, bias);
    attention.k = linearOf(self + "key", hidden, hidden, bias);
    attention.v = linearOf(self + "value", hidden, hidden, bias);
    attention.output = linearOf(name + ".attention.output.dense", hidden, hidden, true);
    attention.rotary = attention.causal = false;
    attention.scale = 1 / std::sqrt(static_cast<double>(attention.headDim));
    layer.mlp = {.activation = activation,
                 .gate = {},
                 .up = linearOf(name + ".intermediate.dense", hidden, inner, true),
                 .down = linearOf(name + ".output.dense", inner, hidden, true)};
    config.layers.push_back(std::move(layer));
  }
  const LinearConfig pooler = linearOf(prefix + "pooler.dense", hidden, pooled, true);
  if (classifies) {
    config.heads = {{.firstTokenOnly = true,
                     .steps = {{.linear = linearOf("classifier", hidden, labels, true), .activation = {}, .norm = {}}},
                     .output = "logits"}};
    config.ignoredWeights.push_back("vit.pooler.*");
  } else {
    config.returnsHidden = true;
    if (!reading.weights || reading.hasWeight(pooler.weight.name))
      config.heads = {{.firstTokenOnly = true,
                       .steps = {{.linear = pooler, .activation = pooling, .norm = {}}},
                       .output = "pooler_output"}};
    config.ignoredWeights.push_back("classifier.*");
  }
  return config;
}

static constexpr std::string_view classes[] = {"ViTForImageClassification", "ViTModel"};
const Architecture vit = {classes, "ViT", "vit-base-patch16-224", "images in patches; classification", read};

} // namespace weft::frontend::hf
