// A GGUF file as a model: its tensors as weights, and its metadata as a description of a transformer.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "hw-models/support/Result.h"
#include "runtime/gguf/Gguf.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::frontend::gguf {

struct Model {
  std::string name;         // general.name, or the file's
  std::string architecture; // general.architecture
  TransformerConfig config;
  std::unique_ptr<WeightSource> weights; // checked against the config
  bool hasTokenizer = false;
};

/// Values of general.architecture that readModel() takes, sorted.
std::vector<std::string> knownArchitectures();

/// Reads the header of the file, its architecture's metadata, and checks names and shapes of its tensors. Nothing but
/// factors of a rotary embedding is read of the tensors' bytes.
Result<Model> readModel(const std::string &path);

/// The tensors of a parsed file as weights; shapes have the outermost dimension first. Types that nothing here reads
/// are there, and cannot be used.
std::unique_ptr<WeightSource> weightsOf(const runtime::GgufFile &file, const std::string &path, uint64_t fileBytes,
                                        uint64_t headerDigest);

/// The description that the metadata give. `bytes` are the whole file.
Result<TransformerConfig> readConfig(const runtime::GgufFile &file, std::span<const std::byte> bytes);

} // namespace weft::frontend::gguf
