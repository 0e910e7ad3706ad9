#include "compiler/frontend/huggingface/ConfigReader.h"

#include "runtime/support/Json.h"

#include <fmt/format.h>

namespace weft::frontend::hf {

using Json = nlohmann::json;
using runtime::printable;

ConfigReader::ConfigReader(const Json &object, std::string origin, std::string prefix)
    : root(object), origin(std::move(origin)), prefix(std::move(prefix)) {}

const Json *ConfigReader::lookUp(const std::string &key) const {
  asked.insert(key);
  if (!root.is_object())
    return nullptr;
  auto found = root.find(key);
  return found == root.end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::complain(const std::string &key, const std::string &complaint) {
  if (!problem)
    problem = userError(fmt::format("{}: '{}{}' {}", printable(origin), prefix, key, complaint));
}

void ConfigReader::complainMissing(const std::string &key) { complain(key, "is missing"); }

/// A value as a message shows it.
static std::string shown(const Json &value) { return printable(value.dump(-1, ' ', true)); }

/// A non-negative integer. A parsed one is "unsigned"; one that code put into a JSON value need not be.
static std::optional<uint64_t> unsignedOf(const Json &value) {
  if (value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0))
    return value.get<uint64_t>();
  return std::nullopt;
}

std::optional<uint32_t> ConfigReader::count(const std::string &key, uint32_t low, uint32_t high) {
  const Json *value = lookUp(key);
  if (!value)
    return std::nullopt;
  if (std::optional<uint64_t> number = unsignedOf(*value); number && *number >= low && *number <= high)
    return static_cast<uint32_t>(*number);
  complain(key, fmt::format("must be an integer from {} to {}, not {}", low, high, shown(*value)));
  return std::nullopt;
}

uint32_t ConfigReader::requiredCount(const std::string &key, uint32_t low, uint32_t high) {
  if (!has(key))
    complainMissing(key);
  return count(key, low, high).value_or(low);
}

std::optional<double> ConfigReader::number(const std::string &key, double low, double high) {
  const Json *value = lookUp(key);
  if (!value)
    return std::nullopt;
  if (value->is_number())
    if (auto number = value->get<double>(); number >= low && number <= high)
      return number;
  complain(key, fmt::format("must be a number from {} to {}, not {}", low, high, shown(*value)));
  return std::nullopt;
}

double ConfigReader::requiredNumber(const std::string &key, double low, double high) {
  if (!has(key))
    complainMissing(key);
  return number(key, low, high).value_or(low);
}

bool ConfigReader::flag(const std::string &key, bool fallback) {
  const Json *value = lookUp(key);
  if (!value)
    return fallback;
  if (!value->is_boolean()) {
    complain(key, fmt::format("must be true or false, not {}", shown(*value)));
    return fallback;
  }
  return value->get<bool>();
}

std::optional<std::string> ConfigReader::text(const std::string &key) {
  const Json *value = lookUp(key);
  if (!value)
    return std::nullopt;
  if (!value->is_string()) {
    complain(key, fmt::format("must be a string, not {}", shown(*value)));
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::vector<int32_t> ConfigReader::tokens(const std::string &key, uint32_t vocabSize) {
  const Json *value = lookUp(key);
  if (!value)
    return {};
  std::vector<int32_t> ids;
  auto add = [&](const Json &item) {
    std::optional<uint64_t> id = unsignedOf(item);
    if (!id)
      complain(key, fmt::format("must hold token ids, not {}", shown(item)));
    else if (*id < vocabSize) // others are defaults of a larger vocabulary, which no text has
      ids.push_back(static_cast<int32_t>(*id));
  };
  if (value->is_array())
    for (const Json &item : *value)
      add(item);
  else
    add(*value);
  return ids;
}

std::vector<double> ConfigReader::numbers(const std::string &key, double low, double high) {
  const Json *value = lookUp(key);
  std::vector<double> result;
  if (value && !value->is_array())
    complain(key, fmt::format("must be a list of numbers, not {}", shown(*value)));
  if (!value || problem)
    return result;
  for (const Json &item : *value) {
    double number = item.is_number() ? item.get<double>() : low - 1;
    if (!(number >= low && number <= high))
      complain(key, fmt::format("must hold numbers from {} to {}, not {}", low, high, shown(item)));
    result.push_back(number);
  }
  return result;
}

std::vector<std::string> ConfigReader::texts(const std::string &key) {
  const Json *value = lookUp(key);
  std::vector<std::string> result;
  if (value && !value->is_array())
    complain(key, fmt::format("must be a list of strings, not {}", shown(*value)));
  if (!value || problem)
    return result;
  for (const Json &item : *value) {
    if (!item.is_string())
      complain(key, fmt::format("must hold strings, not {}", shown(item)));
    else
      result.push_back(item.get<std::string>());
  }
  return result;
}

bool ConfigReader::isNull(const std::string &key) const {
  if (!root.is_object())
    return false;
  auto found = root.find(key);
  return found != root.end() && found->is_null();
}

bool ConfigReader::isList(const std::string &key) const {
  const Json *value = lookUp(key);
  return value && value->is_array();
}

size_t ConfigReader::entries(const std::string &key) {
  const Json *value = lookUp(key);
  if (value && !value->is_array() && !value->is_object()) {
    complain(key, fmt::format("must be a list or an object, not {}", shown(*value)));
    return 0;
  }
  return value ? value->size() : 0;
}

const Json *ConfigReader::object(const std::string &key) {
  const Json *value = lookUp(key);
  if (value && !value->is_object()) {
    complain(key, fmt::format("must be an object, not {}", shown(*value)));
    return nullptr;
  }
  return value;
}

} // namespace weft::frontend::hf
