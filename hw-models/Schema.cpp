#include "hw-models/Schema.h"

#include "hw-models/core/CoreKinds.h"
#include "hw-models/core/rvv/Units.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

using namespace weft;
using namespace weft::hw;

namespace {

constexpr uint64_t maxCores = uint64_t(2048) * 2048; // four times the largest wafer known

using enum ValueType;
using enum Absence;

/// The whole scalar as a number. Only decimal notation: no inf, nan, hexadecimal or underscores.
template <typename T> std::optional<T> parseNumber(const std::string &text) {
  bool startsWell =
      !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) || text[0] == '-' || text[0] == '.');
  T value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!startsWell || code != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(value))
      return std::nullopt;
  return value;
}

std::string what(const YamlNode &node) {
  switch (node.kind) {
  case YamlNode::Kind::Null:
    return "no value";
  case YamlNode::Kind::Map:
    return "a map";
  case YamlNode::Kind::List:
    return "a list";
  case YamlNode::Kind::Scalar:
    break;
  }
  return node.isQuoted ? "the text " + inQuotes(node.scalar) : inQuotes(node.scalar);
}

Error wants(const Key &key, const std::string &got) {
  return userError(fmt::format("{} is not allowed; allowed: {}", got, describeAllowed(key)));
}

/// A number within the key's range; `T` is the notation, not the type of the field.
template <typename T> Result<T> rangedNumber(const Key &key, const YamlNode &node) {
  if (node.kind != YamlNode::Kind::Scalar || node.isQuoted)
    return wants(key, what(node));
  std::optional<T> value = parseNumber<T>(node.scalar);
  if (!value)
    return wants(key, inQuotes(node.scalar));
  if (double(*value) < key.low || double(*value) > key.high)
    return wants(key, node.scalar);
  return *value + T(0); // turns -0.0 into 0
}

Result<uint32_t> wholeNumber(const Key &key, const YamlNode &node) {
  Result<int64_t> value = rangedNumber<int64_t>(key, node);
  if (!value)
    return value.error();
  if (key.type == PowerOfTwo && !std::has_single_bit(uint64_t(*value)))
    return wants(key, node.scalar);
  return static_cast<uint32_t>(*value) * (key.type == Kibibytes ? 1024u : 1u);
}

bool isName(std::string_view text) {
  return !text.empty() && text.size() <= maxNameBytes && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

bool isPlainText(std::string_view text) {
  return isUtf8(text) && std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

bool isChoice(const Key &key, std::string_view text) {
  return std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end();
}

Result<std::string> textValue(const Key &key, const YamlNode &node) {
  if (node.kind != YamlNode::Kind::Scalar)
    return wants(key, what(node));
  const std::string &text = node.scalar;
  bool isGood = key.type == Kind     ? findCoreKind(text) != nullptr
                : key.type == Choice ? isChoice(key, text)
                                     : double(text.size()) >= key.low && double(text.size()) <= key.high &&
                                           (key.type == Name ? isName(text) : isPlainText(text));
  if (!isGood)
    return wants(key, inQuotes(text));
  return text;
}

/// Whether an item of a list is one that the key takes.
bool isItem(const Key &key, const std::string &text) {
  if (key.type == UnitSets)
    return rvv::isPipe(text);
  if (key.type == Rates)
    return rvv::isRate(text);
  return isName(text) && (key.choices.empty() || isChoice(key, text));
}

Result<std::vector<std::string>> namesValue(const Key &key, const YamlNode &node) {
  if (node.kind != YamlNode::Kind::List)
    return wants(key, what(node));
  size_t count = node.items.size();
  if (double(count) > key.high || double(count) < key.low)
    return wants(key, count == 0 ? "an empty list" : fmt::format("a list of {}", count));
  std::vector<std::string> names;
  for (const YamlNode &item : node.items) {
    if (item.kind != YamlNode::Kind::Scalar || !isItem(key, item.scalar))
      return wants(key, what(item));
    auto isSame = [&](const std::string &name) {
      return key.type == Rates
                 ? name.substr(0, name.find_first_of("*/")) == item.scalar.substr(0, item.scalar.find_first_of("*/"))
                 : name == item.scalar;
    };
    bool mayRepeat = key.type == UnitSets; // two pipes may be alike
    if (!mayRepeat && std::any_of(names.begin(), names.end(), isSame))
      return userError(fmt::format("{} is listed twice", inQuotes(item.scalar)));
    names.push_back(item.scalar);
  }
  return names;
}

Result<void> setExtent(const Key &key, const YamlNode &node, Parallelism &parallelism) {
  if (node.kind != YamlNode::Kind::List || node.items.size() != 2)
    return wants(key, what(node));
  Result<int64_t> width = rangedNumber<int64_t>(key, node.items[0]);
  if (!width)
    return width.error();
  Result<int64_t> height = rangedNumber<int64_t>(key, node.items[1]);
  if (!height)
    return height.error();
  if (uint64_t(*width) * uint64_t(*height) > maxCores)
    return wants(key, fmt::format("a mesh of {}x{} = {} cores", *width, *height, *width * *height));
  parallelism.meshWidth = static_cast<uint32_t>(*width);
  parallelism.meshHeight = static_cast<uint32_t>(*height);
  return success();
}

Result<bool> flagValue(const Key &key, const YamlNode &node) {
  if (node.kind != YamlNode::Kind::Scalar || node.isQuoted || (node.scalar != "true" && node.scalar != "false"))
    return wants(key, what(node));
  return node.scalar == "true";
}

/// `value` into `slot`, or its error.
template <typename T, typename Slot> Result<void> store(Result<T> value, Slot &slot) {
  if (!value)
    return value.error();
  slot = *std::move(value);
  return success();
}

/// What setValue does for each type of field.
struct Setter {
  const Key &key;
  const YamlNode &node;
  Hardware &hardware;

  Result<void> operator()(std::string &(*field)(Hardware &)) const {
    return store(textValue(key, node), field(hardware));
  }
  Result<void> operator()(bool &(*field)(Hardware &)) const { return store(flagValue(key, node), field(hardware)); }
  Result<void> operator()(uint32_t &(*field)(Hardware &)) const {
    return store(wholeNumber(key, node), field(hardware));
  }
  Result<void> operator()(double &(*field)(Hardware &)) const {
    return store(rangedNumber<double>(key, node), field(hardware));
  }
  Result<void> operator()(std::optional<double> &(*field)(Hardware &)) const {
    return store(rangedNumber<double>(key, node), field(hardware));
  }
  Result<void> operator()(std::vector<std::string> &(*field)(Hardware &)) const {
    return store(namesValue(key, node), field(hardware));
  }
  Result<void> operator()(Parallelism &(*field)(Hardware &)) const { return setExtent(key, node, field(hardware)); }
};

std::string doubleQuoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + '"';
}

/// What valueText does for each type of field. Quotes keep names such as `12` or `null` text.
struct Printer {
  const Key &key;
  Hardware &hardware;

  std::string operator()(std::string &(*field)(Hardware &)) const {
    const std::string &text = field(hardware);
    return text.empty() && key.absence == Absence::Optional ? "" : doubleQuoted(text);
  }
  std::string operator()(bool &(*field)(Hardware &)) const { return field(hardware) ? "true" : "false"; }
  std::string operator()(uint32_t &(*field)(Hardware &)) const {
    uint32_t value = field(hardware);
    if (value == 0 && key.absence == Absence::Optional)
      return "";
    return fmt::format("{}", key.type == Kibibytes ? value / 1024 : value);
  }
  std::string operator()(double &(*field)(Hardware &)) const { return fmt::format("{}", field(hardware)); }
  std::string operator()(std::optional<double> &(*field)(Hardware &)) const {
    const std::optional<double> &value = field(hardware);
    return value ? fmt::format("{}", *value) : "";
  }
  std::string operator()(std::vector<std::string> &(*field)(Hardware &)) const {
    std::string out;
    for (const std::string &name : field(hardware))
      out += (out.empty() ? "" : ", ") + doubleQuoted(name);
    return "[" + out + "]";
  }
  std::string operator()(Parallelism &(*field)(Hardware &)) const {
    return fmt::format("[{}, {}]", field(hardware).meshWidth, field(hardware).meshHeight);
  }
};

} // namespace

