// The architectures of Hugging Face directories that Weft compiles: one line each in the table of the .cpp.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/frontend/huggingface/ModelDirectory.h"
#include "hw-models/support/Result.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace weft::frontend::hf {

/// One alternative an architecture family; the graph builder visits it.
using ArchitectureConfig = std::variant<LlamaConfig>;

struct Model {
  std::string name, architecture;
  ArchitectureConfig config;
  std::unique_ptr<WeightSource> weights; // checked against the config; null with ReadWeights::No
  std::optional<std::string> tokenizerPath;
};

/// Values of architectures[0] that readModel() takes, sorted.
std::vector<std::string> knownArchitectures();

/// Reads a model directory (or, with ReadWeights::No and Shapes, a config file), its config by architecture, and checks
/// the names, types and shapes of the weights against the config. An unknown architecture is an error that lists those
/// known.
Result<Model> readModel(const std::string &path, ReadWeights readWeights = ReadWeights::Yes);

} // namespace weft::frontend::hf
