// The core's side of MeshCore: instructions.
#include "sim/cosim/mesh/MeshCore.h"

#include "sim/cosim/mesh/RouterMap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::cosim {

using pkg::InstrKind;

MeshCore::MeshCore(sc_core::sc_module_name name, MeshLaunch &launch)
    : sc_module(name), toRouter("toRouter"), fromRouter("fromRouter"), launch(launch) {
  fromRouter.register_b_transport(this, &MeshCore::takeFromRouter);
  SC_HAS_PROCESS(MeshCore);
  SC_METHOD(step);
  sensitive << clock.neg();
  dont_initialize();
}

void MeshCore::configure(const std::array<uint16_t, 64> &table) {
  for (uint32_t color = 0; color < maxColors; ++color)
    if (table[color])
      tlmWrite(*toRouter.operator->(), router_map::route + 4 * uint64_t{color}, table[color], 4);
  tlmWrite(*toRouter.operator->(), router_map::clear, 0, 4);
  tlmWrite(*toRouter.operator->(), router_map::take, 0, 4);
}

void MeshCore::begin(uint32_t newIndex) {
  index = newIndex;
  active = true;
  const sim::Range list = launch.image->lists[launch.image->listOfCore[index]];
  state = {};
  state.list = list.begin;
  state.listEnd = list.end;
  sending.clear();
  receiving.clear();
  sentWords.clear();
  receivedWords.clear();
  stream.clear();
  onTheRamp.clear();
  offered = taking = openTransfers = 0;
}

std::string MeshCore::called() const {
  return fmt::format("core ({}, {})", index % launch.width, index / launch.width);
}

void MeshCore::step() {
  if (!launch.running || done())
    return;
  run();
  offerWords();
  chooseWords();
}

uint64_t MeshCore::nextEvent() const {
  if (!state.done && state.busyUntil > launch.now)
    return state.busyUntil;
  uint64_t next = never;
  if (state.reducing && state.reducing->endsAt != never)
    next = std::max(state.reducing->endsAt, launch.now + 1);
  for (const TransferPtr &each : state.outstanding)
    if (each->endsAt != never && each->endsAt > launch.now)
      next = std::min(next, each->endsAt);
  for (const StreamWord &word : stream)
    if (word.readyAt > launch.now)
      next = std::min(next, word.readyAt);
  return next;
}

void MeshCore::run() {
  const sim::ProgramImage &image = *launch.image;
  while (!state.done && !launch.failure) {
    if (state.busyUntil > launch.now)
      return;
    if (!state.inTask || state.pc == state.end) {
      if (state.list == state.listEnd) {
        state.done = true;
        launch.lastEnd = std::max(launch.lastEnd, launch.now);
        if (launch.options->trace)
          launch.options->trace->coreEnded(index, launch.now);
        return;
      }
      const sim::TaskCode &task = image.tasks[image.taskLists[state.list++]];
      state.pc = task.instrs.begin;
      state.end = task.instrs.end;
      state.inTask = true;
      continue;
    }
    const sim::InstrCode &instr = image.instrs[state.pc];
    if (!state.begun) {
      state.begun = true;
      state.busyUntil = launch.now + lead(instr);
      continue;
    }
    if (!perform(instr))
      return;
    state.begun = false;
  }
}

/// Cycles until the instruction takes effect; a kernel does at its start all that it does.
uint64_t MeshCore::lead(const sim::InstrCode &instr) {
  switch (instr.kind) {
  case InstrKind::Put:
  case InstrKind::Get:
    return launch.hardware->latency.transferIssue;
  case InstrKind::ReduceForward:
  case InstrKind::ReduceInto:
    return launch.hardware->latency.streamStartup;
  case InstrKind::Call:
    if (launch.sram)
      callKernel(instr);
    return kernelCycles(instr);
  default:
    return 0;
  }
}

bool MeshCore::perform(const sim::InstrCode &instr) {
  switch (instr.kind) {
  case InstrKind::Call:
    break;
  case InstrKind::Wait:
    for (const TransferPtr &each : state.outstanding)
      if (each->endsAt > launch.now)
        return false;
    state.outstanding.clear();
    break;
  case InstrKind::LoopBegin:
    openLoop(instr);
    return true;
  case InstrKind::LoopEnd:
    closeLoop(instr);
    return true;
  default:
    if (!state.reducing)
      open(instr);
    if (state.reducing && state.reducing->endsAt > launch.now)
      return false;
    state.reducing = nullptr;
  }
  ++state.pc;
  return true;
}

void MeshCore::openLoop(const sim::InstrCode &instr) {
  const int64_t count = evaluate(instr.count);
  if (count <= 0) {
    state.pc = instr.match + 1;
    return;
  }
  state.loops.emplace_back(0, count);
  ++state.pc;
}

void MeshCore::closeLoop(const sim::InstrCode &instr) {
  auto &[counter, count] = state.loops.back();
  if (++counter < count) {
    state.pc = instr.match + 1;
    return;
  }
  state.loops.pop_back();
  ++state.pc;
}

