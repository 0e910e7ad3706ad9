#include "compiler/frontend/huggingface/Rope.h"

#include "compiler/frontend/huggingface/Limits.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft::frontend::hf {

using Json = nlohmann::json;

namespace {

/// The llama3 scaling: long wavelengths are stretched by `factor`, short ones are kept, those between are blended.
struct Llama3Scaling {
  double factor, lowFrequencyFactor, highFrequencyFactor, originalPositions;

  double operator()(double inverseFrequency) const {
    double wavelength = 2 * std::numbers::pi / inverseFrequency;
    if (wavelength < originalPositions / highFrequencyFactor)
      return inverseFrequency;
    if (wavelength > originalPositions / lowFrequencyFactor)
      return inverseFrequency / factor;
    double keep = (originalPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
    return (1 - keep) * inverseFrequency / factor + keep * inverseFrequency;
  }
};

/// YaRN's temperature of attention.
double yarnScale(double factor, double weight = 1) { return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0; }

/// The object that describes the scaling, under the path that messages give it.
struct Scaling {
  const Json *object = nullptr; // null: none
  std::string prefix;
};

class RopeReader {
public:
  RopeReader(Reading &reading, uint32_t headDim, uint32_t maxPositions, const RopeKeys &keys)
      : keys(reading.keys), origin(reading.origin), names(keys), headDim(headDim), maxPositions(maxPositions) {}

  Rope read() {
    const Scaling scaling = findScaling();
    if (keys.failure())
      return {};
    ConfigReader inner(scaling.object ? *scaling.object : empty, origin, scaling.prefix);
    theta = sharedNumber(inner, names.thetaKey, "rope_theta", 1e-3, 1e12).value_or(names.theta);
    double partial = sharedNumber(inner, names.partialKey, "partial_rotary_factor", 1e-6, 1).value_or(names.partial);
    const auto turning = static_cast<uint32_t>(headDim * partial);
    if (turning < 2 || turning % 2 != 0)
      keys.complain(keys.has("head_dim") ? "head_dim" : names.partialKey,
                    fmt::format("is {}; rotary embedding pairs elements, so the part of a head that turns must be even "
                                "and at least 2, not {}",
                                keys.has("head_dim") ? fmt::format("{}", headDim) : fmt::format("{}", partial),
                                turning));
    if (partial != 1 && !names.mayBePartial)
      keys.complain(names.partialKey, fmt::format("is {}, but this architecture turns whole heads", partial));
    if (!keys.failure() && !inner.failure()) {
      rope.config.theta = theta;
      for (uint32_t i = 0; i < turning / 2; ++i)
        rope.config.inverseFrequencies.push_back(std::pow(theta, -2.0 * i / turning));
      applyScaling(inner);
    }
    if (inner.failure())
      keys.adopt(*inner.failure());
    return std::move(rope);
  }

private:
  Scaling findScaling() {
    const Json *newer = keys.object("rope_parameters"), *older = keys.object("rope_scaling");
    if (newer && older)
      keys.complain("rope_scaling", "and 'rope_parameters' are both given; keep the one that holds");
    if (!newer)
      return {older, "rope_scaling."};
    // One object for each kind of layer: all must say the same.
    if (newer->empty() ||
        !std::all_of(newer->begin(), newer->end(), [](const Json &entry) { return entry.is_object(); }))
      return {newer, "rope_parameters."};
    for (const Json &entry : *newer)
      if (entry != *newer->begin())
        keys.complain("rope_parameters", "gives kinds of layers different values; one for all layers is supported");
    return {&*newer->begin(), "rope_parameters." + newer->begin().key() + "."};
  }

  /// A number that may stand beside the scaling or in it.
  std::optional<double> sharedNumber(ConfigReader &inner, const std::string &outerKey, const std::string &innerKey,
                                     double low, double high) {
    std::optional<double> outer = keys.number(outerKey, low, high), within = inner.number(innerKey, low, high);
    if (outer && within && *outer != *within)
      inner.complain(innerKey, fmt::format("differs from the '{}' outside; keep the one that holds", outerKey));
    return within ? within : outer;
  }

  std::string type(ConfigReader &inner) {
    std::optional<std::string> newer = inner.text("rope_type"), older = inner.text("type");
    if (newer && older && *newer != *older)
      inner.complain("type", fmt::format("says '{}' but 'rope_type' says '{}'", runtime::printable(*older),
                                         runtime::printable(*newer)));
    std::string chosen = newer ? *newer : older.value_or("default");
    if (names.suIsLongrope && (chosen == "su" || chosen == "yarn"))
      chosen = "longrope";
    const std::string_view known[] = {"default", "linear", "dynamic", "llama3", "yarn", "longrope"};
    if (std::find(std::begin(known), std::end(known), chosen) == std::end(known))
      inner.complain(newer ? "rope_type" : "type",
                     fmt::format("is '{}'; the rotary embeddings supported are: default, linear, dynamic, llama3, "
                                 "yarn, longrope",
                                 runtime::printable(chosen)));
    return chosen;
  }

