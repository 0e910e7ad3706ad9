// `weft compile`: a model and a machine to a package, or to the IR of any phase.
#pragma once

#include "compiler/pipeline/Compile.h"
#include "tools/Tool.h"

namespace weft::tools {

/// What the command line's options ask of the compiler. Errors: the machine's description.
Result<compiler::CompileOptions> toCompilerOptions(const CompileOptions &options);

/// On stderr.
void printWarnings(const compiler::Compilation &compilation);

/// Adds `compile` to `app`. While `app` parses its arguments, the subcommand runs and sets `exitCode`; `tool` must
/// outlive that.
void addCompileCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
