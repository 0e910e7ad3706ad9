#include "sim/maxplus/MaxPlusEngine.h"

#include "sim/maxplus/Evaluation.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::sim {
namespace {

using namespace maxplus;

class MaxPlusEngine : public runtime::Device {
public:
  MaxPlusEngine(const runtime::Package &package, hw::Hardware hardware, MeshEngineOptions options)
      : package(package), hardware(std::move(hardware)), options(std::move(options)) {}

  Result<void> load(const runtime::Package &loaded) override;
  Result<void> reset() override { return success(); }
  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override;
  Result<std::vector<std::byte>> readSram(uint32_t, uint32_t, uint32_t, uint32_t) override {
    return userError("the max-plus evaluator has no SRAM to read");
  }

private:
  const runtime::Package &package;
  hw::Hardware hardware;
  MeshEngineOptions options;
  std::vector<Program> programs;
};

/// Cores that take part in each op.
void countCores(const runtime::Package &package, Program &program) {
  const size_t ops = program.image.ops.size();
  std::map<std::vector<uint32_t>, uint64_t> known;
  program.opCores.assign(ops, 0);
  std::vector<std::vector<uint32_t>> classes(ops);
  for (size_t task = 0; task < program.classOfTask.size(); ++task)
    classes[program.image.tasks[task].op].push_back(program.classOfTask[task]);
  for (size_t op = 0; op < ops; ++op) {
    std::vector<uint32_t> &list = classes[op];
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    auto [entry, isNew] = known.try_emplace(list, 0);
    if (isNew)
      for (const Group &group : partition(package, list))
        entry->second += group.cores.size;
    program.opCores[op] = entry->second;
  }
}

Result<void> MaxPlusEngine::load(const runtime::Package &loaded) {
  if (&loaded != &package)
    return internalError("the max-plus evaluator keeps to the package that it was made for");
  if (!package.mesh_width || !package.mesh_height || uint64_t{package.mesh_width} * package.mesh_height > 1u << 24)
    return userError(fmt::format("a mesh of {} x {} cores", package.mesh_width, package.mesh_height));
  programs.clear();
  for (const auto &from : package.programs) {
    Program &program = programs.emplace_back();
    auto image = decodeInstructions(package, *from, hardware);
    if (!image)
      return image.takeError();
    program.image = std::move(*image);
    auto channels = buildChannels(*from, package.mesh_width, package.mesh_height, hardware);
    if (!channels)
      return channels.takeError();
    program.channels = std::move(*channels);
    for (const auto &task : from->tasks)
      program.classOfTask.push_back(task->class_id);
    countCores(package, program);
    program.phases = findPhases(program.image, program.classOfTask, program.channels);
    program.repetition = findRepetition(program.phases);
  }
  return success();
}

Result<runtime::LaunchResult> MaxPlusEngine::run(const runtime::Launch &launch) {
  auto program = std::find_if(programs.begin(), programs.end(),
                              [&](const Program &each) { return each.image.name == launch.program; });
  if (program == programs.end())
    return userError(fmt::format("the package has no program '{}'", launch.program));
  const EvaluationContext context{package, *program, hardware, options};
  bool together = false, mayCross = true;
  for (;;) {
    Evaluation evaluation(context, launch, together, mayCross);
    auto report = evaluation.run();
    if (report)
      return runtime::LaunchResult{std::move(*report), {}};
    if (evaluation.hasCrossed())
      mayCross = false;
    else if (!together && evaluation.isOpen())
      together = true;
    else
      return report.takeError();
  }
}

} // namespace

Result<std::unique_ptr<runtime::Device>>
makeMaxPlusEngine(const runtime::Package &package, const hw::Hardware &hardware, const MeshEngineOptions &options) {
  if (!options.coreModel)
    return internalError("the max-plus evaluator needs a core model");
  if (!options.timingOnly)
    return userError("the max-plus evaluator moves no data; use the event-driven one");
  if (auto ok = checkMeshHardware(hardware); !ok)
    return ok.takeError();
  auto engine = std::make_unique<MaxPlusEngine>(package, hardware, options);
  if (auto ok = engine->load(package); !ok)
    return ok.takeError();
  return std::unique_ptr<runtime::Device>(std::move(engine));
}

} // namespace weft::sim
