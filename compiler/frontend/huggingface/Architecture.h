// What a reader of one architecture's config gets and gives. Internal to compiler/frontend/huggingface.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "compiler/frontend/huggingface/ConfigReader.h"

#include <span>
#include <string>
#include <string_view>

namespace weft::frontend::hf {

/// One config on its way into a TransformerConfig. Complaints go to `keys`.
struct Reading {
  ConfigReader &keys;
  std::string_view architecture; // architectures[0] of the config
  std::string origin;            // the config file, for messages
  const WeightSource *weights;   // null: only the config is there

  /// The class ends so: "ForCausalLM".
  bool is(std::string_view suffix) const { return architecture.ends_with(suffix); }
  /// Whether the weight files have this name; without files nothing is known.
  bool hasWeight(const std::string &name) const { return weights && weights->find(name); }
  /// What names start with: `usual` ("model."), or nothing where a file was saved from the base model. `probe`: a
  /// weight that every such model has, without the prefix.
  std::string prefix(const std::string &usual, const std::string &probe, bool isBaseModel) const;
};

/// One architecture family: a file.
struct Architecture {
  std::span<const std::string_view> classes; // values of architectures[0]
  std::string_view family;                   // "Llama"
  std::string_view example;                  // a published model
  std::string_view notes;                    // what it has that others have not
  TransformerConfig (*read)(Reading &reading);
};

extern const Architecture llama, mistral, qwen2, qwen3, qwen3Moe, mixtral, gemma, gemma2, phi3, olmo2, gpt2, gptNeoX,
    opt, deepseekV2, deepseekV3, bert, roberta, t5Encoder, vit;

} // namespace weft::frontend::hf
