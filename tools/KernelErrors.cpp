// The error bar of a prediction of `weft kernel`.
#include "tools/KernelRun.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::tools {

using algorithms::Kind;

/// What sets the prediction apart from those that were compared with measurements; empty if nothing does. Those had the
/// preset's values, square meshes, and of the settings only the ones that the measured kernels have.
static std::string differs(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  if (!hw::isPreset(hardware.name, hardware.digest))
    return fmt::format("this machine is not the preset {}", hardware.name);
  if (outcome.request.width != outcome.request.height)
    return "only square meshes were measured";
  const std::pair<std::string_view, std::string_view> measured[] = {
      {"double_buffer", "1"}, {"odd", "drop"}, {"pack", "1"}};
  for (const auto &[key, value] : outcome.request.settings.all())
    if (key != "repeats" && key != "groups" && key != "hops" &&
        std::ranges::find(measured, std::pair<std::string_view, std::string_view>(key, value)) == std::end(measured))
      return fmt::format("none was measured with {}={}", key, value);
  return {};
}

ErrorBar errorOf(const KernelOutcome &outcome, const hw::Hardware &hardware) {
  auto known = knownErrors();
  if (!known)
    return {.text = known.error().message};
  const Kind kind = outcome.request.kind;
  const std::string name(kind == Kind::DecodeLayer ? "decode" : kind == Kind::PrefillLayer ? "prefill" : nameOf(kind));
  const std::vector<int64_t> &tile = outcome.facts.tile;
  ErrorBar bar = errorBar(*known, hardware.name, name, outcome.facts.algorithm,
                          outcome.request.element == algorithms::Element::F16 ? "f16" : "f32", outcome.request.width,
                          tile.empty() ? 0 : *std::ranges::max_element(tile));
  const std::string why = bar.rows ? differs(outcome, hardware) : "";
  return why.empty() ? bar : extrapolated(std::move(bar), why);
}

} // namespace weft::tools
