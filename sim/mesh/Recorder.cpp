#include "sim/mesh/Recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace weft::sim {

namespace {
constexpr uint32_t exits = 3; // of a queue: next[0], next[1], down the ramp
constexpr uint32_t down = 2;
} // namespace

Recorder::Recorder(const ProgramImage &image, const Fabric &fabric, const std::vector<Transfer> &transfers,
                   uint32_t width, uint32_t height, uint32_t hop, TraceSink *trace)
    : image(image), routes(image.routes), fabric(fabric), transfers(transfers), width(width), height(height), hop(hop),
      sink(trace), cores(size_t{width} * height), queues(routes.queues.size()), inputs(4 * routes.combiners.size()),
      streams(cores.size()), ports(routes.ports.size()), units(routes.combiners.size()), words(routes.queues.size(), 0),
      held(exits * routes.queues.size()), heldPorts(routes.ports.size()), passed(routes.turns.size()) {
  const Fifo &stream = fabric.streamShape();
  streamCapacity = stream.capacity;
  streamLatency = stream.latency;
  for (uint32_t core = 0; core < cores.size(); ++core)
    cores[core].path = paths.add({.where = core, .cause = Cause::Issue});
}

// ---- cores --------------------------------------------------------------------------------------------------------

void Recorder::begins(uint32_t core, Cause cause, uint32_t op, uint32_t what, uint64_t now, uint64_t cycles) {
  Core &run = cores[core];
  (cause == Cause::Compute ? run.compute : run.issue) += cycles;
  const PathNode &last = paths[run.path];
  if (last.cause == cause && last.op == op && last.what == what && last.where == core)
    return; // it goes on
  run.path = paths.add({.begin = now, .parent = run.path, .where = core, .op = op, .what = what, .cause = cause});
}

void Recorder::opens(uint32_t transfer, uint64_t now) {
  opening.resize(std::max<size_t>(opening.size(), transfers.size()));
  ending.resize(opening.size(), PathStore::nothing);
  opening[transfer] = {now, cores[transfers[transfer].owner].path};
}

void Recorder::hostOpens(uint32_t transfer, uint64_t cycle) {
  opening.resize(std::max<size_t>(opening.size(), transfers.size()));
  ending.resize(opening.size(), PathStore::nothing);
  const Transfer &of = transfers[transfer];
  opening[transfer] = {cycle, paths.add({.where = of.owner, .what = of.channel, .cause = Cause::Host})};
}

void Recorder::resumes(uint32_t core, uint32_t transfer, uint32_t channel, uint64_t waited) {
  Core &run = cores[core];
  run.path = ending[transfer];
  if (!waited)
    return;
  run.wait += waited;
  auto found =
      std::find_if(run.waits.begin(), run.waits.end(), [&](const auto &each) { return each.first == channel; });
  if (found == run.waits.end())
    found = run.waits.insert(found, {channel, 0});
  found->second += waited;
}

void Recorder::happens(uint64_t cycle, uint32_t path, uint32_t where) {
  if (cycle < end.at)
    return;
  end = {cycle, path};
  endsAt = where;
}

void Recorder::coreEnds(uint32_t core, uint64_t now) {
  cores[core].end = now;
  happens(now, cores[core].path, core);
}

void Recorder::transferEnds(uint32_t transfer, uint64_t now) {
  happens(now, ending[transfer], transfers[transfer].owner);
}

// ---- words: where they are ----------------------------------------------------------------------------------------

Recorder::Target Recorder::targetOf(uint32_t next) {
  if (next < inputBit) {
    const Fifo &fifo = routes.queues[next].fifo;
    return {queues[next], fifo.capacity, fifo.latency};
  }
  const uint32_t input = next & ~inputBit;
  const Fifo &fifo = routes.combiners[input >> 2].inputs[input & 3];
  return {inputs[input], fifo.capacity, fifo.latency};
}

