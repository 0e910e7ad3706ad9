#include "tools/CosimMeshCommand.h"

#include "hw-models/CoreModel.h"
#include "sim/cosim/mesh/Compare.h"
#include "sim/cosim/mesh/Kernels.h"
#include "tools/LoadedEngine.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <fstream>
#include <iostream>

namespace weft::tools {
namespace {

using cosim::ArrivalLog;
using cosim::MeshCosim;

/// Of a router with its core, signals and what is logged of it: measured on a mesh of 100 x 100.
constexpr uint64_t bytesOfRouter = 230 << 10;
/// More than the largest mesh that is looked at as a whole; a file of more is beyond what viewers show well.
constexpr uint64_t mostRoutersInWave = 64;

/// A package on both devices, and what they refer to.
struct Devices {
  MeshSize size; // of the routers
  runtime::Package package;
  hw::Hardware hardware;
  std::unique_ptr<hw::CoreModel> model; // of a kernel's cores
  ArrivalLog engineLog, routerLog;
  MeshCosim *cosim = nullptr; // inside `routers`
  std::unique_ptr<runtime::Device> engine, routers;
};

Result<std::vector<int32_t>> parseIds(const std::string &text) {
  std::vector<int32_t> ids;
  for (const std::string &item : CLI::detail::split(text, ',')) {
    int32_t id = 0;
    auto [end, failure] = std::from_chars(item.data(), item.data() + item.size(), id);
    if (failure != std::errc() || end != item.data() + item.size())
      return Error{fmt::format("--tokens: '{}' is not a token id; write ids with commas, e.g. 1,2,3", item),
                   Fault::Usage};
    ids.push_back(id);
  }
  return ids;
}

/// Bytes that the machine could give now; nothing if it does not say.
std::optional<uint64_t> availableBytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (uint64_t kib = 0; file >> key >> kib; file.ignore(100, '\n'))
    if (key == "MemAvailable:")
      return kib << 10;
  return std::nullopt;
}

/// Before anything of that size is made.
Result<void> checkMemory(const MeshSize &size) {
  const uint64_t routers = uint64_t{size.width} * size.height, needed = routers * bytesOfRouter;
  const auto available = availableBytes();
  if (!available || needed <= *available)
    return success();
  return userError(fmt::format("{} x {} routers take about {} MiB, this machine has {} MiB left; give a smaller --size",
                               size.width, size.height, needed >> 20, *available >> 20));
}

/// Indices of --wave-router, or of all routers.
Result<std::vector<uint32_t>> routersInWave(const CosimMeshOptions &options, const MeshSize &size) {
  std::vector<uint32_t> routers;
  if (options.wavePath.empty())
    return routers;
  for (const std::string &text : options.waveRouters) {
    uint32_t x = 0, y = 0;
    const char *end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, x);
    const bool comma = first.ec == std::errc() && first.ptr != end && *first.ptr == ',';
    const auto second = std::from_chars(first.ptr + comma, end, y);
    if (!comma || second.ec != std::errc() || second.ptr != end)
      return Error{fmt::format("--wave-router: '{}' is not X,Y of a router, e.g. 0,3", text), Fault::Usage};
    if (x >= size.width || y >= size.height)
      return userError(
          fmt::format("--wave-router {}: the mesh has routers 0,0 to {},{}", text, size.width - 1, size.height - 1));
    routers.push_back(y * size.width + x);
  }
  const uint64_t all = uint64_t{size.width} * size.height;
  for (uint32_t i = 0; options.waveRouters.empty() && i < std::min(all, mostRoutersInWave + 1); ++i)
    routers.push_back(i);
  if (routers.size() > mostRoutersInWave)
    return userError(fmt::format("--wave: a waveform shows up to {} routers, here would be {}; choose with "
                                 "--wave-router X,Y",
                                 mostRoutersInWave, std::max<uint64_t>(routers.size(), all)));
  return routers;
}

