#include "tools/WaferErrors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

namespace weft::tools {

/// Takes the values of a row in. Of words that differ only the first and the last one are kept: no file has any.
static void widen(SettingRanges &ranges, const std::map<std::string, std::string> &settings) {
  for (const auto &[key, value] : settings) {
    auto [known, isNew] = ranges.try_emplace(key, value, value);
    auto &[low, high] = known->second;
    if (isNew || value == low || value == high)
      continue;
    const auto isLess = [](const std::string &a, const std::string &b) {
      return std::pair(a.size(), a) < std::pair(b.size(), b); // of numbers without a sign the longer one is larger
    };
    low = std::min(low, value, isLess);
    high = std::max(high, value, isLess);
  }
}

std::vector<WaferErrors> errorsOf(std::span<const WaferFile> files) {
  std::vector<WaferErrors> all;
  for (const WaferFile &file : files) {
    std::map<int, WaferErrors> octaves;
    for (const WaferRow &row : file.rows) {
      WaferErrors &each = octaves[std::bit_width(row.mesh)];
      if (each.rows == 0)
        each = {.hardware = file.hardware,
                .kind = file.kind,
                .algorithm = file.algorithm,
                .element = file.element,
                .lowMesh = row.mesh,
                .highMesh = row.mesh};
      widen(each.settings, row.settings);
      each.lowMesh = std::min(each.lowMesh, row.mesh);
      each.highMesh = std::max(each.highMesh, row.mesh);
      each.highExtent = std::max(each.highExtent, row.largestExtent);
      ++each.rows;
      each.meanAbsolute += std::abs(row.error());
      each.mean += row.error();
      each.worst = std::max(each.worst, std::abs(row.error()));
    }
    for (auto &[octave, each] : octaves) {
      each.meanAbsolute /= static_cast<double>(each.rows);
      each.mean /= static_cast<double>(each.rows);
      all.push_back(each);
    }
  }
  return all;
}

static constexpr std::string_view header =
    "hardware,kind,algorithm,element,settings,low_mesh,high_mesh,high_extent,rows,mean_absolute,mean,worst";

std::string errorsCsv(std::span<const WaferErrors> errors) {
  std::string text = fmt::format("{}\n", header);
  for (const WaferErrors &each : errors)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{:.4f},{:.4f},{:.4f}\n", each.hardware, each.kind, each.algorithm,
                        each.element, settingsText(each.settings), each.lowMesh, each.highMesh, each.highExtent,
                        each.rows, each.meanAbsolute, each.mean, each.worst);
  return text;
}

} // namespace weft::tools