/// A word sets out for it.
void Recorder::push(const Target &target, uint64_t now, uint32_t path) {
  Line &line = target.line;
  if (line.ring.empty())
    line.ring.resize(target.capacity);
  line.ring[line.pushed++ % target.capacity] = {now + target.latency, path};
}

void Recorder::pop(Line &line, uint64_t now, uint32_t path) {
  line.last = {now + 1, path};
  line.ring[line.popped++ % line.ring.size()] = line.last;
}

/// When there was a place for the next word that is pushed, and thanks to which word.
Recorder::Entry Recorder::room(const Target &target) {
  const Line &line = target.line;
  return line.pushed < target.capacity ? Entry() : line.ring[line.pushed % target.capacity];
}

Recorder::Spot Recorder::spotOf(uint32_t index) const {
  const Queue &queue = routes.queues[index];
  return {queue.router, routes.flows[queue.flow].channel, queue.color, queue.ports};
}

Recorder::Spot Recorder::spotOfPort(uint32_t index) const {
  const SendPort &port = fabric.portStates()[index];
  const uint32_t queue = port.queue < inputBit ? port.queue : routes.combiners[(port.queue & ~inputBit) >> 2].queue;
  return {transfers[port.head].owner, port.channel, routes.queues[queue].color, 0};
}

// ---- words: what they waited for ----------------------------------------------------------------------------------

Recorder::Bound Recorder::boundOf(uint32_t index) {
  const Queue &queue = routes.queues[index];
  Line &line = queues[index];
  Bound bound;
  bound.meet(front(line), Kind::Own);
  bound.meet(line.last, Kind::Before);
  if (queue.turns != none)
    bound.meet(passed[queue.turns], Kind::Before);
  if (queue.endpoint != none) {
    const uint32_t open = fabric.endpointStates()[queue.endpoint].head;
    bound.meet(opening[open], Kind::Opened, down);
    if (transfers[open].kind == TransferKind::StreamIn)
      bound.meet(room(streamOf(queue.router)), Kind::Room, down);
  }
  for (uint32_t side : {0u, 1u})
    if (queue.next[side] < hostBit)
      bound.meet(room(targetOf(queue.next[side])), Kind::Room, side);
  return bound;
}

Recorder::Bound Recorder::boundOfPort(uint32_t index) {
  const SendPort &port = fabric.portStates()[index];
  Bound bound;
  if (transfers[port.head].kind == TransferKind::StreamOut)
    bound.meet(front(streams[transfers[port.head].owner]), Kind::Own);
  bound.meet(ports[index].last, Kind::Before);
  bound.meet(opening[port.head], Kind::Opened);
  bound.ready = std::max(bound.ready, opening[port.head].at);
  bound.meet(room(targetOf(port.queue)), Kind::Room);
  return bound;
}

Recorder::Bound Recorder::boundOfUnit(uint32_t index) {
  const Combiner &combiner = routes.combiners[index];
  Bound bound;
  for (uint32_t side = 0; side < sideCount; ++side)
    if (combiner.words[side] != none)
      bound.meet(front(inputs[4 * index + side]), Kind::Own);
  bound.meet(units[index].last, Kind::Before);
  bound.meet(room(targetOf(combiner.queue)), Kind::Room);
  return bound;
}

/// The path of what came last, up to that cycle.
uint32_t Recorder::follow(const Bound &bound, const Spot &spot) {
  const PathNode last = paths[bound.path];
  auto after = [&](Cause cause) {
    const bool goesOn =
        last.cause == cause && last.what == spot.channel && (last.where == spot.where || cause == Cause::BackPressure);
    return goesOn ? bound.path
                  : paths.add({.begin = bound.at - 1,
                               .parent = bound.path,
                               .where = spot.where,
                               .op = last.op,
                               .what = spot.channel,
                               .cause = cause,
                               .color = spot.color});
  };
  if (bound.kind == Kind::Before)
    return after(Cause::Bandwidth);
  return bound.kind == Kind::Room ? after(Cause::BackPressure) : bound.path;
}

