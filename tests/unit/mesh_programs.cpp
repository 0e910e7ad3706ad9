#include "mesh_programs.h"

namespace weft::test {

hw::Hardware smallHardware() {
  hw::Hardware hardware;
  hardware.name = "small";
  hardware.memory.sramBytes = 8192;
  hardware.routing.linkBytes = 4;
  hardware.routing.colors = 24;
  hardware.routing.queueWords = 4;
  hardware.latency = {1, 2, 1, 1, 1, 0, {}};
  return hardware;
}

pkg::Expr constant(int32_t value) { return {pkg::Source::Constant, 0, 0, value}; }

Maker::Maker(uint32_t width, uint32_t height, uint32_t memoryBytes) : program(std::make_unique<pkg::ProgramT>()) {
  package.mesh_width = width;
  package.mesh_height = height;
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) {
      auto each = std::make_unique<pkg::ClassT>();
      each->xs.assign(width, false);
      each->ys.assign(height, false);
      each->xs[x] = each->ys[y] = true;
      package.classes.push_back(std::move(each));
    }
  program->name = "p";
  program->rank_x.assign(width, 0);
  for (uint32_t y = 0; y < height; ++y) // any permutation
    program->rank_y.push_back(static_cast<int32_t>((y + 1) % height));
  buffer("mem", 0, memoryBytes);
}

uint32_t Maker::buffer(const std::string &name, uint32_t offset, uint32_t bytes) {
  auto each = std::make_unique<pkg::BufferT>();
  each->name = name;
  each->kind = pkg::BufferKind::Activations;
  each->offset = offset;
  each->bytes = bytes;
  program->buffers.push_back(std::move(each));
  return static_cast<uint32_t>(program->buffers.size()) - 1;
}

uint32_t Maker::channel(const std::string &name, pkg::Axis axis, std::vector<pkg::Flow> flows) {
  auto each = std::make_unique<pkg::ChannelT>();
  each->name = name;
  each->axis = axis;
  each->flows = std::move(flows);
  program->channels.push_back(std::move(each));
  return static_cast<uint32_t>(program->channels.size()) - 1;
}

uint32_t Maker::kernel(const std::string &name, std::vector<uint32_t> operandBytes) {
  auto each = std::make_unique<pkg::KernelT>();
  each->name = name;
  each->operand_bytes = std::move(operandBytes);
  package.kernels.push_back(std::move(each));
  return static_cast<uint32_t>(package.kernels.size()) - 1;
}

void Maker::op(const std::string &name) {
  auto each = std::make_unique<pkg::OpT>();
  each->name = name;
  program->ops.push_back(std::move(each));
}

void Maker::input(uint32_t channel, int32_t bytes) {
  auto each = std::make_unique<pkg::HostInputT>();
  each->name = "tokens";
  each->channel = channel;
  each->bytes = std::make_unique<pkg::Expr>(constant(bytes));
  program->inputs.push_back(std::move(each));
}

void Maker::output(uint32_t channel, uint32_t extent, std::vector<int32_t> index) {
  auto each = std::make_unique<pkg::HostOutputT>();
  each->name = "logits";
  each->channel = channel;
  each->extent = extent;
  each->index = std::move(index);
  program->outputs.push_back(std::move(each));
}

Maker &Maker::at(uint32_t x, uint32_t y) {
  core = y * package.mesh_width + x;
  return *this;
}

pkg::InstrT &Maker::add(pkg::InstrKind kind) {
  if (program->ops.empty())
    op("op");
  auto op = static_cast<uint32_t>(program->ops.size()) - 1;
  std::unique_ptr<pkg::TaskT> &task = tasks[{op, core}];
  if (!task) {
    task = std::make_unique<pkg::TaskT>();
    task->class_id = core;
    task->op = op;
  }
  task->instrs.push_back(std::make_unique<pkg::InstrT>());
  lastInstr = task->instrs.back().get();
  lastInstr->kind = kind;
  return *lastInstr;
}

static std::unique_ptr<pkg::OperandT> operandAt(uint32_t offset) {
  auto operand = std::make_unique<pkg::OperandT>();
  operand->offset = offset;
  return operand;
}

Maker &Maker::transfer(pkg::InstrKind kind, uint32_t channel, uint32_t offset, int32_t bytes) {
  pkg::InstrT &instr = add(kind);
  instr.channel = channel;
  instr.bytes = std::make_unique<pkg::Expr>(constant(bytes));
  instr.operands.push_back(operandAt(offset));
  return *this;
}

