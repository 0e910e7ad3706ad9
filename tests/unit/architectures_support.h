// The fixtures of tests/data/architectures, and stored models for tests of architectures.
#pragma once

#include "compiler/frontend/huggingface/Architectures.h"
#include "tests/unit/xf_reference.h"

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace weft::test {

inline const std::filesystem::path fixtureFolder = std::filesystem::path(WEFT_SOURCE_DIR) / "tests/data/architectures";

/// All fixtures, or those of the folder that WEFT_TEST_ARCHITECTURES names: more of generate.py's, not kept here.
std::vector<std::filesystem::path> fixturePaths();

/// What values() of generate.py gives for a tensor.
std::vector<float> fixtureValues(const std::string &name, const std::vector<uint64_t> &shape);

/// A model whose weights follow from their names.
struct Fixture : frontend::WeightSource {
  explicit Fixture(const std::filesystem::path &path);

  const frontend::WeightInfo *find(const std::string &name) const override {
    auto found = infos.find(name);
    return found == infos.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names() const override;
  const std::vector<frontend::WeightFileInfo> &files() const override { return noFiles; }
  std::span<const std::byte> bytes(const std::string &name) const { return std::as_bytes(std::span(values.at(name))); }

  /// The config, with the stored tensors checked against it.
  Result<frontend::TransformerConfig> read() const;

  nlohmann::json json;

private:
  std::map<std::string, frontend::WeightInfo> infos;
  std::map<std::string, std::vector<float>> values;
  std::vector<frontend::WeightFileInfo> noFiles;
};

/// The bytes of a model directory's tensors; one that the tests trust.
class StoredModel {
public:
  explicit StoredModel(const std::string &folder);
  std::span<const std::byte> bytes(const std::string &name) const { return tensors.at(name); }

private:
  std::map<std::string, std::vector<std::byte>> tensors;
};

/// Numbers as the bytes of another type.
template <typename T> std::vector<std::byte> bytesAs(const std::vector<double> &numbers) {
  std::vector<T> typed(numbers.begin(), numbers.end());
  std::vector<std::byte> bytes(typed.size() * sizeof(T));
  std::memcpy(bytes.data(), typed.data(), bytes.size());
  return bytes;
}

} // namespace weft::test
