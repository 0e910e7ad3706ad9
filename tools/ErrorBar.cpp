#include "tools/ErrorBar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

namespace weft::tools {

Result<std::vector<WaferErrors>> parseErrors(const runtime::CsvTable &table) {
  std::vector<WaferErrors> all;
  for (size_t i = 0; i < table.lines.size(); ++i) {
    bool good = true;
    auto number = [&](const char *column, auto &value) {
      std::string_view cell = table.cell(i, column);
      auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      good = good && !cell.empty() && parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size();
    };
    WaferErrors each{.hardware = std::string(table.cell(i, "hardware")),
                     .kind = std::string(table.cell(i, "kind")),
                     .algorithm = std::string(table.cell(i, "algorithm")),
                     .element = std::string(table.cell(i, "element"))};
    auto settings = parseSettings(table.cell(i, "settings"));
    good = settings.has_value();
    each.settings = settings.value_or(SettingRanges());
    number("low_mesh", each.lowMesh);
    number("high_mesh", each.highMesh);
    number("high_extent", each.highExtent);
    number("rows", each.rows);
    number("mean_absolute", each.meanAbsolute);
    number("mean", each.mean);
    number("worst", each.worst);
    if (!good)
      return userError(fmt::format("{}:{}: a cell is not what its column wants", table.path, table.lineNumbers[i]));
    all.push_back(std::move(each));
  }
  return all;
}

std::string settingsText(const SettingRanges &settings) {
  std::string text;
  for (const auto &[key, range] : settings)
    text += fmt::format("{}{}={}{}", text.empty() ? "" : ";", key, range.first,
                        range.first == range.second ? "" : ".." + range.second);
  return text;
}

std::optional<SettingRanges> parseSettings(std::string_view text) {
  SettingRanges settings;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    const size_t equals = one.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return std::nullopt;
    const std::string_view value = one.substr(equals + 1);
    const size_t dots = value.find("..");
    settings[std::string(one.substr(0, equals))] = {
        std::string(value.substr(0, dots)),
        std::string(dots == std::string_view::npos ? value : value.substr(dots + 2))};
  }
  return settings;
}

