// `weft kernel`: one distributed algorithm on a rectangle of cores, and the cycles that it takes.
#pragma once

#include "tools/Tool.h"

namespace weft::tools {

void addKernelCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
