#include "tools/LoadedEngine.h"

#include "hw-models/CoreModel.h"
#include "runtime/KernelLibrary.h"
#include "runtime/weights/Shard.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/Trace.h"

namespace weft::tools {

namespace {

/// A mesh engine with all that it refers to.
class LoadedEngine : public runtime::Device {
public:
  static Result<std::unique_ptr<runtime::Device>> make(const runtime::Package &package, const DeviceOptions &options);

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

Result<std::unique_ptr<runtime::Device>> LoadedEngine::make(const runtime::Package &package,
                                                            const DeviceOptions &options) {
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

} // namespace

Result<std::unique_ptr<runtime::Device>> makeLoadedEngine(const runtime::Package &package,
                                                          const DeviceOptions &options) {
  return LoadedEngine::make(package, options);
}

} // namespace weft::tools
