// Values from a Hugging Face config with messages that name file and key.
#pragma once

#include "hw-models/support/Result.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weft::frontend::hf {

/// Reads keys of one JSON object. The first problem is kept; reads after it give defaults, so that a parser reads
/// straight through and asks failure() once at the end. A key whose value is null counts as absent.
class ConfigReader {
public:
  /// `origin` names the file; `prefix` the path of `object` inside it ("" or "rope_scaling."). `object` outlives this.
  ConfigReader(const nlohmann::json &object, std::string origin, std::string prefix = "");

  bool has(const std::string &key) const { return lookUp(key) != nullptr; }

  uint32_t requiredCount(const std::string &key, uint32_t low, uint32_t high);
  std::optional<uint32_t> count(const std::string &key, uint32_t low, uint32_t high);
  /// `low` and `high` are allowed values.
  double requiredNumber(const std::string &key, double low, double high);
  std::optional<double> number(const std::string &key, double low, double high);
  bool flag(const std::string &key, bool fallback);
  std::optional<std::string> text(const std::string &key);
  /// A token id, a list of them, or nothing; those from `vocabSize` on are left out.
  std::vector<int32_t> tokens(const std::string &key, uint32_t vocabSize);
  /// A list of numbers, each from `low` to `high`; empty: absent.
  std::vector<double> numbers(const std::string &key, double low, double high);
  /// A list of strings; empty: absent.
  std::vector<std::string> texts(const std::string &key);
  /// Whether the key is there with the value null.
  bool isNull(const std::string &key) const;
  bool isList(const std::string &key) const;
  /// The number of entries of the list or object under `key`; 0: absent.
  size_t entries(const std::string &key);
  /// The object under `key`; null: absent.
  const nlohmann::json *object(const std::string &key);

  /// Whether anything has asked for `key`.
  bool wasAsked(const std::string &key) const { return asked.contains(key); }

  /// Keeps "origin: 'key' complaint" unless an earlier problem is kept.
  void complain(const std::string &key, const std::string &complaint);
  /// Keeps `error` of a nested reader unless an earlier problem is kept.
  void adopt(const Error &error) {
    if (!problem)
      problem = error;
  }
  const std::optional<Error> &failure() const { return problem; }

private:
  const nlohmann::json *lookUp(const std::string &key) const;
  void complainMissing(const std::string &key);

  const nlohmann::json &root;
  std::string origin, prefix;
  std::optional<Error> problem;
  mutable std::set<std::string> asked;
};

} // namespace weft::frontend::hf