namespace {

std::optional<int64_t> wholeNumber(std::string_view text) {
  int64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool wasMeasured(const std::pair<std::string, std::string> &range, const std::string &value) {
  if (value == range.first || value == range.second)
    return true;
  const auto low = wholeNumber(range.first), high = wholeNumber(range.second), at = wholeNumber(value);
  return low && high && at && *low <= *at && *at <= *high;
}

/// The settings of `predicted` that those of `measured` do not have, as "pack 2, not 1".
std::vector<std::string> otherSettings(const Predicted &predicted, const WaferErrors &measured) {
  std::vector<std::string> others;
  for (const auto &[key, value] : predicted.settings) {
    const auto known = measured.settings.find(key);
    if (known == measured.settings.end() || wasMeasured(known->second, value))
      continue;
    const auto &[low, high] = known->second;
    others.push_back(fmt::format("{} {}, not {}{}", key, value, low, low == high ? "" : " to " + high));
  }
  return others;
}

/// The measured range whose meshes are nearest, then the one with such tiles; null if nothing like it was measured.
const WaferErrors *nearestOf(std::span<const WaferErrors> errors, const Predicted &predicted) {
  const WaferErrors *nearest = nullptr;
  double least = 0;
  for (const WaferErrors &each : errors) {
    if (std::tie(each.hardware, each.kind, each.algorithm, each.element) !=
        std::tie(predicted.hardware, predicted.kind, predicted.algorithm, predicted.element))
      continue;
    const uint32_t edge = std::clamp(predicted.width, each.lowMesh, each.highMesh);
    const double distance = std::abs(std::log2(static_cast<double>(predicted.width) / edge)) +
                            (predicted.extent > each.highExtent ? 1e-3 : 0);
    if (!nearest || distance < least) {
      nearest = &each;
      least = distance;
    }
  }
  return nearest;
}

std::string meshText(const WaferErrors &measured) {
  return measured.lowMesh == measured.highMesh ? fmt::format("P {}", measured.lowMesh)
                                               : fmt::format("P {} to {}", measured.lowMesh, measured.highMesh);
}

/// In what a prediction differs from what was measured; empty if in nothing.
std::vector<std::string> differences(const Predicted &predicted, const WaferErrors &measured) {
  std::vector<std::string> all;
  if (!predicted.isPreset)
    all.push_back(fmt::format("this machine is not the preset {}", predicted.hardware));
  if (predicted.width != predicted.height)
    all.push_back(fmt::format("{}x{} cores, not square", predicted.width, predicted.height));
  else if (predicted.width < measured.lowMesh || predicted.width > measured.highMesh)
    all.push_back(fmt::format("P {}, not {}", predicted.width, meshText(measured).substr(2)));
  if (predicted.extent > measured.highExtent)
    all.push_back(fmt::format("tiles of {}, not up to {}", predicted.extent, measured.highExtent));
  for (std::string &other : otherSettings(predicted, measured))
    all.push_back(std::move(other));
  return all;
}

/// "gemm meshgemm 1.7 %, gemv ktree 0.4 %": the mean over all rows of each algorithm.
std::string kernelsOf(std::span<const WaferErrors> errors, const std::string &hardware) {
  std::vector<std::pair<std::string, std::pair<double, size_t>>> sums; // of errors, and rows
  for (const WaferErrors &each : errors) {
    if (each.hardware != hardware)
      continue;
    const std::string name = fmt::format("{} {} {}", each.kind, each.algorithm, each.element);
    if (sums.empty() || sums.back().first != name)
      sums.push_back({name, {}});
    sums.back().second.first += each.meanAbsolute * static_cast<double>(each.rows);
    sums.back().second.second += each.rows;
  }
  std::string text;
  for (const auto &[name, sum] : sums)
    text +=
        fmt::format("{}{} {:.1f} %", text.empty() ? "" : ", ", name, 100 * sum.first / static_cast<double>(sum.second));
  return text;
}

} // namespace

ErrorBar errorBar(std::span<const WaferErrors> errors, const Predicted &predicted) {
  const WaferErrors *nearest = nearestOf(errors, predicted);
  if (!nearest) {
    const std::string others = kernelsOf(errors, predicted.hardware);
    return {.text = fmt::format("extrapolated: no run of {} {} {} was measured on {}; mean errors of {}",
                                predicted.kind, predicted.algorithm, predicted.element, predicted.hardware,
                                others.empty() ? "nothing there are known" : "what was: " + others)};
  }
  const std::vector<std::string> others = differences(predicted, *nearest);
  ErrorBar bar{.extrapolated = !others.empty(),
               .rows = nearest->rows,
               .meanAbsolute = nearest->meanAbsolute,
               .worst = nearest->worst};
  bar.text =
      fmt::format("{}+-{:.1f} % in the mean, {:.1f} % at worst, over {} measured rows of {} and tiles of up to {}",
                  bar.extrapolated ? "extrapolated; nearest " : "", 100 * bar.meanAbsolute, 100 * bar.worst,
                  nearest->rows, meshText(*nearest), nearest->highExtent);
  if (bar.extrapolated)
    bar.text += fmt::format("; this is {}", fmt::join(others, "; "));
  return bar;
}

Result<std::span<const WaferErrors>> knownErrors() {
  static const Result<std::vector<WaferErrors>> parsed = []() -> Result<std::vector<WaferErrors>> {
    auto table = runtime::parseCsv(wafersCsv(), "hw-models/validation/wafer/errors.csv");
    if (!table)
      return table.takeError();
    return parseErrors(*table);
  }();
  if (!parsed)
    return parsed.error();
  return std::span(*parsed);
}

/// Of the core's instructions; empty if none were measured.
static std::string coreOf(const std::string &hardware) {
  auto table = runtime::parseCsv(coresCsv(), "hw-models/validation/rvv/errors.csv");
  for (size_t i = 0; table && i < table->lines.size(); ++i)
    if (table->cell(i, "hardware") == hardware)
      return fmt::format("the core's instructions {:.1f} % at VLMAX and {:.1f} % at short lengths",
                         100 * std::stod(std::string(table->cell(i, "vlmax_mean_absolute"))),
                         100 * std::stod(std::string(table->cell(i, "short_mean_absolute"))));
  return {};
}

ErrorBar modelErrorBar(const std::string &hardware, bool isPreset) {
  ErrorBar bar{.text = fmt::format("extrapolated: no run of a compiled model was measured on {}", hardware)};
  if (!isPreset)
    return bar;
  auto known = knownErrors();
  std::string parts = known ? kernelsOf(*known, hardware) : "";
  if (parts.empty())
    parts = coreOf(hardware);
  if (!parts.empty())
    bar.text += fmt::format("; mean errors of what was: {}", parts);
  return bar;
}

} // namespace weft::tools
