#include "kernels/units/description/Ports.h"

#include "kernels/units/description/Expression.h"
#include "kernels/units/description/Fields.h"

#include <fmt/format.h>

#include <array>

using namespace weft;
using namespace weft::units;

namespace {

constexpr uint64_t maxWidth = 1 << 16;

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
  std::vector<NamedValue> values;
  for (const ParameterDescription &each : unit.parameters)
    values.push_back({identifierOf(each.name, true), each.fallback});
  for (const PortDescription &port : ports)
    try {
      out += fmt::format("{} {} {} {}\n", port.isOutput ? "output" : "input", port.name,
                         evaluate(port.width, values, maxWidth), port.width);
    } catch (const Refusal &refusal) {
      return userError(fmt::format("{}:{}: {}.width: '{}' for unit {}: {}", origin, port.line, port.name, port.width,
                                   unit.name, refusal.message));
    }
  return out;
}
