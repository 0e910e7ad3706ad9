#include "compiler/algorithms/ProgramBuilder.h"

#include "compiler/route/Colors.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace weft::algorithms {

// ---- code ---------------------------------------------------------------------------------------------------------

pkg::InstrT &Code::add(pkg::InstrKind kind) {
  instrs.push_back(std::make_unique<pkg::InstrT>());
  instrs.back()->kind = kind;
  return *instrs.back();
}

static std::unique_ptr<pkg::OperandT> operandAt(Place place) {
  auto operand = std::make_unique<pkg::OperandT>();
  operand->buffer = place.buffer;
  operand->offset = place.offset;
  operand->terms = std::move(place.terms);
  return operand;
}

Code &Code::transfer(pkg::InstrKind kind, uint32_t channel, pkg::Expr bytes, Place place) {
  pkg::InstrT &instr = add(kind);
  instr.channel = channel;
  instr.bytes = std::make_unique<pkg::Expr>(bytes);
  instr.operands.push_back(operandAt(std::move(place)));
  return *this;
}

Code &Code::put(uint32_t channel, pkg::Expr bytes, Place from) {
  return transfer(pkg::InstrKind::Put, channel, bytes, std::move(from));
}

Code &Code::get(uint32_t channel, pkg::Expr bytes, Place to) {
  return transfer(pkg::InstrKind::Get, channel, bytes, std::move(to));
}

Code &Code::reduceInto(uint32_t channel, pkg::Expr bytes, Place local, pkg::ReduceKind kind) {
  transfer(pkg::InstrKind::ReduceInto, channel, bytes, std::move(local));
  instrs.back()->reduce = kind;
  return *this;
}

Code &Code::reduceForward(uint32_t channel, uint32_t channelOut, pkg::Expr bytes, Place local, pkg::ReduceKind kind) {
  transfer(pkg::InstrKind::ReduceForward, channel, bytes, std::move(local));
  instrs.back()->reduce = kind;
  instrs.back()->channel_out = channelOut;
  return *this;
}

Code &Code::wait() {
  add(pkg::InstrKind::Wait);
  return *this;
}

Code &Code::begin(pkg::Expr count) {
  add(pkg::InstrKind::LoopBegin).count = std::make_unique<pkg::Expr>(count);
  return *this;
}

Code &Code::end() {
  add(pkg::InstrKind::LoopEnd);
  return *this;
}

Code &Code::call(uint32_t kernel, bool narrow, const Cost &cost, std::vector<Place> operands,
                 std::vector<pkg::Expr> scalars) {
  pkg::InstrT &instr = add(pkg::InstrKind::Call);
  instr.kernel = kernel;
  for (Place &place : operands)
    instr.operands.push_back(operandAt(std::move(place)));
  instr.scalars = std::move(scalars);
  instr.work = std::make_unique<pkg::WorkT>();
  instr.work->narrow_operand = narrow;
  auto set = [&](std::unique_ptr<pkg::Expr> &amount, int64_t value) {
    work = std::max(work, value);
    if (value)
      amount = std::make_unique<pkg::Expr>(constant(value));
  };
  set(instr.work->macs, cost.macs);
  set(instr.work->alu, cost.alu);
  set(instr.work->special, cost.special);
  set(instr.work->load_bytes, cost.loadBytes);
  set(instr.work->store_bytes, cost.storeBytes);
  set(instr.work->vectors, cost.vectors);
  set(instr.work->descriptors, cost.descriptors);
  set(instr.work->activations, cost.activations);
  return *this;
}

// ---- program ------------------------------------------------------------------------------------------------------

Mask positions(uint32_t n, uint32_t lo, uint32_t hi) {
  Mask mask(n, false);
  for (uint32_t i = lo; i < hi && i < n; ++i)
    mask[i] = true;
  return mask;
}

ProgramBuilder::ProgramBuilder(const hw::Hardware &hardware, uint32_t width, uint32_t height, std::string name)
    : hardware(hardware), width(width), height(height), program(std::make_unique<pkg::ProgramT>()) {
  package.producer = "weft kernel";
  package.hardware_name = hardware.name;
  package.hardware_yaml = hardware.yaml;
  package.hardware_digest = hardware.digest;
  package.mesh_width = width;
  package.mesh_height = height;
  package.model = std::make_unique<pkg::ModelT>();
  package.model->name = name;
  package.model->max_seq = package.model->vocab_size = 1; // no model: no launch has tokens
  program->name = std::move(name);
  program->rank_x.resize(width);
  program->rank_y.resize(height);
  std::iota(program->rank_x.begin(), program->rank_x.end(), 0);
  std::iota(program->rank_y.begin(), program->rank_y.end(), 0);
}

