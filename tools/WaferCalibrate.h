// Least squares over engine runs: the few named constants of a machine that make predictions meet measurements.
#pragma once

#include "tools/WaferReference.h"

namespace weft::tools {

struct CalibratedConstant {
  std::string key; // dotted, as in `weft hw schema`
  double before = 0, after = 0;
  bool whole = false;
};

struct Calibration {
  hw::Hardware hardware; // with the constants
  std::vector<CalibratedConstant> constants;
  std::vector<WaferFile> files; // all their rows with it
  size_t runs = 0;              // of the engine
};

struct CalibrationRequest {
  std::string hardware{}; // a preset's name or a file
  std::vector<std::string> files{};
  std::vector<std::string> constants{}; // empty: defaultConstants()
  size_t rows = 24;                   // of each file at most that steer the fit, evenly taken; residuals are of all
  uint32_t largestMesh = 256;         // rows on larger meshes do not steer
};

/// Constants of a dsd core and of transfers, which kernels on wafers determine.
std::span<const std::string_view> defaultConstants();

/// Minimises the sum of squares of relative errors, each file counted alike, by damped Gauss-Newton steps with
/// derivatives from runs. Errors: a key that is no number, a file that nothing is known about, what runs fail with.
Result<Calibration> calibrate(const CalibrationRequest &request, const Tool &tool);

} // namespace weft::tools
