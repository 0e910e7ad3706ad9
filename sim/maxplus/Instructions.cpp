// What a strand does, an instruction at a time.
#include "sim/maxplus/Evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace weft::sim::maxplus {

Evaluation::Progress Evaluation::step(Strand &strand, bool parts) {
  const InstrCode &instr = program.image.instrs[strand.pc];
  switch (instr.kind) {
  case pkg::InstrKind::Put:
    put(strand, instr);
    break;
  case pkg::InstrKind::Get:
    get(strand, instr);
    break;
  case pkg::InstrKind::Call:
    call(strand, instr);
    break;
  case pkg::InstrKind::Wait:
    return wait(strand, parts);
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    return reduce(strand, instr, parts);
  case pkg::InstrKind::LoopBegin:
    loopBegin(strand, instr);
    return Progress::Some;
  case pkg::InstrKind::LoopEnd:
    loopEnd(strand, instr);
    return Progress::Some;
  }
  ++strand.pc;
  return Progress::Some;
}

void Evaluation::delay(const Strand &strand, uint32_t cycles) {
  if (cycles)
    for (const Stretch &stretch : strand.cores.stretches)
      for (uint32_t *at = &time[size_t{stretch.y} * width + stretch.begin], *end = at + (stretch.end - stretch.begin);
           at < end; ++at)
        *at += cycles;
  steps += strand.cores.size;
}

/// Counts `times` messages, on each of so many lines, of flows in which cores take turns; the first is `number`.
void Evaluation::countTurns(uint32_t channel, uint64_t lines, uint32_t number, uint32_t words, uint64_t times) {
  const FlowShape &flow = program.channels[channel].lines[0].flows[0];
  runtime::ChannelTraffic &sum = traffic[channel];
  for (uint64_t i = 0; i < std::min<uint64_t>(times, uint64_t{flow.receivers} * flow.turn); ++i) {
    const int32_t from = flow.sourceOf(number + static_cast<uint32_t>(i));
    sum.maxHops = std::max(sum.maxHops, static_cast<uint32_t>(std::max(from - flow.lo, flow.hi - from)));
  }
  sum.messages += lines * times;
  sum.words += lines * words * times;
  sum.wordHops += lines * flow.links * words * times;
  counters.wordsInjected += lines * words * times;
  counters.wordHops += lines * flow.links * words * times;
}

/// Counts a message of each core.
void Evaluation::count(uint32_t channel, const CoreSet &cores, uint32_t words, uint64_t times) {
  const ChannelShape &shape = program.channels[channel];
  runtime::ChannelTraffic &sum = traffic[channel];
  uint64_t links = 0;
  forEachCore(cores, width, [&](uint32_t, uint32_t x, uint32_t y) {
    const Line &line = shape.lineAt(x, y);
    const uint32_t sends = line.stops[shape.positionOf(x, y)].sends;
    if (sends == noFlow)
      return;
    links += line.flows[sends].links;
    sum.maxHops = std::max(sum.maxHops, line.flows[sends].maxHops);
  });
  sum.messages += cores.size * times;
  sum.words += cores.size * words * times;
  sum.wordHops += links * words * times;
  counters.wordsInjected += cores.size * words * times;
  counters.wordHops += links * words * times;
}

uint32_t Evaluation::wordsOf(Strand &strand, const InstrCode &instr) {
  const int64_t bytes = settle(instr.bytes, strand), word = hardware.routing.linkBytes;
  if (bytes < 0 || bytes > int64_t{std::numeric_limits<int32_t>::max()})
    refuse(fmt::format("a transfer of {} bytes", bytes));
  return static_cast<uint32_t>((bytes + word - 1) / word);
}

