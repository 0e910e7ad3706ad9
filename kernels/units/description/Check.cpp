// What holds between units, and between units and the standard.
#include "kernels/units/description/Description.h"

#include "hw-models/Yaml.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <map>

using namespace weft;
using namespace weft::units;

namespace {

/// An encoding with the place that messages name.
struct Encoding {
  std::string name, where;
  uint32_t match, mask;
};

/// Some word is both.
bool overlaps(const Encoding &a, const Encoding &b) { return ((a.match ^ b.match) & a.mask & b.mask) == 0; }

Error clash(const Encoding &a, const Encoding &b) {
  return userError(fmt::format("{}: instructions.{}: match {:#010x} and mask {:#010x} overlap {}'s, {:#010x} and "
                               "{:#010x}{}: {:#010x} would be both",
                               a.where, a.name, a.match, a.mask, b.name, b.match, b.mask,
                               b.where.empty() ? ", of the standard" : " in " + b.where, a.match | b.match));
}

/// Refuses the second of two things with one name; `what` says what they are.
class Names {
public:
  explicit Names(std::string what) : what(std::move(what)) {}
  Result<void> add(const std::string &name, const std::string &where) {
    auto [place, isNew] = seen.emplace(identifierOf(name), where);
    if (isNew)
      return success();
    return userError(fmt::format("{}: {} {} is there already, in {}; choose another name", where, what,
                                 hw::inQuotes(name), place->second));
  }

private:
  std::string what;
  std::map<std::string, std::string> seen;
};

} // namespace

std::string weft::units::identifierOf(std::string_view name, bool upperCase) {
  std::string out;
  for (unsigned char c : name)
    out += std::isalnum(c) ? static_cast<char>(upperCase ? std::toupper(c) : std::tolower(c)) : '_';
  return out;
}

std::string weft::units::camelOf(std::string_view name) {
  std::string out;
  bool starts = true;
  for (unsigned char c : name) {
    if (std::isalnum(c))
      out += static_cast<char>(starts ? std::toupper(c) : c);
    starts = !std::isalnum(c);
  }
  return out;
}

Result<std::vector<StandardInstruction>> weft::units::readStandard(const std::string &text, const std::string &origin) {
  constexpr std::string_view start = "WEFT_INSTRUCTION(";
  std::vector<StandardInstruction> out;
  int line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view row = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (!row.starts_with(start))
      continue;
    size_t name = row.find('"'), nameEnd = row.find('"', name + 1);
    size_t match = row.find("0x", nameEnd), mask = row.find("0x", match + 2);
    StandardInstruction each;
    auto number = [&](size_t from, uint32_t &value) {
      return from < row.size() &&
             std::from_chars(row.data() + from + 2, row.data() + row.size(), value, 16).ec == std::errc();
    };
    if (name >= nameEnd || nameEnd == std::string_view::npos || !number(match, each.match) || !number(mask, each.mask))
      return internalError(fmt::format("{}:{}: not a row of the instruction table", origin, line));
    each.name = row.substr(name + 1, nameEnd - name - 1);
    out.push_back(std::move(each));
  }
  if (out.empty())
    return internalError(fmt::format("{}: no instructions in it", origin));
  return out;
}

Result<void> weft::units::checkTogether(const std::vector<UnitDescription> &units,
                                        const std::vector<StandardInstruction> &standard) {
  std::vector<Encoding> taken;
  taken.reserve(standard.size());
  for (const StandardInstruction &each : standard)
    taken.push_back({each.name, "", each.match, each.mask});
  Names names("the unit"), extensions("the extension"), modules("the module"), instructions("the instruction"),
      registers("the register"), numbers("the register number");
  for (const UnitDescription &unit : units) {
    Result<void> named = names.add(unit.name, unit.file);
    if (named)
      named = modules.add(unit.module, unit.file);
    if (named && !unit.extension.empty())
      named = extensions.add(unit.extension, unit.file);
    for (const CsrDescription &csr : unit.csrs) {
      std::string where = fmt::format("{}:{}", unit.file, csr.line);
      if (named)
        named = registers.add(csr.name, where);
      if (named)
        named = numbers.add(fmt::format("{:#x}", csr.number), where);
    }
    for (const InstructionDescription &instruction : unit.instructions) {
      std::string where = fmt::format("{}:{}", unit.file, instruction.line);
      if (named)
        named = instructions.add(instruction.name, where);
      if (!named)
        return named;
      Encoding encoding{instruction.name, where, instruction.match, instruction.mask};
      for (const Encoding &other : taken)
        if (overlaps(encoding, other))
          return clash(encoding, other);
      taken.push_back(std::move(encoding));
    }
    if (!named)
      return named;
  }
  return success();
}
