// `weft hw`: the hardware descriptions.
#pragma once

namespace CLI { // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace weft::tools {

struct Tool;

/// Adds `hw list`, `hw show`, `hw check` and `hw schema` to `app`. While `app` parses its arguments, the subcommand
/// that was named runs, prints, and sets `exitCode`: 0, or the Fault of the error that it printed on stderr.
void addHwCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
