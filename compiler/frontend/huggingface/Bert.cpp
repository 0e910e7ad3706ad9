// BERT and RoBERTa, with the heads that are published with them.
#include "compiler/frontend/huggingface/Limits.h"
#include "compiler/frontend/huggingface/Pieces.h"

#include "runtime/support/Json.h"

#include <cmath>
#include <fmt/format.h>

namespace weft::frontend::hf {

namespace {

struct Encoder {
  Reading &reading;
  TransformerConfig config;
  std::string prefix; // of the base model's names
  uint64_t hidden = 0;
  double epsilon = 0;
  ActivationKind activation = ActivationKind::Gelu;

  uint32_t labels() {
    ConfigReader &keys = reading.keys;
    const auto named = static_cast<uint32_t>(keys.entries("id2label"));
    return keys.count("num_labels", 1, maxVocab).value_or(named ? named : 2);
  }
  void addHead(std::string output, bool firstTokenOnly, std::vector<HeadConfig::Step> steps) {
    config.heads.push_back({.firstTokenOnly = firstTokenOnly, .steps = std::move(steps), .output = std::move(output)});
  }
  void ignore(std::initializer_list<const char *> names) {
    config.ignoredWeights.insert(config.ignoredWeights.end(), names.begin(), names.end());
  }
};

HeadConfig::Step step(LinearConfig linear, std::optional<ActivationKind> activation = {}, NormConfig norm = {}) {
  return {.linear = std::move(linear), .activation = activation, .norm = std::move(norm)};
}

LayerConfig layerOf(const Encoder &encoder, uint32_t index, uint32_t heads, uint64_t inner) {
  const std::string name = fmt::format("{}encoder.layer.{}", encoder.prefix, index);
  const uint64_t hidden = encoder.hidden;
  LayerConfig layer;
  layer.name = fmt::format("encoder.layer.{}", index);
  layer.attentionNorms.after = layerNormOf(name + ".attention.output.LayerNorm", hidden, encoder.epsilon);
  layer.mlpNorms.after = layerNormOf(name + ".output.LayerNorm", hidden, encoder.epsilon);
  AttentionConfig &attention = layer.attention;
  attention.heads = attention.kvHeads = heads;
  attention.headDim = static_cast<uint32_t>(hidden / heads);
  attention.q = linearOf(name + ".attention.self.query", hidden, hidden, true);
  attention.k = linearOf(name + ".attention.self.key", hidden, hidden, true);
  attention.v = linearOf(name + ".attention.self.value", hidden, hidden, true);
  attention.output = linearOf(name + ".attention.output.dense", hidden, hidden, true);
  attention.rotary = attention.causal = false;
  attention.scale = 1 / std::sqrt(static_cast<double>(attention.headDim));
  layer.mlp = {.activation = encoder.activation,
               .gate = {},
               .up = linearOf(name + ".intermediate.dense", hidden, inner, true),
               .down = linearOf(name + ".output.dense", inner, hidden, true)};
  return layer;
}

/// Everything below the heads. `base`: what base names start with in models that have a head.
Encoder readEncoder(Reading &reading, const std::string &base) {
  ConfigReader &keys = reading.keys;
  Encoder encoder{.reading = reading, .config = {}, .prefix = {}};
  TransformerConfig &config = encoder.config;
  config.kind = ModelKind::Encoder;
  config.vocabSize = keys.requiredCount("vocab_size", 1, maxVocab);
  config.hiddenSize = keys.requiredCount("hidden_size", 1, maxWidth);
  config.maxPositions = keys.count("max_position_embeddings", 1, maxContext).value_or(512);
  config.typeCount = keys.count("type_vocab_size", 1, maxVocab).value_or(2);
  encoder.hidden = config.hiddenSize;
  encoder.epsilon = keys.number("layer_norm_eps", 1e-30, 0.1).value_or(1e-12);
  encoder.activation = readActivation(reading, "hidden_act", "gelu");
  const uint64_t inner = keys.requiredCount("intermediate_size", 1, maxWidth);
  const uint32_t layers = keys.requiredCount("num_hidden_layers", 1, maxLayers);
  const uint32_t heads = readHeadsOf(reading, "num_attention_heads", encoder.hidden);
  const std::string positions = keys.text("position_embedding_type").value_or("absolute");
  if (positions != "absolute")
    keys.complain("position_embedding_type",
                  fmt::format("is '{}'; supported is: absolute", runtime::printable(positions)));
  if (keys.flag("is_decoder", false))
    keys.complain("is_decoder", "is true; only encoders are supported");
  refuseUnsupported(reading);
  if (keys.failure())
    return encoder;

  const std::string probe = "embeddings.word_embeddings.weight";
  encoder.prefix = reading.prefix(base, probe, reading.architecture.find("For") == std::string_view::npos);
  const std::string embeddings = encoder.prefix + "embeddings.";
  config.embedding.tokens = {encoder.prefix + probe, {config.vocabSize, encoder.hidden}, {}};
  config.embedding.positions = {embeddings + "position_embeddings.weight", {config.maxPositions, encoder.hidden}, {}};
  config.embedding.types = {embeddings + "token_type_embeddings.weight", {config.typeCount, encoder.hidden}, {}};
  config.embedding.norm = layerNormOf(embeddings + "LayerNorm", encoder.hidden, encoder.epsilon);
  config.takesMask = config.takesTypes = true;
  config.ignoredWeights = {"*embeddings.position_ids"};
  for (uint32_t i = 0; i < layers; ++i)
    config.layers.push_back(layerOf(encoder, i, heads, inner));
  return encoder;
}

/// The base model's results: the hidden states and, where the checkpoint has a pooler, what it makes of the first.
void addBaseResults(Encoder &encoder) {
  encoder.config.returnsHidden = true;
  const LinearConfig pooler = linearOf(encoder.prefix + "pooler.dense", encoder.hidden, encoder.hidden, true);
  if (!encoder.reading.weights || encoder.reading.hasWeight(pooler.weight.name))
    encoder.addHead("pooler_output", true, {step(pooler, ActivationKind::Tanh)});
  encoder.ignore({"cls.*", "lm_head.*", "classifier.*", "qa_outputs.*"});
}

/// Where an answer begins and ends in its text: a score a token for each.
void addAnswer(Encoder &encoder) {
  if (const uint32_t labels = encoder.labels(); labels != 2)
    encoder.reading.keys.complain("num_labels", fmt::format("is {}; an answer has two ends", labels));
  const LinearConfig both = linearOf("qa_outputs", encoder.hidden, 2, true);
  for (uint64_t end : {0, 1}) {
    encoder.addHead(end ? "end_logits" : "start_logits", false,
                    {step({both.weight.rows(end, 1), both.bias.rows(end, 1)})});
    encoder.config.heads.back().dropColumn = true;
  }
}

/// The embedding's transpose with a bias of its own, under `name`.
LinearConfig tiedDecoder(const Encoder &encoder, const std::string &decoder, const std::string &bias) {
  const bool tied = encoder.reading.keys.flag("tie_word_embeddings", true);
  const uint64_t vocab = encoder.config.vocabSize;
  LinearConfig linear;
  linear.weight = tied ? encoder.config.embedding.tokens : WeightRef{decoder + ".weight", {vocab, encoder.hidden}, {}};
  // The bias has two names. What is tied is saved under one of them; else the decoder's own is the one that counts.
  const std::string own = decoder + ".bias", &first = tied ? bias : own, &second = tied ? own : bias;
  const bool firstIsThere = !encoder.reading.weights || encoder.reading.hasWeight(first);
  linear.bias = {firstIsThere ? first : second, {vocab}, {}};
  return linear;
}

/// BERT's scores of each token of the vocabulary.
void addBertPrediction(Encoder &encoder, const std::string &output) {
  const std::string name = "cls.predictions.";
  encoder.addHead(output, false,
                  {step(linearOf(name + "transform.dense", encoder.hidden, encoder.hidden, true), encoder.activation,
                        layerNormOf(name + "transform.LayerNorm", encoder.hidden, encoder.epsilon)),
                   step(tiedDecoder(encoder, name + "decoder", name + "bias"))});
  encoder.ignore({"cls.predictions.decoder.*", "cls.predictions.bias"});
}

TransformerConfig readBert(Reading &reading) {
  Encoder encoder = readEncoder(reading, "bert.");
  TransformerConfig &config = encoder.config;
  if (reading.keys.failure())
    return {};
  const LinearConfig pooler = linearOf(encoder.prefix + "pooler.dense", encoder.hidden, encoder.hidden, true);
  auto addPooled = [&](const std::string &output, const std::string &name, uint64_t labels) {
    encoder.addHead(output, true,
                    {step(pooler, ActivationKind::Tanh), step(linearOf(name, encoder.hidden, labels, true))});
  };
  if (reading.is("ForSequenceClassification")) {
    addPooled("logits", "classifier", encoder.labels());
  } else if (reading.is("ForNextSentencePrediction")) {
    addPooled("logits", "cls.seq_relationship", 2);
    encoder.ignore({"cls.predictions.*"});
  } else if (reading.is("ForPreTraining")) {
    addBertPrediction(encoder, "prediction_logits");
    addPooled("seq_relationship_logits", "cls.seq_relationship", 2);
  } else if (reading.is("ForTokenClassification")) {
    encoder.addHead("logits", false, {step(linearOf("classifier", encoder.hidden, encoder.labels(), true))});
    encoder.ignore({"bert.pooler.*"});
  } else if (reading.is("ForQuestionAnswering")) {
    addAnswer(encoder);
    encoder.ignore({"bert.pooler.*"});
  } else if (reading.is("ForMaskedLM")) {
    addBertPrediction(encoder, "logits");
    encoder.ignore({"cls.seq_relationship.*", "bert.pooler.*"});
  } else {
    addBaseResults(encoder);
  }
  return std::move(config);
}

TransformerConfig readRoberta(Reading &reading) {
  Encoder encoder = readEncoder(reading, "roberta.");
  TransformerConfig &config = encoder.config;
  const uint32_t padding = reading.keys.count("pad_token_id", 0, maxVocab).value_or(1);
  // Positions are counted from the padding token's id + 1 on, so that so many fewer tokens have one.
  if (!reading.keys.failure() && config.maxPositions <= padding + 1)
    reading.keys.complain("max_position_embeddings", fmt::format("leaves none after the pad_token_id of {}", padding));
  if (reading.keys.failure())
    return {};
  config.embedding.paddingToken = padding;
  config.maxPositions -= padding + 1;
  const uint64_t hidden = encoder.hidden;
  if (reading.is("ForSequenceClassification")) {
    encoder.addHead("logits", true,
                    {step(linearOf("classifier.dense", hidden, hidden, true), ActivationKind::Tanh),
                     step(linearOf("classifier.out_proj", hidden, encoder.labels(), true))});
  } else if (reading.is("ForTokenClassification")) {
    encoder.addHead("logits", false, {step(linearOf("classifier", hidden, encoder.labels(), true))});
  } else if (reading.is("ForQuestionAnswering")) {
    addAnswer(encoder);
  } else if (reading.is("ForMaskedLM")) {
    encoder.addHead("logits", false,
                    {step(linearOf("lm_head.dense", hidden, hidden, true), ActivationKind::Gelu,
                          layerNormOf("lm_head.layer_norm", hidden, encoder.epsilon)),
                     step(tiedDecoder(encoder, "lm_head.decoder", "lm_head.bias"))});
    encoder.ignore({"lm_head.decoder.*", "lm_head.bias"});
  } else {
    addBaseResults(encoder);
  }
  if (reading.architecture.find("For") != std::string_view::npos)
    encoder.ignore({"roberta.pooler.*"});
  return std::move(config);
}

} // namespace

static constexpr std::string_view bertClasses[] = {"BertModel",
                                                   "BertForMaskedLM",
                                                   "BertForPreTraining",
                                                   "BertForNextSentencePrediction",
                                                   "BertForQuestionAnswering",
                                                   "BertForSequenceClassification",
                                                   "BertForTokenClassification"},
                                  robertaClasses[] = {"RobertaModel",
                                                      "RobertaForMaskedLM",
                                                      "RobertaForQuestionAnswering",
                                                      "RobertaForSequenceClassification",
                                                      "RobertaForTokenClassification",
                                                      "XLMRobertaModel",
                                                      "XLMRobertaForMaskedLM",
                                                      "XLMRobertaForQuestionAnswering",
                                                      "XLMRobertaForSequenceClassification",
                                                      "XLMRobertaForTokenClassification"};
const Architecture bert = {bertClasses, "BERT", "bert-base-uncased",
                           "encoder; pooler, classification, masked tokens, answers", readBert};
const Architecture roberta = {robertaClasses, "RoBERTa", "roberta-base",
                              "encoder; classification, masked tokens, answers", readRoberta};

} // namespace weft::frontend::hf
