// Constants of C++: encodings, parameters' ranges, operations' codes, registers.
#include "kernels/units/description/Generate.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::units;

std::string weft::units::generateConstants(const Descriptions &units) {
  std::string out = "// Generated from kernels/units/*.yaml; do not edit.\n#pragma once\n\n#include <cstdint>\n\n"
                    "namespace weft::units::constants {\n";
  auto number = [&](std::string_view what, const std::string &name, uint32_t value) {
    out += fmt::format("inline constexpr uint32_t {}{} = {:#x};\n", what, name, value);
  };
  for (const UnitDescription &unit : units) {
    out += fmt::format("\n// {}\n", unit.name);
    for (const ParameterDescription &each : unit.parameters) {
      number("low", camelOf(unit.name) + camelOf(each.name), each.low);
      number("high", camelOf(unit.name) + camelOf(each.name), each.high);
    }
    for (const InstructionDescription &each : unit.instructions) {
      number("match", camelOf(each.name), each.match);
      number("mask", camelOf(each.name), each.mask);
    }
    for (const OperationDescription &each : unit.operations)
      number("code", camelOf(unit.name) + camelOf(each.name), each.code);
    for (const CsrDescription &each : unit.csrs) {
      number("csr", camelOf(each.name), each.number);
      number("bits", camelOf(each.name), each.bits);
    }
  }
  return out + "\n} // namespace weft::units::constants\n";
}
