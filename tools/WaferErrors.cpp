#include "tools/WaferErrors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <map>
#include <tuple>

namespace weft::tools {

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
    "hardware,kind,algorithm,element,low_mesh,high_mesh,high_extent,rows,mean_absolute,mean,worst";

std::string errorsCsv(std::span<const WaferErrors> errors) {
  std::string text = fmt::format("{}\n", header);
  for (const WaferErrors &each : errors)
    text += fmt::format("{},{},{},{},{},{},{},{},{:.4f},{:.4f},{:.4f}\n", each.hardware, each.kind, each.algorithm,
                        each.element, each.lowMesh, each.highMesh, each.highExtent, each.rows, each.meanAbsolute,
                        each.mean, each.worst);
  return text;
}

Result<std::vector<WaferErrors>> readErrors(const std::string &path) {
  auto table = readCsv(path);
  if (!table)
    return table.takeError();
  std::vector<WaferErrors> all;
  for (size_t i = 0; i < table->lines.size(); ++i) {
    bool good = true;
    auto number = [&](const char *column, auto &value) {
      std::string_view cell = table->cell(i, column);
      auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      good = good && !cell.empty() && parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size();
    };
    WaferErrors each{.hardware = std::string(table->cell(i, "hardware")),
                     .kind = std::string(table->cell(i, "kind")),
                     .algorithm = std::string(table->cell(i, "algorithm")),
                     .element = std::string(table->cell(i, "element"))};
    number("low_mesh", each.lowMesh);
    number("high_mesh", each.highMesh);
    number("high_extent", each.highExtent);
    number("rows", each.rows);
    number("mean_absolute", each.meanAbsolute);
    number("mean", each.mean);
    number("worst", each.worst);
    if (!good)
      return userError(fmt::format("{}:{}: a cell is no number", path, table->lineNumbers[i]));
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
  ErrorBar bar{.extrapolated = least > 0, .meanAbsolute = nearest->meanAbsolute, .worst = nearest->worst};
  const std::string range = nearest->lowMesh == nearest->highMesh
                                ? fmt::format("P {}", nearest->lowMesh)
                                : fmt::format("P {} to {}", nearest->lowMesh, nearest->highMesh);
  bar.text =
      fmt::format("{}+-{:.1f} % in the mean, {:.1f} % at worst, over {} measured rows of {} and tiles of up to {}",
                  bar.extrapolated ? "extrapolated; nearest " : "", 100 * bar.meanAbsolute, 100 * bar.worst,
                  nearest->rows, range, nearest->highExtent);
  return bar;
}

} // namespace weft::tools
