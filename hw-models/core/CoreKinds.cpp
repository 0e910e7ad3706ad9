#include "hw-models/core/CoreKinds.h"

#include "hw-models/core/Rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

using namespace weft;
using namespace weft::hw;

namespace {

constexpr std::array<CoreKind, 2> kinds = {{
    {"rvv", "a RISC-V core with the vector extension", rvvRates},
    {"dsd", "a vector engine driven by data-structure descriptors, as the wafer-scale engine has", dsdRates},
}};

} // namespace

std::span<const CoreKind> hw::coreKinds() { return kinds; }

const CoreKind *hw::findCoreKind(std::string_view name) {
  const auto *kind = std::find_if(kinds.begin(), kinds.end(), [&](const CoreKind &each) { return each.name == name; });
  return kind == kinds.end() ? nullptr : kind;
}

Result<std::unique_ptr<CoreModel>> hw::makeCoreModel(const Hardware &hardware) {
  const CoreSpec &core = hardware.parallelism.core;
  const CoreKind *kind = findCoreKind(core.kind);
  if (!kind)
    return internalError(fmt::format("{}: parallelism.core.kind: no core model '{}'", hardware.name, core.kind));
  // A Hardware that was not read by the loader may hold anything; a rate of zero would make time infinite.
  CoreRates rates = kind->rates(hardware);
  for (double rate : {rates.macsF32, rates.macsF16, rates.alu, rates.special, rates.loadBytes, rates.storeBytes})
    if (!(rate > 0))
      return internalError(fmt::format("{}: parallelism.core: a rate is not positive", hardware.name));
  return std::unique_ptr<CoreModel>(std::make_unique<RateModel>(rates));
}

CoreRates hw::ratesOf(const Hardware &hardware) {
  const CoreKind *kind = findCoreKind(hardware.parallelism.core.kind);
  return kind ? kind->rates(hardware) : CoreRates();
}
