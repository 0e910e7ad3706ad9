#include "compiler/route/DeadlockRun.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace weft::route::detail {

using pkg::InstrKind;

Run::Run(const pkg::PackageT &package, const pkg::ProgramT &program, const DeadlockOptions &options,
         std::vector<int64_t> params)
    : package(package), program(program), options(options), params(std::move(params)),
      width(static_cast<int>(package.mesh_width)), height(static_cast<int>(package.mesh_height)),
      linkBytes(std::max<int64_t>(options.linkBytes, 1)) {}

// ---- what each core runs
// ---------------------------------------------------------------------------------------------

bool Run::isConstant(const pkg::Expr &expr) const {
  return expr.scale() == 0 || expr.source() == pkg::Source::Constant || expr.source() == pkg::Source::Param;
}

int64_t Run::evaluate(const pkg::Expr &expr, int core, const CoreState &state) const {
  auto at = [](const auto &values, size_t i) { return i < values.size() ? static_cast<int64_t>(values[i]) : 0; };
  int64_t source = 0;
  switch (expr.source()) {
  case pkg::Source::Constant:
    break;
  case pkg::Source::Param:
    source = at(params, expr.index());
    break;
  case pkg::Source::Loop:
    if (expr.index() < state.loops.size())
      source = state.loops[state.loops.size() - 1 - expr.index()].counter;
    break;
  case pkg::Source::CoordX:
    source = core % width;
    break;
  case pkg::Source::CoordY:
    source = core / width;
    break;
  case pkg::Source::RankX:
    source = at(program.rank_x, core % width);
    break;
  case pkg::Source::RankY:
    source = at(program.rank_y, core / width);
    break;
  }
  return expr.add() + expr.scale() * source;
}

Result<int64_t> Run::amountOf(const Step &step, int core, const CoreState &state) const {
  int64_t amount = step.expr ? evaluate(*step.expr, core, state) : step.amount;
  if (amount < 0)
    return internalError(fmt::format("program '{}': {}: negative {} {}", program.name, where(core, step.task),
                                     step.kind == InstrKind::LoopBegin ? "loop count" : "byte count", amount));
  return amount;
}

Result<int> Run::buildList(const std::vector<bool> &memberOf) {
  std::vector<Step> steps;
  std::vector<int> open;
  for (size_t t = 0; t < program.tasks.size(); ++t) {
    const pkg::TaskT &task = *program.tasks[t];
    if (!memberOf[task.class_id])
      continue;
    auto unmatched = [&] {
      return internalError(fmt::format("program '{}': task {} has a loop without begin or end", program.name, t));
    };
    for (const auto &instr : task.instrs) {
      if (instr->kind == InstrKind::Call)
        continue;
      Step step{instr->kind,
                static_cast<int>(instr->channel),
                static_cast<int>(instr->channel_out),
                0,
                nullptr,
                static_cast<int>(t),
                0};
      const auto &expr = instr->kind == InstrKind::LoopBegin ? instr->count : instr->bytes;
      if (expr && isConstant(*expr))
        step.amount = evaluate(*expr, 0, {});
      else if (expr)
        step.expr = expr.get();
      if (step.kind == InstrKind::LoopBegin) {
        open.push_back(static_cast<int>(steps.size()));
      } else if (step.kind == InstrKind::LoopEnd) {
        if (open.empty())
          return unmatched();
        step.match = open.back();
        open.pop_back();
        if (step.match == static_cast<int>(steps.size()) - 1) { // nothing in it moves words
          steps.pop_back();
          continue;
        }
        steps[step.match].match = static_cast<int>(steps.size());
      }
      steps.push_back(step);
    }
    if (!open.empty())
      return unmatched();
  }
  lists.push_back(std::move(steps));
  return static_cast<int>(lists.size()) - 1;
}

