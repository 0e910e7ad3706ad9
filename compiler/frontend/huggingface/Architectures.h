// The architectures of Hugging Face directories that Weft compiles: a file each, and one line in the list of the .cpp.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "compiler/frontend/huggingface/ModelDirectory.h"
#include "hw-models/support/Result.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend::hf {

struct Model {
  std::string name, architecture;
  TransformerConfig config;
  std::unique_ptr<WeightSource> weights; // checked against the config; null with ReadWeights::No
  std::optional<std::string> tokenizerPath;
};

struct KnownArchitecture {
  std::string name;   // as architectures[0] of a config has it
  std::string family; // "Llama"
  bool generates;     // text, token by token; else a tensor program
  std::string example, notes;
};

/// All values of architectures[0] that readModel() takes, in the order of families.
std::vector<KnownArchitecture> knownArchitectures();

/// Reads a config, whose keys are those of `architecture`. Absent keys have the values that Hugging Face's
/// transformers give them. `weights`: null, or where names are looked up that differ between checkpoints. Errors name
/// `origin` and the key, or the architecture. `name` is left empty.
Result<TransformerConfig> readConfig(const nlohmann::json &config, const std::string &architecture,
                                     const std::string &origin, const WeightSource *weights = nullptr);

/// Reads a model directory (or, with ReadWeights::No and Shapes, a config file), its config by architecture, and checks
/// the names, types and shapes of the weights against the config. An unknown architecture is an error that lists those
/// known.
Result<Model> readModel(const std::string &path, ReadWeights readWeights = ReadWeights::Yes);

} // namespace weft::frontend::hf
