// How sure a prediction is: the error that predictions of its kind showed where something was measured, and
// `extrapolated` where nothing was.
#pragma once

#include "runtime/support/CsvTable.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::tools {

/// Values of settings by key. A pair is what was measured: from and to where both are whole numbers, else one word.
using SettingRanges = std::map<std::string, std::pair<std::string, std::string>>;

/// Predictions of one preset, kind and algorithm over square meshes of one octave, 2^k to 2^(k+1) - 1 cores an axis.
struct WaferErrors {
  std::string hardware, kind, algorithm, element;
  SettingRanges settings{};           // that the measured programs had
  uint32_t lowMesh = 0, highMesh = 0; // that were measured
  int64_t highExtent = 0;             // of a core's tile
  size_t rows = 0;
  double meanAbsolute = 0, mean = 0, worst = 0;
};

/// Errors name file and line.
Result<std::vector<WaferErrors>> parseErrors(const runtime::CsvTable &table);
/// hw-models/validation/wafer/errors.csv and rvv/errors.csv as they were when this program was built.
const char *wafersCsv();
const char *coresCsv();
/// The first of them, parsed once.
Result<std::span<const WaferErrors>> knownErrors();

struct ErrorBar {
  bool extrapolated = true;
  size_t rows = 0;                    // measured, of the nearest range that is like it; 0: there is none
  double meanAbsolute = 0, worst = 0; // of these rows
  std::string text{};                 // for people
};

/// A prediction that an error bar is asked for.
struct Predicted {
  std::string hardware, kind, algorithm, element;
  uint32_t width = 0, height = 0;                // cores
  int64_t extent = 0;                            // largest of a core's tile
  std::map<std::string, std::string> settings{}; // all that the algorithm has
  bool isPreset = true;                          // the machine has the values of the preset of its name
};

/// What `errors` say about it: of a mesh inside a measured range, tiles no larger than those and settings that were
/// measured, that range's. Otherwise `extrapolated`, with what was measured nearest and in what this differs from it.
ErrorBar errorBar(std::span<const WaferErrors> errors, const Predicted &predicted);

/// "hops=1..8;pack=1", and back; empty if the text has no such form.
std::string settingsText(const SettingRanges &settings);
std::optional<SettingRanges> parseSettings(std::string_view text);

/// What is known of predictions for compiled models: no run of one was measured on any machine, so that they are always
/// extrapolated, but the machine's parts were compared: its kernels, or the timing of its core. `isPreset`: the machine
/// has the values of the preset of that name.
ErrorBar modelErrorBar(const std::string &hardware, bool isPreset);

} // namespace weft::tools