/// The path of a word that sets out from here.
uint32_t Recorder::travel(uint32_t path, const Spot &spot, uint64_t now) {
  const PathNode last = paths[path];
  return paths.add({.begin = now,
                    .parent = path,
                    .where = spot.where,
                    .op = last.op,
                    .what = spot.channel,
                    .cause = Cause::Latency,
                    .color = spot.color});
}

Recorder::Exit Recorder::exitOf(uint8_t ports, uint32_t exit) {
  if (!ports)
    return Exit::Up;
  const Exit exitsOf[] = {ports & West ? Exit::West : Exit::North, ports & East ? Exit::East : Exit::South, Exit::Down};
  return exitsOf[exit];
}

void Recorder::trace(const Spot &spot, uint32_t exit, HeldUp::Reason reason, uint64_t begin, uint64_t until) {
  if (sink)
    sink->heldUp(
        {spot.where, exitOf(spot.ports, exit), spot.color, reason, image.channels[spot.channel], begin, until});
}

void Recorder::countHeld(const Bound &bound, const Spot &spot, Count *counts) {
  if (!counts || bound.at <= bound.ready || bound.path == PathStore::nothing)
    return;
  const bool late = bound.kind == Kind::Opened;
  (late ? counts[bound.exit].receiver : counts[bound.exit].queue) += bound.at - bound.ready;
  trace(spot, bound.exit, late ? HeldUp::Reason::Receiver : HeldUp::Reason::Queue, bound.ready, bound.at);
}

uint32_t Recorder::leave(Line &line, const Bound &bound, const Spot &spot, Count *counts, uint64_t now) {
  if (line.isLosing) {
    line.isLosing = false;
    if (counts)
      trace(spot, line.lostExit, HeldUp::Reason::Arbitration, line.lostAt, now);
    return line.lostPath;
  }
  lostTrack = lostTrack || bound.at != now;
  countHeld(bound, spot, counts);
  return follow(bound, spot);
}

/// What could go on at `now` stays, since `winner` goes.
void Recorder::lose(Line &line, const Bound &bound, const Spot &spot, Count *counts, uint32_t exit, uint8_t winner,
                    uint64_t now) {
  if (!line.isLosing) {
    const uint32_t before = leave(line, bound, spot, counts, now);
    line.isLosing = true;
    line.lostAt = now;
    line.lostExit = exit;
    line.lostPath = paths.add({.begin = now,
                               .parent = before,
                               .where = spot.where,
                               .op = paths[before].op,
                               .what = spot.channel,
                               .cause = Cause::Contention,
                               .color = spot.color,
                               .winner = winner});
  }
  if (!counts)
    return;
  Count &count = counts[exit];
  ++count.arbitration;
  auto found =
      std::find_if(count.winners.begin(), count.winners.end(), [&](const auto &each) { return each.first == winner; });
  if (found == count.winners.end())
    found = count.winners.insert(found, {winner, 0});
  ++found->second;
}

// ---- words: what happens ------------------------------------------------------------------------------------------

void Recorder::granted(uint32_t index, uint64_t now) {
  const Queue &queue = routes.queues[index];
  Line &line = queues[index];
  const Spot spot = spotOf(index);
  const uint32_t path = leave(line, line.isLosing ? Bound() : boundOf(index), spot, &held[exits * index], now);
  const uint32_t on = path == front(line).path && paths[path].cause == Cause::Latency ? path : travel(path, spot, now);
  ++words[index];
  pop(line, now, path);
  if (queue.turns != none)
    passed[queue.turns] = line.last;
  for (uint32_t next : queue.next) {
    if (next < hostBit)
      push(targetOf(next), now, on);
    else if (next != none)
      happens(now + hop, on, queue.router);
  }
  if (queue.endpoint == none)
    return;
  const uint32_t open = fabric.endpointStates()[queue.endpoint].head;
  if (transfers[open].kind == TransferKind::StreamIn)
    push(streamOf(queue.router), now, on);
  else if (transfers[open].done + 1 == transfers[open].words)
    ending[open] = on;
}

