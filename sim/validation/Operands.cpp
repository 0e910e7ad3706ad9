#include "sim/validation/Operands.h"

#include "hw-models/Yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

using namespace weft;
using namespace weft::validation;

namespace {

/// All of `text` as a number from 0 to `most`.
std::optional<uint32_t> numberTo(std::string_view text, uint32_t most) {
  uint32_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool isWhole = code == std::errc() && end == text.data() + text.size();
  return isWhole && value <= most ? std::optional(value) : std::nullopt;
}

bool isIntegerRegister(std::string_view text) {
  for (std::string_view name : {"zero", "ra", "sp", "gp", "tp"})
    if (text == name)
      return true;
  if (text.empty())
    return false;
  uint32_t most = text[0] == 'x' ? 31 : text[0] == 's' ? 11 : text[0] == 'a' ? 7 : 6;
  return std::string_view("xsat").find(text[0]) != std::string_view::npos && numberTo(text.substr(1), most);
}

bool isFloatRegister(std::string_view text) {
  if (!text.starts_with('f') || text.size() < 2)
    return false;
  bool isNamed = std::string_view("tas").find(text[1]) != std::string_view::npos;
  return numberTo(text.substr(isNamed ? 2 : 1), isNamed ? 11 : 31).has_value();
}

/// A remark may stand behind an operand: "t1/*-1*/".
std::string_view withoutRemark(std::string_view text) { return text.substr(0, text.find("/*")); }

bool isOfKind(char kind, std::string_view text) {
  switch (kind) {
  case 'v':
    return vectorRegister(text).has_value();
  case 'x':
    return isIntegerRegister(withoutRemark(text));
  case 'f':
    return isFloatRegister(text);
  case 'i':
    return numberTo(text.substr(text.starts_with('-') ? 1 : 0), 31).has_value();
  default:
    return text.size() > 2 && text.front() == '(' && text.back() == ')' &&
           isIntegerRegister(text.substr(1, text.size() - 2));
  }
}

std::string_view nameOf(char kind) {
  return kind == 'v'   ? "a vector register"
         : kind == 'x' ? "an integer register"
         : kind == 'f' ? "a floating-point register"
         : kind == 'i' ? "a number of 5 bits"
                       : "a register in brackets";
}

} // namespace

std::string_view validation::operandKinds(std::string_view format) {
  constexpr std::pair<std::string_view, std::string_view> all[] = {
      {"VVV", "vvv"},          {"VVVCarry", "vvv"},     {"VVVUnmasked", "vvv"},   {"VMacV", "vvv"},
      {"VVX", "vvx"},          {"VVXCarry", "vvx"},     {"VVXUnmasked", "vvx"},   {"VMacX", "vxv"},
      {"VVF", "vvf"},          {"VVFCarry", "vvf"},     {"VMacF", "vfv"},         {"VVI", "vvi"},
      {"VVIU", "vvi"},         {"VVICarry", "vvi"},     {"VVIUnmasked", "vvi"},   {"VUnary", "vv"},
      {"VMoveV", "vv"},        {"VMoveWhole", "vv"},    {"VMoveX", "vx"},         {"VFromX", "vx"},
      {"VMoveF", "vf"},        {"VFromF", "vf"},        {"VMoveI", "vi"},         {"VToX", "xv"},
      {"VMaskToX", "xv"},      {"VToF", "fv"},          {"VIndex", "v"},          {"VLoad", "va"},
      {"VLoadMask", "va"},     {"VLoadWhole", "va"},    {"VStore", "va"},         {"VStoreMask", "va"},
      {"VStoreWhole", "va"},   {"VLoadStrided", "vax"}, {"VStoreStrided", "vax"}, {"VLoadIndexed", "vav"},
      {"VStoreIndexed", "vav"}};
  for (const auto &[name, kinds] : all)
    if (name == format)
      return kinds;
  return {};
}

std::optional<uint8_t> validation::vectorRegister(std::string_view operand) {
  if (!operand.starts_with('v'))
    return std::nullopt;
  std::optional<uint32_t> number = numberTo(operand.substr(1), 31);
  return number ? std::optional(static_cast<uint8_t>(*number)) : std::nullopt;
}

Result<void> validation::checkOperands(std::string_view kinds, const std::vector<std::string> &operands) {
  if (operands.size() != kinds.size())
    return userError(fmt::format("{} operands beside a mask; wanted: {}", operands.size(), kinds.size()));
  for (size_t i = 0; i < kinds.size(); ++i)
    if (!isOfKind(kinds[i], operands[i]))
      return userError(fmt::format("{} is not {}", hw::inQuotes(operands[i]), nameOf(kinds[i])));
  return success();
}
