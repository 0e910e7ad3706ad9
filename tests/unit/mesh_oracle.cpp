// A second simulator of docs/program-model.md, as plain as can be: all routers, cores and ports in every cycle, words
// as objects that carry their value. It shares no code with the engine.
#include "mesh_oracle_state.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace weft::test {
namespace {

class Oracle : OracleFabric {
public:
  Oracle(const runtime::Package &package, const Setup &setup)
      : OracleFabric(setup.hardware, package.mesh_width, package.mesh_height), package(package),
        program(*package.programs[0]), setup(setup), wordBytes(setup.hardware.routing.linkBytes),
        cores(width * height) {}

  Observation run() {
    layRoutes(program);
    loadCores();
    startHost();
    uint64_t quietSince = 0;
    for (now = 0; now < 200000; ++now) {
      moved = false;
      for (uint32_t core = 0; core < cores.size(); ++core)
        stepCore(core);
      decide();
      apply();
      bool open = std::any_of(cores.begin(), cores.end(), [](const CoreState &core) {
        return !core.done || std::any_of(core.outstanding.begin(), core.outstanding.end(),
                                         [](const MovingPtr &each) { return each->endsAt == ~0ull; });
      });
      if (moved)
        quietSince = now;
      if (!open && now - quietSince > 200)
        break;
      if (now - quietSince > 2000)
        return seen; // stuck
    }
    for (const Router &router : routers)
      for (const auto &[colour, state] : router.colours)
        if (!state.queue.words.empty() || std::any_of(state.inputs.begin(), state.inputs.end(),
                                                      [](const auto &input) { return !input.second.words.empty(); }))
          return seen;
    seen.finished = true;
    for (const CoreState &core : cores)
      seen.memory.push_back(core.memory);
    collect();
    return seen;
  }

private:
  Store &storeOf(uint32_t router, uint32_t colour, char which) {
    ColourState &state = routers[router].colours.at(colour);
    return which == 'q' ? state.queue : state.inputs.at(which);
  }
  /// Where words go that come up the ramp, or from the host.
  Store &entryOf(const Sender &sender, uint32_t colour) {
    return storeOf(sender.router, colour, routers[sender.router].colours.at(colour).inputs.empty() ? 'q' : 'b');
  }

  void loadCores() {
    for (uint32_t core = 0; core < cores.size(); ++core) {
      cores[core].memory.assign(setup.hardware.memory.sramBytes, std::byte{0});
      if (!setup.initialMemory.empty())
        std::copy(setup.initialMemory[core].begin(), setup.initialMemory[core].end(), cores[core].memory.begin());
      for (const auto &task : program.tasks)
        if (task->class_id == core)
          cores[core].tasks.push_back(task.get());
    }
  }

  void startHost() {
    for (const auto &input : program.inputs)
      for (uint32_t host = width * height; host < senders.size(); ++host) {
        auto colour = senders[host].colourOfChannel.find(input->channel);
        if (colour == senders[host].colourOfChannel.end())
          continue;
        auto transfer = std::make_shared<Moving>();
        transfer->words = (static_cast<uint32_t>(input->bytes->add()) + wordBytes - 1) / wordBytes;
        transfer->openFrom = setup.hardware.latency.hostStartup;
        transfer->contents.resize(size_t{transfer->words} * wordBytes);
        for (size_t i = 0; i < setup.inputWords.size(); ++i)
          std::memcpy(&transfer->contents[4 * i], &setup.inputWords[i], 4);
        if (transfer->words)
          senders[host].byColour[colour->second].push_back(transfer);
      }
  }

  // ---- cores ----

  int64_t value(const pkg::Expr &expr, const CoreState &core) const {
    if (expr.source() == pkg::Source::Loop)
      return expr.add() + expr.scale() * core.loops[core.loops.size() - 1 - expr.index()].first;
    auto index = static_cast<uint32_t>(&core - cores.data());
    if (expr.source() == pkg::Source::CoordX)
      return expr.add() + expr.scale() * static_cast<int32_t>(index % width);
    if (expr.source() == pkg::Source::RankY)
      return expr.add() + expr.scale() * program.rank_y[index / width];
    return expr.add();
  }