void Recorder::loses(uint32_t index, uint32_t winner, uint8_t portsTaken, uint64_t now) {
  const Queue &queue = routes.queues[index];
  const uint8_t lost = queue.ports & portsTaken;
  const uint32_t exit = lost & (West | North) ? 0 : lost & (East | South) ? 1 : down;
  lose(queues[index], queues[index].isLosing ? Bound() : boundOf(index), spotOf(index), &held[exits * index], exit,
       routes.queues[winner].color, now);
}

void Recorder::sent(uint32_t index, uint64_t now) {
  const SendPort &port = fabric.portStates()[index];
  const Transfer &transfer = transfers[port.head];
  const Spot spot = spotOfPort(index);
  Line &line = ports[index];
  const uint32_t path = leave(line, line.isLosing ? Bound() : boundOfPort(index), spot, &heldPorts[index], now);
  line.last = {now + 1, path};
  if (transfer.kind == TransferKind::StreamOut)
    pop(streams[transfer.owner], now, path);
  push(targetOf(port.queue), now, travel(path, spot, now));
  if (transfer.done + 1 < transfer.words)
    return;
  // A core that forwards goes on with its last word.
  const PathNode last = paths[path];
  const bool goesOn = last.cause == Cause::Bandwidth && last.where == spot.where && last.what == spot.channel;
  const bool passes = last.cause == Cause::Latency && transfer.kind == TransferKind::StreamOut;
  ending[port.head] = goesOn || passes ? path
                                       : paths.add({.begin = now,
                                                    .parent = path,
                                                    .where = spot.where,
                                                    .op = last.op,
                                                    .what = spot.channel,
                                                    .cause = Cause::Bandwidth,
                                                    .color = spot.color});
}

void Recorder::losesRamp(uint32_t index, uint32_t winner, uint64_t now) {
  lose(ports[index], ports[index].isLosing ? Bound() : boundOfPort(index), spotOfPort(index), &heldPorts[index], 0,
       spotOfPort(winner).color, now);
}

void Recorder::combined(uint32_t index, uint64_t now) {
  const Combiner &combiner = routes.combiners[index];
  const Spot spot = spotOf(combiner.queue);
  Line &line = units[index];
  const uint32_t path = leave(line, line.isLosing ? Bound() : boundOfUnit(index), spot, nullptr, now);
  line.last = {now + 1, path};
  for (uint32_t side = 0; side < sideCount; ++side)
    if (combiner.words[side] != none)
      pop(inputs[4 * index + side], now, path);
  push(targetOf(combiner.queue), now, paths[path].cause == Cause::Latency ? path : travel(path, spot, now));
}

void Recorder::losesUnit(uint32_t index, uint32_t winner, uint64_t now) {
  lose(units[index], units[index].isLosing ? Bound() : boundOfUnit(index), spotOf(routes.combiners[index].queue),
       nullptr, 0, routes.queues[routes.combiners[winner].queue].color, now);
}

// ---- the end ------------------------------------------------------------------------------------------------------

void Recorder::collect() {
  if (!paths.isFull())
    return;
  for (const Core &core : cores)
    paths.mark(core.path);
  for (const Entry &entry : opening)
    paths.mark(entry.path);
  for (const Entry &entry : passed)
    paths.mark(entry.path);
  for (uint32_t path : ending)
    paths.mark(path);
  for (const std::vector<Line> *lines : {&queues, &inputs, &streams, &ports, &units})
    for (const Line &line : *lines) {
      paths.mark(line.last.path);
      paths.mark(line.lostPath);
      for (const Entry &entry : line.ring)
        paths.mark(entry.path);
    }
  paths.mark(end.path);
  paths.sweep();
}