void Evaluation::put(Strand &strand, const InstrCode &instr) {
  const uint32_t words = wordsOf(strand, instr);
  if (paths)
    paths->spends(strand.cores, Cause::Issue, opNumber(strand), runtime::noName, hardware.latency.transferIssue);
  delay(strand, hardware.latency.transferIssue);
  opOf(strand).communicate += strand.cores.size * hardware.latency.transferIssue;
  if (!words || failure)
    return;
  const uint32_t number = strand.sent[instr.channel]++;
  std::vector<uint32_t> *at = &time;
  const Transfer *behind = nullptr;
  for (const Transfer &before : strand.pending)
    if ((before.end == End::Put && before.channel == instr.channel) ||
        (before.end == End::Forward && before.out == instr.channel)) {
      // One after the other: the first word follows the last of the one before.
      const uint32_t earlier = before.end == End::Put ? before.number : before.outNumber;
      Slot &slot = messages.slot(instr.channel, earlier);
      at = &ends;
      behind = &before;
      forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
        const uint32_t left = messages.left(instr.channel, slot, x, y, before.words);
        if (left == unknown)
          refuse("a core sends on before it is known when its last message leaves");
        ends[core] = std::max(time[core], left + 1);
      });
    }
  if (paths)
    paths->sends(instr.channel, number, strand.cores, words, *at, behind);
  if (program.channels[instr.channel].turn) {
    const CoreSet senders = messages.sendersOf(instr.channel, number, strand.cores);
    messages.openSends(instr.channel, number, senders, words, *at);
    countTurns(instr.channel, senders.size, number, words, 1);
  } else {
    messages.openSends(instr.channel, number, strand.cores, words, *at);
    count(instr.channel, strand.cores, words);
  }
  strand.pending.push_back({End::Put, opNumber(strand), instr.channel, number, words});
}

void Evaluation::get(Strand &strand, const InstrCode &instr) {
  const uint32_t words = wordsOf(strand, instr);
  if (paths)
    paths->spends(strand.cores, Cause::Issue, opNumber(strand), runtime::noName, hardware.latency.transferIssue);
  delay(strand, hardware.latency.transferIssue);
  opOf(strand).communicate += strand.cores.size * hardware.latency.transferIssue;
  if (!words || failure)
    return;
  const uint32_t number = strand.asked[instr.channel]++;
  if (paths)
    paths->receives(instr.channel, number, strand.cores);
  messages.openReceives(instr.channel, number, strand.cores, words, time);
  strand.pending.push_back({End::Get, opNumber(strand), instr.channel, number, words});
}

std::shared_ptr<uint32_t[]> Evaluation::timesOf(const Strand &strand) const {
  std::shared_ptr<uint32_t[]> times(new uint32_t[time.size()]); // of other cores nothing
  for (const Stretch &stretch : strand.cores.stretches) {
    const size_t from = size_t{stretch.y} * width + stretch.begin;
    std::copy_n(&time[from], stretch.end - stretch.begin, &times[from]);
  }
  return times;
}

/// The cycles of calls in which transfers were under way, now that their ends are known.
void Evaluation::countHidden(const Strand &strand) {
  for (const CallSpan &call : strand.calls)
    forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
      uint32_t last = 0;
      for (size_t i = 0; i < call.opened; ++i) {
        const Transfer &transfer = strand.pending[i];
        if (transfer.end == End::Put || transfer.end == End::Get)
          last = std::max(last, endOf(transfer, messages.slot(transfer.channel, transfer.number), x, y));
      }
      last = std::min(last, call.end[core]);
      ops[call.op].hidden += last > call.begin[core] ? last - call.begin[core] : 0;
    });
}

void Evaluation::call(Strand &strand, const InstrCode &instr) {
  Needs needs;
  auto add = [&](const pkg::Expr &expr) {
    const Needs more = needsOf(expr);
    needs.x = needs.x || more.x;
    needs.y = needs.y || more.y;
  };
  for (const pkg::Expr *each : costExprs(instr))
    add(*each);
  const bool overlaps = std::any_of(strand.pending.begin(), strand.pending.end(),
                                    [](const Transfer &each) { return each.end == End::Put || each.end == End::Get; });
  const auto begin = overlaps ? timesOf(strand) : nullptr;
  uint64_t sum = 0;
  const Stretch first = strand.cores.stretches.front();
  if (!needs.x && !needs.y) {
    const uint32_t cycles = kernelCycles(instr, strand, first.begin, first.y);
    if (paths)
      paths->spends(strand.cores, Cause::Compute, opNumber(strand), instr.kernel, cycles);
    delay(strand, cycles);
    sum = strand.cores.size * cycles;
  } else {
    std::vector<uint32_t> known(needs.x && needs.y ? 0 : needs.x ? width : height, unknown);
    forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
      uint32_t cycles = known.empty() ? unknown : known[needs.x ? x : y];
      if (cycles == unknown)
        cycles = kernelCycles(instr, strand, x, y);
      if (!known.empty())
        known[needs.x ? x : y] = cycles;
      if (paths)
        paths->spends(core, Cause::Compute, opNumber(strand), instr.kernel, cycles);
      time[core] += cycles;
      sum += cycles;
    });
    steps += strand.cores.size;
  }
  if (overlaps)
    strand.calls.push_back({opNumber(strand), strand.pending.size(), begin, timesOf(strand)});
  opOf(strand).compute += sum;
  busy += sum;
  counters.kernelCalls += strand.cores.size;
}

