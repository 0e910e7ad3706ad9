// What a reader of one architecture's metadata gets. Internal to compiler/frontend/gguf.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "runtime/gguf/Gguf.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::frontend::gguf {

/// Metadata of one file. The first complaint stays in `failure`; what is read after it means nothing.
class Reading {
public:
  Reading(const runtime::GgufFile &file, std::span<const std::byte> bytes, std::string architecture);

  // Keys are those of the architecture: count("block_count") is "llama.block_count".
  uint32_t count(const std::string &key, uint32_t low, uint32_t high);
  uint32_t count(const std::string &key, uint32_t low, uint32_t high, uint32_t fallback);
  double real(const std::string &key, double low, double high);
  double real(const std::string &key, double low, double high, double fallback);
  bool flag(const std::string &key, bool fallback);
  std::string text(const std::string &key, const std::string &fallback);
  bool has(const std::string &key) const { return file.has(full(key)); }

  bool hasTensor(const std::string &name) const { return tensor(name) != nullptr; }
  /// Extents of a tensor, outermost first; a complaint if it is not there.
  std::vector<uint64_t> shapeOf(const std::string &name);
  /// The numbers of a small tensor of F32; empty if it is not there.
  std::vector<float> numbersOf(const std::string &name, uint64_t expected);
  /// A token that metadata name for the whole file; -1: none.
  int32_t token(const std::string &key);

  void complain(const std::string &message);
  const std::optional<Error> &failed() const { return failure; }
  std::string full(const std::string &key) const { return architecture + "." + key; }

  const runtime::GgufFile &file;

private:
  const runtime::GgufTensor *tensor(const std::string &name) const;
  /// The value, or the fallback; none: a complaint.
  template <typename T>
  T checked(const std::string &key, Result<std::optional<T>> value, T low, T high, std::optional<T> fallback);

  std::span<const std::byte> bytes;
  std::string architecture;
  std::unordered_map<std::string_view, const runtime::GgufTensor *> tensors;
  std::optional<Error> failure;
};

/// The description that the metadata of an architecture give; none: that architecture is not known.
std::optional<TransformerConfig> readArchitecture(Reading &reading, std::string_view architecture);

} // namespace weft::frontend::gguf