const Key *hw::findKey(std::string_view path) {
  auto key = std::find_if(schema().begin(), schema().end(), [&](const Key &each) { return each.path == path; });
  return key == schema().end() ? nullptr : &*key;
}

bool hw::appliesTo(const Key &key, const Hardware &hardware) {
  return key.kind.empty() || key.kind == hardware.parallelism.core.kind;
}

static std::string listOf(std::span<const std::string_view> choices, std::string_view between) {
  std::string out;
  for (std::string_view choice : choices)
    out += fmt::format("{}{}", out.empty() ? "" : between, choice);
  return out;
}

std::string hw::describeAllowed(const Key &key) {
  std::string unit = key.unit.empty() ? "" : fmt::format(" ({})", key.unit);
  auto range = fmt::format("from {:.15g} to {:.15g}", key.low, key.high);
  switch (key.type) {
  case Text:
    return fmt::format("one line of text, {:.0f} to {:.0f} bytes", key.low, key.high);
  case Name:
    return fmt::format("a name of at most {} letters, digits, '.', '_' and '-'", maxNameBytes);
  case Names:
    if (!key.choices.empty())
      return fmt::format("a list of: {}", listOf(key.choices, ", "));
    return fmt::format("a list of at most {:.0f} names", key.high);
  case UnitSets:
    return fmt::format("a list of {:.0f} to {:.0f} items, each {}", key.low, key.high, rvv::pipesAllowed());
  case Rates:
    return fmt::format("a list of items, each {}", rvv::ratesAllowed());
  case Choice:
    return listOf(key.choices, " or ");
  case Flag:
    return "true or false";
  case Extent:
    return fmt::format("[width, height], each a whole number {}{}, at most {} in all", range, unit, maxCores);
  case Whole:
  case Kibibytes:
    return fmt::format("a whole number {}{}", range, unit);
  case PowerOfTwo:
    return fmt::format("a power of two {}{}", range, unit);
  case Real:
    return fmt::format("a number {}{}", range, unit);
  case Kind:
    break;
  }
  std::string kinds;
  for (const auto &kind : coreKinds())
    kinds += (kinds.empty() ? "" : " or ") + std::string(kind.name);
  return kinds;
}

Result<void> hw::setValue(const Key &key, const YamlNode &node, Hardware &hardware) {
  return std::visit(Setter{key, node, hardware}, key.field);
}

std::string hw::valueText(const Key &key, const Hardware &hardware) {
  if (!appliesTo(key, hardware))
    return "";
  Hardware copy = hardware; // the fields' accessors give writable references
  return std::visit(Printer{key, copy}, key.field);
}
