#include "kernels/units/description/Fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

using namespace weft;
using namespace weft::units;
using hw::inQuotes;
using hw::YamlNode;

namespace {

std::string shown(const YamlNode &node) {
  switch (node.kind) {
  case YamlNode::Kind::Null:
    return "no value";
  case YamlNode::Kind::List:
    return "a list";
  case YamlNode::Kind::Map:
    return "a map";
  case YamlNode::Kind::Scalar:
    break;
  }
  return inQuotes(node.scalar);
}

std::optional<uint32_t> parseWhole(const YamlNode &node) {
  std::string_view text = node.scalar;
  int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16)
    text.remove_prefix(2);
  uint32_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (node.isQuoted || text.empty() || code != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

} // namespace

bool weft::units::isWord(std::string_view text, std::string_view also) {
  constexpr size_t maxBytes = 40;
  return !text.empty() && text.size() <= maxBytes && std::isalpha(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return std::isalnum(c) || also.find(static_cast<char>(c)) != std::string_view::npos;
         });
}

std::string weft::units::joined(std::span<const std::string_view> texts) {
  std::string out;
  for (std::string_view text : texts)
    out += fmt::format("{}{}", out.empty() ? "" : ", ", text);
  return out;
}

Fields::Fields(const YamlNode &map, std::string path, const std::string &origin,
               std::initializer_list<std::string_view> allowed)
    : node(map), path(std::move(path)), origin(origin) {
  std::vector<std::string_view> names(allowed);
  if (node.kind != YamlNode::Kind::Map)
    throw Refusal{fmt::format("{}:{}: {}{} is not allowed; allowed: a map with the keys {}", origin,
                              std::max(node.line, 1), this->path.empty() ? "" : this->path + ": ", shown(node),
                              joined(names))};
  for (const hw::YamlMember &member : node.members)
    if (std::find(names.begin(), names.end(), member.key) == names.end())
      throw Refusal{fmt::format("{}:{}: unknown key {}; {} has: {}", origin, member.line, inQuotes(pathOf(member.key)),
                                this->path.empty() ? "a unit" : "'" + this->path + "'", joined(names))};
}

const YamlNode *Fields::find(std::string_view name) const {
  for (const hw::YamlMember &member : node.members)
    if (member.key == name)
      return &member.value;
  return nullptr;
}

int Fields::lineOf(std::string_view name) const {
  for (const hw::YamlMember &member : node.members)
    if (member.key == name)
      return member.line;
  return std::max(node.line, 1);
}

std::string Fields::pathOf(std::string_view name) const {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

void Fields::refuse(std::string_view name, std::string_view reason) const {
  throw Refusal{fmt::format("{}:{}: {}: {}", origin, lineOf(name), pathOf(name), reason)};
}

const YamlNode &Fields::need(std::string_view name, std::string_view wanted) const {
  const YamlNode *found = find(name);
  if (!found)
    refuse(name, fmt::format("the key is missing; it wants {}", wanted));
  return *found;
}

const YamlNode &Fields::scalar(std::string_view name, std::string_view wanted) const {
  const YamlNode &found = need(name, wanted);
  if (found.kind != YamlNode::Kind::Scalar)
    refuse(name, fmt::format("{} is not allowed; allowed: {}", shown(found), wanted));
  return found;
}

std::string Fields::text(std::string_view name) const {
  constexpr std::string_view wanted = "one line of text";
  const std::string &text = scalar(name, wanted).scalar;
  if (text.empty() || text.size() > 400 || text.find('\n') != std::string::npos)
    refuse(name, fmt::format("{} is not allowed; allowed: {}, 1 to 400 bytes", inQuotes(text), wanted));
  return text;
}

std::string Fields::prose(std::string_view name) const {
  std::string text = scalar(name, "text").scalar;
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (text.empty())
    refuse(name, "no text; say in a few sentences what the unit does");
  return text;
}

std::string Fields::name(std::string_view name, std::string_view also) const {
  std::string wanted = fmt::format("a name of at most 40 letters and digits{}, that begins with a letter",
                                   also.empty() ? "" : fmt::format(" and '{}'", also));
  const std::string &text = scalar(name, wanted).scalar;
  if (!isWord(text, also))
    refuse(name, fmt::format("{} is not allowed; allowed: {}", inQuotes(text), wanted));
  return text;
}

uint32_t Fields::whole(std::string_view name, uint32_t low, uint32_t high, bool isCode) const {
  std::string wanted = isCode ? fmt::format("a whole number from {:#x} to {:#x}", low, high)
                              : fmt::format("a whole number from {} to {}", low, high);
  const YamlNode &number = scalar(name, wanted);
  std::optional<uint32_t> value = parseWhole(number);
  if (!value || *value < low || *value > high)
    refuse(name, fmt::format("{} is not allowed; allowed: {}", shown(number), wanted));
  return *value;
}

double Fields::real(std::string_view name, double low, double high) const {
  std::string wanted = fmt::format("a number from {} to {}", low, high);
  const YamlNode &number = scalar(name, wanted);
  const std::string &text = number.scalar;
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool isNumber = !number.isQuoted && code == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  if (!isNumber || value < low || value > high)
    refuse(name, fmt::format("{} is not allowed; allowed: {}", shown(number), wanted));
  return value;
}

bool Fields::flag(std::string_view name) const {
  const YamlNode &value = scalar(name, "true or false");
  if (value.isQuoted || (value.scalar != "true" && value.scalar != "false"))
    refuse(name, fmt::format("{} is not allowed; allowed: true or false", shown(value)));
  return value.scalar == "true";
}

size_t Fields::choice(std::string_view name, std::span<const std::string_view> choices) const {
  const YamlNode &value = scalar(name, "one of: " + joined(choices));
  auto found = std::find(choices.begin(), choices.end(), value.scalar);
  if (found == choices.end())
    refuse(name, fmt::format("{} is not allowed; allowed: one of: {}", shown(value), joined(choices)));
  return static_cast<size_t>(found - choices.begin());
}

const std::vector<YamlNode> &Fields::list(std::string_view name) const {
  const YamlNode &found = need(name, "a list");
  if (found.kind != YamlNode::Kind::List || found.items.empty())
    refuse(name, fmt::format("{} is not allowed; allowed: a list that is not empty",
                             found.kind == YamlNode::Kind::List ? "an empty list" : shown(found)));
  return found.items;
}

std::vector<std::string> Fields::texts(std::string_view name) const {
  std::vector<std::string> out;
  for (const YamlNode &item : list(name)) {
    if (item.kind != YamlNode::Kind::Scalar || item.scalar.empty() || item.scalar.find('\n') != std::string::npos)
      refuse(name, fmt::format("{} is not allowed in the list; allowed: a word", shown(item)));
    if (std::find(out.begin(), out.end(), item.scalar) != out.end())
      refuse(name, fmt::format("{} is listed twice", inQuotes(item.scalar)));
    out.push_back(item.scalar);
  }
  return out;
}

std::span<const hw::YamlMember> Fields::map(std::string_view name) const {
  const YamlNode *found = find(name);
  if (!found)
    return {};
  if (found->kind != YamlNode::Kind::Map || found->members.empty())
    refuse(name, fmt::format("{} is not allowed; allowed: a map that is not empty",
                             found->kind == YamlNode::Kind::Map ? "an empty map" : shown(*found)));
  return found->members;
}
