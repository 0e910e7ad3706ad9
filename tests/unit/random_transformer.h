// Random text generators over all that a mesh places: kinds of norms and where they stand, biases, rotations, windows,
// soft caps, latents, MLPs, and weights that are parts of stored tensors or stored the other way round.
#pragma once

#include "compiler/frontend/TransformerConfig.h"

#include <cstddef>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace weft::test {

/// What each layer of a random model has.
struct RandomKinds {
  bool mixtures = false; // experts, often many
  bool latents = false;  // attention over latents
};

/// A model in memory; it lists no files.
struct RandomTransformer : frontend::WeightSource {
  explicit RandomTransformer(uint32_t seed, RandomKinds kinds = {});

  frontend::TransformerConfig config;

  const frontend::WeightInfo *find(const std::string &name) const override {
    auto found = infos.find(name);
    return found == infos.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names() const override;
  const std::vector<frontend::WeightFileInfo> &files() const override { return noFiles; }
  std::span<const std::byte> bytes(const std::string &name) const { return contents.at(name); }

  /// What was chosen, for messages.
  std::string text() const;

private:
  std::map<std::string, frontend::WeightInfo> infos;
  std::map<std::string, std::vector<std::byte>> contents;
  std::vector<frontend::WeightFileInfo> noFiles;
};

} // namespace weft::test