Result<void> Run::groupCores() {
  for (const auto &task : program.tasks)
    if (task->class_id >= package.classes.size())
      return internalError(fmt::format("program '{}': a task of class {}, there are {}", program.name, task->class_id,
                                       package.classes.size()));
  std::map<std::vector<bool>, int> known;
  cores.resize(static_cast<size_t>(width) * height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      std::vector<bool> memberOf;
      for (const auto &cls : package.classes) {
        bool member =
            x < static_cast<int>(cls->xs.size()) && cls->xs[x] && y < static_cast<int>(cls->ys.size()) && cls->ys[y];
        if (member && !cls->point_x.empty())
          member = y < static_cast<int>(cls->point_x.size()) && (cls->point_x[y] == x) != cls->point_negated;
        memberOf.push_back(member);
      }
      auto list = known.find(memberOf);
      if (list == known.end()) {
        auto built = buildList(memberOf);
        if (!built)
          return built.takeError();
        list = known.emplace(std::move(memberOf), *built).first;
      }
      cores[y * width + x].list = list->second;
    }
  return success();
}

Result<void> Run::injectHostInputs() {
  for (const auto &input : program.inputs) {
    int64_t bytes = input->bytes ? evaluate(*input->bytes, 0, {}) : 0;
    if (input->channel >= program.channels.size() || bytes < 0)
      return internalError(
          fmt::format("program '{}': host input '{}' has no channel or a negative size", program.name, input->name));
    for (size_t f = 0; f < network.flows.size(); ++f)
      if (network.flows[f].channel == static_cast<int>(input->channel) && network.flows[f].core == hostCore) {
        network.flows[f].issued += wordsOf(bytes);
        markDirty(static_cast<int>(f));
      }
  }
  return success();
}

Result<void> Run::prepare() {
  if (std::string problem = network.build(width, height, program, options.queueWords); !problem.empty())
    return internalError(fmt::format("program '{}': {}", program.name, problem));
  if (auto grouped = groupCores(); !grouped)
    return grouped;
  if (auto injected = injectHostInputs(); !injected)
    return injected;
  for (int core = static_cast<int>(cores.size()) - 1; core >= 0; --core)
    wake(core);
  return success();
}

// ---- running
// ---------------------------------------------------------------------------------------------------------

void Run::wake(int core) {
  if (!std::exchange(cores[core].queued, true))
    ready.push_back(core);
}

void Run::markDirty(int flow) {
  if (network.flows[flow].first != none)
    flow = network.flows[flow].first; // its senders advance together
  if (!std::exchange(network.flows[flow].dirty, true))
    dirtyFlows.push_back(flow);
}

bool Run::isDone(const CoreState &state) const {
  switch (state.mode) {
  case Mode::Runs:
    return true;
  case Mode::Ended:
    return false;
  case Mode::ReducesInto:
    return network.receivers[state.in].taken >= state.baseIn + state.words;
  case Mode::Forwards:
    return network.flows[state.out].sent >= state.baseOut + state.words;
  case Mode::Waits:
    break;
  }
  auto sent = [&](int f) { return network.flows[f].sent >= network.flows[f].issued; };
  auto taken = [&](int r) { return network.receivers[r].taken >= network.receivers[r].open; };
  return std::all_of(state.sends.begin(), state.sends.end(), sent) &&
         std::all_of(state.receives.begin(), state.receives.end(), taken);
}

/// A ReduceForward takes only words that can go out again at once, and hands over what it took.
void Run::updateForward(CoreState &state) {
  Receiver &in = network.receivers[state.in];
  FlowState &out = network.flows[state.out];
  int64_t open = state.baseIn + std::clamp<int64_t>(out.room - state.baseOut, 0, state.words);
  if (open > in.open) {
    in.open = open;
    markDirty(in.flow);
  }
  int64_t issued = state.baseOut + std::clamp<int64_t>(in.taken - state.baseIn, 0, state.words);
  if (issued > out.issued) {
    out.issued = issued;
    markDirty(state.out);
  }
}

