// The `weft` tool: the one place that knows the compiler and the devices both.
#include "compiler/codegen/Disassembler.h"
#include "compiler/frontend/huggingface/Architectures.h"
#include "compiler/pipeline/Import.h"
#include "tools/CalibrateCommand.h"
#include "tools/CompileCommand.h"
#include "tools/CosimMeshCommand.h"
#include "tools/CosimPortCommand.h"
#include "tools/CosimUnitCommand.h"
#include "tools/ExploreCommand.h"
#include "tools/HwCommand.h"
#include "tools/InspectCommand.h"
#include "tools/IssCommand.h"
#include "tools/KernelCommand.h"
#include "tools/LoadedEngine.h"
#include "tools/ReportCommand.h"
#include "tools/RunCommand.h"
#include "tools/Terminal.h"
#include "tools/TuneCommand.h"
#include "tools/WorkerCommand.h"

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
  printWarnings(*compilation);
  return std::move(compilation->package);
}

Result<bool> generatesText(const CompileOptions &options) {
  auto compilerOptions = toCompilerOptions(options);
  if (!compilerOptions)
    return compilerOptions.takeError();
  auto imported = compiler::importModel({compilerOptions->model, compilerOptions->shapesOnly, compilerOptions->layers,
                                         compilerOptions->dims, compilerOptions->as});
  if (!imported)
    return imported.takeError();
  return imported->generator.has_value();
}

/// CLI11 tells a mistyped subcommand from a missing one only by what is left over.
std::string usageMessage(const CLI::App *app, const CLI::Error &error) {
  const CLI::App *at = app;
  std::string path = app->get_name();
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  std::string message = error.what();
  const std::vector<std::string> left = app->remaining(true);
  if (at->get_require_subcommand_min() > 0 && !left.empty() && !left.front().starts_with('-')) {
    message = "'" + left.front() + "' is no subcommand of " + path + "; these are:";
    for (const CLI::App *each : at->get_subcommands([](const CLI::App *) { return true; }))
      message += " " + each->get_name();
  }
  return "weft: error: " + message + "\nTry `" + path + " --help`.\n";
}

std::vector<KnownArchitecture> knownArchitectures() {
  std::vector<KnownArchitecture> known;
  for (const auto &each : frontend::hf::knownArchitectures())
    known.push_back({each.name, each.family, each.generates, each.example, each.notes});
  return known;
}

} // namespace
} // namespace weft::tools

int main(int argc, char **argv) {
  using namespace weft;
  CLI::App app("Weft: hardware-software co-design for wafer-scale meshes of RISC-V vector cores", "weft");
  app.set_version_flag("--version", "weft " WEFT_VERSION);
  app.require_subcommand(1);
  app.failure_message(tools::usageMessage);
  int exitCode = 0;
  auto makeDevice = [](const runtime::Package &package, const tools::DeviceOptions &options) {
    return tools::makeLoadedEngine(package, options);
  };
  tools::Tool tool{tools::compileInMemory, makeDevice,           tools::measureKernelCosts, codegen::disassemble,
                   tools::loadMapOf,       tools::generatesText, tools::knownArchitectures};
  tools::addCompileCommand(app, tool, exitCode);
  tools::addRunCommand(app, tool, exitCode);
  tools::addCalibrateCommand(app, exitCode);
  tools::addInspectCommand(app, tool, exitCode);
  tools::addKernelCommand(app, tool, exitCode);
  tools::addExploreCommand(app, tool, exitCode);
  tools::addWorkerCommand(app, tool, exitCode);
  tools::addReportCommand(app, exitCode);
  tools::addTuneCommand(app, exitCode);
  tools::addIssCommand(app, exitCode);
  tools::addHwCommand(app, tool, exitCode);
  CLI::App *cosim = app.add_subcommand("cosim", "Run the RTL beside what it should do");
  cosim->require_subcommand(1);
  tools::addCosimUnitCommands(*cosim, exitCode);
  tools::addCosimMeshCommand(*cosim, exitCode);
  tools::addCosimPortCommand(*cosim, exitCode);
  tools::addCosimRouterCommand(*cosim, exitCode);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Fault::Usage);
  }
  return exitCode;
}
