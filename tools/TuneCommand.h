// `weft tune`: the best choices for kernels of a core and algorithms of a mesh.
#pragma once

namespace CLI {
class App;
}

namespace weft::tools {

void addTuneCommand(CLI::App &app, int &exitCode);

} // namespace weft::tools