// ---- waiting
// ----------------------------------------------------------------------------------------------------------

/// When the transfer ends for a core, unknown if that is not settled yet.
uint32_t Evaluation::endOf(const Transfer &transfer, Slot &slot, uint32_t x, uint32_t y) {
  if (transfer.end == End::Put) {
    if (program.channels[transfer.channel].turn && !messages.sends(transfer.channel, slot.number, x, y))
      return 0; // another's turn
    const uint32_t left = messages.left(transfer.channel, slot, x, y, transfer.words);
    return left == unknown ? unknown : left + 1;
  }
  if (messages.head(transfer.channel, slot, x, y) == unknown)
    return unknown;
  return slot.tail[y * width + x] + hardware.latency.ramp +
         (transfer.end == End::Into ? hardware.latency.streamStage : 0);
}

/// Whether nothing can have come yet to some core of the strand.
bool Evaluation::isEarly(const Strand &strand) {
  for (const Transfer &transfer : strand.pending) {
    if (transfer.done || transfer.end == End::Put)
      continue;
    const Slot &slot = messages.slot(transfer.channel, transfer.number);
    for (const Stretch &stretch : strand.cores.stretches)
      if (!messages.mayArrive(transfer.channel, slot, stretch.begin, stretch.y))
        return true;
  }
  return false;
}

/// Puts into `ends` when the strand's transfers end. False if that is not known for all (or, with `parts`, for any) of
/// its cores; those for which it is not become a strand of their own.
bool Evaluation::settleEnds(Strand &strand, bool parts) {
  if (!parts && isEarly(strand))
    return false;
  for (const Stretch &stretch : strand.cores.stretches)
    std::fill_n(&ends[size_t{stretch.y} * width + stretch.begin], stretch.end - stretch.begin, 0);
  bool all = true;
  for (const Transfer &transfer : strand.pending) {
    if (transfer.done)
      continue;
    Slot &slot = messages.slot(transfer.channel, transfer.number);
    uint32_t last = 0;
    for (const Stretch &stretch : strand.cores.stretches)
      for (uint32_t x = stretch.begin; x < stretch.end; ++x) {
        const uint32_t end = endOf(transfer, slot, x, stretch.y);
        uint32_t &latestEnd = ends[size_t{stretch.y} * width + x];
        latestEnd = std::max(latestEnd, end);
        last = std::max(last, end);
      }
    all = all && last != unknown;
    if (!all && !parts)
      return false;
    if (last != unknown)
      ops[transfer.op].end = std::max<uint64_t>(ops[transfer.op].end, last);
  }
  return all || splitReady(strand);
}

Evaluation::Progress Evaluation::wait(Strand &strand, bool parts) {
  if (!settleEnds(strand, parts))
    return Progress::None;
  if (paths)
    paths->waits(strand.cores, strand.pending, ends);
  OpSum &op = opOf(strand);
  uint64_t waited = 0;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    const uint32_t end = std::max(time[core], ends[core]);
    waited += end - time[core];
    time[core] = end;
  });
  op.wait += waited;
  steps += strand.cores.size;
  countHidden(strand);
  checkRamps(strand);
  closeTransfers(strand);
  ++strand.pc;
  return Progress::Some;
}

/// Leaves in `strand` the cores whose end is known, and the others in a strand of their own. False if there are none.
bool Evaluation::splitReady(Strand &strand) {
  CoreSet ready, others;
  forEachCore(strand.cores, width,
              [&](uint32_t core, uint32_t x, uint32_t y) { (ends[core] == unknown ? others : ready).add(x, y); });
  if (!ready.size)
    return false;
  if (others.size) {
    Strand part = strand;
    part.cores = std::move(others);
    born.push_back(std::move(part));
    strand.cores = std::move(ready);
  }
  return true;
}

// ---- reductions
// -------------------------------------------------------------------------------------------------------