  std::byte *address(const pkg::OperandT &operand, CoreState &core) const {
    int64_t offset = program.buffers[operand.buffer]->offset + operand.offset;
    for (const pkg::RingTerm &term : operand.terms) {
      int64_t place =
          term.loop_scale() * core.loops[core.loops.size() - 1 - term.loop()].first + value(term.phase(), core);
      while (place < 0)
        place += term.modulus();
      offset += place % term.modulus() * term.stride();
    }
    return core.memory.data() + offset;
  }

  void stepCore(uint32_t index) {
    CoreState &core = cores[index];
    while (!core.done) {
      if (core.busyUntil > now)
        return;
      if (core.task == core.tasks.size()) {
        core.done = true;
        moved = true;
        seen.coreEnds[index] = now;
        seen.cycles = std::max(seen.cycles, now);
        return;
      }
      if (core.pc == core.tasks[core.task]->instrs.size()) {
        ++core.task;
        core.pc = 0;
        continue;
      }
      const pkg::InstrT &instr = *core.tasks[core.task]->instrs[core.pc];
      if (!core.led) {
        core.busyUntil = now + leadIn(instr, core);
        core.led = true;
        moved = true;
        continue;
      }
      if (!perform(instr, core, index))
        return;
      core.led = false;
    }
  }

  uint64_t leadIn(const pkg::InstrT &instr, CoreState &core) {
    switch (instr.kind) {
    case pkg::InstrKind::Put:
    case pkg::InstrKind::Get:
      return setup.hardware.latency.transferIssue;
    case pkg::InstrKind::ReduceForward:
    case pkg::InstrKind::ReduceInto:
      return setup.hardware.latency.streamStartup;
    case pkg::InstrKind::Call: {
      std::vector<void *> operands;
      std::vector<int64_t> scalars;
      for (const auto &operand : instr.operands)
        operands.push_back(address(*operand, core));
      for (const pkg::Expr &scalar : instr.scalars)
        scalars.push_back(value(scalar, core));
      int64_t macs = value(*instr.work->macs, core);
      if (instr.counted >= 0) {
        int64_t &m = scalars[size_t(package.kernels[instr.kernel]->probe->rows_scalar)];
        int32_t count = 0;
        std::memcpy(&count, operands[size_t(instr.counted)], sizeof count);
        const int64_t actual = std::clamp<int64_t>(count, 1, value(*instr.count, core));
        macs += (actual - std::exchange(m, actual)) * instr.each->macs->add();
      }
      setup.kernels.at(package.kernels[instr.kernel]->name)(operands.data(), scalars.data());
      return static_cast<uint64_t>(macs);
    }
    default:
      return 0;
    }
  }

  /// False: the core stays at this instruction.
  bool perform(const pkg::InstrT &instr, CoreState &core, uint32_t index) {
    switch (instr.kind) {
    case pkg::InstrKind::Wait:
      for (const MovingPtr &each : core.outstanding)
        if (each->endsAt > now)
          return false;
      core.outstanding.clear();
      break;
    case pkg::InstrKind::LoopBegin:
      core.loops.emplace_back(0, value(*instr.count, core));
      core.loopStarts.push_back(core.pc);
      break; // tests have no loops of zero rounds here
    case pkg::InstrKind::LoopEnd:
      if (++core.loops.back().first < core.loops.back().second) {
        core.pc = core.loopStarts.back();
        break;
      }
      core.loops.pop_back();
      core.loopStarts.pop_back();
      break;
    case pkg::InstrKind::Call:
      break;
    default:
      if (!core.blocking)
        return open(instr, core, index);
      if (core.blocking->endsAt > now)
        return false;
      core.blocking = nullptr;
    }
    ++core.pc;
    return true;
  }

  bool open(const pkg::InstrT &instr, CoreState &core, uint32_t index) {
    moved = true;
    auto transfer = std::make_shared<Moving>();
    transfer->kind = instr.kind;
    transfer->reduce = instr.reduce;
    transfer->bytes = static_cast<uint32_t>(value(*instr.bytes, core));
    transfer->words = (transfer->bytes + wordBytes - 1) / wordBytes;
    transfer->local = address(*instr.operands[0], core);
    bool put = instr.kind == pkg::InstrKind::Put, forward = instr.kind == pkg::InstrKind::ReduceForward;
    if (!transfer->words) {
      ++core.pc;
      return true;
    }
    if (put) {
      transfer->contents.assign(transfer->local, transfer->local + transfer->bytes);
      transfer->contents.resize(size_t{transfer->words} * wordBytes);
      senders[index].byColour[senders[index].colourOfChannel.at(instr.channel)].push_back(transfer);
    } else {
      core.receiving[instr.channel].push_back(transfer);
    }
    if (put || instr.kind == pkg::InstrKind::Get) {
      core.outstanding.push_back(transfer);
      ++core.pc;
      return true;
    }
    core.blocking = transfer;
    if (forward) {
      core.blocking = std::make_shared<Moving>();
      core.blocking->streamsOut = true;
      core.blocking->words = transfer->words;
      senders[index].byColour[senders[index].colourOfChannel.at(instr.channel_out)].push_back(core.blocking);
    }
    return false;
  }

