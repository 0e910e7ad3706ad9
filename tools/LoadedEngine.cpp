#include "tools/LoadedEngine.h"

#include "hw-models/CoreModel.h"
#include "runtime/KernelLibrary.h"
#include "runtime/weights/Shard.h"
#include "sim/cosim/unit/RtlPartner.h"
#include "sim/costs/MeasuredCosts.h"
#include "sim/loads/Loads.h"
#include "sim/maxplus/Evaluators.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/Trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

namespace weft::tools {

namespace {

/// Whether the package's cores run code that the simulator can run and time.
bool runsMachineCode(const runtime::Package &package, const hw::Hardware &hardware) {
  return hardware.parallelism.core.kind == "rvv" && sim::findRiscvObject(package);
}

/// A unit that no core has would be compared with nothing.
Result<void> checkUnits(const std::vector<std::string> &cosimulated, const hw::CoreSpec &core) {
  for (const std::string &unit : cosimulated) {
    if (std::ranges::find(core.units, unit) != core.units.end())
      continue;
    std::vector<std::string> units = core.units;
    units.push_back(unit);
    return userError(fmt::format("--cosim {0}: the machine's cores have no unit {0}; compile for one that has it, for "
                                 "example with --set \"parallelism.core.units=[{1}]\"",
                                 unit, fmt::join(units, ", ")));
  }
  return success();
}

/// A mesh engine with all that it refers to.
class LoadedEngine : public runtime::Device {
public:
  static Result<std::unique_ptr<runtime::Device>> make(const runtime::Package &package, const DeviceOptions &options,
                                                       const EngineMaker &maker);

  Result<void> load(const runtime::Package &package) override { return engine->load(package); }
  Result<void> reset() override { return engine->reset(); }
  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override { return engine->run(launch); }
  Result<std::vector<std::byte>> readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) override {
    return engine->readSram(x, y, offset, bytes);
  }
  runtime::KernelFacts kernelFacts() const override {
    runtime::KernelFacts facts = engine->kernelFacts();
    facts.engine = simulator ? "iss" : "native";
    facts.measured = costs.has_value();
    if (costs) {
      facts.costsMeasured = costs->counts().measured;
      facts.costsFromCache = costs->counts().fromStore;
      facts.cachePath = costs->storePath();
    }
    if (partner)
      facts.cosimulated = partner->instructions();
    return facts;
  }
  Result<void> finish() override { return trace ? trace->finish() : success(); }
  Result<runtime::LoadMap> loadMap(const runtime::Launch &launch, const runtime::LaunchReport &report) const {
    return sim::loadMap(*package, hardware, launch, report, {.coreModel = core.get(), .kernelCosts = kernelCosts});
  }

private:
  Result<void> useMachineCode(const runtime::Package &package, const hw::Hardware &hardware,
                              const DeviceOptions &options, sim::MeshEngineOptions &engineOptions);
  Result<void> useData(const runtime::Package &package, const DeviceOptions &options,
                       sim::MeshEngineOptions &engineOptions);

