// How fast the mesh engine is, in word-hops a second on one host core. Timing mode: data costs extra, cycles do not
// change.
#include "hw-models/CoreModel.h"
#include "sim/mesh/MeshEngine.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

namespace weft {
namespace {

constexpr uint32_t side = 64; // cores a side

class NoKernels : public hw::CoreModel {
public:
  uint64_t kernelCycles(const hw::KernelWork &) const override { return 0; }
};

hw::Hardware machine() {
  hw::Hardware hardware;
  hardware.name = "bench";
  hardware.memory.sramBytes = 48 * 1024;
  return hardware;
}

/// A package whose cores run, each on its own coordinates, what `addCore` adds to its task.
struct Builder {
  runtime::Package package;
  std::unique_ptr<pkg::ProgramT> program = std::make_unique<pkg::ProgramT>();

  Builder() {
    package.mesh_width = package.mesh_height = side;
    program->name = "bench";
    program->rank_x.resize(side);
    program->rank_y.resize(side);
    program->ops.push_back(std::make_unique<pkg::OpT>());
    auto buffer = std::make_unique<pkg::BufferT>();
    buffer->bytes = 32 * 1024;
    program->buffers.push_back(std::move(buffer));
  }

  uint32_t channel(pkg::Axis axis, std::vector<pkg::Flow> flows) {
    auto channel = std::make_unique<pkg::ChannelT>();
    channel->axis = axis;
    channel->flows = std::move(flows);
    program->channels.push_back(std::move(channel));
    return static_cast<uint32_t>(program->channels.size()) - 1;
  }

  /// A task for the cores whose columns are chosen by `columns`, rows by `rows`.
  template <typename Columns, typename Rows> pkg::TaskT &task(Columns columns, Rows rows) {
    auto members = std::make_unique<pkg::ClassT>();
    for (uint32_t i = 0; i < side; ++i) {
      members->xs.push_back(columns(i));
      members->ys.push_back(rows(i));
    }
    auto task = std::make_unique<pkg::TaskT>();
    task->class_id = static_cast<uint32_t>(package.classes.size());
    package.classes.push_back(std::move(members));
    program->tasks.push_back(std::move(task));
    return *program->tasks.back();
  }

  static void add(pkg::TaskT &task, pkg::InstrKind kind, uint32_t channel = 0, uint32_t offset = 0, int32_t words = 0,
                  uint32_t out = 0) {
    auto instr = std::make_unique<pkg::InstrT>();
    instr->kind = kind;
    instr->channel = channel;
    instr->channel_out = out;
    pkg::Expr amount(pkg::Source::Constant, 0, 0, kind == pkg::InstrKind::LoopBegin ? words : 4 * words);
    instr->bytes = std::make_unique<pkg::Expr>(amount);
    instr->count = std::make_unique<pkg::Expr>(amount);
    if (words && kind != pkg::InstrKind::LoopBegin) {
      instr->operands.push_back(std::make_unique<pkg::OperandT>());
      instr->operands.back()->offset = offset;
    }
    task.instrs.push_back(std::move(instr));
  }

