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
  std::vector<WaferFile> files;   // with it: the rows that steered
  std::vector<WaferFile> heldOut; // and those that did not, where there are any
  size_t runs = 0;                // of the engine
};

struct CalibrationRequest {
  std::string hardware{}; // a preset's name or a file
  std::vector<std::string> files{};
  std::vector<std::string> constants{}; // empty: defaultConstants()
  double share = 1;  // of each file's rows that steer the fit, chosen at random: the others say how well it predicts
  uint32_t seed = 1; // of the choice
  bool otherMachine = false; // files may be of another machine than `hardware`
};

/// Constants of a dsd core and of transfers, which kernels on wafers determine.
std::span<const std::string_view> defaultConstants();

/// Minimises the sum of squares of relative errors, each file counted alike, by damped Gauss-Newton steps with
/// derivatives from runs; then constants move one
/// at a time, by the smallest steps, as long as that helps, since whole numbers round. Errors: a key that is no number,
/// a file that nothing is known about or that was measured on another machine, what runs fail with.
Result<Calibration> calibrate(const CalibrationRequest &request, const Tool &tool);

} // namespace weft::tools
