// `weft calibrate`: how often a model's experts are chosen.
#pragma once

namespace CLI {
class App;
}

namespace weft::tools {

/// Adds `calibrate` to `app`. While `app` parses its arguments, the subcommand runs and sets `exitCode`.
void addCalibrateCommand(CLI::App &app, int &exitCode);

} // namespace weft::tools
