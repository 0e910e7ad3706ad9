// `weft hw validate rvv`: the timing model of vector cores against measurements.
#pragma once

#include <CLI/CLI.hpp>

namespace weft::tools {

/// Adds `validate` to the group `hw`; returns `validate`.
CLI::App *addHwValidateCommand(CLI::App &group, int &exitCode);

} // namespace weft::tools
