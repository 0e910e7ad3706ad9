// `weft explore`: the command line of searches over machines, programs and choices.
#pragma once

#include "tools/Tool.h"

namespace weft::tools {

/// `tool` and `exitCode` must outlive the parse.
void addExploreCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