  void run(benchmark::State &state) {
    package.programs.push_back(std::move(program));
    NoKernels model;
    sim::MeshEngineOptions options;
    options.timingOnly = true;
    options.coreModel = &model;
    auto engine = sim::makeMeshEngine(package, machine(), options);
    uint64_t wordHops = 0, events = 0, cycles = 0;
    for (auto _ : state) {
      auto result = engine ? (*engine)->run({"bench", 1, {}}) : Result<runtime::LaunchResult>(engine.error());
      if (!result) {
        state.SkipWithError(result.error().message.c_str());
        return;
      }
      wordHops += result->report.counters.wordHops;
      events += result->report.counters.events;
      cycles = result->report.cycles;
    }
    state.counters["word_hops/s"] = benchmark::Counter(static_cast<double>(wordHops), benchmark::Counter::kIsRate);
    state.counters["events/s"] = benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
    state.counters["cycles"] = static_cast<double>(cycles);
  }
};

constexpr auto all = [](uint32_t) { return true; };

/// Every core of every row hands 256 words to the next but one in a ring laid out two hops apart, 8 times over.
void ringShift(benchmark::State &state) {
  Builder builder;
  std::vector<pkg::Flow> east, west;
  for (int32_t x = 0; x < static_cast<int32_t>(side); ++x) {
    if (x + 2 < static_cast<int32_t>(side))
      east.emplace_back(-1, x, x, x + 2, false, static_cast<uint8_t>(x % 3), pkg::Combine::None);
    if (x - 2 >= 0)
      west.emplace_back(-1, x, x - 2, x, false, static_cast<uint8_t>(3 + x % 3), pkg::Combine::None);
  }
  uint32_t channels[] = {builder.channel(pkg::Axis::X, east), builder.channel(pkg::Axis::X, west)};
  pkg::TaskT &senders = builder.task([](uint32_t x) { return x + 2 < side; }, all);
  for (uint32_t round = 0; round < 8; ++round)
    Builder::add(senders, pkg::InstrKind::Put, channels[0], 0, 256);
  pkg::TaskT &westward = builder.task([](uint32_t x) { return x >= 2; }, all);
  for (uint32_t round = 0; round < 8; ++round) {
    Builder::add(westward, pkg::InstrKind::Put, channels[1], 0, 256);
    Builder::add(westward, pkg::InstrKind::Get, channels[0], 4096, 256);
  }
  pkg::TaskT &takers = builder.task([](uint32_t x) { return x + 2 < side; }, all);
  for (uint32_t round = 0; round < 8; ++round)
    Builder::add(takers, pkg::InstrKind::Get, channels[1], 8192, 256);
  builder.run(state);
}
BENCHMARK(ringShift)->Unit(benchmark::kMillisecond);

/// All rows sum 512 words along a chain of cores to the east edge, which sends the sum back to all.
void allReduce(benchmark::State &state) {
  Builder builder;
  std::vector<pkg::Flow> even, odd;
  for (int32_t x = 0; x + 1 < static_cast<int32_t>(side); ++x)
    (x % 2 ? odd : even).emplace_back(-1, x, x, x + 1, false, static_cast<uint8_t>(x % 2), pkg::Combine::None);
  uint32_t links[] = {builder.channel(pkg::Axis::X, even), builder.channel(pkg::Axis::X, odd)};
  uint32_t back = builder.channel(pkg::Axis::X, {{-1, side - 1, 0, side - 1, true, 2, pkg::Combine::None}});
  Builder::add(builder.task([](uint32_t x) { return x == 0; }, all), pkg::InstrKind::Put, links[0], 0, 512);
  for (uint32_t parity : {0u, 1u})
    Builder::add(builder.task([=](uint32_t x) { return x && x + 1 < side && x % 2 == parity; }, all),
                 pkg::InstrKind::ReduceForward, links[1 - parity], 0, 512, links[parity]);
  pkg::TaskT &last = builder.task([](uint32_t x) { return x + 1 == side; }, all);
  Builder::add(last, pkg::InstrKind::ReduceInto, links[0], 0, 512);
  Builder::add(last, pkg::InstrKind::Put, back, 0, 512);
  Builder::add(builder.task([](uint32_t x) { return x + 1 < side; }, all), pkg::InstrKind::Get, back, 8192, 512);
  builder.run(state);
}
BENCHMARK(allReduce)->Unit(benchmark::kMillisecond);

/// On every row 16 cores send 128 words each to cores 40 away, over the same links: 16 colours contend.
void contention(benchmark::State &state) {
  Builder builder;
  for (int32_t x = 0; x < 16; ++x) {
    uint32_t channel =
        builder.channel(pkg::Axis::X, {{-1, x, x, x + 40, false, static_cast<uint8_t>(x), pkg::Combine::None}});
    auto at = [&](uint32_t wanted) { return [=](uint32_t column) { return column == wanted; }; };
    Builder::add(builder.task(at(static_cast<uint32_t>(x)), all), pkg::InstrKind::Put, channel, 0, 128);
    Builder::add(builder.task(at(static_cast<uint32_t>(x + 40)), all), pkg::InstrKind::Get, channel, 4096, 128);
  }
  builder.run(state);
}
BENCHMARK(contention)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace weft
