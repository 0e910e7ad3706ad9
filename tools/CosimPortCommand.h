// `weft cosim mesh-port`: the RTL of the mesh port beside its golden model.
#pragma once

namespace CLI {
class App;
}

namespace weft::tools {

/// Adds `mesh-port` to `cosim`. While `cosim` parses its arguments, the subcommand runs and sets `exitCode`.
void addCosimPortCommand(CLI::App &cosim, int &exitCode);

} // namespace weft::tools
