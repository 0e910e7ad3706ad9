// weft_units_gen --out DIR --standard Instructions.def UNIT.yaml...: checks the descriptions of units and writes all
// that is made from them. Lists of ports are in the folder ports beside a description. A file whose text stays the same
// keeps its time.
#include "kernels/units/description/Generate.h"
#include "kernels/units/description/Ports.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

using namespace weft;
using namespace weft::units;

namespace {

std::optional<std::string> read(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool write(const std::filesystem::path &path, const std::string &text) {
  if (read(path) == text)
    return true;
  std::ofstream file(path, std::ios::binary);
  file << text;
  return static_cast<bool>(file.flush());
}

int fail(const std::string &message, Fault fault = Fault::User) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return static_cast<int>(fault);
}

struct Arguments {
  std::string out, standard;
  std::vector<std::string> units;
};

std::optional<Arguments> parse(int count, char **values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    std::string value = values[i];
    if ((value == "--out" || value == "--standard") && i + 1 < count)
      (value == "--out" ? arguments.out : arguments.standard) = values[++i];
    else
      arguments.units.push_back(value);
  }
  if (arguments.out.empty() || arguments.standard.empty() || arguments.units.empty())
    return std::nullopt;
  return arguments;
}

Result<Descriptions> describe(const Arguments &arguments) {
  std::optional<std::string> table = read(arguments.standard);
  if (!table)
    return userError(arguments.standard + ": cannot be read");
  Result<std::vector<StandardInstruction>> standard = readStandard(*table, arguments.standard);
  if (!standard)
    return standard.error();
  Descriptions units;
  for (const std::string &path : arguments.units) {
    std::optional<std::string> text = read(path);
    if (!text)
      return userError(path + ": cannot be read");
    Result<UnitDescription> unit = readUnit(*text, path);
    if (!unit)
      return unit.error();
    units.push_back(*std::move(unit));
  }
  std::sort(units.begin(), units.end(), [](auto &a, auto &b) { return a.name < b.name; });
  if (Result<void> together = checkTogether(units, *standard); !together)
    return together.error();
  return units;
}

/// MODULE.ports of each unit.
Result<void> writePorts(const Descriptions &units, const std::filesystem::path &out) {
  for (const UnitDescription &unit : units) {
    std::string list = (std::filesystem::path(unit.file).parent_path() / "ports" / (unit.portList + ".yaml")).string();
    std::optional<std::string> text = read(list);
    if (!text)
      return userError(unit.file + ": ports: there is no list " + list);
    Result<std::vector<PortDescription>> ports = readPorts(*text, list);
    if (!ports)
      return ports.error();
    Result<std::string> expected = generatePorts(unit, *ports, list);
    if (!expected)
      return expected.error();
    if (!write(out / (unit.module + ".ports"), *expected))
      return userError((out / unit.module).string() + ".ports: cannot be written");
  }
  return success();
}

} // namespace

int main(int count, char **values) {
  std::optional<Arguments> arguments = parse(count, values);
  if (!arguments)
    return fail("usage: weft_units_gen --out DIR --standard FILE UNIT.yaml...", Fault::Usage);
  Result<Descriptions> units = describe(*arguments);
  if (!units)
    return fail(units.error().message, units.error().fault);
  std::filesystem::path out = arguments->out;
  const std::pair<const char *, std::string> files[] = {
      {"UnitTable.cpp", generateTable(*units)},
      {"UnitConstants.h", generateConstants(*units)},
      {"Units.def", generateUnitRows(*units)},
      {"UnitInstructions.def", generateInstructionRows(*units)},
      {"UnitOps.td", generateOps(*units)},
      {"UnitOpVerifiers.inc", generateOpVerifiers(*units)},
      {"weft_units_pkg.sv", generatePackage(*units)},
      {"units.md", generateDocument(*units)},
      {"UnitTests.inc", generateTests(*units)},
  };
  for (const auto &[name, text] : files)
    if (!write(out / name, text))
      return fail((out / name).string() + ": cannot be written", Fault::User);
  if (Result<void> written = writePorts(*units, out); !written)
    return fail(written.error().message, written.error().fault);
  return 0;
}
