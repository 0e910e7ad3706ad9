// `weft hw validate wafer` and `weft hw calibrate`: predictions beside what was measured on wafers.
#pragma once

#include "tools/Tool.h"

namespace weft::tools {

void addHwValidateWaferCommand(CLI::App &validate, const Tool &tool, int &exitCode);
void addHwCalibrateCommand(CLI::App &group, const Tool &tool, int &exitCode);

} // namespace weft::tools
