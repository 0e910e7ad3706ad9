// The `weft` tool: the one place that knows the compiler and the devices both.
#include "hw-models/CoreModel.h"
#include "runtime/KernelLibrary.h"
#include "runtime/weights/Shard.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/Trace.h"
#include "tools/CompileCommand.h"
#include "tools/HwCommand.h"
#include "tools/InspectCommand.h"
#include "tools/RunCommand.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>

#include <fstream>

namespace weft::tools {

namespace {

/// A mesh engine with all that it refers to.
class LoadedEngine : public runtime::Device {
public:
  static Result<std::unique_ptr<runtime::Device>> make(const runtime::Package &package, const DeviceOptions &options) {
    auto loaded = std::make_unique<LoadedEngine>();
    auto hardware = hw::parse(package.hardware_yaml, "the package's hardware");
    if (!hardware)
      return hardware.takeError();
    auto core = hw::makeCoreModel(*hardware);
    if (!core)
      return core.takeError();
    loaded->core = std::move(*core);
    sim::MeshEngineOptions engineOptions;
    engineOptions.timingOnly = options.timingOnly;
    engineOptions.coreModel = loaded->core.get();
    if (!options.tracePath.empty()) {
      auto trace = sim::TraceWriter::create(options.tracePath);
      if (!trace)
        return trace.takeError();
      loaded->trace = std::move(*trace);
      engineOptions.trace = loaded->trace.get();
    }
    if (!options.timingOnly) {
      auto kernels = runtime::KernelLibrary::load(package);
      if (!kernels)
        return kernels.takeError();
      loaded->kernels.emplace(std::move(*kernels));
      auto files = runtime::WeightFiles::open(package, options.modelDirectory);
      if (!files)
        return files.takeError();
      loaded->files.emplace(std::move(*files));
      loaded->filler.emplace(package, *loaded->files);
      engineOptions.kernels = [library = &*loaded->kernels](uint32_t index) { return library->kernel(index); };
      engineOptions.fillResident = [filler = &*loaded->filler](uint32_t x, uint32_t y, std::span<std::byte> sram) {
        return filler->fill(x, y, sram);
      };
    }
    auto engine = sim::makeMeshEngine(package, *hardware, engineOptions);
    if (!engine)
      return engine.takeError();
    loaded->engine = std::move(*engine);
    return std::unique_ptr<runtime::Device>(std::move(loaded));
  }

  Result<void> load(const runtime::Package &package) override { return engine->load(package); }
  Result<void> reset() override { return engine->reset(); }
  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override { return engine->run(launch); }
  Result<std::vector<std::byte>> readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) override {
    return engine->readSram(x, y, offset, bytes);
  }

private:
  std::unique_ptr<hw::CoreModel> core;
  std::unique_ptr<sim::TraceWriter> trace;
  std::optional<runtime::KernelLibrary> kernels;
  std::optional<runtime::WeightFiles> files;
  std::optional<runtime::CoreFiller> filler;
  std::unique_ptr<runtime::Device> engine; // last: it refers to the others
};

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

} // namespace
} // namespace weft::tools

int main(int argc, char **argv) {
  using namespace weft;
  CLI::App app("Weft: hardware-software co-design for wafer-scale meshes of RISC-V vector cores", "weft");
  app.set_version_flag("--version", "weft " WEFT_VERSION);
  app.require_subcommand(1);
  app.failure_message(tools::usageMessage);
  int exitCode = 0;
  tools::Tool tool{tools::compileInMemory, tools::LoadedEngine::make};
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
