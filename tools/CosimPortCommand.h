// `weft cosim mesh-port` and `weft cosim router`: the RTL of the mesh port, and of the router's combine unit, beside
// their golden models.
#pragma once

namespace CLI {
class App;
}

namespace weft::tools {

/// Adds `mesh-port` to `cosim`. While `cosim` parses its arguments, the subcommand runs and sets `exitCode`.
void addCosimPortCommand(CLI::App &cosim, int &exitCode);
/// The same for `router`.
void addCosimRouterCommand(CLI::App &cosim, int &exitCode);

} // namespace weft::tools