  void applyScaling(ConfigReader &inner) {
    const std::string kind = type(inner);
    if (inner.failure())
      return;
    if (kind == "linear") {
      double factor = inner.requiredNumber("factor", 1e-6, 1e6);
      for (double &frequency : rope.config.inverseFrequencies)
        frequency /= factor;
    } else if (kind == "dynamic") {
      (void)inner.requiredNumber("factor", 1, 1e6);
    } else if (kind == "llama3") {
      applyLlama3(inner);
    } else if (kind == "yarn") {
      applyYarn(inner);
    } else if (kind == "longrope") {
      applyLongrope(inner);
    }
    if (kind != "default" && !inner.failure())
      if (double weight = inner.number("mscale_all_dim", 0, 1e6).value_or(0); weight != 0)
        rope.attentionScale = std::pow(yarnScale(inner.number("factor", 1e-6, 1e6).value_or(1), weight), 2);
  }

  void applyLlama3(ConfigReader &inner) {
    Llama3Scaling llama3{};
    llama3.factor = inner.requiredNumber("factor", 1, 1e6);
    llama3.lowFrequencyFactor = inner.requiredNumber("low_freq_factor", 1e-6, 1e6);
    llama3.highFrequencyFactor = inner.requiredNumber("high_freq_factor", 1e-6, 1e6);
    llama3.originalPositions = inner.requiredCount("original_max_position_embeddings", 1, maxContext);
    if (!inner.failure() && llama3.highFrequencyFactor <= llama3.lowFrequencyFactor)
      inner.complain("high_freq_factor", "must be larger than low_freq_factor");
    if (!inner.failure())
      for (double &frequency : rope.config.inverseFrequencies)
        frequency = llama3(frequency);
  }

  /// Positions that the model was trained with before it was stretched.
  double originalPositions(ConfigReader &inner) {
    std::optional<uint32_t> within = inner.count("original_max_position_embeddings", 1, maxContext);
    std::optional<uint32_t> outer = keys.count("original_max_position_embeddings", 1, maxContext);
    return within.value_or(outer.value_or(maxPositions));
  }

  void applyYarn(ConfigReader &inner) {
    const double original = originalPositions(inner);
    const double factor = inner.number("factor", 1e-6, 1e6).value_or(maxPositions / original);
    const double weight = inner.number("mscale", 0, 1e6).value_or(0);
    const double weightAll = inner.number("mscale_all_dim", 0, 1e6).value_or(0);
    std::optional<double> attention = inner.number("attention_factor", 1e-6, 1e6);
    double fast = inner.number("beta_fast", 0, 1e6).value_or(0), slow = inner.number("beta_slow", 0, 1e6).value_or(0);
    const bool truncate = inner.flag("truncate", true);
    if (inner.failure() || keys.failure())
      return;
    if (attention)
      rope.config.scale = *attention;
    else if (weight != 0 && weightAll != 0)
      rope.config.scale = yarnScale(factor, weight) / yarnScale(factor, weightAll);
    else
      rope.config.scale = yarnScale(factor);
    // Frequencies that turn more than `fast` times in the original context are kept, those that turn less than `slow`
    // times are divided by the factor, with a ramp between.
    const auto count = static_cast<double>(rope.config.inverseFrequencies.size());
    auto indexOf = [&](double rotations) {
      return count * std::log(original / (rotations * 2 * std::numbers::pi)) / std::log(theta);
    };
    double low = indexOf(fast != 0 ? fast : 32), high = indexOf(slow != 0 ? slow : 1);
    if (truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, 2 * count - 1);
    if (low == high)
      high += 0.001;
    for (size_t i = 0; i < rope.config.inverseFrequencies.size(); ++i) {
      double &frequency = rope.config.inverseFrequencies[i];
      double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
      frequency = frequency / factor * ramp + frequency * (1 - ramp);
    }
  }

  void applyLongrope(ConfigReader &inner) {
    const double original = originalPositions(inner);
    const double factor = inner.number("factor", 1e-6, 1e6).value_or(maxPositions / original);
    std::optional<double> attention = inner.number("attention_factor", 1e-6, 1e6);
    const size_t count = rope.config.inverseFrequencies.size();
    std::vector<double> shortFactors = inner.numbers("short_factor", 1e-6, 1e6);
    std::vector<double> longFactors = inner.numbers("long_factor", 1e-6, 1e6);
    for (const auto &[key, factors] :
         {std::pair{"short_factor", &shortFactors}, std::pair{"long_factor", &longFactors}})
      if (factors->size() != count)
        inner.complain(key, fmt::format("must be a list of {} numbers, one for each pair of a head that turns, not {}",
                                        count, factors->size()));
    if (inner.failure() || keys.failure())
      return;
    rope.config.scale = attention     ? *attention
                        : factor <= 1 ? 1.0
                                      : std::sqrt(1 + std::log(factor) / std::log(original));
    rope.config.longFrom = static_cast<uint64_t>(original);
    rope.config.longInverseFrequencies = rope.config.inverseFrequencies;
    for (size_t i = 0; i < count; ++i) {
      rope.config.inverseFrequencies[i] /= shortFactors[i];
      rope.config.longInverseFrequencies[i] /= longFactors[i];
    }
  }

  ConfigReader &keys;
  const std::string &origin;
  const RopeKeys &names;
  uint32_t headDim, maxPositions;
  double theta = 0;
  Rope rope;
  Json empty = Json::object();
};

} // namespace

Rope readRope(Reading &reading, uint32_t headDim, uint32_t maxPositions, const RopeKeys &keys) {
  return RopeReader(reading, headDim, maxPositions, keys).read();
}

} // namespace weft::frontend::hf
