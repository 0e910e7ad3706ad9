#include "tools/WaferErrors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

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

} // namespace weft::tools