void Run::advanceFlow(int index) {
  const int first = network.flows[index].first == none ? index : network.flows[index].first;
  const int count = network.flows[index].senders;
  before.clear();
  for (int f = first; f < first + count; ++f)
    before.emplace_back(network.flows[f].room, network.flows[f].sent);
  progressed.clear();
  network.advance(index, progressed);
  for (int r : progressed) {
    int core = network.receivers[r].core;
    if (core == hostCore)
      continue;
    if (cores[core].mode == Mode::Forwards && cores[core].in == r)
      updateForward(cores[core]);
    if (cores[core].mode != Mode::Runs && isDone(cores[core]))
      wake(core);
  }
  for (int f = 0; f < count; ++f)
    sourceMoved(first + f, before[f].first, before[f].second);
}

void Run::sourceMoved(int index, int64_t roomBefore, int64_t sentBefore) {
  const FlowState &flow = network.flows[index];
  if (flow.core == hostCore || (flow.room == roomBefore && flow.sent == sentBefore))
    return;
  CoreState &source = cores[flow.core];
  if (source.mode == Mode::Forwards && source.out == index)
    updateForward(source);
  if (source.mode != Mode::Runs && isDone(source))
    wake(flow.core);
}

/// Words go on in the direction they came: no circle can consist of such reductions alone.
bool Run::isStraight(int core, const CoreState &state) const {
  const FlowState &in = network.flows[network.receivers[state.in].flow], &out = network.flows[state.out];
  pkg::Axis axis = program.channels[in.channel]->axis;
  if (axis != program.channels[out.channel]->axis || in.first != none || out.first != none)
    return false;
  auto position = [&](int c) { return c == hostCore ? -1 : axis == pkg::Axis::X ? c % width : c / width; };
  bool upwards = position(in.core) < position(core);
  return upwards ? out.lowReceivers == 0 : out.lowReceivers == out.receivers;
}

bool Run::closesCircle(int core, const CoreState &state) const {
  std::vector<int> pending{state.out};
  std::vector<bool> seen(network.flows.size(), false);
  while (!pending.empty()) {
    const FlowState &flow = network.flows[pending.back()];
    pending.pop_back();
    for (int r = flow.firstReceiver; r < flow.firstReceiver + flow.receivers; ++r) {
      int next = network.receivers[r].core;
      if (next == hostCore || cores[next].mode != Mode::Forwards || cores[next].in != r)
        continue;
      if (next == core)
        return true;
      if (!seen[cores[next].out])
        pending.push_back(cores[next].out);
      seen[cores[next].out] = true;
    }
  }
  return false;
}

Result<void> Run::startForward(const Step &step, int core, CoreState &state, int64_t words) {
  state.mode = Mode::Forwards;
  state.words = words;
  state.baseIn = network.receivers[state.in].open;
  state.baseOut = network.flows[state.out].issued;
  anyBent = anyBent || !isStraight(core, state);
  if (anyBent && closesCircle(core, state))
    return internalError(
        fmt::format("program '{}': {}: the words of this ReduceForward on channel '{}' come back to it "
                    "through other ReduceForwards",
                    program.name, where(core, step.task), program.channels[step.channel]->name));
  advanceFlow(state.out); // so that its room is known
  updateForward(state);
  return success();
}

