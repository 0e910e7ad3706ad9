#include "sim/cosim/unit/VerilatedUnit.h"

#include "Vweft_rtl_dot_128_128.h"
#include "Vweft_rtl_dot_128_256.h"
#include "Vweft_rtl_dot_256_512.h"
#include "Vweft_rtl_dot_64_128.h"
#include "Vweft_rtl_dot_full.h"
#include "Vweft_rtl_exp_128_128.h"
#include "Vweft_rtl_exp_128_256.h"
#include "Vweft_rtl_exp_256_512.h"
#include "Vweft_rtl_exp_64_128.h"
#include "Vweft_rtl_exp_full.h"

namespace weft::cosim {
namespace {

using Make = std::unique_ptr<UnitModel> (*)(const UnitModelOptions &);
constexpr UnitVariant variants[] = {{"dot", 128, 256}, {"dot", 64, 128}, {"dot", 128, 128}, {"dot", 256, 512},
                                    {"exp", 128, 256}, {"exp", 64, 128}, {"exp", 128, 128}, {"exp", 256, 512}};
constexpr Make makers[] = {makeVerilatedUnit<Vweft_rtl_dot_128_256>, makeVerilatedUnit<Vweft_rtl_dot_64_128>,
                           makeVerilatedUnit<Vweft_rtl_dot_128_128>, makeVerilatedUnit<Vweft_rtl_dot_256_512>,
                           makeVerilatedUnit<Vweft_rtl_exp_128_256>, makeVerilatedUnit<Vweft_rtl_exp_64_128>,
                           makeVerilatedUnit<Vweft_rtl_exp_128_128>, makeVerilatedUnit<Vweft_rtl_exp_256_512>};

} // namespace

std::span<const UnitVariant> unitVariants() { return variants; }

std::unique_ptr<UnitModel> makeUnitModel(const UnitVariant &variant, const UnitModelOptions &options) {
  if (!options.coverageFile.empty())
    return variant.unit == "dot" ? makeVerilatedUnit<Vweft_rtl_dot_full>(options)
                                 : makeVerilatedUnit<Vweft_rtl_exp_full>(options);
  for (size_t i = 0; i < std::size(variants); ++i)
    if (variants[i].unit == variant.unit && variants[i].dlenBits == variant.dlenBits &&
        variants[i].vlenBits == variant.vlenBits)
      return makers[i](options);
  return nullptr;
}

} // namespace weft::cosim
