#include "tools/ErrorBar.h"

#include <fmt/format.h>

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
    number("low_mesh", each.lowMesh);
    number("high_mesh", each.highMesh);
    number("high_extent", each.highExtent);
    number("rows", each.rows);
    number("mean_absolute", each.meanAbsolute);
    number("mean", each.mean);
    number("worst", each.worst);
    if (!good)
      return userError(fmt::format("{}:{}: a cell is no number", table.path, table.lineNumbers[i]));
    all.push_back(std::move(each));
  }
  return all;
}

ErrorBar errorBar(std::span<const WaferErrors> errors, const std::string &hardware, const std::string &kind,
                  const std::string &algorithm, const std::string &element, uint32_t mesh, int64_t extent) {
  const WaferErrors *nearest = nullptr;
  double least = 0;
  for (const WaferErrors &each : errors) {
    if (std::tie(each.hardware, each.kind, each.algorithm, each.element) !=
        std::tie(hardware, kind, algorithm, element))
      continue;
    const uint32_t edge = std::clamp(mesh, each.lowMesh, each.highMesh);
    const double distance =
        std::abs(std::log2(static_cast<double>(mesh) / edge)) + (extent > each.highExtent ? 1e-3 : 0);
    if (!nearest || distance < least) {
      nearest = &each;
      least = distance;
    }
  }
  if (!nearest)
    return {.text = fmt::format("extrapolated: nothing was measured of {} {} {} on {}", kind, algorithm, element,
                                hardware)};
  ErrorBar bar{
      .extrapolated = least > 0, .rows = nearest->rows, .meanAbsolute = nearest->meanAbsolute, .worst = nearest->worst};
  const std::string range = nearest->lowMesh == nearest->highMesh
                                ? fmt::format("P {}", nearest->lowMesh)
                                : fmt::format("P {} to {}", nearest->lowMesh, nearest->highMesh);
  bar.text =
      fmt::format("{}+-{:.1f} % in the mean, {:.1f} % at worst, over {} measured rows of {} and tiles of up to {}",
                  bar.extrapolated ? "extrapolated; nearest " : "", 100 * bar.meanAbsolute, 100 * bar.worst,
                  nearest->rows, range, nearest->highExtent);
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

/// "gemm meshgemm 1.7 %, gemv ktree 0.4 %": the mean over all rows of each algorithm.
static std::string kernelsOf(std::span<const WaferErrors> errors, const std::string &hardware) {
  std::vector<std::pair<std::string, std::pair<double, size_t>>> sums; // of errors, and rows
  for (const WaferErrors &each : errors) {
    if (each.hardware != hardware)
      continue;
    const std::string name = fmt::format("{} {}", each.kind, each.algorithm);
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

ErrorBar extrapolated(ErrorBar bar, const std::string &why) {
  const std::string known = bar.extrapolated ? bar.text : fmt::format("extrapolated; nearest {}", bar.text);
  return {true, bar.rows, bar.meanAbsolute, bar.worst, fmt::format("{} ({})", known, why)};
}

} // namespace weft::tools
