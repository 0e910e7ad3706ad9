#include "tools/CosimMeshCommand.h"

#include "hw-models/CoreModel.h"
#include "runtime/Report.h"
#include "runtime/support/WriteFile.h"
#include "sim/cosim/mesh/Compare.h"
#include "sim/cosim/mesh/Kernels.h"
#include "tools/LoadedEngine.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <iostream>

namespace weft::tools {
namespace {

using cosim::ArrivalLog;
using cosim::MeshCosim;

/// A package on both devices, and what they refer to.
struct Devices {
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

/// How routers are made from what the engine is made from.
auto routerMaker(const CosimMeshOptions &options, const MeshSize &size, Devices &devices) {
  return [&options, size, &devices](const runtime::Package &package, const hw::Hardware &hardware,
                                    const sim::MeshEngineOptions &engine) -> Result<std::unique_ptr<runtime::Device>> {
    auto mesh = cosim::makeMeshCosim(package, hardware, {engine, options.seed, size.width, size.height});
    if (!mesh)
      return mesh.takeError();
    devices.cosim = mesh->get();
    return std::unique_ptr<runtime::Device>(std::move(*mesh));
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
  MeshSize size{devices.package.mesh_width, devices.package.mesh_height};
  if (!options.size.empty()) {
    auto given = parseMesh(options.size);
    if (!given)
      return given.takeError();
    if (given->width < size.width || given->height < size.height)
      return userError(fmt::format("{} is compiled for {} x {} cores, more than --size {}", options.program, size.width,
                                   size.height, options.size));
    size = *given;
  }
  const DeviceOptions device{.timingOnly = options.timingOnly,
                             .costCache = options.costCache,
                             .tracePath = {},
                             .modelDirectory = options.modelDirectory};
  EngineMaker maker;
  maker.trace = &devices.engineLog;
  auto engine = makeLoadedEngine(devices.package, device, maker);
  if (!engine)
    return engine.takeError();
  maker.trace = &devices.routerLog;
  maker.make = routerMaker(options, size, devices);
  auto routers = makeLoadedEngine(devices.package, device, maker);
  if (!routers)
    return routers.takeError();
  devices.engine = std::move(*engine);
  devices.routers = std::move(*routers);
  return success();
}

Result<void> loadKernel(const CosimMeshOptions &options, Devices &devices) {
  auto size = parseMesh(options.size.empty() ? "4x4" : options.size);
  auto overrides = hw::parseOverrides(options.settings);
  if (!size || !overrides)
    return size ? overrides.takeError() : size.takeError();
  auto hardware = hw::load(options.hardware.empty() ? defaultHardware : options.hardware, *overrides);
  if (!hardware)
    return hardware.takeError();
  devices.hardware = std::move(*hardware);
  auto model = hw::makeCoreModel(devices.hardware);
  auto package = cosim::makeMeshKernel(options.kernel, size->width, size->height, options.words, devices.hardware);
  if (!model || !package)
    return model ? package.takeError() : model.takeError();
  devices.model = std::move(*model);
  devices.package = std::move(*package);
  sim::MeshEngineOptions engineOptions;
  engineOptions.timingOnly = options.timingOnly;
  engineOptions.coreModel = devices.model.get();
  engineOptions.fillResident = [&options, width = size->width](uint32_t x, uint32_t y, std::span<std::byte> sram) {
    cosim::fillMeshKernel(y * width + x, options.seed, sram);
    return success();
  };
  engineOptions.trace = &devices.engineLog;
  auto engine = sim::makeMeshEngine(devices.package, devices.hardware, engineOptions);
  engineOptions.trace = &devices.routerLog;
  auto routers = routerMaker(options, *size, devices)(devices.package, devices.hardware, engineOptions);
  if (!engine || !routers)
    return engine ? routers.takeError() : engine.takeError();
  devices.engine = std::move(*engine);
  devices.routers = std::move(*routers);
  return success();
}

Result<std::vector<runtime::Launch>> launchesOf(const CosimMeshOptions &options) {
  if (options.program.empty())
    return std::vector<runtime::Launch>{{"p", 1, {}}};
  auto ids = parseIds(options.tokens);
  if (!ids)
    return ids.takeError();
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

nlohmann::ordered_json toJson(const Devices &devices, const Totals &totals, const std::string &variant) {
  const cosim::MeshCosimCounts counts = devices.cosim->counts();
  return {{"mesh", {devices.package.mesh_width, devices.package.mesh_height}},
          {"router", variant},
          {"words", totals.words},
          {"host_words", totals.hostWords},
          {"cycles", totals.cycles},
          {"mismatches", totals.mismatches},
          {"sram_bytes_compared", totals.bytes},
          {"clocked_cycles", counts.clocked},
          {"router_evaluations", counts.evaluations}};
}

} // namespace

Result<void> cosimMesh(const CosimMeshOptions &options, std::ostream &out) {
  if (options.program.empty() == options.kernel.empty())
    return Error{"give what the mesh runs, either as --program OUT.weft or as --kernel NAME", Fault::Usage};
  if (!options.jsonPath.empty())
    if (auto writable = runtime::checkWritable(options.jsonPath); !writable)
      return writable;
  Devices devices;
  if (auto ok = options.kernel.empty() ? loadProgram(options, devices) : loadKernel(options, devices); !ok)
    return ok;
  auto launches = launchesOf(options);
  if (!launches)
    return launches.takeError();
  const std::string variant = cosim::variantOf(devices.hardware)->name;
  out << fmt::format("mesh of {} x {} cores on {} Verilated routers of variant {}\n", devices.package.mesh_width,
                     devices.package.mesh_height, devices.cosim->counts().routers, variant);
  Totals totals;
  for (const runtime::Launch &launch : *launches) {
    const pkg::ProgramT *program = nullptr;
    for (const auto &each : devices.package.programs)
      if (each->name == launch.program)
        program = each.get();
    auto seen = cosim::compareLaunch({devices.engine.get(), devices.routers.get(), &devices.engineLog,
                                      &devices.routerLog, devices.package.mesh_width, devices.package.mesh_height,
                                      options.timingOnly ? 0 : devices.hardware.memory.sramBytes, program},
                                     launch);
    if (!seen)
      return seen.takeError();
    out << fmt::format("  {:<10} {:>10} cycles, {:>10} words, mismatches {}\n",
                       options.kernel.empty() ? launch.program : options.kernel, seen->routerCycles, seen->words,
                       seen->mismatches);
    totals.words += seen->words;
    totals.hostWords += seen->hostWords;
    totals.cycles += seen->routerCycles;
    totals.bytes += seen->bytesCompared;
    if (!totals.mismatches)
      totals.first = seen->first;
    totals.mismatches += seen->mismatches;
  }
  const cosim::MeshCosimCounts counts = devices.cosim->counts();
  out << fmt::format(
      "{} words arrived in cores, {} at the host, {} mismatches; {} bytes of SRAM compared; {} cycles clocked, "
      "{} router steps\n",
      totals.words, totals.hostWords, totals.mismatches, totals.bytes, counts.clocked, counts.evaluations);
  if (!options.jsonPath.empty())
    if (auto ok = runtime::writeJson(options.jsonPath, toJson(devices, totals, variant)); !ok)
      return ok;
  if (totals.mismatches)
    return userError(fmt::format("routers and engine differ: {}", totals.first));
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
  command->add_option("--seed", options->seed, "Of registers before their reset, and of a kernel's data")
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--json", options->jsonPath, "Writes the counts")->type_name("FILE");
  addCostCacheOption(*command, options->costCache);
  command->callback([options, &exitCode] {
    if (auto done = cosimMesh(*options, std::cout); !done)
      exitCode = reportError(done.error());
  });
}

} // namespace weft::tools
