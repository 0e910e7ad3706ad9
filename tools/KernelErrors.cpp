// The error bar of a prediction of `weft kernel`.
#include "tools/KernelRun.h"

#include <algorithm>

namespace weft::tools {

using algorithms::Kind;

ErrorBar errorOf(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  auto known = knownErrors();
  if (!known)
    return {.text = known.error().message};
  const Kind kind = outcome.request.kind;
  const std::string name(kind == Kind::DecodeLayer ? "decode" : kind == Kind::PrefillLayer ? "prefill" : nameOf(kind));
  const std::vector<int64_t> &tile = outcome.facts.tile;
  return errorBar(*known, {.hardware = hardware.name,
                           .kind = name,
                           .algorithm = outcome.facts.algorithm,
                           .element = outcome.request.element == algorithms::Element::F16 ? "f16" : "f32",
                           .width = outcome.request.width,
                           .height = outcome.request.height,
                           .extent = tile.empty() ? 0 : *std::ranges::max_element(tile),
                           .settings = outcome.facts.settings,
                           .isPreset = hw::isPreset(hardware.name, hardware.digest)});
}

} // namespace weft::tools