Maker &Maker::put(uint32_t channel, uint32_t offset, int32_t bytes) {
  return transfer(pkg::InstrKind::Put, channel, offset, bytes);
}
Maker &Maker::get(uint32_t channel, uint32_t offset, int32_t bytes) {
  return transfer(pkg::InstrKind::Get, channel, offset, bytes);
}
Maker &Maker::forward(uint32_t channel, uint32_t out, uint32_t offset, int32_t bytes, pkg::ReduceKind kind) {
  transfer(pkg::InstrKind::ReduceForward, channel, offset, bytes);
  lastInstr->channel_out = out;
  lastInstr->reduce = kind;
  return *this;
}
Maker &Maker::into(uint32_t channel, uint32_t offset, int32_t bytes, pkg::ReduceKind kind) {
  transfer(pkg::InstrKind::ReduceInto, channel, offset, bytes);
  lastInstr->reduce = kind;
  return *this;
}

Maker &Maker::call(uint32_t kernel, int32_t cycles, std::vector<uint32_t> offsets, std::vector<pkg::Expr> scalars) {
  pkg::InstrT &instr = add(pkg::InstrKind::Call);
  instr.kernel = kernel;
  instr.work = std::make_unique<pkg::WorkT>();
  instr.work->macs = std::make_unique<pkg::Expr>(constant(cycles));
  instr.scalars = std::move(scalars);
  for (uint32_t offset : offsets)
    instr.operands.push_back(operandAt(offset));
  return *this;
}

Maker &Maker::wait() {
  add(pkg::InstrKind::Wait);
  return *this;
}
Maker &Maker::begin(pkg::Expr count) {
  add(pkg::InstrKind::LoopBegin).count = std::make_unique<pkg::Expr>(count);
  return *this;
}
Maker &Maker::end() {
  add(pkg::InstrKind::LoopEnd);
  return *this;
}
Maker &Maker::ring(pkg::Expr phase, int32_t modulus, int32_t stride, int32_t scale) {
  lastInstr->operands.back()->terms.emplace_back(0, scale, phase, modulus, stride);
  return *this;
}

runtime::Package Maker::take() {
  for (auto &[key, task] : tasks)
    program->tasks.push_back(std::move(task));
  package.programs.push_back(std::move(program));
  return std::move(package);
}

namespace {
class Recorder : public sim::TraceSink {
public:
  explicit Recorder(Observation &seen) : seen(seen) {}
  void wordArrived(uint32_t core, uint32_t channel, uint64_t index, uint64_t cycle) override {
    seen.arrivals[{core, channel}].push_back(cycle);
  }
  void wordAtHost(uint32_t line, uint32_t channel, uint64_t index, uint64_t cycle) override {
    std::vector<uint64_t> &words = seen.hostArrivals[{line, channel}];
    words.push_back(index == words.size() ? cycle : ~uint64_t{0}); // never right if words are out of order
  }
  void coreEnded(uint32_t core, uint64_t cycle) override { seen.coreEnds[core] = cycle; }

private:
  Observation &seen;
};
} // namespace

Observation runDevice(const runtime::Package &package, const Setup &setup, const MakeDevice &make) {
  Observation seen;
  Recorder recorder(seen);
  MacsModel model;
  sim::MeshEngineOptions options;
  options.timingOnly = setup.timingOnly;
  options.trace = &recorder;
  options.explain = true;
  options.coreModel = &model;
  options.kernels = [&](uint32_t index) {
    auto found = setup.kernels.find(package.kernels[index]->name);
    return found == setup.kernels.end() ? nullptr : found->second;
  };
  options.fillResident = [&](uint32_t x, uint32_t y, std::span<std::byte> sram) -> Result<void> {
    if (!setup.initialMemory.empty()) {
      const std::vector<std::byte> &from = setup.initialMemory[y * package.mesh_width + x];
      std::copy(from.begin(), from.end(), sram.begin());
    }
    return success();
  };
  auto engine = make(package, setup.hardware, options);
  if (!engine) {
    seen.error = engine.error().message;
    return seen;
  }
  runtime::Launch launch{"p", setup.tokens, {}};
  if (!package.programs[0]->inputs.empty())
    launch.inputs.push_back({"tokens", setup.inputWords});
  auto result = (*engine)->run(launch);
  if (!result) {
    seen.error = result.error().message;
    return seen;
  }
  seen.finished = true;
  seen.report = result->report;
  seen.cycles = result->report.cycles;
  seen.logits = result->logits();
  for (uint32_t core = 0; !setup.timingOnly && core < package.mesh_width * package.mesh_height; ++core) {
    auto memory =
        (*engine)->readSram(core % package.mesh_width, core / package.mesh_width, 0, setup.hardware.memory.sramBytes);
    seen.memory.push_back(std::move(*memory));
  }
  return seen;
}

Observation runEngine(const runtime::Package &package, const Setup &setup) {
  return runDevice(package, setup, sim::makeMeshEngine);
}

} // namespace weft::test