/// Starts what moves words. True: the core goes on.
Result<bool> Run::startTransfer(const Step &step, int core, CoreState &state, int64_t words) {
  if (words == 0)
    return true;
  bool reads = step.kind != InstrKind::Put;
  bool writes = step.kind == InstrKind::Put || step.kind == InstrKind::ReduceForward;
  int outChannel = step.kind == InstrKind::Put ? step.channel : step.channelOut;
  state.in = reads ? network.receiver(step.channel, core) : none;
  state.out = writes ? network.sendFlow(outChannel, core) : none;
  if ((reads && state.in == none) || (writes && state.out == none)) {
    bool noInput = reads && state.in == none;
    size_t channel = noInput ? step.channel : outChannel;
    return internalError(fmt::format("program '{}': {}: {} channel '{}', but no flow of it {} this core", program.name,
                                     where(core, step.task), pkg::EnumNameInstrKind(step.kind),
                                     channel < program.channels.size() ? program.channels[channel]->name : "?",
                                     noInput ? "reaches" : "starts at"));
  }
  auto remember = [](std::vector<int> &list, int index) {
    if (std::find(list.begin(), list.end(), index) == list.end())
      list.push_back(index);
  };
  if (step.kind == InstrKind::ReduceForward) {
    if (auto started = startForward(step, core, state, words); !started)
      return started.takeError();
    return isDone(state);
  }
  if (step.kind == InstrKind::Put) {
    network.flows[state.out].issued += words;
    remember(state.sends, state.out);
    markDirty(state.out);
    return true;
  }
  Receiver &receiver = network.receivers[state.in];
  state.baseIn = receiver.open;
  state.words = words;
  receiver.open += words;
  markDirty(receiver.flow);
  if (step.kind == InstrKind::Get) {
    remember(state.receives, state.in);
    return true;
  }
  state.mode = Mode::ReducesInto;
  return false;
}

/// Runs a core until it waits or ends. Its `pc` stays on the instruction that it waits in.
Result<void> Run::runCore(int core, uint64_t &instructions) {
  CoreState &state = cores[core];
  const std::vector<Step> &steps = lists[state.list];
  state.queued = false;
  if (state.mode != Mode::Runs) {
    if (!isDone(state))
      return success();
    if (state.mode == Mode::Waits) {
      state.sends.clear();
      state.receives.clear();
    }
    state.mode = Mode::Runs;
    ++state.pc;
  }
  for (; state.pc < static_cast<int>(steps.size()); ++state.pc) {
    const Step &step = steps[state.pc];
    if (++instructions > options.stepLimit)
      return internalError(fmt::format("program '{}': more than {} steps; the deadlock check gives up", program.name,
                                       options.stepLimit));
    if (step.kind == InstrKind::LoopEnd) {
      LoopFrame &frame = state.loops.back();
      if (++frame.counter < frame.count)
        state.pc = frame.begin;
      else
        state.loops.pop_back();
      continue;
    }
    if (step.kind == InstrKind::Wait) {
      state.mode = Mode::Waits;
      if (!isDone(state))
        return success();
      state.mode = Mode::Runs;
      state.sends.clear();
      state.receives.clear();
      continue;
    }
    auto amount = amountOf(step, core, state);
    if (!amount)
      return amount.takeError();
    if (step.kind == InstrKind::LoopBegin) {
      if (*amount > 0)
        state.loops.push_back({state.pc, 0, *amount});
      else
        state.pc = step.match;
      continue;
    }
    auto goesOn = startTransfer(step, core, state, wordsOf(*amount));
    if (!goesOn)
      return goesOn.takeError();
    if (!*goesOn)
      return success();
    state.mode = Mode::Runs;
  }
  state.mode = Mode::Ended;
  return success();
}

Result<void> Run::execute(uint64_t &instructions) {
  if (auto prepared = prepare(); !prepared)
    return prepared;
  while (true) {
    if (!ready.empty()) {
      int core = ready.back();
      ready.pop_back();
      if (auto ran = runCore(core, instructions); !ran)
        return ran;
    } else if (!dirtyFlows.empty()) {
      int flow = dirtyFlows.front();
      dirtyFlows.pop_front();
      advanceFlow(flow);
    } else {
      break;
    }
  }
  auto ended = [](const CoreState &state) { return state.mode == Mode::Ended; };
  if (!std::all_of(cores.begin(), cores.end(), ended))
    return stuck();
  return checkCounts();
}

} // namespace weft::route::detail
