#include "tools/KernelUnits.h"

#include "kernels/units/Units.h"

#include <fmt/format.h>

namespace weft::tools {
namespace {

/// The unit whose instruction this is; null: of none.
const units::Unit *unitOf(uint32_t word) {
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &instruction : unit.instructions)
      if ((word & instruction.mask) == instruction.match)
        return &unit;
  return nullptr;
}

} // namespace

std::map<std::string, std::map<std::string, uint64_t>> unitInstructions(const runtime::CoreCode &code) {
  std::map<std::string, std::map<std::string, uint64_t>> counts;
  for (const runtime::CodeSymbol &symbol : code.symbols) {
    constexpr std::string_view suffix = ".body";
    const std::string kernel =
        symbol.name.substr(0, symbol.name.size() - (symbol.name.ends_with(suffix) ? suffix.size() : 0));
    const std::span<const uint8_t> bytes = code.bytes.subspan(symbol.address - code.address, symbol.bytes);
    for (size_t at = 0; at + 2 <= bytes.size();) {
      const bool isShort = (bytes[at] & 3) != 3; // a compressed instruction, of which no unit has any
      if (!isShort && at + 4 <= bytes.size()) {
        uint32_t word = 0;
        for (size_t i = 0; i < 4; ++i)
          word |= uint32_t{bytes[at + i]} << (8 * i);
        if (const units::Unit *unit = unitOf(word))
          ++counts[kernel][std::string(unit->name)];
      }
      at += isShort ? 2 : 4;
    }
  }
  return counts;
}

std::string describeUnits(const std::map<std::string, uint64_t> &instructions) {
  std::string text;
  for (const auto &[unit, count] : instructions)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", unit, count);
  return text;
}

} // namespace weft::tools
