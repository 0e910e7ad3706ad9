// `weft report`: a search or a run as one HTML page.
#pragma once

namespace CLI {
class App;
}

namespace weft::tools {

void addReportCommand(CLI::App &app, int &exitCode);

} // namespace weft::tools
