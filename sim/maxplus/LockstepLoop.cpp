// Finds loops that run in lockstep, and keeps the accounts of their steps.
#include "sim/maxplus/Evaluation.h"
#include "sim/maxplus/Lockstep.h"

#include <algorithm>
#include <set>

namespace weft::sim::maxplus {

/// The body of the loop at `begin`, if it is one that may run in lockstep.
std::optional<LockstepBody> Evaluation::lockstepBody(const Strand &strand, uint32_t begin) {
  const std::vector<InstrCode> &instrs = program.image.instrs;
  LockstepBody body;
  std::map<uint32_t, Exchange> puts, gets;
  bool waited = false, overlaps = false;
  uint32_t at = 0;
  const Stretch first = strand.cores.stretches.front();
  for (uint32_t pc = begin + 1; pc < instrs[begin].match; ++pc) {
    const InstrCode &instr = instrs[pc];
    ++body.instrs;
    switch (instr.kind) {
    case pkg::InstrKind::Put:
    case pkg::InstrKind::Get: {
      if (waited || !isFixed(instr.bytes))
        return std::nullopt;
      const int64_t bytes = evaluate(instr.bytes, strand, first.begin, first.y), word = hardware.routing.linkBytes;
      const auto words = static_cast<uint32_t>(std::max<int64_t>(bytes + word - 1, 0) / word);
      if (overlaps)
        return std::nullopt; // calls under way between transfers
      at += hardware.latency.transferIssue;
      body.communicate += hardware.latency.transferIssue;
      if (bytes < 0 || words > 1u << 24)
        return std::nullopt;
      auto &ends = instr.kind == pkg::InstrKind::Put ? puts : gets;
      if (words && !ends.try_emplace(instr.channel, Exchange{instr.channel, words, at, at}).second)
        return std::nullopt;
      break;
    }
    case pkg::InstrKind::Call: {
      for (const pkg::Expr *each : costExprs(instr))
        if (!isFixed(*each))
          return std::nullopt;
      const uint32_t cycles = kernelCycles(instr, strand, first.begin, first.y);
      if (!waited && !overlaps && (!puts.empty() || !gets.empty())) {
        overlaps = true;
        body.overlap = at;
      }
      (waited ? body.after : at) += cycles;
      body.compute += cycles;
      ++body.calls;
      break;
    }
    case pkg::InstrKind::Wait:
      if (waited)
        return std::nullopt;
      waited = true;
      break;
    default:
      return std::nullopt;
    }
  }
  body.wait = at;
  if (!overlaps)
    body.overlap = at;
  if (!waited || puts.size() != gets.size() || puts.size() > hardware.routing.rampWords || puts.empty() ||
      uint64_t{at} + body.after > 1u << 24)
    return std::nullopt;
  for (const auto &[channel, put] : puts) {
    auto get = gets.find(channel);
    if (get == gets.end() || get->second.words != put.words)
      return std::nullopt;
    if (program.channels[channel].turn && strand.sent[channel] != strand.asked[channel])
      return std::nullopt;
    body.exchanges.push_back({channel, put.words, put.put, get->second.get, strand.sent[channel]});
  }
  return body;
}

/// Whether the strand's cores exchange with each other alone, one message a channel.
bool Evaluation::isClosed(const Strand &strand, const LockstepBody &body) const {
  std::vector<bool> inside(size_t{width} * height, false);
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t, uint32_t) { inside[core] = true; });
  for (const Exchange &each : body.exchanges) {
    const ChannelShape &shape = program.channels[each.channel];
    if (shape.lines.size() != 1 || !messages.isIdle(each.channel))
      return false;
    const Line &line = shape.lines[0];
    if (shape.turn) {
      if (line.flows.size() != 1 || line.flows[0].sharesLinks || line.flows[0].receivers != line.stops.size() ||
          strand.cores.size != inside.size())
        return false;
      continue;
    }
    bool closed = true;
    forEachCore(strand.cores, width, [&](uint32_t, uint32_t x, uint32_t y) {
      const Stop &stop = line.stops[shape.positionOf(x, y)];
      if (!closed || stop.sends == noFlow || stop.source < 0 || line.flows[stop.sends].single < 0 ||
          line.flows[stop.sends].lo < 0 || line.flows[stop.flow].single < 0) {
        closed = false;
        return;
      }
      auto at = [&](int32_t position) {
        return inside[shape.alongX ? y * width + static_cast<uint32_t>(position)
                                   : static_cast<uint32_t>(position) * width + x];
      };
      closed = at(stop.source) && at(line.flows[stop.sends].single);
    });
    if (!closed)
      return false;
  }
  return true;
}

/// Whose words the core gets with message `number` of a channel whose lines are alike.
uint32_t Evaluation::sourceOf(uint32_t channel, uint32_t number, uint32_t x, uint32_t y) const {
  const ChannelShape &shape = program.channels[channel];
  const Line &line = shape.lines[0];
  const auto source =
      static_cast<uint32_t>(shape.turn ? line.flows[0].sourceOf(number) : line.stops[shape.positionOf(x, y)].source);
  return shape.alongX ? y * width + source : source * width + x;
}

