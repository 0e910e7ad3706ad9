#include "hw-models/core/rvv/Units.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

using namespace weft::hw;
using namespace weft::hw::rvv;

namespace {

constexpr std::string_view unitNames[] = {"integer", "logic",  "multiply", "multiply64", "divide", "float", "float64",
                                          "convert", "reduce", "permute",  "mask",       "load",   "store"};
static_assert(std::size(unitNames) == unitCount);
constexpr std::string_view traitNames[] = {"masked", "widen", "narrow"};
static_assert(std::size(traitNames) == traitCount);

/// In rvv.pipes: every unit but load and store; a pipe that takes no masked instruction.
constexpr std::string_view allUnits = "arithmetic", unmasked = "unmasked";

template <typename Names> std::optional<size_t> indexOf(const Names &names, std::string_view name) {
  auto found = std::find(std::begin(names), std::end(names), name);
  return found == std::end(names) ? std::nullopt : std::optional<size_t>(found - std::begin(names));
}

template <typename Names> std::string listOf(const Names &names) {
  std::string out;
  for (std::string_view each : names)
    out += (out.empty() ? "" : ", ") + std::string(each);
  return out;
}

/// The parts of "integer+float", in turn.
void eachPart(std::string_view item, auto visit) {
  for (bool more = true; more;) {
    size_t plus = item.find('+');
    more = plus != std::string_view::npos;
    visit(item.substr(0, plus));
    item = more ? item.substr(plus + 1) : std::string_view();
  }
}

struct Rate {
  std::string_view name;
  int log2;
};

std::optional<Rate> parseRate(std::string_view item) {
  constexpr std::pair<std::string_view, int> suffixes[] = {{"*2", 1}, {"/2", -1}, {"/4", -2}, {"/8", -3}};
  for (const auto &[suffix, log2] : suffixes)
    if (item.ends_with(suffix))
      return Rate{item.substr(0, item.size() - suffix.size()), log2};
  return std::nullopt;
}

} // namespace

UnitMap::UnitMap(const RvvTiming &rvv) : count(rvv.pipes.size()) {
  for (size_t pipe = 0; pipe < rvv.pipes.size(); ++pipe) {
    uint32_t bit = 1u << pipe;
    masked |= bit;
    eachPart(rvv.pipes[pipe], [&](std::string_view part) {
      if (part == unmasked)
        masked &= ~bit;
      for (size_t unit = 0; unit < unitCount; ++unit)
        if (part == unitNames[unit] || (part == allUnits && static_cast<Unit>(unit) < Unit::Load))
          pipes[unit] |= bit;
    });
  }
  // A wide unit does what its 64-bit part does, unless that is named on its own.
  auto orElse = [&](Unit unit, Unit other) {
    if (uint32_t &mine = pipes[static_cast<size_t>(unit)]; mine == 0)
      mine = pipesOf(other);
  };
  orElse(Unit::Multiply64, Unit::Multiply);
  orElse(Unit::Float64, Unit::Float);
  for (const std::string &item : rvv.rates)
    if (std::optional<Rate> rate = parseRate(item)) {
      if (std::optional<size_t> unit = indexOf(unitNames, rate->name))
        unitRates[*unit] = static_cast<int8_t>(rate->log2);
      if (std::optional<size_t> trait = indexOf(traitNames, rate->name))
        traitRates[*trait] = static_cast<int8_t>(rate->log2);
    }
}

std::optional<std::string> rvv::pipeError(std::string_view item) {
  std::optional<std::string> out;
  eachPart(item, [&](std::string_view part) {
    if (!out && !indexOf(unitNames, part) && part != allUnits && part != unmasked)
      out = std::string(part);
  });
  return out;
}

std::optional<std::string> rvv::rateError(std::string_view item) {
  std::optional<Rate> rate = parseRate(item);
  if (rate && (indexOf(unitNames, rate->name) || indexOf(traitNames, rate->name)))
    return std::nullopt;
  return std::string(item);
}

std::string_view rvv::missingUnit(const RvvTiming &rvv) {
  UnitMap map(rvv);
  for (size_t unit = 0; unit < unitCount; ++unit)
    if (!map.pipesOf(static_cast<Unit>(unit)) || !(map.pipesOf(static_cast<Unit>(unit)) & map.maskedPipes()))
      return unitNames[unit];
  return {};
}

std::string rvv::pipesAllowed() {
  return fmt::format("units joined by +: {}, {} for all but load and store, and {} for a pipe that takes no masked "
                     "instruction",
                     listOf(unitNames), allUnits, unmasked);
}

std::string rvv::ratesAllowed() {
  return fmt::format("one of {}, {} with *2, /2, /4 or /8 behind it", listOf(unitNames), listOf(traitNames));
}