std::optional<runtime::LinkLoad> Recorder::busiest() const {
  std::vector<uint64_t> loads(4 * cores.size(), 0); // by router: west, east, north, south
  for (size_t i = 0; i < words.size(); ++i)
    for (uint32_t port = 0; port < 4; ++port)
      if (routes.queues[i].ports & (1u << port))
        loads[4 * routes.queues[i].router + port] += words[i];
  const auto most = std::max_element(loads.begin(), loads.end());
  if (most == loads.end() || !*most)
    return std::nullopt;
  const auto at = static_cast<uint32_t>(most - loads.begin());
  runtime::LinkLoad load{placeOf(at / 4, width, height), static_cast<Exit>(at % 4), *most};
  for (uint32_t i = routes.routerQueues[at / 4]; i < routes.routerQueues[at / 4 + 1]; ++i)
    if (routes.queues[i].ports & (1u << at % 4) && words[i] > load.wordsOfColor) {
      load.wordsOfColor = words[i];
      load.color = routes.queues[i].color;
      load.channel = routes.flows[routes.queues[i].flow].channel;
    }
  return load;
}

std::vector<runtime::Stall> Recorder::stalls() const {
  std::vector<runtime::Stall> all;
  auto add = [&](const Count &count, uint32_t where, Exit exit, uint8_t color, uint32_t channel) {
    runtime::Stall stall{.at = placeOf(where, width, height),
                         .exit = exit,
                         .color = color,
                         .channel = channel,
                         .receiver = count.receiver,
                         .queue = count.queue,
                         .arbitration = count.arbitration};
    uint64_t most = 0;
    for (auto [winner, cycles] : count.winners)
      if (cycles > most) {
        most = cycles;
        stall.winner = winner;
      }
    if (stall.cycles())
      all.push_back(stall);
  };
  for (uint32_t i = 0; i < routes.queues.size(); ++i) {
    const Queue &queue = routes.queues[i];
    for (uint32_t exit = 0; exit < exits; ++exit)
      add(held[exits * i + exit], queue.router, exitOf(queue.ports, exit), queue.color,
          routes.flows[queue.flow].channel);
  }
  for (uint32_t sender = 0; sender + 1 < routes.senderPorts.size(); ++sender)
    for (uint32_t i = routes.senderPorts[sender]; i < routes.senderPorts[sender + 1]; ++i) {
      const uint32_t next = routes.ports[i].queue;
      const uint32_t queue = next < inputBit ? next : routes.combiners[(next & ~inputBit) >> 2].queue;
      add(heldPorts[i], sender, Exit::Up, routes.queues[queue].color, routes.ports[i].channel);
    }
  std::sort(all.begin(), all.end(), [](const runtime::Stall &a, const runtime::Stall &b) {
    return std::tuple(b.cycles(), a.at.y, a.at.x, a.exit, a.color) <
           std::tuple(a.cycles(), b.at.y, b.at.x, b.exit, b.color);
  });
  return all;
}

std::optional<runtime::SlowCore> Recorder::slowest() const {
  const Core *last = nullptr;
  for (const Core &core : cores)
    if (!last || core.end > last->end)
      last = &core;
  if (last && endsAt < cores.size() && cores[endsAt].end == last->end)
    last = &cores[endsAt]; // the one that the path ends at
  if (!last)
    return std::nullopt;
  runtime::SlowCore slow{placeOf(static_cast<uint32_t>(last - cores.data()), width, height),
                         last->end,
                         last->compute,
                         last->issue,
                         last->wait,
                         last->waits};
  std::sort(slow.waits.begin(), slow.waits.end(),
            [](const auto &a, const auto &b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
  return slow;
}

Result<runtime::Explanation> Recorder::explain(uint64_t cycles) const {
  runtime::Explanation why = namesOf(image, cycles);
  why.path = segmentsOf(paths.nodesOf(end.path), cycles, endsAt, width, height);
  why.slowest = slowest();
  why.busiest = busiest();
  why.stalls = stalls();
  if (lostTrack || end.at != cycles || (cycles && (why.path.empty() || why.path.front().begin)))
    return internalError(fmt::format("program '{}': the critical path of its {} cycles got lost", image.name, cycles));
  return why;
}

} // namespace weft::sim