uint64_t Evaluation::sumOfTimes(const CoreSet &cores) const {
  uint64_t sum = 0;
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) { sum += time[core]; });
  return sum;
}

/// What a step consists of, and how its cores begin the first one.
LockstepRun Evaluation::watchLockstep(const Strand &strand, uint32_t begin, const LockstepBody &body) {
  LockstepRun run;
  run.cores = strand.cores;
  run.body = body;
  run.op = opNumber(strand);
  run.begins = time;
  run.paths = paths->coresPaths();
  const std::vector<InstrCode> &instrs = program.image.instrs;
  const Stretch first = strand.cores.stretches.front();
  std::vector<StepPiece> *to = &run.before;
  for (uint32_t pc = begin + 1; pc < instrs[begin].match; ++pc) {
    if (instrs[pc].kind == pkg::InstrKind::Wait)
      to = &run.after;
    else if (instrs[pc].kind == pkg::InstrKind::Call)
      to->push_back({Cause::Compute, instrs[pc].kernel, kernelCycles(instrs[pc], strand, first.begin, first.y)});
    else
      to->push_back({Cause::Issue, runtime::noName, hardware.latency.transferIssue});
  }
  return run;
}

/// Takes steps of the loop that the strand is at the begin of, as long as they can be taken in lockstep and there are
/// some. The last step is left to others, unless all can be taken.
void Evaluation::runLockstep(Strand &strand, uint32_t begin) {
  LoopState &loop = strand.loops.back();
  if (loop.count - loop.counter < 4 || !strand.pending.empty())
    return;
  const std::optional<LockstepBody> body = lockstepBody(strand, begin);
  if (!body || failure || !isClosed(strand, *body))
    return;
  bool held = false; // in the first step; later ones see to it themselves
  for (const Exchange &each : body->exchanges)
    forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
      const uint32_t sent = time[sourceOf(each.channel, each.number, x, y)] + each.put;
      held = held || (program.channels[each.channel].turn ? !messages.isOver(each.channel, core, sent)
                                                          : messages.mayHold(each.channel, x, y, sent, each.words));
    });
  if (held)
    return;
  Lockstep lockstep(program.channels, fabricCycles(hardware), width, height, strand.cores, *body);
  lockstep.start(time);
  LockstepRun watched;
  if (paths)
    watched = watchLockstep(strand, begin, *body);
  const uint64_t sumBefore = sumOfTimes(strand.cores);
  uint64_t rounds = 0;
  while (loop.counter < loop.count && (rounds % 64 || !lockstep.isFull()) && lockstep.step()) {
    ++rounds;
    ++loop.counter;
    if (lockstep.isSteady()) {
      const uint64_t taken = lockstep.repeat(static_cast<uint64_t>(loop.count - loop.counter));
      rounds += taken;
      loop.counter += static_cast<int64_t>(taken);
      break;
    }
  }
  if (!rounds)
    return;
  // What a later message may find of the last step's.
  const FabricCycles fabric = fabricCycles(hardware);
  for (const Exchange &each : body->exchanges) {
    const ChannelShape &shape = program.channels[each.channel];
    const uint32_t last = each.number + static_cast<uint32_t>(rounds) - 1;
    const std::vector<uint32_t> to = linkCyclesTo(fabric, shape.alongX, shape.lines[0].stops.size());
    forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
      const uint32_t source = sourceOf(each.channel, last, x, y), at = shape.positionOf(x, y),
                     from = shape.positionOf(source % width, source / width);
      const uint32_t path = shape.turn ? fabric.ramp + std::max(to[at], to[from]) - std::min(to[at], to[from])
                                       : shape.lines[0].stops[at].path;
      const uint32_t head = std::max(lockstep.began(source) + each.put + path, lockstep.began(core) + each.get);
      messages.record(each.channel, x, y, time[source] + each.put, lockstep.began(source) + each.put, head, each.words);
    });
    strand.sent[each.channel] += static_cast<uint32_t>(rounds);
    strand.asked[each.channel] += static_cast<uint32_t>(rounds);
    if (shape.turn) {
      messages.passTurns(each.channel, static_cast<uint32_t>(rounds));
      countTurns(each.channel, shape.alongX ? height : width, each.number, each.words, rounds);
    } else {
      count(each.channel, strand.cores, each.words, rounds);
    }
  }
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t, uint32_t) { time[core] = lockstep.begins(core); });
  if (paths) {
    watched.rounds = rounds;
    paths->stepped(std::move(watched));
  }
  const uint64_t all = rounds * strand.cores.size;
  OpSum &op = opOf(strand);
  op.compute += all * body->compute;
  op.communicate += all * body->communicate;
  op.hidden += lockstep.hidden();
  op.wait += sumOfTimes(strand.cores) - sumBefore - all * (body->wait + body->after);
  busy += all * body->compute;
  counters.kernelCalls += all * body->calls;
  steps += all * body->instrs;
}

} // namespace weft::sim::maxplus