/// How routers are made from what the engine is made from.
auto routerMaker(const CosimMeshOptions &options, Devices &devices, const runtime::Progress &progress) {
  return [&](const runtime::Package &package, const hw::Hardware &hardware,
             const sim::MeshEngineOptions &engine) -> Result<std::unique_ptr<runtime::Device>> {
    auto shown = routersInWave(options, devices.size);
    if (!shown)
      return shown.takeError();
    cosim::MeshCosimOptions mesh{engine, options.seed, devices.size.width, devices.size.height};
    mesh.wave = {options.wavePath, std::move(*shown)};
    mesh.progress = [&](uint64_t cycle) {
      progress(std::min(1.0, double(cycle) / double(std::max<uint64_t>(1, devices.engineLog.cycles))));
    };
    auto made = cosim::makeMeshCosim(package, hardware, mesh);
    if (!made)
      return made.takeError();
    devices.cosim = made->get();
    return std::unique_ptr<runtime::Device>(std::move(*made));
  };
}

Result<void> loadProgram(const CosimMeshOptions &options, Devices &devices) {
  auto package = runtime::readPackage(options.program);
  if (!package)
    return package.takeError();
  devices.package = std::move(**package);
  auto hardware = hw::parse(devices.package.hardware_yaml, "the package's hardware");
  if (!hardware)
    return hardware.takeError();
  devices.hardware = std::move(*hardware);
  devices.size = {devices.package.mesh_width, devices.package.mesh_height};
  if (options.size.empty())
    return checkMemory(devices.size);
  auto given = parseMesh(options.size, "--size");
  if (!given)
    return given.takeError();
  if (given->width < devices.size.width || given->height < devices.size.height)
    return userError(fmt::format("{} is compiled for {} x {} cores, more than --size {}", options.program,
                                 devices.size.width, devices.size.height, options.size));
  devices.size = *given;
  return checkMemory(devices.size);
}

Result<void> makeProgramDevices(const CosimMeshOptions &options, Devices &devices, const runtime::Progress &progress) {
  const DeviceOptions device{.timingOnly = options.timingOnly,
                             .cosimUnits = {},
                             .costCache = options.costCache,
                             .tracePath = {},
                             .modelDirectory = options.modelDirectory};
  EngineMaker maker;
  maker.trace = &devices.engineLog;
  auto engine = makeLoadedEngine(devices.package, device, maker);
  if (!engine)
    return engine.takeError();
  maker.trace = &devices.routerLog;
  maker.make = routerMaker(options, devices, progress);
  auto routers = makeLoadedEngine(devices.package, device, maker);
  if (!routers)
    return routers.takeError();
  devices.engine = std::move(*engine);
  devices.routers = std::move(*routers);
  return success();
}

Result<void> loadKernel(const CosimMeshOptions &options, Devices &devices) {
  auto size = parseMesh(options.size.empty() ? "4x4" : options.size, "--size");
  auto overrides = hw::parseOverrides(options.settings);
  if (!size || !overrides)
    return size ? overrides.takeError() : size.takeError();
  auto hardware = hw::load(options.hardware.empty() ? defaultHardware : options.hardware, *overrides);
  if (!hardware)
    return hardware.takeError();
  devices.size = *size;
  if (auto ok = checkMemory(*size); !ok)
    return ok;
  devices.hardware = std::move(*hardware);
  auto model = hw::makeCoreModel(devices.hardware);
  auto package = cosim::makeMeshKernel(options.kernel, size->width, size->height, options.words, devices.hardware);
  if (!model || !package)
    return model ? package.takeError() : model.takeError();
  devices.model = std::move(*model);
  devices.package = std::move(*package);
  return success();
}

Result<void> makeKernelDevices(const CosimMeshOptions &options, Devices &devices, const runtime::Progress &progress) {
  sim::MeshEngineOptions engineOptions;
  engineOptions.timingOnly = options.timingOnly;
  engineOptions.coreModel = devices.model.get();
  engineOptions.fillResident = [&options, width = devices.size.width](uint32_t x, uint32_t y, auto sram) {
    cosim::fillMeshKernel(y * width + x, options.seed, sram);
    return success();
  };
  engineOptions.trace = &devices.engineLog;
  auto engine = sim::makeMeshEngine(devices.package, devices.hardware, engineOptions);
  engineOptions.trace = &devices.routerLog;
  auto routers = routerMaker(options, devices, progress)(devices.package, devices.hardware, engineOptions);
  if (!engine || !routers)
    return engine ? routers.takeError() : engine.takeError();
  devices.engine = std::move(*engine);
  devices.routers = std::move(*routers);
  return success();
}

