#include "kernels/units/description/Expression.h"

#include "kernels/units/Types.h"
#include "kernels/units/description/Fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

using namespace weft;
using namespace weft::units;

namespace {

/// sum = product {"+" product}; product = factor {("*" | "/") factor}; factor = number | PARAMETER | bits(sum).
class Expression {
public:
  Expression(std::string_view text, std::span<const NamedValue> parameters) : rest(text), parameters(parameters) {}

  uint64_t value(uint64_t high) {
    uint64_t value = sum();
    if (!rest.empty())
      refuse(fmt::format("'{}' is left over", rest));
    if (value < 1 || value > high)
      refuse(fmt::format("it is {}; allowed: 1 to {}", value, high));
    return value;
  }

private:
  static constexpr uint64_t maxValue = std::numeric_limits<int32_t>::max(); // the text is C++, too: no step overflows
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
      return bits(static_cast<uint32_t>(count));
    }
    if (std::isdigit(static_cast<unsigned char>(name[0]))) {
      if (name.size() > 6 || (name[0] == '0' && name.size() > 1) || !std::all_of(name.begin(), name.end(), ::isdigit))
        refuse(fmt::format("'{}' is no number", name));
      return std::stoul(std::string(name));
    }
    for (const NamedValue &each : parameters)
      if (each.name == name)
        return each.value;
    refuse(fmt::format("the unit has no parameter {}", name));
  }

  std::string_view rest;
  std::span<const NamedValue> parameters;
  int depth = 0;
};

} // namespace

uint64_t weft::units::evaluate(std::string_view text, std::span<const NamedValue> parameters, uint64_t high) {
  return Expression(text, parameters).value(high);
}
