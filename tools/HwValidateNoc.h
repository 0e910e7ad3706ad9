// `weft hw validate noc`: the packet network against other network simulators.
#pragma once

#include <CLI/CLI.hpp>

namespace weft::tools {

/// Adds `noc` to the group `validate`.
void addHwValidateNocCommand(CLI::App &validate, int &exitCode);

} // namespace weft::tools
