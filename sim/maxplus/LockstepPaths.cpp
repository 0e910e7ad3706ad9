// Paths through loops in lockstep: the loop runs again, from times that are kept now and then, and is followed
// backwards through the steps between two of them.
#include "sim/maxplus/Paths.h"

#include <algorithm>
#include <cmath>

namespace weft::sim::maxplus {

namespace {

/// Appends the pieces of a step up to `cycles` from its begin, the last first.
void addPieces(const std::vector<StepPiece> &pieces, uint64_t begin, uint32_t cycles, uint32_t core, uint32_t op,
               std::vector<PathNode> &nodes) {
  std::vector<PathNode> forwards;
  uint64_t at = begin;
  for (const StepPiece &piece : pieces) {
    if (at >= begin + cycles)
      break;
    if (piece.cycles)
      forwards.push_back({.begin = at, .where = core, .op = op, .what = piece.what, .cause = piece.cause});
    at += piece.cycles;
  }
  nodes.insert(nodes.end(), forwards.rbegin(), forwards.rend());
}

} // namespace

/// Step number `step`, that `core` ended at `end`, of cores that began it at `begins`; returns the core where it began.
uint32_t Paths::stepBack(const LockstepRun &run, uint32_t step, uint32_t core, uint32_t end,
                         const std::vector<uint32_t> &begins, std::vector<PathNode> &nodes) const {
  const LockstepBody &body = run.body;
  const uint32_t waited = end - body.after; // the end of the wait
  addPieces(run.after, waited, body.after, core, run.op, nodes);
  auto from = [&](uint32_t at, uint32_t cycles) {
    addPieces(run.before, begins[at], cycles, at, run.op, nodes);
    return at;
  };
  auto words = [&](Cause cause, uint64_t begin, uint32_t where, uint32_t channel, const FlowShape &flow) {
    nodes.push_back(
        {.begin = begin, .where = where, .op = run.op, .what = channel, .cause = cause, .color = flow.color});
  };
  if (begins[core] + body.wait == waited)
    return from(core, body.wait);
  const uint32_t x = core % width, y = core / width;
  for (const Exchange &each : body.exchanges) {
    const auto [shape, line, stop] = siteOf(each.channel, core);
    const FlowShape &in = line.flows[stop.flow], &out = line.flows[stop.sends];
    const Way way = wayOf(each.channel, each.number + step, core);
    const uint32_t source = way.source, count = each.words;
    if (begins[source] + each.put + way.cycles + count - 1 + fabric.ramp == waited) {
      words(Cause::Latency, begins[source] + each.put + count - 1, source, each.channel, in);
      words(Cause::Bandwidth, begins[source] + each.put, source, each.channel, in);
      return from(source, each.put);
    }
    if (!shape.turn && begins[core] + each.put + count == waited) {
      words(Cause::Bandwidth, begins[core] + each.put, core, each.channel, out);
      return from(core, each.put);
    }
    if (begins[core] + each.get + count - 1 + fabric.ramp == waited) {
      words(Cause::Latency, begins[core] + each.get + count - 1, core, each.channel, in);
      words(Cause::Bandwidth, begins[core] + each.get, core, each.channel, in);
      return from(core, each.get);
    }
    if (shape.turn)
      continue;
    const uint32_t to = coreAt(shape, x, y, out.single);
    const Stop &there = line.stops[static_cast<size_t>(out.single)];
    if (count > there.room && begins[to] + each.get + (count - 1 - there.room) + there.steps + 1 == waited) {
      words(Cause::BackPressure, begins[to] + each.get + count - 1 - there.room, to, each.channel, out);
      words(Cause::Bandwidth, begins[to] + each.get, to, each.channel, out);
      return from(to, each.get);
    }
  }
  nodes.push_back({.begin = begins[core] + body.wait, .where = core, .op = run.op, .cause = Cause::Wait});
  return from(core, body.wait);
}

uint32_t Paths::expand(const LockstepRun &run, uint32_t core, std::vector<PathNode> &nodes) const {
  const auto stride = static_cast<uint64_t>(std::ceil(std::sqrt(static_cast<double>(run.rounds))));
  // Calls visit(step, lockstep) before each of the steps. When `core` ends the last one.
  auto replay = [&](uint64_t first, uint64_t last, const std::vector<uint32_t> &begins, auto visit) {
    LockstepBody body = run.body;
    for (Exchange &each : body.exchanges)
      each.number += static_cast<uint32_t>(first);
    Lockstep lockstep(shapes, fabric, width, height, run.cores, body);
    lockstep.start(begins);
    for (uint64_t step = first; step < last; ++step) {
      visit(step, lockstep);
      (void)lockstep.step(); // as it did
    }
    return lockstep.begins(core);
  };
  auto timesOf = [&](const Lockstep &lockstep) {
    std::vector<uint32_t> times(coreCount, 0);
    forEachCore(run.cores, width, [&](uint32_t each, uint32_t, uint32_t) { times[each] = lockstep.begins(each); });
    return times;
  };
  std::vector<std::vector<uint32_t>> kept; // before steps 0, stride, …
  uint32_t end = replay(0, run.rounds, run.begins, [&](uint64_t step, const Lockstep &lockstep) {
    if (step % stride == 0)
      kept.push_back(timesOf(lockstep));
  });
  for (size_t block = kept.size(); block-- > 0;) {
    std::vector<std::vector<uint32_t>> begins;
    const uint64_t first = block * stride;
    (void)replay(first, std::min(first + stride, run.rounds), kept[block],
                 [&](uint64_t, const Lockstep &lockstep) { begins.push_back(timesOf(lockstep)); });
    for (size_t step = begins.size(); step-- > 0;) {
      core = stepBack(run, static_cast<uint32_t>(first + step), core, end, begins[step], nodes);
      end = begins[step][core];
    }
  }
  return core;
}

} // namespace weft::sim::maxplus
