// A place in a JSON file: reads values, and complains with the file and the path of keys.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace weft::runtime {

/// Thrown by JsonNode; caught where the parse of a file begins and turned into an Error.
struct JsonComplaint {
  std::string message;
};

/// A value with its path. The document outlives it. null counts as absent.
class JsonNode {
public:
  JsonNode(const nlohmann::json &value, std::string path) : value(&value), path(std::move(path)) {}

  [[noreturn]] void complain(const std::string &what) const;

  const nlohmann::json &json() const { return *value; }
  /// The value under `key`; empty: absent. Complains unless this is an object.
  std::optional<JsonNode> find(const std::string &key) const;
  JsonNode at(const std::string &key) const;
  std::vector<JsonNode> items() const;

  std::string text() const;
  std::string textAt(const std::string &key) const { return at(key).text(); }
  bool flag(const std::string &key, bool fallback) const;
  /// An integer in [0, high].
  uint32_t count(uint32_t high) const;
  /// The "type" of a component.
  std::string type() const { return textAt("type"); }

private:
  const nlohmann::json *value;
  std::string path; // "pre_tokenizer.pattern"; empty: the whole document
};

} // namespace weft::runtime
