// `weft cosim dot`, `weft cosim exp`: the RTL of a unit beside its golden model.
#pragma once

#include "tools/CosimOptions.h"

namespace weft::tools {

/// Runs it and prints what was met and measured. Errors: whatever differs, with how to replay it; also a bin of
/// functional coverage that a run of the default length or longer does not meet.
Result<void> cosimUnit(const CosimOptions &options, std::ostream &out);

/// Adds a subcommand for each unit to `cosim`. While `cosim` parses its arguments, it runs and sets `exitCode`.
void addCosimUnitCommands(CLI::App &cosim, int &exitCode);

} // namespace weft::tools
