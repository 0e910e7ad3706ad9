// The architectures: what each does otherwise than the common decoder.
#include "compiler/frontend/gguf/GgufDecoder.h"

#include <fmt/format.h>

#include <cmath>

namespace weft::frontend::gguf {

/// Llama, Mistral and Mixtral. Rows of queries and keys are reordered in the file.
TransformerConfig readLlama(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Rms);
  readRope(decoder);
  const uint32_t window = reading.count("attention.sliding_window", 0, maxContext, 0);
  if (reading.failed())
    return {};
  decoder.config.rope.interleaved = decoder.turning != decoder.headDim;
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.attention.window = window;
    if (!decoder.config.rope.interleaved)
      for (auto [linear, heads] :
           {std::pair(&layer.attention.q, decoder.heads), std::pair(&layer.attention.k, decoder.kvHeads)}) {
        linear->weight = inHalves(linear->weight, heads, decoder.headDim);
        linear->bias = inHalves(linear->bias, heads, decoder.headDim);
      }
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

/// Qwen 2, with biases; Qwen 3, with norms of queries and keys; Qwen 3's experts.
TransformerConfig readQwen(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Rms);
  readRope(decoder);
  if (reading.failed())
    return {};
  for (uint32_t i = 0; i < decoder.layers; ++i)
    decoder.config.layers.push_back(decoder.layer(i));
  return std::move(decoder.config);
}

/// Norms are in the file with their 1 added.
static Decoder startGemma(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Rms);
  readRope(decoder);
  decoder.config.embedding.scale = std::sqrt(static_cast<double>(decoder.hidden));
  return decoder;
}

TransformerConfig readGemma(Reading &reading) {
  Decoder decoder = startGemma(reading);
  if (reading.failed())
    return {};
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    decoder.config.layers.push_back(decoder.layer(i));
    decoder.config.layers.back().mlp.activation = ActivationKind::GeluTanh;
  }
  return std::move(decoder.config);
}

TransformerConfig readGemma2(Reading &reading) {
  Decoder decoder = startGemma(reading);
  const double scoreCap = reading.real("attn_logit_softcapping", 1e-3, 1e6, 50),
               lastCap = reading.real("final_logit_softcapping", 1e-3, 1e6, 30);
  const uint32_t window = reading.count("attention.sliding_window", 1, maxContext, 4096);
  if (reading.failed())
    return {};
  decoder.config.heads[0].softcap = lastCap;
  // The file does not have what scores are multiplied by. It is that of the head, but for the model of 46 layers.
  const double width = decoder.layers == 46 ? double(decoder.hidden) / decoder.heads : double(decoder.headDim);
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.mlp.activation = ActivationKind::GeluTanh;
    layer.attentionNorms.post = decoder.norm(Decoder::block(i, "post_attention_norm"), decoder.hidden);
    layer.mlpNorms.post = decoder.norm(Decoder::block(i, "post_ffw_norm"), decoder.hidden);
    layer.attention.scale = 1 / std::sqrt(width);
    layer.attention.softcap = scoreCap;
    layer.attention.window = i % 2 == 0 ? window : 0;
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

/// Gate and up are the halves of one tensor, and so are queries, keys and values.
TransformerConfig readPhi3(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Rms);
  readRope(decoder);
  const uint32_t window = reading.count("attention.sliding_window", 0, maxContext, 0);
  if (reading.failed())
    return {};
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.attention.window = window;
    if (!layer.mlp.gate) {
      const WeightRef both = decoder.linear(Decoder::block(i, "ffn_up"), decoder.hidden, 2 * decoder.inner).weight;
      layer.mlp.gate.weight = both.rows(0, decoder.inner);
      layer.mlp.up.weight = both.rows(decoder.inner, decoder.inner);
    }
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

/// Norms come after attention and MLP; those of queries and keys are over all heads.
TransformerConfig readOlmo2(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Rms);
  readRope(decoder);
  if (reading.failed())
    return {};
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.attentionNorms.pre = layer.mlpNorms.pre = {};
    layer.attentionNorms.post = decoder.norm(Decoder::block(i, "post_attention_norm"), decoder.hidden);
    layer.mlpNorms.post = decoder.norm(Decoder::block(i, "post_ffw_norm"), decoder.hidden);
    layer.attention.queryNorm = decoder.norm(Decoder::block(i, "attn_q_norm"), decoder.queries());
    layer.attention.keyNorm = decoder.norm(Decoder::block(i, "attn_k_norm"), decoder.keys());
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

TransformerConfig readGpt2(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Layer);
  if (reading.failed())
    return {};
  decoder.config.embedding.positions = {"position_embd.weight", {decoder.config.maxPositions, decoder.hidden}, {}};
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.mlp.activation = ActivationKind::GeluTanh;
    layer.attention.rotary = false;
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

TransformerConfig readGptNeoX(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Layer);
  readRope(decoder);
  const bool parallel = reading.flag("use_parallel_residual", true);
  if (reading.failed())
    return {};
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.mlp.activation = ActivationKind::Gelu;
    layer.parallel = parallel;
    decoder.config.layers.push_back(std::move(layer));
  }
  return std::move(decoder.config);
}

/// An encoder: norms after each sum, token types, learned positions.
TransformerConfig readBert(Reading &reading) {
  Decoder decoder = startDecoder(reading, NormKind::Layer);
  if (reading.failed())
    return {};
  TransformerConfig &config = decoder.config;
  config.kind = ModelKind::Encoder;
  config.returnsHidden = config.takesMask = config.takesTypes = true;
  config.heads.clear();
  config.finalNorm = {};
  config.embedding.positions = {"position_embd.weight", {config.maxPositions, decoder.hidden}, {}};
  const std::vector<uint64_t> types = reading.shapeOf("token_types.weight");
  if (reading.failed())
    return {};
  if (types.size() != 2 || types[0] == 0 || types[0] > maxVocab || types[1] != decoder.hidden) {
    reading.complain("token_types.weight is no table of rows as wide as the model");
    return {};
  }
  config.typeCount = static_cast<uint32_t>(types[0]);
  config.embedding.types = {"token_types.weight", {types.front(), decoder.hidden}, {}};
  config.embedding.norm = decoder.norm("token_embd_norm", decoder.hidden);
  config.ignoredWeights.insert(config.ignoredWeights.end(), {"cls.*", "pooler.*"});
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    LayerConfig layer = decoder.layer(i);
    layer.attentionNorms = {
        .pre = {}, .post = {}, .after = decoder.norm(Decoder::block(i, "attn_output_norm"), decoder.hidden)};
    layer.mlpNorms = {
        .pre = {}, .post = {}, .after = decoder.norm(Decoder::block(i, "layer_output_norm"), decoder.hidden)};
    layer.mlp.activation = ActivationKind::Gelu;
    layer.attention.rotary = layer.attention.causal = false;
    config.layers.push_back(std::move(layer));
  }
  return std::move(config);
}

} // namespace weft::frontend::gguf