  const runtime::Package *package = nullptr;
  hw::Hardware hardware;
  std::function<Result<uint64_t>(uint32_t, int64_t)> kernelCosts; // empty: declared rates
  std::unique_ptr<hw::CoreModel> core;
  std::optional<sim::MeasuredCosts> costs;
  std::unique_ptr<cosim::RtlPartner> partner; // of the simulator
  std::optional<iss::KernelMachine> simulator;
  std::unique_ptr<sim::TraceWriter> trace;
  std::optional<runtime::KernelLibrary> kernels;
  std::optional<runtime::WeightFiles> files;
  std::optional<runtime::CoreFiller> filler;
  std::unique_ptr<runtime::Device> engine; // last: it refers to the others
};

/// Costs of the core's own code, and the simulator that runs it.
Result<void> LoadedEngine::useMachineCode(const runtime::Package &package, const hw::Hardware &hardware,
                                          const DeviceOptions &options, sim::MeshEngineOptions &engineOptions) {
  const bool measurable = runsMachineCode(package, hardware);
  if (options.simulateKernels && !measurable)
    return userError(fmt::format("--engine iss needs RISC-V kernels, and the package has none: its cores are of kind "
                                 "{}; compile the model for a machine with cores of kind rvv",
                                 hardware.parallelism.core.kind));
  if (!measurable)
    return success();
  auto measured = sim::MeasuredCosts::create(package, hardware, costOptions(options.costCache));
  if (!measured)
    return measured.takeError();
  costs.emplace(std::move(*measured));
  engineOptions.kernelCosts = kernelCosts = [costs = &*costs](uint32_t kernel, int64_t rows) -> Result<uint64_t> {
    Result<sim::KernelCost> cost = costs->cost(kernel, rows);
    if (!cost)
      return cost.takeError();
    return cost->cycles;
  };
  if (!options.simulateKernels || options.timingOnly)
    return success();
  auto machine = sim::makeKernelMachine(package, hardware);
  if (!machine)
    return machine.takeError();
  simulator.emplace(std::move(*machine));
  if (!options.cosimUnits.empty()) {
    auto rtl = cosim::RtlPartner::create(options.cosimUnits, hardware.parallelism.core.vlenBits);
    if (!rtl)
      return rtl.takeError();
    if (Result<void> there = checkUnits(options.cosimUnits, hardware.parallelism.core); !there)
      return there;
    partner = std::move(*rtl);
    simulator->setUnitPartner(partner.get());
  }
  engineOptions.runKernel = [machine = &*simulator](uint32_t kernel, std::span<std::byte> sram,
                                                    std::span<const uint32_t> operands,
                                                    std::span<const int64_t> scalars) {
    return machine->call(kernel, sram, operands, scalars);
  };
  return success();
}

/// Weights, and kernels for this machine unless the simulator runs them.
Result<void> LoadedEngine::useData(const runtime::Package &package, const DeviceOptions &options,
                                   sim::MeshEngineOptions &engineOptions) {
  if (!simulator) {
    auto library = runtime::KernelLibrary::load(package);
    if (!library)
      return library.takeError();
    kernels.emplace(std::move(*library));
    engineOptions.kernels = [library = &*kernels](uint32_t index) { return library->kernel(index); };
  }
  auto opened = runtime::WeightFiles::open(package, options.modelDirectory);
  if (!opened)
    return opened.takeError();
  files.emplace(std::move(*opened));
  filler.emplace(package, *files);
  engineOptions.fillResident = [filler = &*filler](uint32_t x, uint32_t y, std::span<std::byte> sram) {
    return filler->fill(x, y, sram);
  };
  return success();
}

Result<std::unique_ptr<runtime::Device>> LoadedEngine::make(const runtime::Package &package,
                                                            const DeviceOptions &options, const EngineMaker &maker) {
  auto loaded = std::make_unique<LoadedEngine>();
  auto hardware = hw::parse(package.hardware_yaml, "the package's hardware");
  if (!hardware)
    return hardware.takeError();
  auto core = hw::makeCoreModel(*hardware);
  if (!core)
    return core.takeError();
  loaded->core = std::move(*core);
  loaded->package = &package;
  loaded->hardware = *hardware;
  sim::MeshEngineOptions engineOptions;
  engineOptions.timingOnly = options.timingOnly;
  engineOptions.coreModel = loaded->core.get();
  engineOptions.explain = options.explain;
  engineOptions.trace = maker.trace;
  if (!options.tracePath.empty()) {
    auto trace = sim::TraceWriter::create(options.tracePath);
    if (!trace)
      return trace.takeError();
    loaded->trace = std::move(*trace);
    engineOptions.trace = loaded->trace.get();
  }
  if (auto ready = loaded->useMachineCode(package, *hardware, options, engineOptions); !ready)
    return ready.takeError();
  if (!options.timingOnly)
    if (auto ready = loaded->useData(package, options, engineOptions); !ready)
      return ready.takeError();
  auto evaluator = sim::parseEvaluator(options.evaluator);
  if (!evaluator)
    return evaluator.takeError();
  auto engine = maker.make           ? maker.make(package, *hardware, engineOptions)
                : options.timingOnly ? sim::makeTimingEngine(package, *hardware, engineOptions, *evaluator)
                                     : sim::makeMeshEngine(package, *hardware, engineOptions);
  if (!engine)
    return engine.takeError();
  loaded->engine = std::move(*engine);
  return std::unique_ptr<runtime::Device>(std::move(loaded));
}

} // namespace

Result<runtime::LoadMap> loadMapOf(runtime::Device &device, const runtime::Launch &launch,
                                   const runtime::LaunchReport &report) {
  const auto *engine = dynamic_cast<const LoadedEngine *>(&device);
  if (!engine)
    return internalError("a map is asked for of another device");
  return engine->loadMap(launch, report);
}

sim::MeasuredCostsOptions costOptions(const std::string &costCache) {
  sim::MeasuredCostsOptions options;
  if (costCache != "none")
    options.storePath = costCache.empty() ? sim::defaultCostStorePath() : costCache;
  options.warn = [](const std::string &message) {
    std::cerr << "weft: warning: " << message << "; costs are measured each time until then\n";
  };
  return options;
}

Result<std::optional<runtime::KernelCosts>> measureKernelCosts(const runtime::Package &package,
                                                               const std::string &costCache) {
  auto hardware = hw::parse(package.hardware_yaml, "the package's hardware");
  if (!hardware)
    return hardware.takeError();
  if (!runsMachineCode(package, *hardware))
    return std::optional<runtime::KernelCosts>();
  auto costs = sim::measureAll(package, *hardware, costOptions(costCache));
  if (!costs)
    return costs.takeError();
  return std::optional(std::move(*costs));
}

Result<std::unique_ptr<runtime::Device>> makeLoadedEngine(const runtime::Package &package,
                                                          const DeviceOptions &options) {
  return LoadedEngine::make(package, options, {});
}

Result<std::unique_ptr<runtime::Device>> makeLoadedEngine(const runtime::Package &package, const DeviceOptions &options,
                                                          const EngineMaker &maker) {
  return LoadedEngine::make(package, options, maker);
}

} // namespace weft::tools
