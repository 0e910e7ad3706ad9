// Weights by their usual names, and keys that several families share.
#pragma once

#include "compiler/frontend/huggingface/Architecture.h"

namespace weft::frontend::hf {

/// `name`.weight, out × in, and with `bias` `name`.bias.
LinearConfig linearOf(const std::string &name, uint64_t in, uint64_t out, bool bias);

/// A layer norm's `name`.weight and `name`.bias.
NormConfig layerNormOf(const std::string &name, uint64_t size, double epsilon);

/// The activation that Hugging Face calls so; nothing: not one of activationNames().
std::optional<ActivationKind> activationOf(std::string_view name);
std::string activationNames();

/// The activation under `key`, or of the name `fallback`.
ActivationKind readActivation(Reading &reading, const std::string &key, std::string_view fallback);

/// bos_token_id and eos_token_id.
void readTokens(Reading &reading, TransformerConfig &config);

/// Heads that divide the width: complains of `key` if they do not.
uint32_t readHeadsOf(Reading &reading, const std::string &key, uint64_t width);

/// Keys that change what a model computes and that no reader here knows.
void refuseUnsupported(Reading &reading);

/// Keys of other families that would change what a model computes, and that this one's reader has not asked for. To be
/// called after it.
void refuseUnread(Reading &reading, const nlohmann::json &config);

/// The head for text: `head` on the last token, or on the embeddings where they are tied.
void addTextHead(TransformerConfig &config, const LinearConfig &head, bool tied);

/// A base model, which has no head, gives its last hidden state for a whole sequence.
void makeBaseModel(TransformerConfig &config);

} // namespace weft::frontend::hf
