// All-reduces on a line of cores of rvv-mesh-16, whose routers combine words in four cycles: a K-tree of the cores, as
// the compiler chooses it, against the routers. The cycles are the mesh engine's; the time of the benchmark means
// nothing.
#include "compiler/place/Place.h"
#include "compiler/route/Tree.h"
#include "hw-models/CoreModel.h"
#include "hw-models/Hardware.h"
#include "sim/mesh/MeshEngine.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

namespace weft {
namespace {

using pkg::InstrKind;
using route::TreeRole;

class NoKernels : public hw::CoreModel {
public:
  uint64_t kernelCycles(const hw::KernelWork &) const override { return 0; }
};

/// A program for cores in a row, each a class of its own, that move `words` words at byte 0.
class Line {
public:
  Line(int cores, int words) : words(words), program(std::make_unique<pkg::ProgramT>()) {
    package.mesh_width = static_cast<uint32_t>(cores);
    package.mesh_height = 1;
    program->name = "line";
    program->rank_x.resize(static_cast<size_t>(cores));
    program->rank_y.resize(1);
    program->ops.push_back(std::make_unique<pkg::OpT>());
    program->buffers.push_back(std::make_unique<pkg::BufferT>());
    program->buffers[0]->bytes = static_cast<uint32_t>(4 * words);
    for (int core = 0; core < cores; ++core) {
      package.classes.push_back(std::make_unique<pkg::ClassT>());
      package.classes.back()->xs.resize(static_cast<size_t>(cores));
      package.classes.back()->xs[static_cast<size_t>(core)] = true;
      package.classes.back()->ys = {true};
      program->tasks.push_back(std::make_unique<pkg::TaskT>());
      program->tasks.back()->class_id = static_cast<uint32_t>(core);
    }
  }

  uint32_t channel(const route::ChannelSpec &spec) {
    std::vector<int> colors;
    colors.reserve(static_cast<size_t>(spec.classCount));
    for (int i = 0; i < spec.classCount; ++i)
      colors.push_back(nextColor++);
    program->channels.push_back(std::make_unique<pkg::ChannelT>(route::toPackage(spec, colors)));
    return static_cast<uint32_t>(program->channels.size()) - 1;
  }

  void add(size_t core, InstrKind kind, uint32_t channel = 0, uint32_t out = 0) {
    auto instr = std::make_unique<pkg::InstrT>();
    instr->kind = kind;
    instr->channel = channel;
    instr->channel_out = out;
    if (kind != InstrKind::Wait) {
      instr->bytes = std::make_unique<pkg::Expr>(pkg::Source::Constant, 0, 0, 4 * words);
      instr->operands.push_back(std::make_unique<pkg::OperandT>());
    }
    program->tasks[core]->instrs.push_back(std::move(instr));
  }
  void transfer(size_t core, InstrKind kind, uint32_t channel) {
    add(core, kind, channel);
    add(core, InstrKind::Wait);
  }

  void level(const route::TreeLevel &level) {
    const uint32_t low = channel(level.low), high = channel(level.high);
    for (const route::RoleMask &mask : level.roles)
      for (size_t core = 0; core < mask.positions.size(); ++core) {
        if (!mask.positions[core])
          continue;
        const uint32_t side = mask.role == TreeRole::LowEnd || mask.role == TreeRole::LowMiddle ? low : high;
        if (mask.role == TreeRole::LowEnd || mask.role == TreeRole::HighEnd)
          transfer(core, InstrKind::Put, side);
        else if (mask.role != TreeRole::Root)
          add(core, InstrKind::ReduceForward, side, side);
        if (mask.role == TreeRole::Root && mask.receivesFromLow)
          add(core, InstrKind::ReduceInto, low);
        if (mask.role == TreeRole::Root && mask.receivesFromHigh)
          add(core, InstrKind::ReduceInto, high);
      }
  }
  void multicast(const route::TreePlan &plan) {
    const uint32_t cast = channel(plan.multicast);
    for (size_t core = 0; core < plan.isRoot.size(); ++core)
      transfer(core, plan.isRoot[core] ? InstrKind::Put : InstrKind::Get, cast);
  }
  void combine(const route::TreePlan &plan, const route::ChannelSpec &spec) {
    const uint32_t sums = channel(spec);
    for (size_t core = 0; core < plan.isRoot.size(); ++core) {
      add(core, InstrKind::Put, sums);
      if (plan.isRoot[core])
        add(core, InstrKind::Get, sums);
      add(core, InstrKind::Wait);
    }
  }

  Result<uint64_t> cycles(const hw::Hardware &hardware) {
    package.programs.push_back(std::move(program));
    NoKernels model;
    sim::MeshEngineOptions options;
    options.timingOnly = true;
    options.coreModel = &model;
    auto engine = sim::makeMeshEngine(package, hardware, options);
    if (!engine)
      return engine.takeError();
    auto result = (*engine)->run({"line", 1, {}});
    if (!result)
      return result.takeError();
    return result->report.cycles;
  }

private:
  const int words;
  int nextColor = 0;
  runtime::Package package;
  std::unique_ptr<pkg::ProgramT> program;
};

Result<uint64_t> byCores(const hw::Hardware &hardware, int cores, int words) {
  const hw::Latency &latency = hardware.latency;
  auto [levels, groups, inRouter] =
      place::chooseReduction({latency.hop, latency.ramp, latency.streamStage, latency.streamStartup}, cores, words, 2);
  auto plan = route::planTree("tree", pkg::Axis::X, cores, {}, static_cast<int>(levels), {static_cast<int>(groups)});
  if (!plan)
    return plan.takeError();
  Line line(cores, words);
  for (const route::TreeLevel &level : plan->levels)
    line.level(level);
  line.multicast(*plan);
  return line.cycles(hardware);
}

Result<uint64_t> byRouters(const hw::Hardware &hardware, int cores, int words) {
  auto plan = route::planTree("tree", pkg::Axis::X, cores, {}, 1);
  auto sums = route::combineTree("sums", pkg::Axis::X, cores, {}, pkg::Combine::AddF32);
  if (!plan || !sums)
    return plan ? sums.takeError() : plan.takeError();
  Line line(cores, words);
  line.combine(*plan, *sums);
  line.multicast(*plan);
  return line.cycles(hardware);
}

void allReduce(benchmark::State &state) {
  auto hardware = hw::load("rvv-mesh-16", {{"parallelism.mesh", "[1024,1]"}, {"routing.reduce_stage", "4"}});
  const int cores = static_cast<int>(state.range(0)), words = static_cast<int>(state.range(1));
  for ([[maybe_unused]] auto _ : state) {
    auto core = hardware ? byCores(*hardware, cores, words) : hardware.takeError();
    auto router = hardware ? byRouters(*hardware, cores, words) : hardware.takeError();
    if (!core || !router)
      return state.SkipWithError((core ? router : core).error().message.c_str());
    state.counters["cycles_by_cores"] = static_cast<double>(*core);
    state.counters["cycles_by_routers"] = static_cast<double>(*router);
    state.counters["speed-up"] = static_cast<double>(*core) / static_cast<double>(*router);
  }
}
BENCHMARK(allReduce)->ArgNames({"cores", "words"})->ArgsProduct({{4, 16, 64, 256}, {1, 32, 512}})->Iterations(1);

} // namespace
} // namespace weft