  // ---- one cycle of the fabric: decide on the old state, then change it ----

  struct RouterGrant {
    uint32_t router;
    std::vector<uint32_t> colours;
  };
  struct UnitGrant {
    uint32_t router, colour;
  };
  struct SenderGrant {
    uint32_t sender, colour;
  };

  bool streamRoom(const CoreState &core) const {
    const hw::Latency &latency = setup.hardware.latency;
    return core.stream.size() < setup.hardware.routing.queueWords + latency.ramp + latency.streamStage;
  }

  bool coreTakes(uint32_t core, uint32_t channel) const {
    auto queue = cores[core].receiving.find(channel);
    if (queue == cores[core].receiving.end() || queue->second.empty())
      return false;
    return queue->second.front()->kind != pkg::InstrKind::ReduceForward || streamRoom(cores[core]);
  }

  void decide() {
    routerGrants.clear();
    unitGrants.clear();
    senderGrants.clear();
    for (uint32_t r = 0; r < routers.size(); ++r)
      for (uint32_t colour : routers[r].unitTurns.order) {
        const ColourState &state = routers[r].colours.at(colour);
        bool ready = !state.queue.full();
        for (const auto &[side, input] : state.inputs)
          ready = ready && input.able(now);
        if (!ready)
          continue;
        unitGrants.push_back({r, colour});
        break;
      }
    for (uint32_t r = 0; r < routers.size(); ++r) {
      std::multiset<char> taken;
      RouterGrant grant{r, {}};
      for (uint32_t colour : routers[r].turns.order) {
        const ColourState &state = routers[r].colours.at(colour);
        const bool able = state.queue.able(now);
        bool may = able;
        for (auto [next, which] : state.nexts)
          may = may && !storeOf(next, colour, which).full();
        may = may && (!state.toCore || coreTakes(r, state.channel));
        const bool ready = may && std::none_of(state.ports.begin(), state.ports.end(), [&](char p) {
                             return taken.count(p) == (p == 'C' ? setup.hardware.routing.rampWords : 1);
                           });
        if (able && !ready)
          ++(may ? seen.held[{r, colour}].second : seen.held[{r, colour}].first);
        if (!ready)
          continue;
        taken.insert(state.ports.begin(), state.ports.end());
        grant.colours.push_back(colour);
      }
      if (!grant.colours.empty())
        routerGrants.push_back(grant);
    }
    for (uint32_t s = 0; s < senders.size(); ++s) {
      uint32_t granted = 0;
      for (uint32_t colour : senders[s].turns.order) {
        auto &waiting = senders[s].byColour[colour];
        if (waiting.empty() || waiting.front()->openFrom > now)
          continue;
        if (waiting.front()->streamsOut && (cores[s].stream.empty() || cores[s].stream.front().ableAt > now))
          continue;
        if (entryOf(senders[s], colour).full())
          continue;
        senderGrants.push_back({s, colour});
        if (++granted == (s < cores.size() ? setup.hardware.routing.rampWords : 1))
          break;
      }
    }
  }

  void apply() {
    moved = moved || !routerGrants.empty() || !unitGrants.empty() || !senderGrants.empty();
    for (const RouterGrant &grant : routerGrants) {
      for (uint32_t colour : grant.colours) {
        ColourState &state = routers[grant.router].colours.at(colour);
        Word word = state.queue.words.front();
        state.queue.words.pop_front();
        for (auto [next, which] : state.nexts)
          storeOf(next, colour, which).words.push_back({word.value, now + linkLatency(grant.router, next)});
        if (state.toHost) {
          host[{state.channel, state.line}].push_back(word.value);
          seen.hostArrivals[{state.line, state.channel}].push_back(now + setup.hardware.latency.hop);
          seen.cycles = std::max(seen.cycles, now + setup.hardware.latency.hop);
        }
        if (state.toCore)
          take(grant.router, state.channel, word.value);
      }
      routers[grant.router].turns.granted(grant.colours);
    }
    for (const UnitGrant &grant : unitGrants) {
      ColourState &state = routers[grant.router].colours.at(grant.colour);
      std::vector<std::byte> value;
      for (auto &[side, input] : state.inputs) { // 'a', 'b', 'c'
        const std::vector<std::byte> &word = input.words.front().value;
        value = value.empty() ? word : oracleCombine(state.combine, value, word);
        input.words.pop_front();
      }
      state.queue.words.push_back({value, now + setup.hardware.routing.reduceStage});
      routers[grant.router].unitTurns.granted({grant.colour});
    }
    for (const SenderGrant &grant : senderGrants)
      send(grant);
  }

