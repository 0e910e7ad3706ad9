#include "sim/cosim/mesh/RouterModel.h"

#include "kernels/units/Units.h"
#include "sim/cosim/mesh/RouterVariantList.h" // made by the build: declares a maker and a row for each variant

#include <fmt/format.h>

namespace weft::cosim {

const std::vector<RouterVariant> &routerVariants() {
  static const std::vector<RouterVariant> variants = {
#define WEFT_ROUTER_VARIANT(name, wordBytes, queueWords, hop, ramp, reduceStage)                                       \
  {#name, maxColors, wordBytes, queueWords, hop, ramp, reduceStage, makeRouter_##name, makeTracedRouter_##name},
      WEFT_ROUTER_VARIANTS
#undef WEFT_ROUTER_VARIANT
  };
  return variants;
}

const RouterVariant *variantOf(const hw::Hardware &hardware) {
  for (const RouterVariant &each : routerVariants())
    if (each.wordBytes == hardware.routing.linkBytes && each.queueWords == hardware.routing.queueWords &&
        each.hop == hardware.latency.hop && each.ramp == hardware.latency.ramp &&
        hardware.routing.colors <= each.colors && hardware.routing.rampWords == 1 &&
        !hardware.latency.dieCrossing.exists() &&
        (!hardware.routing.reduceStage || each.reduceStage == hardware.routing.reduceStage))
      return &each;
  return nullptr;
}

/// A key of the hardware file, with the machine's value and the parameter of kernels/units/router.yaml that it sets.
struct Asked {
  std::string_view key, parameter;
  uint32_t value = 0, parameterValue = 0;
};

std::string describeVariants(const hw::Hardware &hardware) {
  const hw::Routing &routing = hardware.routing;
  const hw::Latency &latency = hardware.latency;
  const Asked asked[] = {{"link_bytes", "link_bits", routing.linkBytes, 8 * routing.linkBytes},
                         {"queue_words", "queue_words", routing.queueWords, routing.queueWords},
                         {"hop", "hop", latency.hop, latency.hop},
                         {"ramp", "ramp", latency.ramp, latency.ramp},
                         {"reduce_stage", "reduce_stage", routing.reduceStage, routing.reduceStage},
                         {"colors", "colors", routing.colors, routing.colors},
                         {"ramp_words", "ramp_words", routing.rampWords, routing.rampWords}};
  std::string wanted, beyond;
  for (const Asked &each : asked) {
    wanted += fmt::format("{}{} {}", wanted.empty() ? "" : ", ", each.key, each.value);
    for (const units::Parameter &parameter : units::find("router")->parameters)
      if (parameter.name == each.parameter &&
          (each.parameterValue < parameter.low || each.parameterValue > parameter.high))
        beyond += fmt::format("\n  {} {} is beyond the RTL itself: its {} is {} to {}", each.key, each.value,
                              parameter.name, parameter.low, parameter.high);
  }
  if (latency.dieCrossing.exists())
    beyond += "\n  die crossings are beyond the RTL itself: all of its links take hop";
  if (routing.rampWords != 1)
    beyond +=
        fmt::format("\n  ramp_words {} is beyond the RTL itself: its ramps carry a word a cycle", routing.rampWords);
  std::string text =
      fmt::format("no router is Verilated with {}{}\nbuilt, with up to {} colors:", wanted, beyond, maxColors);
  for (const RouterVariant &each : routerVariants())
    text += fmt::format("\n  {}: link_bytes {}, queue_words {}, hop {}, ramp {}, reduce_stage {} or 0", each.name,
                        each.wordBytes, each.queueWords, each.hop, each.ramp, each.reduceStage);
  const RouterVariant &first = routerVariants().front();
  text += fmt::format("\ntake one of them, {} with --set routing.link_bytes={} --set routing.queue_words={} --set "
                      "latency.hop={} --set latency.ramp={} (of a package: when it is compiled)",
                      first.name, first.wordBytes, first.queueWords, first.hop, first.ramp);
  if (beyond.empty())
    text += "; or give this one a line in sim/cosim/mesh/CMakeLists.txt and build";
  return text;
}

} // namespace weft::cosim
