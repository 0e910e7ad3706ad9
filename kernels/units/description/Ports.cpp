#include "kernels/units/description/Ports.h"

#include "kernels/units/description/Fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>

using namespace weft;
using namespace weft::units;

namespace {

/// sum = product {"+" product}; product = factor {("*" | "/") factor}; factor = number | PARAMETER | bits(sum).
class Width {
public:
  Width(std::string_view text, const std::vector<ParameterDescription> &parameters)
      : rest(text), parameters(parameters) {}

  uint64_t value() {
    uint64_t width = sum();
    if (!rest.empty())
      refuse(fmt::format("'{}' is left over", rest));
    if (width < 1 || width > maxWidth)
      refuse(fmt::format("it is {}; allowed: 1 to {}", width, maxWidth));
    return width;
  }

private:
  static constexpr uint64_t maxWidth = 1 << 16, maxValue = uint64_t{1} << 32;
  static constexpr int maxDepth = 8;

  [[noreturn]] static void refuse(const std::string &why) { throw Refusal{why}; }

  static uint64_t limited(uint64_t value) {
    if (value > maxValue)
      refuse("it is too large");
    return value;
  }

  bool take(char wanted) {
    skipBlanks();
    if (rest.empty() || rest[0] != wanted)
      return false;
    rest.remove_prefix(1);
    skipBlanks();
    return true;
  }

  void skipBlanks() {
    while (!rest.empty() && rest[0] == ' ')
      rest.remove_prefix(1);
  }

  std::string_view word() {
    auto end = std::find_if(rest.begin(), rest.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_'; });
    std::string_view found = rest.substr(0, static_cast<size_t>(end - rest.begin()));
    rest.remove_prefix(found.size());
    return found;
  }

  uint64_t sum() {
    if (++depth > maxDepth)
      refuse("it is nested too deeply");
    uint64_t value = product();
    while (take('+'))
      value = limited(value + product());
    --depth;
    return value;
  }

  uint64_t product() {
    uint64_t value = factor();
    for (;;) {
      if (take('*')) {
        value = limited(value * factor());
      } else if (take('/')) {
        uint64_t by = factor();
        if (by == 0 || value % by != 0)
          refuse(fmt::format("{} / {} is no whole number", value, by));
        value /= by;
      } else {
        return value;
      }
    }
  }

  uint64_t factor() {
    skipBlanks();
    std::string_view name = word();
    if (name.empty())
      refuse(rest.empty() ? "it ends too early" : fmt::format("'{}' begins no number or parameter", rest[0]));
    if (name == "bits") {
      if (!take('('))
        refuse("bits wants '('");
      uint64_t count = sum();
      if (!take(')'))
        refuse("')' is missing");
      return count <= 2 ? 1 : static_cast<uint64_t>(std::bit_width(count - 1));
    }
    if (std::isdigit(static_cast<unsigned char>(name[0]))) {
      if (name.size() > 6 || !std::all_of(name.begin(), name.end(), ::isdigit))
        refuse(fmt::format("'{}' is no number", name));
      return std::stoul(std::string(name));
    }
    for (const ParameterDescription &each : parameters)
      if (identifierOf(each.name, true) == name)
        return each.fallback;
    refuse(fmt::format("the unit has no parameter {}", name));
  }

  std::string_view rest;
  const std::vector<ParameterDescription> &parameters;
  int depth = 0;
};

} // namespace

Result<std::vector<PortDescription>> weft::units::readPorts(const std::string &text, const std::string &origin) {
  Result<hw::YamlNode> root = hw::readYaml(text, origin);
  if (!root)
    return root.error();
  if (root->kind != hw::YamlNode::Kind::Map || root->members.empty())
    return userError(fmt::format("{}:1: a list of ports is a map of names to direction and width", origin));
  try {
    std::vector<PortDescription> ports;
    for (const hw::YamlMember &member : root->members) {
      if (!isWord(member.key, "_"))
        throw Refusal{fmt::format("{}:{}: {} is no name of a port; allowed: at most 40 letters, digits and '_'", origin,
                                  member.line, hw::inQuotes(member.key))};
      Fields fields(member.value, member.key, origin, {"direction", "width"});
      constexpr std::array<std::string_view, 2> directions = {"input", "output"};
      ports.push_back({member.key, fields.text("width"), fields.choice("direction", directions) == 1, member.line});
    }
    return ports;
  } catch (const Refusal &refusal) {
    return userError(refusal.message);
  }
}

Result<std::string> weft::units::generatePorts(const UnitDescription &unit, const std::vector<PortDescription> &ports,
                                               const std::string &origin) {
  std::string out;
  for (const PortDescription &port : ports)
    try {
      out += fmt::format("{} {} {} {}\n", port.isOutput ? "output" : "input", port.name,
                         Width(port.width, unit.parameters).value(), port.width);
    } catch (const Refusal &refusal) {
      return userError(fmt::format("{}:{}: {}.width: '{}' for unit {}: {}", origin, port.line, port.name, port.width,
                                   unit.name, refusal.message));
    }
  return out;
}