void Evaluation::postReduction(Strand &strand, const InstrCode &instr, uint32_t words) {
  const bool forward = instr.kind == pkg::InstrKind::ReduceForward;
  if (forward && program.channels[instr.channelOut].turn)
    refuse("a stream goes on where cores take turns");
  Transfer transfer{forward ? End::Forward : End::Into, opNumber(strand), instr.channel, strand.asked[instr.channel]++,
                    words};
  if (paths && !forward)
    paths->receives(transfer.channel, transfer.number, strand.cores);
  messages.openReceives(transfer.channel, transfer.number, strand.cores, words, time);
  if (forward) {
    transfer.out = instr.channelOut;
    transfer.outNumber = strand.sent[instr.channelOut]++;
    if (paths)
      paths->forwards(transfer, strand.cores);
    messages.forwardTo(transfer.channel, transfer.number, strand.cores, transfer.out, transfer.outNumber, words);
    count(transfer.out, strand.cores, words);
    for (const Transfer &before : strand.pending)
      if (before.end == End::Put && before.channel == transfer.out)
        refuse("a core forwards into a channel that it still sends into");
  }
  strand.pending.push_back(transfer);
  strand.stage = Stage::Posted;
}

/// First words arrive, at some cores behind those of others of the same strand.
void Evaluation::sweepHeads(const Strand &strand, const Transfer &transfer) {
  const uint32_t delay = hardware.latency.ramp + hardware.latency.streamStage;
  uint64_t missing = strand.cores.size;
  auto visit = [&](uint32_t core, uint32_t x, uint32_t y) {
    Slot &slot = messages.slot(transfer.channel, transfer.number);
    if (slot.head[core] != unknown && (transfer.end == End::Into || streamed(transfer, core))) {
      --missing;
      return;
    }
    const uint32_t head = messages.head(transfer.channel, slot, x, y);
    if (head == unknown)
      return;
    --missing;
    if (transfer.end == End::Forward && !streamed(transfer, core))
      messages.streamOut(transfer.out, transfer.outNumber, x, y, head + delay);
  };
  for (uint64_t before = missing + 1; missing && missing < before;) {
    before = missing;
    missing = strand.cores.size;
    forEachCore(strand.cores, width, visit);
    if (!missing)
      break;
    missing = strand.cores.size;
    forEachCoreDown(strand.cores, width, visit);
  }
}

bool Evaluation::streamed(const Transfer &transfer, uint32_t core) {
  return messages.slot(transfer.out, transfer.outNumber).sent[core] != unknown;
}

Evaluation::Progress Evaluation::reduce(Strand &strand, const InstrCode &instr, bool parts) {
  const bool forward = instr.kind == pkg::InstrKind::ReduceForward;
  if (strand.stage == Stage::Begin) {
    const uint32_t words = wordsOf(strand, instr);
    if (paths)
      paths->spends(strand.cores, Cause::Issue, opNumber(strand), runtime::noName, hardware.latency.streamStartup);
    delay(strand, hardware.latency.streamStartup);
    opOf(strand).communicate += strand.cores.size * hardware.latency.streamStartup;
    if (!words || failure) {
      ++strand.pc;
      return Progress::Some;
    }
    postReduction(strand, instr, words);
    return Progress::Some;
  }
  const Transfer transfer = strand.pending.back();
  sweepHeads(strand, transfer);
  bool all = true;
  Slot &slot = messages.slot(transfer.channel, transfer.number);
  Slot *out = forward ? &messages.slot(transfer.out, transfer.outNumber) : nullptr;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    uint32_t end = unknown;
    if (!forward) {
      end = endOf(transfer, slot, x, y);
    } else if (out->sent[core] != unknown) {
      const uint32_t left = messages.left(transfer.out, *out, x, y, transfer.words);
      end = left == unknown ? unknown : left + 1;
    }
    ends[core] = end;
    all = all && end != unknown;
  });
  if (!all && (!parts || !splitReady(strand)))
    return Progress::None;
  finishReduction(strand, transfer);
  return Progress::Some;
}

void Evaluation::finishReduction(Strand &strand, const Transfer &transfer) {
  const hw::Latency &latency = hardware.latency;
  OpSum &op = opOf(strand);
  if (paths)
    paths->reduces(strand.cores, transfer, ends);
  Slot &slot = messages.slot(transfer.channel, transfer.number);
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    const uint32_t first = slot.head[core] + latency.ramp;
    op.wait += first - time[core];
    op.communicate += ends[core] - first;
    time[core] = ends[core];
    if (transfer.end == End::Forward)
      messages.setTail(transfer.channel, transfer.number, x, y, ends[core] - 1 - latency.ramp - latency.streamStage);
  });
  steps += strand.cores.size;
  strand.pending.back().done = true;
  strand.stage = Stage::Begin;
  ++strand.pc;
  if (std::all_of(strand.pending.begin(), strand.pending.end(), [](const Transfer &each) { return each.done; }))
    closeTransfers(strand);
}

