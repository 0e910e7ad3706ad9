#include "runtime/tokenizer/JsonNode.h"

#include "runtime/support/Json.h"

#include <fmt/format.h>

namespace weft::runtime {

void JsonNode::complain(const std::string &what) const {
  throw JsonComplaint{path.empty() ? what : fmt::format("'{}' {}", printable(path), what)};
}

std::optional<JsonNode> JsonNode::find(const std::string &key) const {
  if (!value->is_object())
    complain("must be an object");
  auto found = value->find(key);
  if (found == value->end() || found->is_null())
    return std::nullopt;
  return JsonNode(*found, path.empty() ? key : path + "." + key);
}

JsonNode JsonNode::at(const std::string &key) const {
  if (std::optional<JsonNode> found = find(key))
    return *found;
  complain(fmt::format("has no '{}'", key));
}

std::vector<JsonNode> JsonNode::items() const {
  if (!value->is_array())
    complain("must be a list");
  std::vector<JsonNode> list;
  for (size_t i = 0; i < value->size(); ++i)
    list.emplace_back((*value)[i], fmt::format("{}[{}]", path, i));
  return list;
}

std::string JsonNode::text() const {
  if (!value->is_string())
    complain("must be a string");
  return value->get<std::string>();
}

bool JsonNode::flag(const std::string &key, bool fallback) const {
  std::optional<JsonNode> found = find(key);
  if (!found)
    return fallback;
  if (!found->value->is_boolean())
    found->complain("must be true or false");
  return found->value->get<bool>();
}

uint32_t JsonNode::count(uint32_t high) const {
  if (!value->is_number_unsigned() || value->get<uint64_t>() > high)
    complain(fmt::format("must be an integer from 0 to {}, not {}", high, printable(value->dump())));
  return value->get<uint32_t>();
}

} // namespace weft::runtime
