#include "sim/cosim/mesh/RouterModel.h"
#include "sim/cosim/mesh/RouterVariantList.h" // made by the build: declares a maker and a row for each variant

#include <fmt/format.h>

namespace weft::cosim {

const std::vector<RouterVariant> &routerVariants() {
  static const std::vector<RouterVariant> variants = {
#define WEFT_ROUTER_VARIANT(name, wordBytes, queueWords, hop, ramp, reduceStage)                                       \
  {#name, maxColors, wordBytes, queueWords, hop, ramp, reduceStage, makeRouter_##name},
      WEFT_ROUTER_VARIANTS
#undef WEFT_ROUTER_VARIANT
  };
  return variants;
}

const RouterVariant *variantOf(const hw::Hardware &hardware) {
  for (const RouterVariant &each : routerVariants())
    if (each.wordBytes == hardware.routing.linkBytes && each.queueWords == hardware.routing.queueWords &&
        each.hop == hardware.latency.hop && each.ramp == hardware.latency.ramp &&
        hardware.routing.colors <= each.colors &&
        (!hardware.routing.reduceStage || each.reduceStage == hardware.routing.reduceStage))
      return &each;
  return nullptr;
}

std::string describeVariants(const hw::Hardware &hardware) {
  std::string text =
      fmt::format("the build has no router with link_bytes {}, queue_words {}, hop {}, ramp {}, "
                  "reduce_stage {} and {} colors; it has these, with up to {} colors:",
                  hardware.routing.linkBytes, hardware.routing.queueWords, hardware.latency.hop, hardware.latency.ramp,
                  hardware.routing.reduceStage, hardware.routing.colors, maxColors);
  for (const RouterVariant &each : routerVariants())
    text += fmt::format(" {} ({}, {}, {}, {}, {})", each.name, each.wordBytes, each.queueWords, each.hop, each.ramp,
                        each.reduceStage);
  return text;
}

} // namespace weft::cosim
