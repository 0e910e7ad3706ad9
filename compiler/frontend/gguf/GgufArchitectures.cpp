// The architectures: what each does otherwise than the common decoder, one line of a table each.
#include "compiler/frontend/gguf/GgufDecoder.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace weft::frontend::gguf {

namespace {

/// One architecture. What is not said here a layer of the common decoder finds out by the tensors that are there.
struct Family {
  std::string_view name; // value of general.architecture
  NormKind norms = NormKind::Rms;
  ActivationKind activation = ActivationKind::Silu;
  Positions positions = Positions::Rotary;
  void (*prepare)(Decoder &decoder) = nullptr; // before the layers
  void (*adjust)(Decoder &decoder, uint32_t index, LayerConfig &layer) = nullptr;
};

/// Llama, Mistral and Mixtral. Rows of queries and keys are reordered in the file, so that what turns together are
/// neighbours; of heads that turn as a whole they are put back.
void prepareLlama(Decoder &decoder) { decoder.config.rope.interleaved = decoder.turning != decoder.headDim; }
void adjustLlama(Decoder &decoder, uint32_t, LayerConfig &layer) {
  if (decoder.config.rope.interleaved)
    return;
  for (auto [linear, heads] :
       {std::pair(&layer.attention.q, decoder.heads), std::pair(&layer.attention.k, decoder.kvHeads)}) {
    linear->weight = inHalves(linear->weight, heads, decoder.headDim);
    linear->bias = inHalves(linear->bias, heads, decoder.headDim);
  }
}

/// Norms are in the file with their 1 added.
void prepareGemma(Decoder &decoder) { decoder.config.embedding.scale = std::sqrt(static_cast<double>(decoder.hidden)); }

void prepareGemma2(Decoder &decoder) {
  prepareGemma(decoder);
  decoder.scoreCap = decoder.reading.real("attn_logit_softcapping", 1e-3, 1e6, 50);
  decoder.config.heads[0].softcap = decoder.reading.real("final_logit_softcapping", 1e-3, 1e6, 30);
  if (decoder.window == 0)
    decoder.window = 4096;
}
void adjustGemma2(Decoder &decoder, uint32_t index, LayerConfig &layer) {
  // The file does not have what scores are multiplied by. It is that of the head, but for the model of 46 layers.
  const double width = decoder.layers == 46 ? double(decoder.hidden) / decoder.heads : double(decoder.headDim);
  layer.attentionNorms.post = decoder.norm(Decoder::block(index, "post_attention_norm"), decoder.hidden);
  layer.mlpNorms.post = decoder.norm(Decoder::block(index, "post_ffw_norm"), decoder.hidden);
  layer.attention.scale = 1 / std::sqrt(width);
  layer.attention.softcap = decoder.scoreCap;
  if (index % 2 != 0)
    layer.attention.window = 0;
}

/// Gate and up are the halves of one tensor.
void adjustPhi3(Decoder &decoder, uint32_t index, LayerConfig &layer) {
  if (layer.mlp.gate)
    return;
  const LinearConfig both = decoder.linear(Decoder::block(index, "ffn_up"), decoder.hidden, 2 * decoder.inner);
  auto half = [&](uint64_t begin) {
    return LinearConfig{both.weight.rows(begin, decoder.inner), both.bias.rows(begin, decoder.inner)};
  };
  layer.mlp.gate = half(0);
  layer.mlp.up = half(decoder.inner);
}

/// Norms come after attention and MLP; those of queries and keys are over all heads.
void adjustOlmo2(Decoder &decoder, uint32_t index, LayerConfig &layer) {
  layer.attentionNorms.pre = layer.mlpNorms.pre = {};
  layer.attentionNorms.post = decoder.norm(Decoder::block(index, "post_attention_norm"), decoder.hidden);
  layer.mlpNorms.post = decoder.norm(Decoder::block(index, "post_ffw_norm"), decoder.hidden);
  layer.attention.queryNorm = decoder.norm(Decoder::block(index, "attn_q_norm"), decoder.queries());
  layer.attention.keyNorm = decoder.norm(Decoder::block(index, "attn_k_norm"), decoder.keys());
}

void prepareNeoX(Decoder &decoder) { decoder.parallel = decoder.reading.flag("use_parallel_residual", true); }
void adjustNeoX(Decoder &decoder, uint32_t, LayerConfig &layer) { layer.parallel = decoder.parallel; }

/// An encoder: norms after each sum, token types.
void prepareBert(Decoder &decoder) {
  TransformerConfig &config = decoder.config;
  config.kind = ModelKind::Encoder;
  config.returnsHidden = config.takesMask = config.takesTypes = true;
  config.heads.clear();
  config.finalNorm = {};
  const std::vector<uint64_t> types = decoder.reading.shapeOf("token_types.weight");
  if (decoder.reading.failed())
    return;
  if (types.size() != 2 || types[0] == 0 || types[0] > maxVocab || types[1] != decoder.hidden)
    return decoder.reading.complain("token_types.weight is no table of rows as wide as the model");
  config.typeCount = static_cast<uint32_t>(types[0]);
  config.embedding.types = {"token_types.weight", {types.front(), decoder.hidden}, {}};
  config.embedding.norm = decoder.norm("token_embd_norm", decoder.hidden);
  config.ignoredWeights.insert(config.ignoredWeights.end(), {"cls.*", "pooler.*"});
}
void adjustBert(Decoder &decoder, uint32_t index, LayerConfig &layer) {
  auto after = [&](const char *name) {
    return SublayerNorms{.pre = {}, .post = {}, .after = decoder.norm(Decoder::block(index, name), decoder.hidden)};
  };
  layer.attentionNorms = after("attn_output_norm");
  layer.mlpNorms = after("layer_output_norm");
  layer.attention.causal = false;
}

// In the order of names.
constexpr std::array<Family, 13> families{{
    {.name = "bert",
     .norms = NormKind::Layer,
     .activation = ActivationKind::Gelu,
     .positions = Positions::Learned,
     .prepare = prepareBert,
     .adjust = adjustBert},
    {.name = "deepseek2", .positions = Positions::Latent, .prepare = prepareDeepseek2, .adjust = adjustDeepseek2},
    {.name = "gemma", .activation = ActivationKind::GeluTanh, .prepare = prepareGemma},
    {.name = "gemma2", .activation = ActivationKind::GeluTanh, .prepare = prepareGemma2, .adjust = adjustGemma2},
    {.name = "gpt2", .norms = NormKind::Layer, .activation = ActivationKind::GeluTanh, .positions = Positions::Learned},
    {.name = "gptneox",
     .norms = NormKind::Layer,
     .activation = ActivationKind::Gelu,
     .prepare = prepareNeoX,
     .adjust = adjustNeoX},
    {.name = "llama", .prepare = prepareLlama, .adjust = adjustLlama},
    {.name = "mistral", .prepare = prepareLlama, .adjust = adjustLlama},
    {.name = "olmo2", .adjust = adjustOlmo2},
    {.name = "phi3", .adjust = adjustPhi3},
    {.name = "qwen2"},
    {.name = "qwen3"},
    {.name = "qwen3moe"},
}};

TransformerConfig read(Reading &reading, const Family &family) {
  Decoder decoder = startDecoder(reading, family.norms, family.positions);
  if (!reading.failed() && family.prepare)
    family.prepare(decoder);
  for (uint32_t i = 0; i < decoder.layers && !reading.failed(); ++i) {
    LayerConfig layer = decoder.layer(i, family.activation);
    layer.attention.rotary = family.positions != Positions::Learned;
    layer.attention.window = decoder.window;
    if (family.adjust)
      family.adjust(decoder, i, layer);
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

} // namespace

std::vector<std::string> knownArchitectures() {
  std::vector<std::string> names;
  for (const Family &family : families)
    names.emplace_back(family.name);
  return names;
}

std::optional<TransformerConfig> readArchitecture(Reading &reading, std::string_view architecture) {
  for (const Family &family : families)
    if (family.name == architecture)
      return read(reading, family);
  return std::nullopt;
}

} // namespace weft::frontend::gguf
