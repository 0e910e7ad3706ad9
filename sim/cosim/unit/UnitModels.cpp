#include "sim/cosim/unit/UnitModelList.h" // made by the build: a row for each variant
#include "sim/cosim/unit/VerilatedUnit.h"

#include <algorithm>

namespace weft::cosim {
namespace {

using Make = std::unique_ptr<UnitModel> (*)(const UnitModelOptions &);
struct Makers {
  Make usual, covered;
};

#define WEFT_UNIT_MODEL(unit, dlenBits, vlenBits, usual, covered) {unit, dlenBits, vlenBits},
constexpr UnitVariant variants[] = {WEFT_UNIT_MODELS};
#undef WEFT_UNIT_MODEL
#define WEFT_UNIT_MODEL(unit, dlenBits, vlenBits, usual, covered)                                                      \
  {makeVerilatedUnit<usual>, makeVerilatedUnit<covered>},
constexpr Makers makers[] = {WEFT_UNIT_MODELS}; // in the same order
#undef WEFT_UNIT_MODEL

} // namespace

std::span<const UnitVariant> unitVariants() { return variants; }

std::unique_ptr<UnitModel> makeUnitModel(const UnitVariant &variant, const UnitModelOptions &options) {
  const auto isOfUnit = [&](const UnitVariant &each) { return each.unit == variant.unit; };
  const auto first = std::find_if(std::begin(variants), std::end(variants), isOfUnit);
  const auto found = std::find_if(first, std::end(variants), [&](const UnitVariant &each) {
    return isOfUnit(each) && each.dlenBits == variant.dlenBits && each.vlenBits == variant.vlenBits;
  });
  const bool counts = !options.coverageFile.empty();
  if (found == std::end(variants) || (counts && found != first)) // coverage is that of the default widths
    return nullptr;
  const Makers &make = makers[found - std::begin(variants)];
  return (counts ? make.covered : make.usual)(options);
}

} // namespace weft::cosim