// ---- ramps
// ------------------------------------------------------------------------------------------------------------

/// Whether more spans than the ramp is wide have a cycle in common.
bool Evaluation::overlapsRamp(std::vector<std::pair<uint32_t, uint32_t>> &spans) const {
  std::sort(spans.begin(), spans.end());
  for (size_t i = 0; i < spans.size(); ++i) {
    uint32_t together = 1;
    for (size_t j = 0; j < i; ++j)
      together += spans[j].second >= spans[i].first;
    if (together > hardware.routing.rampWords)
      return true;
  }
  return false;
}

/// The transfers between two moments at which the core has none: do they ever share a ramp?
void Evaluation::checkRamps(const Strand &strand) {
  if (strand.pending.size() <= hardware.routing.rampWords)
    return;
  std::vector<uint32_t> channelsUp, channelsDown;
  for (const Transfer &transfer : strand.pending) {
    if (transfer.end == End::Put || transfer.end == End::Forward)
      channelsUp.push_back(transfer.end == End::Put ? transfer.channel : transfer.out);
    if (transfer.end != End::Put)
      channelsDown.push_back(transfer.channel);
  }
  auto distinct = [](std::vector<uint32_t> &list) {
    std::sort(list.begin(), list.end());
    return static_cast<size_t>(std::unique(list.begin(), list.end()) - list.begin());
  };
  const bool up = distinct(channelsUp) > hardware.routing.rampWords;
  const bool down = distinct(channelsDown) > hardware.routing.rampWords;
  if (!up && !down)
    return;
  std::vector<std::pair<uint32_t, uint32_t>> spansUp, spansDown;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    spansUp.clear();
    spansDown.clear();
    for (const Transfer &transfer : strand.pending) {
      if (up && (transfer.end == End::Put || transfer.end == End::Forward)) {
        const uint32_t channel = transfer.end == End::Put ? transfer.channel : transfer.out;
        Slot &slot = messages.slot(channel, transfer.end == End::Put ? transfer.number : transfer.outNumber);
        if (slot.sent[core] != unknown) // else it is another's turn
          spansUp.emplace_back(slot.sent[core], messages.left(channel, slot, x, y, transfer.words));
      }
      if (down && transfer.end != End::Put) {
        Slot &slot = messages.slot(transfer.channel, transfer.number);
        spansDown.emplace_back(slot.head[core], slot.tail[core]);
      }
    }
    if (overlapsRamp(spansUp) || overlapsRamp(spansDown))
      refuse("transfers of a core may want its ramp at the same time");
  });
}

void Evaluation::closeTransfers(Strand &strand) {
  if (paths)
    paths->closes(strand.cores, strand.pending);
  for (const Transfer &transfer : strand.pending) {
    if (transfer.end == End::Forward)
      messages.close(transfer.out, transfer.outNumber, strand.cores.size);
    messages.close(transfer.channel, transfer.number,
                   transfer.end == End::Put ? messages.sendersOf(transfer.channel, transfer.number, strand.cores).size
                                            : strand.cores.size);
  }
  strand.pending.clear();
  strand.calls.clear();
  if (!paths)
    return;
  if (auto ok = paths->collect(); !ok)
    refuse(ok.error().message);
}

// ---- loops
// ------------------------------------------------------------------------------------------------------------

void Evaluation::loopBegin(Strand &strand, const InstrCode &instr) {
  const int64_t rounds = settle(instr.count, strand);
  if (rounds < 0)
    refuse(fmt::format("a loop of {} rounds", rounds));
  if (rounds <= 0) {
    strand.pc = instr.match + 1;
    return;
  }
  strand.loops.push_back({0, rounds});
  runLockstep(strand, strand.pc);
  if (strand.loops.back().counter == rounds) {
    strand.loops.pop_back();
    strand.pc = instr.match + 1;
    return;
  }
  ++strand.pc;
}

void Evaluation::loopEnd(Strand &strand, const InstrCode &instr) {
  LoopState &loop = strand.loops.back();
  if (++loop.counter < loop.count) {
    runLockstep(strand, instr.match);
    if (strand.loops.back().counter < strand.loops.back().count) {
      strand.pc = instr.match + 1;
      return;
    }
  }
  strand.loops.pop_back();
  ++strand.pc;
}

} // namespace weft::sim::maxplus