  void take(uint32_t index, uint32_t channel, const std::vector<std::byte> &value) {
    const hw::Latency &latency = setup.hardware.latency;
    CoreState &core = cores[index];
    MovingPtr transfer = core.receiving.at(channel).front();
    std::byte *local = transfer->local + size_t{transfer->done} * wordBytes;
    size_t own = std::min<size_t>(wordBytes, transfer->bytes - size_t{transfer->done} * wordBytes);
    seen.arrivals[{index, channel}].push_back(now + latency.ramp);
    if (++transfer->done == transfer->words)
      core.receiving.at(channel).pop_front();
    if (transfer->kind == pkg::InstrKind::ReduceForward) {
      core.stream.push_back(
          {oracleReduce(transfer->reduce, value.data(), local, own), now + latency.ramp + latency.streamStage});
      core.stream.back().value.resize(wordBytes);
      return;
    }
    std::vector<std::byte> written = value;
    if (transfer->kind == pkg::InstrKind::ReduceInto)
      written = oracleReduce(transfer->reduce, local, value.data(), own);
    std::memcpy(local, written.data(), own);
    if (transfer->done == transfer->words) {
      transfer->endsAt = now + latency.ramp + (transfer->kind == pkg::InstrKind::ReduceInto ? latency.streamStage : 0);
      seen.cycles = std::max(seen.cycles, transfer->endsAt);
    }
  }

  void send(const SenderGrant &grant) {
    Sender &sender = senders[grant.sender];
    MovingPtr transfer = sender.byColour[grant.colour].front();
    Word word{{}, now + sender.latency};
    if (transfer->streamsOut) {
      word.value = cores[grant.sender].stream.front().value;
      cores[grant.sender].stream.pop_front();
    } else {
      const std::byte *from = transfer->contents.data() + size_t{transfer->done} * wordBytes;
      word.value.assign(from, from + wordBytes);
    }
    entryOf(sender, grant.colour).words.push_back(word);
    if (++transfer->done == transfer->words) {
      transfer->endsAt = now + 1;
      seen.cycles = std::max(seen.cycles, now + 1);
      sender.byColour[grant.colour].pop_front();
    }
    sender.turns.granted({grant.colour});
  }

  void collect() {
    for (const auto &output : program.outputs) {
      seen.logits.assign(output->extent, 0);
      size_t lines = program.channels[output->channel]->axis == pkg::Axis::X ? height : width;
      size_t perLine = output->index.size() / lines;
      for (uint32_t line = 0; line < lines; ++line) {
        std::vector<std::byte> bytes;
        for (const auto &word : host[{output->channel, line}])
          bytes.insert(bytes.end(), word.begin(), word.end());
        for (size_t i = 0; i < perLine && i * 4 + 4 <= bytes.size(); ++i)
          if (output->index[line * perLine + i] >= 0)
            std::memcpy(&seen.logits[static_cast<size_t>(output->index[line * perLine + i])], bytes.data() + i * 4, 4);
      }
    }
  }

  const runtime::Package &package;
  const pkg::ProgramT &program;
  const Setup &setup;
  uint32_t wordBytes;
  std::vector<CoreState> cores;
  std::map<std::pair<uint32_t, uint32_t>, std::vector<std::vector<std::byte>>> host;
  std::vector<RouterGrant> routerGrants;
  std::vector<UnitGrant> unitGrants;
  std::vector<SenderGrant> senderGrants;
  uint64_t now = 0;
  bool moved = false;
  Observation seen;
};

} // namespace

Observation runOracle(const runtime::Package &package, const Setup &setup) { return Oracle(package, setup).run(); }

} // namespace weft::test
