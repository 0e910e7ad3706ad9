// The error that predictions showed where something was measured: what `weft hw validate wafer` finds, kept in
// hw-models/validation/wafer/errors.csv, and what `weft kernel` says about a prediction of its own.
#pragma once

#include "tools/WaferReference.h"

namespace weft::tools {

/// Predictions of one preset, kind and algorithm over meshes of one octave, 2^k to 2^(k+1) - 1 cores an axis.
struct WaferErrors {
  std::string hardware, kind, algorithm, element;
  uint32_t lowMesh = 0, highMesh = 0; // that were measured
  int64_t highExtent = 0;             // of a core's tile
  size_t rows = 0;
  double meanAbsolute = 0, mean = 0, worst = 0;
};

std::vector<WaferErrors> errorsOf(std::span<const WaferFile> files);
/// With a header line, in the order of errorsOf.
std::string errorsCsv(std::span<const WaferErrors> errors);
Result<std::vector<WaferErrors>> readErrors(const std::string &path);

struct ErrorBar {
  bool extrapolated = true;
  double meanAbsolute = 0, worst = 0; // of the nearest that was measured; 0 if nothing is like it
  std::string text{};                   // for people
};

/// What `errors` say about a prediction: of a mesh inside a measured range, tiles no larger than those, that range's.
/// Otherwise `extrapolated`, with what was measured nearest.
ErrorBar errorBar(std::span<const WaferErrors> errors, const std::string &hardware, const std::string &kind,
                  const std::string &algorithm, const std::string &element, uint32_t mesh, int64_t extent);

} // namespace weft::tools