/// The prompt and `decode` tokens after it, as far as the model can take them.
Result<void> checkPrompt(const std::vector<int32_t> &ids, uint32_t decode, const pkg::ModelT &model) {
  for (int32_t id : ids)
    if (id < 0 || uint32_t(id) >= model.vocab_size)
      return userError(fmt::format("--tokens: {} is not in the vocabulary of {}: ids are 0 to {}", id, model.name,
                                   int64_t(model.vocab_size) - 1));
  if (ids.size() + uint64_t{decode} > model.max_seq)
    return userError(fmt::format("{} tokens of prompt and --decode {} do not fit: {} is compiled for {} tokens",
                                 ids.size(), decode, model.name, model.max_seq));
  return success();
}

Result<std::vector<runtime::Launch>> launchesOf(const CosimMeshOptions &options, const runtime::Package &package) {
  if (options.program.empty())
    return std::vector<runtime::Launch>{{"p", 1, {}}};
  auto ids = parseIds(options.tokens);
  if (!ids)
    return ids.takeError();
  if (package.model)
    if (auto ok = checkPrompt(*ids, options.decode, *package.model); !ok)
      return ok.takeError();
  auto count = static_cast<int32_t>(ids->size());
  std::vector<int32_t> words = *ids;
  words.insert(words.begin(), count);
  std::vector<runtime::Launch> launches{{"prefill", static_cast<uint32_t>(count), {{"tokens", words}}}};
  for (uint32_t i = 0; i < options.decode; ++i) {
    ++count;
    launches.push_back({"decode", static_cast<uint32_t>(count), {{"tokens", {count, ids->back()}}}});
  }
  return launches;
}

struct Totals {
  uint64_t words = 0, hostWords = 0, mismatches = 0, cycles = 0, bytes = 0;
  std::string first;
};

nlohmann::json toJson(const CosimMeshOptions &options, const Devices &devices, const Totals &totals,
                      const std::string &variant) {
  const cosim::MeshCosimCounts counts = devices.cosim->counts();
  return {{"mesh", {devices.package.mesh_width, devices.package.mesh_height}},
          {"routers", counts.routers},
          {"router", variant},
          {"seed", options.seed},
          {"words", totals.words},
          {"host_words", totals.hostWords},
          {"cycles", totals.cycles},
          {"mismatches", totals.mismatches},
          {"sram_bytes_compared", totals.bytes},
          {"clocked_cycles", counts.clocked},
          {"router_evaluations", counts.evaluations}};
}

/// Text for people, if any is wanted.
using Say = std::function<void(const std::string &)>;

/// All launches on both devices.
Result<Totals> compare(const CosimMeshOptions &options, Devices &devices, const std::vector<runtime::Launch> &launches,
                       const Say &say, ProgressBar &bar) {
  Totals totals;
  for (const runtime::Launch &launch : launches) {
    const pkg::ProgramT *program = nullptr;
    for (const auto &each : devices.package.programs)
      if (each->name == launch.program)
        program = each.get();
    const std::string name = options.kernel.empty() ? launch.program : options.kernel;
    auto seen = cosim::compareLaunch(
        {devices.engine.get(), devices.routers.get(), &devices.engineLog, &devices.routerLog,
         devices.package.mesh_width, devices.package.mesh_height,
         options.timingOnly ? 0 : devices.hardware.memory.sramBytes, program,
         [&](uint64_t cycles, uint64_t words) {
           say(fmt::format("  {:<10} {:>10} cycles, {:>10} words in the engine\n", name, cycles, words));
         }},
        launch);
    bar.clear();
    if (!seen)
      return seen.takeError();
    totals.words += seen->words;
    totals.hostWords += seen->hostWords;
    totals.cycles += seen->routerCycles;
    totals.bytes += seen->bytesCompared;
    if (!totals.mismatches)
      totals.first = seen->first;
    totals.mismatches += seen->mismatches;
  }
  return totals;
}

} // namespace

