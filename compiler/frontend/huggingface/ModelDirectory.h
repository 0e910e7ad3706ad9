// A Hugging Face model directory, whatever its architecture.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>

namespace weft::frontend::hf {

struct ModelDirectory {
  std::string name;         // the directory's own name
  std::string architecture; // architectures[0] of the config
  std::string configPath;
  nlohmann::json config;
  std::unique_ptr<WeightSource> weights;    // null: only the config was asked for
  std::optional<std::string> tokenizerPath; // when there is a tokenizer.json
};

/// Shapes: the weights that the config calls for, without files or values: what a compilation for timing needs.
enum class ReadWeights { Yes, No, Shapes };

/// Reads `path`/config.json and opens the weights.
/// With anything but ReadWeights::Yes, `path` may also be the config file itself. Errors name the file.
Result<ModelDirectory> readModelDirectory(const std::string &path, ReadWeights readWeights = ReadWeights::Yes);

/// The weights of a model directory alone: model.safetensors, else model.safetensors.index.json with its shards.
Result<std::unique_ptr<WeightSource>> openModelWeights(const std::string &path);

} // namespace weft::frontend::hf