void ProgramBuilder::ranks(std::vector<int> rankX, std::vector<int> rankY) {
  program->rank_x.assign(rankX.begin(), rankX.end());
  program->rank_y.assign(rankY.begin(), rankY.end());
}

static bool isSame(const route::ChannelSpec &a, const route::ChannelSpec &b) {
  auto same = [](const route::FlowSpec &f, const route::FlowSpec &g) {
    return std::tie(f.line, f.source, f.lo, f.hi, f.deliverAll) == std::tie(g.line, g.source, g.lo, g.hi, g.deliverAll);
  };
  return a.name == b.name && a.axis == b.axis && a.turn == b.turn && std::ranges::equal(a.flows, b.flows, same);
}

/// Without the classes that only other channels have.
static void numberDensely(route::ChannelSpec &spec) {
  std::vector<int> number(static_cast<size_t>(spec.classCount), -1);
  spec.classCount = 0;
  for (route::FlowSpec &flow : spec.flows) {
    int &dense = number[static_cast<size_t>(flow.colorClass)];
    if (dense < 0)
      dense = spec.classCount++;
    flow.colorClass = dense;
  }
}

uint32_t ProgramBuilder::channels(std::vector<route::ChannelSpec> added) {
  auto known = std::ranges::search(specs, added, isSame);
  if (!known.empty())
    return static_cast<uint32_t>(known.begin() - specs.begin());
  std::vector<route::ChannelSpec *> all;
  for (route::ChannelSpec &spec : added)
    all.push_back(&spec);
  route::classifyFlows(all);
  for (route::ChannelSpec &spec : added)
    numberDensely(spec);
  const auto first = static_cast<uint32_t>(specs.size());
  std::ranges::move(added, std::back_inserter(specs));
  return first;
}

Result<int> ProgramBuilder::colorsNeeded() const {
  auto assigned =
      route::assignColors(static_cast<int>(width), static_cast<int>(height), specs, std::numeric_limits<int>::max());
  if (!assigned)
    return assigned.takeError();
  return assigned->used;
}

uint32_t ProgramBuilder::buffer(const std::string &name, uint64_t bytes, pkg::BufferKind kind) {
  auto each = std::make_unique<pkg::BufferT>();
  each->name = name;
  each->kind = kind;
  const uint64_t align = std::max<uint64_t>(hardware.memory.alignBytes, hardware.routing.linkBytes);
  const uint64_t word = hardware.routing.linkBytes;
  nextByte = (nextByte + align - 1) / align * align;
  each->offset = static_cast<uint32_t>(std::min<uint64_t>(nextByte, UINT32_MAX));
  bytes = (bytes + word - 1) / word * word;
  each->bytes = static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX));
  nextByte += bytes;
  program->buffers.push_back(std::move(each));
  return static_cast<uint32_t>(program->buffers.size()) - 1;
}

uint32_t ProgramBuilder::kernel(const std::string &name, std::vector<uint64_t> operandBytes) {
  std::vector<uint32_t> bytes(operandBytes.begin(), operandBytes.end());
  uint32_t others = 0; // of this name
  for (uint32_t i = 0; i < package.kernels.size(); ++i) {
    const std::string &known = package.kernels[i]->name;
    if (known.substr(0, known.find('#')) != name)
      continue;
    if (package.kernels[i]->operand_bytes == bytes)
      return i;
    ++others;
  }
  auto each = std::make_unique<pkg::KernelT>();
  each->name = others ? fmt::format("{}#{}", name, others + 1) : name;
  each->operand_bytes = std::move(bytes);
  package.kernels.push_back(std::move(each));
  return static_cast<uint32_t>(package.kernels.size()) - 1;
}

uint32_t ProgramBuilder::op(const std::string &name, const std::string &kind) {
  auto each = std::make_unique<pkg::OpT>();
  each->name = name;
  each->kind = kind;
  program->ops.push_back(std::move(each));
  return static_cast<uint32_t>(program->ops.size()) - 1;
}