/// A transfer; for ReduceForward both of its halves. Those of 0 words end as they open.
void MeshCore::open(const sim::InstrCode &instr) {
  auto transfer = std::make_shared<Transfer>();
  transfer->kind = instr.kind;
  transfer->reduce = instr.reduce;
  transfer->channel = instr.channel;
  transfer->bytes = static_cast<uint32_t>(evaluate(instr.bytes));
  transfer->words = static_cast<uint32_t>(launch.wordsOf(transfer->bytes));
  transfer->address = addressOf(launch.image->operands[instr.operands.begin]);
  if (!transfer->words)
    return;
  const std::vector<ChannelEnd> &ends = launch.plan.ends[index];
  const bool put = instr.kind == InstrKind::Put, forward = instr.kind == InstrKind::ReduceForward;
  const uint8_t in = put ? noColor : ends[instr.channel].receiveColor;
  const uint8_t out = put ? ends[instr.channel].sendColor : forward ? ends[instr.channelOut].sendColor : noColor;
  if ((in == noColor && !put) || (out == noColor && (put || forward)))
    return launch.fail(fmt::format("{} has no flow of channel '{}'", called(), launch.image->channels[instr.channel]));
  TransferPtr halves[] = {transfer, nullptr};
  if (put) {
    if (launch.sram) {
      const std::byte *from = launch.sram->core(index).data() + transfer->address;
      transfer->contents.assign(from, from + transfer->bytes);
      transfer->contents.resize(size_t{transfer->words} * launch.wordBytes());
    }
    sending[out].push_back(transfer);
  } else {
    receiving[in].push_back(transfer);
  }
  if (forward) {
    halves[1] = std::make_shared<Transfer>(*transfer);
    halves[1]->streamsOut = true;
    sending[out].push_back(halves[1]);
    stream.clear();
  }
  openTransfers += forward ? 2 : 1;
  if (put || instr.kind == InstrKind::Get)
    state.outstanding.push_back(transfer);
  else
    state.reducing = forward ? halves[1] : transfer;
}

// ---- operands -----------------------------------------------------------------------------------------------------

int64_t MeshCore::evaluate(const pkg::Expr &expr) const {
  const auto loop = [&](uint32_t level) { return state.loops[state.loops.size() - 1 - level].first; };
  return sim::valueOf(
      expr, *launch.image, launch.params, loop, [&] { return index % launch.width; },
      [&] { return index / launch.width; });
}

uint32_t MeshCore::addressOf(const sim::OperandCode &operand) const {
  int64_t address = operand.address;
  for (uint32_t i = operand.terms.begin; i < operand.terms.end; ++i) {
    const pkg::RingTerm &term = launch.image->terms[i];
    int64_t place = evaluate(term.phase());
    if (term.loop_scale() != 0)
      place += term.loop_scale() * state.loops[state.loops.size() - 1 - term.loop()].first;
    place = (place % term.modulus() + term.modulus()) % term.modulus();
    address += place * term.stride();
  }
  return static_cast<uint32_t>(address);
}

uint64_t MeshCore::kernelCycles(const sim::InstrCode &instr) {
  const sim::ProgramImage &image = *launch.image;
  if (launch.options->kernelCosts) {
    const int32_t rows = image.kernelRows[instr.kernel];
    auto cycles = launch.options->kernelCosts(
        instr.kernel, rows < 0 ? 1 : evaluate(image.scalars[instr.scalars.begin + static_cast<uint32_t>(rows)]));
    if (cycles)
      return *cycles;
    launch.fail(cycles.error().message);
    return 0;
  }
  return launch.options->coreModel->kernelCycles(
      sim::kernelWork(image, instr, [&](const pkg::Expr &expr) { return static_cast<uint64_t>(evaluate(expr)); }));
}

void MeshCore::callKernel(const sim::InstrCode &instr) {
  const sim::ProgramImage &image = *launch.image;
  std::span<std::byte> memory = launch.sram->core(index);
  std::vector<uint32_t> operands;
  std::vector<int64_t> scalars;
  for (uint32_t i = instr.operands.begin; i < instr.operands.end; ++i)
    operands.push_back(addressOf(image.operands[i]));
  for (uint32_t i = instr.scalars.begin; i < instr.scalars.end; ++i)
    scalars.push_back(evaluate(image.scalars[i]));
  if (launch.options->runKernel) {
    auto instructions = launch.options->runKernel(instr.kernel, memory, operands, scalars);
    if (!instructions)
      launch.fail(instructions.error().message);
    return;
  }
  std::vector<void *> addresses;
  for (uint32_t operand : operands)
    addresses.push_back(memory.data() + operand);
  if (sim::callGuarded((*launch.kernels)[instr.kernel], addresses.data(), scalars.data()))
    launch.fail(fmt::format("{}: kernel '{}' failed", called(), image.kernels[instr.kernel]));
}

} // namespace weft::cosim
