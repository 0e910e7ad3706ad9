#include "hw-models/core/rvv/Units.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

using namespace weft::hw;
using namespace weft::hw::rvv;

namespace {

constexpr uint32_t bitOf(Unit unit) { return 1u << static_cast<uint32_t>(unit); }

/// What a name stands for in rvv.pipes and in rvv.rates; in turn, so that the later ones say more of what the earlier
/// ones said too.
struct Name {
  std::string_view text;
  uint32_t inPipes, inRates; // a bit for each unit; 0: no such name there
};
constexpr Name names[] = {
    {"integer", bitOf(Unit::Integer), bitOf(Unit::Integer)},
    {"logic", bitOf(Unit::Logic), bitOf(Unit::Logic)},
    {"multiply", bitOf(Unit::Multiply) | bitOf(Unit::Multiply64), bitOf(Unit::Multiply) | bitOf(Unit::Multiply64)},
    {"multiply32", bitOf(Unit::Multiply), 0},
    {"multiply64", 0, bitOf(Unit::Multiply64)},
    {"divide", bitOf(Unit::Divide), 0}, // its time does not follow from a width
    {"float", bitOf(Unit::Float) | bitOf(Unit::Float64), bitOf(Unit::Float) | bitOf(Unit::Float64)},
    {"float32", bitOf(Unit::Float), 0},
    {"float64", 0, bitOf(Unit::Float64)},
    {"convert", bitOf(Unit::Convert), bitOf(Unit::Convert)},
    {"reduce", bitOf(Unit::Reduce), bitOf(Unit::Reduce)},
    {"permute", bitOf(Unit::Permute), bitOf(Unit::Permute)},
    {"mask", bitOf(Unit::Mask), bitOf(Unit::Mask)},
    {"load", bitOf(Unit::Load), bitOf(Unit::Load)},
    {"store", bitOf(Unit::Store), bitOf(Unit::Store)},
    {"arithmetic", bitOf(Unit::Load) - 1, 0}, // all before loads and stores
};
constexpr std::string_view traitNames[] = {"masked", "widen", "narrow"};
static_assert(std::size(traitNames) == traitCount);

/// In rvv.pipes: a pipe that takes no masked instruction.
constexpr std::string_view unmasked = "unmasked";

/// The units of a name; 0 if there is none.
uint32_t unitsOf(std::string_view text, uint32_t Name::*where) {
  auto found = std::find_if(std::begin(names), std::end(names), [&](const Name &each) { return each.text == text; });
  return found == std::end(names) ? 0 : (*found).*where;
}

std::string listOf(uint32_t Name::*where) {
  std::string out;
  for (const Name &each : names)
    if (each.*where)
      out += (out.empty() ? "" : ", ") + std::string(each.text);
  return out;
}

std::optional<size_t> traitOf(std::string_view name) {
  auto found = std::find(std::begin(traitNames), std::end(traitNames), name);
  return found == std::end(traitNames) ? std::nullopt : std::optional<size_t>(found - std::begin(traitNames));
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
    uint32_t bit = 1u << pipe, has = 0;
    masked |= bit;
    eachPart(rvv.pipes[pipe], [&](std::string_view part) {
      if (part == unmasked)
        masked &= ~bit;
      has |= unitsOf(part, &Name::inPipes);
    });
    for (size_t unit = 0; unit < unitCount; ++unit)
      if (has >> unit & 1)
        pipes[unit] |= bit;
  }
  for (const Name &name : names) // what is said of 64-bit elements alone counts, whatever the order of the list
    for (const std::string &item : rvv.rates)
      if (std::optional<Rate> rate = parseRate(item); rate && rate->name == name.text)
        for (size_t unit = 0; unit < unitCount; ++unit)
          if (name.inRates >> unit & 1)
            unitRates[unit] = static_cast<int8_t>(rate->log2);
  for (const std::string &item : rvv.rates)
    if (std::optional<Rate> rate = parseRate(item))
      if (std::optional<size_t> trait = traitOf(rate->name))
        traitRates[*trait] = static_cast<int8_t>(rate->log2);
}

bool rvv::isPipe(std::string_view item) {
  bool isGood = true;
  eachPart(item, [&](std::string_view part) { isGood &= part == unmasked || unitsOf(part, &Name::inPipes); });
  return isGood;
}

bool rvv::isRate(std::string_view item) {
  std::optional<Rate> rate = parseRate(item);
  return rate && (unitsOf(rate->name, &Name::inRates) || traitOf(rate->name));
}

std::string_view rvv::missingUnit(const RvvTiming &rvv) {
  UnitMap map(rvv);
  for (size_t unit = 0; unit < unitCount; ++unit)
    if (!(map.pipesOf(static_cast<Unit>(unit)) & map.maskedPipes()))
      for (const Name &name : names) // the first name that has it
        if (name.inPipes >> unit & 1)
          return name.text;
  return {};
}

std::string rvv::pipesAllowed() {
  return fmt::format(
      "units joined by +: {} (all but load and store), and {} for a pipe that takes no masked instruction",
      listOf(&Name::inPipes), unmasked);
}

std::string rvv::ratesAllowed() {
  std::string traits;
  for (std::string_view each : traitNames)
    traits += fmt::format(", {}", each);
  return fmt::format("one of {}{} with *2, /2, /4 or /8 behind it", listOf(&Name::inRates), traits);
}