uint32_t ProgramBuilder::coreClass(const Mask &xs, const Mask &ys) {
  for (uint32_t i = 0; i < package.classes.size(); ++i)
    if (package.classes[i]->xs == xs && package.classes[i]->ys == ys)
      return i;
  auto each = std::make_unique<pkg::ClassT>();
  each->name = fmt::format("class{}", package.classes.size());
  each->xs = xs;
  each->ys = ys;
  package.classes.push_back(std::move(each));
  return static_cast<uint32_t>(package.classes.size()) - 1;
}

void ProgramBuilder::task(uint32_t op, const Mask &xs, const Mask &ys, Code code) {
  auto any = [](const Mask &mask) { return std::ranges::find(mask, true) != mask.end(); };
  if (code.empty() || !any(xs) || !any(ys))
    return;
  auto each = std::make_unique<pkg::TaskT>();
  each->class_id = coreClass(xs, ys);
  each->op = op;
  mostWork = std::max(mostWork, code.mostWork());
  each->instrs = code.take();
  program->tasks.push_back(std::move(each));
}

Result<void> ProgramBuilder::checkSram() const {
  const int64_t most = std::numeric_limits<int32_t>::max(); // that an expression of the package can say
  if (mostWork > most)
    return userError(fmt::format("a tile asks a core for {} operations at once, at most {} can be written down; use a "
                                 "larger mesh (smaller tiles)",
                                 mostWork, most));
  if (nextByte <= std::min<uint64_t>(hardware.usableBytes(), most))
    return success();
  std::string table;
  for (const auto &each : program->buffers)
    table += fmt::format("\n  {:<12} {:>12} bytes", each->name, each->bytes);
  return userError(fmt::format("the buffers of a core take {} bytes, {} leaves {} of its {} to them:{}\nuse a larger "
                               "mesh (smaller tiles) or a machine with more memory.sram_kib",
                               nextByte, hardware.name, hardware.usableBytes(), hardware.memory.sramBytes, table));
}

void ProgramBuilder::repeat(uint32_t times) {
  const size_t ops = program->ops.size(), tasks = program->tasks.size();
  for (uint32_t r = 1; r < times; ++r) {
    for (size_t i = 0; i < ops; ++i)
      op(fmt::format("{} #{}", program->ops[i]->name, r + 1), program->ops[i]->kind);
    for (size_t i = 0; i < tasks; ++i) {
      program->tasks.push_back(std::make_unique<pkg::TaskT>(*program->tasks[i]));
      program->tasks.back()->op += static_cast<uint32_t>(r * ops);
    }
  }
}

/// The most paths that one router of the mesh belongs to: flows, and one for each core that takes turns.
static uint32_t mostPaths(const std::vector<route::ChannelSpec> &specs, uint32_t width, uint32_t height) {
  std::vector<uint32_t> alongX(width, 0), alongY(height, 0);
  for (const route::ChannelSpec &spec : specs) {
    std::vector<uint32_t> &counts = spec.axis == route::Axis::X ? alongX : alongY;
    for (const route::FlowSpec &flow : spec.flows)
      for (int p = std::max(flow.lo, 0); p <= flow.hi; ++p)
        counts[static_cast<size_t>(p)] += spec.turn ? static_cast<uint32_t>(flow.hi - flow.lo) + 1 : 1;
  }
  return *std::ranges::max_element(alongX) + *std::ranges::max_element(alongY);
}

Result<runtime::Package> ProgramBuilder::finish(Facts &facts) {
  if (Result<void> fits = checkSram(); !fits)
    return fits.takeError();
  auto colors = route::assignColors(static_cast<int>(width), static_cast<int>(height), specs,
                                    static_cast<int>(hardware.routing.usableColors()));
  if (!colors)
    return colors.takeError();
  for (size_t i = 0; i < specs.size(); ++i)
    program->channels.push_back(std::make_unique<pkg::ChannelT>(route::toPackage(specs[i], colors->colors[i])));
  facts.colors = static_cast<uint32_t>(colors->used);
  facts.pathsPerCore = mostPaths(specs, width, height);
  facts.bytesPerCore = static_cast<uint32_t>(nextByte);
  repeat(facts.repeats);
  package.programs.push_back(std::move(program));
  return std::move(package);
}

} // namespace weft::algorithms