Result<void> cosimMesh(const CosimMeshOptions &options, std::ostream &out) {
  if (options.program.empty() == options.kernel.empty())
    return Error{"give what the mesh runs, either as --program OUT.weft or as --kernel NAME", Fault::Usage};
  if (!options.waveRouters.empty() && options.wavePath.empty())
    return Error{"--wave-router chooses what --wave FILE.fst shows; give that, too", Fault::Usage};
  if (auto ok = prepareCosimFiles(options); !ok)
    return ok;
  Devices devices;
  if (auto ok = options.kernel.empty() ? loadProgram(options, devices) : loadKernel(options, devices); !ok)
    return ok;
  auto launches = launchesOf(options, devices.package);
  if (!launches)
    return launches.takeError();
  const cosim::RouterVariant *variant = cosim::variantOf(devices.hardware);
  if (!variant)
    return userError(cosim::describeVariants(devices.hardware));
  if (auto shown = routersInWave(options, devices.size); !shown)
    return shown.takeError();
  const Say say = [&](const std::string &text) {
    if (options.printsText())
      out << text << std::flush;
  };
  const uint64_t routers = uint64_t{devices.size.width} * devices.size.height;
  say(fmt::format("mesh of {} x {} cores on {} Verilated routers of variant {}, about {} MiB\n",
                  devices.package.mesh_width, devices.package.mesh_height, routers, variant->name,
                  (routers * bytesOfRouter >> 20) + 1));
  ProgressBar bar("routers");
  const runtime::Progress progress = [&](double done) { bar.update(done); };
  if (auto ok = options.kernel.empty() ? makeProgramDevices(options, devices, progress)
                                       : makeKernelDevices(options, devices, progress);
      !ok)
    return ok;
  auto totals = compare(options, devices, *launches, say, bar);
  if (!totals)
    return totals.takeError();
  const cosim::MeshCosimCounts counts = devices.cosim->counts();
  say(fmt::format("{} words arrived in cores, {} at the host, {} mismatches; {} bytes of SRAM compared; {} cycles "
                  "clocked, {} router steps\n",
                  totals->words, totals->hostWords, totals->mismatches, totals->bytes, counts.clocked,
                  counts.evaluations));
  if (auto ok = writeCosimReport(options, "weft.cosim-mesh/1", toJson(options, devices, *totals, variant->name), out);
      !ok)
    return ok;
  if (totals->mismatches)
    return userError(fmt::format("routers and engine differ: {}", totals->first));
  return success();
}

void addCosimMeshCommand(CLI::App &cosim, int &exitCode) {
  auto options = std::make_shared<CosimMeshOptions>();
  CLI::App *command = cosim.add_subcommand(
      "mesh", "Run a program on a mesh of Verilated routers and compare each word with the engine");
  command->add_option("--program", options->program, "A compiled package")->type_name("OUT.weft");
  command
      ->add_option("--kernel", options->kernel,
                   fmt::format("A collective instead: {}", fmt::join(cosim::meshKernels(), ", ")))
      ->type_name("NAME");
  command->add_option("--size", options->size, "Routers of the mesh (default: as the package says, 4x4 for a kernel)")
      ->type_name("WxH");
  command->add_option("--words", options->words, "f32 values of each core, for a kernel")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--hw", options->hardware, "The machine that a kernel runs on: a preset or a file")
      ->type_name("PRESET|FILE");
  command->add_option("--set", options->settings, "Replaces a value of it")->type_name("KEY=VALUE");
  command->add_option("--tokens", options->tokens, "The prompt as token ids, for a package")
      ->type_name("1,2,3")
      ->capture_default_str();
  command->add_option("--decode", options->decode, "Launches of decode after it")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--timing-only", options->timingOnly, "Words carry tags instead of data; cycles are the same");
  command->add_option("--model-dir", options->modelDirectory, "Where the weight files are now, if they moved")
      ->type_name("DIR");
  addCosimOptions(*command, *options,
                  {.seed = "Of registers before their reset, and of a kernel's data",
                   .wave = "Write a waveform of the routers: all of a mesh of up to 64, or those chosen"});
  command->add_option("--wave-router", options->waveRouters, "A router in the waveform; can be given several times")
      ->type_name("X,Y")
      ->allow_extra_args(false);
  addCostCacheOption(*command, options->costCache);
  command->callback([options, &exitCode] {
    if (auto done = cosimMesh(*options, std::cout); !done)
      exitCode = reportError(done.error());
  });
}

} // namespace weft::tools
