// Models for the tests of the graph level, and a Llama in double precision to compare with. The arithmetic here shares
// nothing with the compiler: token by token, matrix by matrix, without a cache.
#pragma once

#include "compiler/frontend/TransformerConfig.h"

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace weft::test {

/// The sizes of a Llama without biases.
struct LlamaSizes {
  std::string name = "random";
  uint32_t vocabSize = 0, hiddenSize = 0, intermediateSize = 0, layers = 0;
  uint32_t heads = 0, kvHeads = 0, headDim = 0;
  uint32_t maxPositions = 0;
  double rmsNormEps = 1e-5;
  frontend::RopeConfig rope; // unscaled
  bool tiedEmbeddings = false;

  /// As config.json has them.
  nlohmann::json json() const;
  /// As the reader of config.json understands that.
  frontend::TransformerConfig transformer() const;
};

/// A model in memory; it lists no files.
struct TestModel : frontend::WeightSource {
  struct Weight {
    frontend::WeightInfo info;
    std::vector<std::byte> bytes;
  };

  LlamaSizes config;
  std::map<std::string, Weight> weights;
  std::vector<frontend::WeightFileInfo> noFiles;

  const frontend::WeightInfo *find(const std::string &name) const override {
    auto found = weights.find(name);
    return found == weights.end() ? nullptr : &found->second.info;
  }
  std::vector<std::string> names() const override;
  const std::vector<frontend::WeightFileInfo> &files() const override { return noFiles; }
  std::span<const std::byte> bytes(const std::string &name) const { return weights.at(name).bytes; }
};

/// Unscaled rotary frequencies.
frontend::RopeConfig plainRope(double theta, uint32_t headDim);

/// The weights that `model.config` asks for, each of a random type unless `onlyType` is given.
void addRandomWeights(TestModel &model, std::mt19937 &random, std::optional<frontend::WeightType> onlyType = {});

/// The same model with every weight rounded to `type`.
TestModel withWeightsAs(const TestModel &model, frontend::WeightType type);

/// Small, with sizes that divide nothing: hidden 6 to 40, heads and kv heads 1 to 3 each in their ratio, tied or not,
/// weights of any of the three types.
TestModel randomModel(std::mt19937 &random);

/// Reads a model folder (config.json, model.safetensors) that the tests trust.
TestModel loadModel(const std::string &folder);

/// An array of a NumPy file that the tests trust: i32, i64 or f32, as double. In an .npz (uncompressed), member `name`.
std::vector<double> loadNumpy(const std::string &path, const std::string &member = "");

/// The logits after each of `ids`.
std::vector<std::vector<double>> referenceLogits(const TestModel &model, std::span<const int32_t> ids);

} // namespace weft::test
