// The `weft` tool: the one place that knows the compiler and the devices both.
#include "tools/CompileCommand.h"
#include "tools/HwCommand.h"
#include "tools/InspectCommand.h"
#include "tools/LoadedEngine.h"
#include "tools/RunCommand.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>

namespace weft::tools {

namespace {

Result<std::unique_ptr<runtime::Package>> compileInMemory(const CompileOptions &options,
                                                          const runtime::Progress &progress) {
  auto compilerOptions = toCompilerOptions(options);
  if (!compilerOptions)
    return compilerOptions.takeError();
  compilerOptions->progress = progress;
  auto compilation = compiler::compile(*compilerOptions);
  if (!compilation)
    return compilation.takeError();
  return std::move(compilation->package);
}

} // namespace
} // namespace weft::tools

int main(int argc, char **argv) {
  using namespace weft;
  CLI::App app("Weft: hardware-software co-design for wafer-scale meshes of RISC-V vector cores", "weft");
  app.set_version_flag("--version", "weft " WEFT_VERSION);
  app.require_subcommand(1);
  int exitCode = 0;
  tools::Tool tool{tools::compileInMemory, tools::makeLoadedEngine};
  tools::addCompileCommand(app, exitCode);
  tools::addRunCommand(app, tool, exitCode);
  tools::addInspectCommand(app, exitCode);
  tools::addHwCommand(app, exitCode);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Fault::Usage);
  }
  return exitCode;
}
