#include "sim/maxplus/Paths.h"

#include <algorithm>

namespace weft::sim::maxplus {

Paths::Paths(const PathsContext &context)
    : image(context.image), shapes(context.shapes), fabric(context.fabric), time(context.time),
      messages(context.messages), width(context.width), height(context.height), coreCount(width * height),
      path(coreCount), compute(coreCount, 0), issue(coreCount, 0), wait(coreCount, 0), past(shapes.size()),
      words(shapes.size()) {
  linksTo[0] = linkCyclesTo(fabric, false, height);
  linksTo[1] = linkCyclesTo(fabric, true, width);
  for (uint32_t core = 0; core < coreCount; ++core)
    path[core] = paths.add({.where = core, .cause = Cause::Issue});
}

// ---- what cores do --------------------------------------------------------------------------------------------------

void Paths::spends(uint32_t core, Cause cause, uint32_t op, uint32_t what, uint32_t cycles) {
  (cause == Cause::Compute ? compute : issue)[core] += cycles;
  const PathNode &last = paths[path[core]];
  if (cycles && (last.lockstep || last.cause != cause || last.op != op || last.what != what || last.where != core))
    path[core] =
        paths.add({.begin = time[core], .parent = path[core], .where = core, .op = op, .what = what, .cause = cause});
}

void Paths::spends(const CoreSet &cores, Cause cause, uint32_t op, uint32_t what, uint32_t cycles) {
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) { spends(core, cause, op, what, cycles); });
}

Paths::Ends &Paths::endsOf(uint32_t channel, uint32_t number) {
  Ends &of = ends[{channel, number}];
  if (of.sent.empty()) {
    of.sent.assign(coreCount + 1, PathStore::nothing);
    of.asked.assign(coreCount, PathStore::nothing);
    of.head.assign(coreCount, PathStore::nothing);
  }
  return of;
}

void Paths::count(uint32_t channel, const CoreSet &cores, uint64_t number) {
  if (words[channel].empty())
    words[channel].assign(coreCount + 1, 0);
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) { words[channel][core] += number; });
}

void Paths::sends(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t count,
                  const std::vector<uint32_t> &at, const Transfer *behind) {
  const ChannelShape &shape = shapes[channel];
  Ends &of = endsOf(channel, number);
  this->count(channel, cores, count);
  forEachCore(cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    of.sent[core] = behind && at[core] > time[core] ? putPath(*behind, core, at[core] - 1) : path[core];
    if (!of.from.empty())
      of.from[core] = 0;
    const Line &line = shape.lineAt(x, y);
    const uint32_t sends = line.stops[shape.positionOf(x, y)].sends;
    if (sends == noFlow || line.flows[sends].lo != host || line.flows[sends].receivers)
      return;
    uint64_t arrives = uint64_t{at[core]} + fabric.ramp + count - 1 + fabric.hop; // to the host alone
    for (int32_t p = line.flows[sends].source; p > 0; --p)
      arrives += fabric.link(shape.alongX, p - 1);
    if (arrives < hostEnd.at)
      return;
    const uint32_t streamed = add(Cause::Bandwidth, at[core], of.sent[core], core, channel, &line.flows[sends]);
    hostEnd = {arrives, add(Cause::Latency, at[core] + count - 1, streamed, core, channel, &line.flows[sends]), core};
  });
}

void Paths::receives(uint32_t channel, uint32_t number, const CoreSet &cores) {
  Ends &of = endsOf(channel, number);
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    of.asked[core] = path[core];
    of.head[core] = PathStore::nothing;
  });
}

void Paths::hostSends(uint32_t channel, uint32_t count) {
  Ends &of = endsOf(channel, 0);
  of.sent[coreCount] =
      paths.add({.where = coreCount + (shapes[channel].alongX ? 0 : height), .what = channel, .cause = Cause::Host});
  if (words[channel].empty())
    words[channel].assign(coreCount + 1, 0);
  words[channel][coreCount] += count;
}

void Paths::forwards(const Transfer &transfer, const CoreSet &cores) {
  receives(transfer.channel, transfer.number, cores);
  count(transfer.out, cores, transfer.words);
  Ends &of = endsOf(transfer.out, transfer.outNumber);
  if (of.from.empty())
    of.from.assign(coreCount, 0);
  of.forwards.emplace_back(transfer.channel, transfer.number);
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    of.sent[core] = PathStore::nothing;
    of.from[core] = static_cast<uint32_t>(of.forwards.size());
  });
}

// ---- messages -------------------------------------------------------------------------------------------------------

uint32_t Paths::coreAt(const ChannelShape &shape, uint32_t x, uint32_t y, int32_t position) const {
  if (position == host)
    return coreCount;
  return shape.alongX ? y * width + static_cast<uint32_t>(position) : static_cast<uint32_t>(position) * width + x;
}

Paths::Site Paths::siteOf(uint32_t channel, uint32_t core) const {
  const uint32_t x = core % width, y = core / width;
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  return {shape, line, line.stops[shape.positionOf(x, y)]};
}

Paths::Way Paths::wayOf(uint32_t channel, uint32_t number, uint32_t core) const {
  const uint32_t x = core % width, y = core / width;
  const auto [shape, line, stop] = siteOf(channel, core);
  if (!shape.turn)
    return {coreAt(shape, x, y, stop.source), stop.source, stop.path};
  const int32_t from = line.flows[stop.flow].sourceOf(number);
  const std::vector<uint32_t> &to = linksTo[shape.alongX];
  const uint32_t own = shape.positionOf(x, y), there = to[static_cast<size_t>(from)];
  return {coreAt(shape, x, y, from), from, fabric.ramp + std::max(to[own], there) - std::min(to[own], there)};
}

/// Words of a flow, from cycle `begin` on. The op is that of what led to them.
uint32_t Paths::add(Cause cause, uint64_t begin, uint32_t parent, uint32_t where, uint32_t channel,
                    const FlowShape *flow) {
  const uint32_t op = parent == PathStore::nothing ? runtime::noName : paths[parent].op;
  return paths.add({.begin = begin,
                    .parent = parent,
                    .where = where,
                    .op = op,
                    .what = channel,
                    .cause = cause,
                    .color = flow ? flow->color : uint8_t{0}});
}

/// What led to the first word of the message going up its source's ramp.
uint32_t Paths::sentPath(uint32_t channel, uint32_t number, uint32_t source) {
  Ends &of = endsOf(channel, number);
  if (of.sent[source] != PathStore::nothing || of.from.empty() || !of.from[source])
    return of.sent[source];
  const auto [in, inNumber] = of.forwards[of.from[source] - 1];
  const Slot *slot = messages.known(in, inNumber);
  if (!slot)
    return PathStore::nothing;
  const uint32_t came = headPath(in, inNumber, source);
  return endsOf(channel, number).sent[source] = add(Cause::Latency, slot->head[source], came, source, in, nullptr);
}

/// What led to the first word of the message going down the core's ramp. Both ends are open and the slot is there.
uint32_t Paths::headPath(uint32_t channel, uint32_t number, uint32_t core) {
  if (const uint32_t known = endsOf(channel, number).head[core]; known != PathStore::nothing)
    return known;
  const uint32_t x = core % width, y = core / width;
  const auto [shape, line, stop] = siteOf(channel, core);
  const FlowShape &flow = line.flows[stop.flow];
  const Slot &slot = *messages.known(channel, number);
  const Way way = wayOf(channel, number, core);
  const uint32_t source = way.source, head = slot.head[core], sent = slot.sent[source];
  uint32_t found = PathStore::nothing;
  const uint32_t from = sentPath(channel, number, source);
  if (sent + way.cycles == head)
    found = add(Cause::Latency, sent, from, source, channel, &flow);
  else if (slot.asked[core] == head)
    found = endsOf(channel, number).asked[core];
  else if (const Slot *before = number ? messages.known(channel, number - 1) : nullptr;
           before && before->tail[core] != unknown && before->tail[core] + 1 == head)
    found = lastWord(channel, number - 1, core);
  // A receiver on the way may have held the word up, or the sender, where it is one.
  const int32_t own = static_cast<int32_t>(shape.positionOf(x, y)), toSource = own > way.position ? -1 : 1;
  for (int32_t p = own; found == PathStore::nothing && p != way.position && p + toSource >= 0;) {
    p += toSource;
    if (!flow.delivers(p))
      continue;
    const uint32_t other = coreAt(shape, x, y, p);
    if (slot.asked[other] + way.cycles - wayOf(channel, number, other).cycles == head)
      found = add(Cause::Latency, slot.asked[other], endsOf(channel, number).asked[other], other, channel, &flow);
  }
  if (found == PathStore::nothing)
    found = add(Cause::Wait, sent, from, source, channel, &flow);
  return endsOf(channel, number).head[core] = found;
}

/// What led to the last word of the message going down the core's ramp.
uint32_t Paths::lastWord(uint32_t channel, uint32_t number, uint32_t core) {
  const uint32_t x = core % width, y = core / width;
  const auto [shape, line, stop] = siteOf(channel, core);
  const FlowShape &flow = line.flows[stop.flow];
  const Slot &slot = *messages.known(channel, number);
  const Way way = wayOf(channel, number, core);
  const uint32_t source = way.source, head = slot.head[core], tail = slot.tail[core];
  const uint32_t count = slot.sentWords.at(source), sent = slot.sent[source];
  const uint32_t came = headPath(channel, number, core);
  if (tail == head + count - 1 && sent + way.cycles == head) { // at the source already
    const uint32_t streamed = add(Cause::Bandwidth, sent, sentPath(channel, number, source), source, channel, &flow);
    return add(Cause::Latency, sent + count - 1, streamed, source, channel, &flow);
  }
  const uint32_t streamed = add(Cause::Bandwidth, head, came, core, channel, &flow);
  if (tail == head + count - 1 || tail == unknown)
    return streamed;
  for (int32_t p = std::max(flow.lo, 0); p <= flow.hi; ++p) { // another receiver held it up
    const uint32_t other = coreAt(shape, x, y, p);
    if (!flow.delivers(p) || other == core || slot.head[other] == unknown)
      continue;
    const Stop &there = line.stops[static_cast<size_t>(p)];
    if (there.room <= stop.room || count <= there.room - stop.room)
      continue;
    const uint32_t gone = slot.head[other] + count - 1 - (there.room - stop.room);
    if (gone + there.steps - stop.steps == tail)
      return add(Cause::BackPressure, gone,
                 add(Cause::Bandwidth, slot.head[other], headPath(channel, number, other), other, channel, &flow),
                 other, channel, &flow);
  }
  return add(Cause::Wait, head + count - 1, streamed, core, channel, &flow);
}

/// The last word of the core's message had to wait until `left` for room on its way.
uint32_t Paths::heldPath(uint32_t channel, uint32_t number, uint32_t core, uint32_t count, uint32_t left) {
  uint32_t room = 0, steps = 0;
  for (uint32_t hops = 0; hops < width + height; ++hops) {
    const uint32_t x = core % width, y = core / width;
    const auto [shape, line, own] = siteOf(channel, core);
    const FlowShape &flow = line.flows[own.sends];
    const Slot *slot = messages.known(channel, number);
    for (int32_t p = std::max(flow.lo, 0); slot && p <= flow.hi; ++p) {
      if (!flow.delivers(p))
        continue;
      const Stop &stop = line.stops[static_cast<size_t>(p)];
      const uint32_t receiver = coreAt(shape, x, y, p), head = slot->head[receiver];
      if (head != unknown && count > room + stop.room &&
          head + (count - 1 - room - stop.room) + steps + stop.steps == left) {
        const uint32_t came = headPath(channel, number, receiver);
        return add(Cause::BackPressure, head + (count - 1 - room - stop.room),
                   add(Cause::Bandwidth, head, came, receiver, channel, &flow), receiver, channel, &flow);
      }
      if (hops == 0)
        if (const uint32_t before = behindPast(channel, number, receiver, stop, left); before != PathStore::nothing)
          return before;
    }
    if (!slot || flow.single < 0)
      return PathStore::nothing;
    const uint32_t receiver = coreAt(shape, x, y, flow.single);
    const Stop &stop = line.stops[static_cast<size_t>(flow.single)];
    if (slot->onward.empty() || !slot->onward[receiver])
      return PathStore::nothing;
    room += stop.room + fabric.queueWords + fabric.ramp + fabric.streamStage;
    steps += stop.steps + 1;
    const auto [out, outNumber] = slot->forwards[slot->onward[receiver] - 1];
    channel = out;
    number = outNumber;
    core = receiver;
  }
  return PathStore::nothing;
}

/// The same, until a word of an earlier message had gone down the receiver's ramp.
uint32_t Paths::behindPast(uint32_t channel, uint32_t number, uint32_t receiver, const Stop &stop, uint32_t left) {
  if (left < stop.steps)
    return PathStore::nothing;
  const uint32_t gone = left - stop.steps; // the cycle in which it went down
  auto fits = [&](uint32_t head, uint32_t tail) { return head <= gone && gone <= tail; };
  auto after = [&](uint32_t head, uint32_t came) {
    return add(Cause::BackPressure, gone, add(Cause::Bandwidth, head, came, receiver, channel, nullptr), receiver,
               channel, nullptr);
  };
  for (uint32_t k = number; k-- > 0 && k + 3 >= number;)
    if (const Slot *slot = messages.known(channel, k);
        slot && slot->head[receiver] != unknown && fits(slot->head[receiver], slot->tail[receiver]))
      return after(slot->head[receiver], headPath(channel, k, receiver));
  if (!past[channel].empty())
    for (const Past &each : past[channel][receiver])
      if (each.path != PathStore::nothing && fits(each.head, each.tail))
        return after(each.head, each.path);
  return PathStore::nothing;
}

/// The core's last word goes up the ramp in cycle `left`.
uint32_t Paths::putPath(const Transfer &transfer, uint32_t core, uint32_t left) {
  const bool forward = transfer.end == End::Forward;
  const uint32_t channel = forward ? transfer.out : transfer.channel;
  const uint32_t number = forward ? transfer.outNumber : transfer.number;
  const Slot *slot = messages.known(channel, number);
  const uint32_t sent = slot ? slot->sent[core] : unknown;
  const auto [shape, line, stop] = siteOf(channel, core);
  const FlowShape &flow = line.flows[stop.sends];
  if (sent != unknown && left == sent + transfer.words - 1)
    return add(Cause::Bandwidth, sent, sentPath(channel, number, core), core, channel, &flow);
  const uint32_t held = heldPath(channel, number, core, transfer.words, left);
  return held != PathStore::nothing ? held : add(Cause::Wait, time[core], path[core], core, channel, &flow);
}

// ---- waiting --------------------------------------------------------------------------------------------------------

/// What led to the end of a core's transfer.
uint32_t Paths::endPath(const Transfer &transfer, uint32_t core, uint32_t end) {
  if (transfer.end == End::Put)
    return putPath(transfer, core, end - 1);
  const Slot &slot = *messages.known(transfer.channel, transfer.number);
  const uint32_t head = slot.head[core];
  if (transfer.end == End::Forward) {
    // The last word, if nothing but its own way took time.
    const uint32_t passes = fabric.ramp + fabric.streamStage;
    if (end != head + transfer.words + passes)
      return putPath(transfer, core, end - 1);
    const auto [shape, line, stop] = siteOf(transfer.channel, core);
    const FlowShape &flow = line.flows[stop.flow];
    const Way way = wayOf(transfer.channel, transfer.number, core);
    const uint32_t source = way.source, sent = slot.sent[source];
    const bool atSource = sent + way.cycles == head;
    const uint32_t from = atSource ? sentPath(transfer.channel, transfer.number, source)
                                   : headPath(transfer.channel, transfer.number, core);
    const uint32_t where = atSource ? source : core, first = atSource ? sent : head;
    return add(Cause::Latency, first + transfer.words - 1,
               add(Cause::Bandwidth, first, from, where, transfer.channel, &flow), where, transfer.channel, &flow);
  }
  const uint32_t came = lastWord(transfer.channel, transfer.number, core);
  return paths[came].cause == Cause::Latency
             ? came
             : add(Cause::Latency, slot.tail[core], came, core, transfer.channel, nullptr);
}

void Paths::happens(uint64_t cycle, uint32_t reached, uint32_t where) {
  if (cycle >= end.at)
    end = {cycle, reached, where};
}

uint32_t Paths::endOf(const Transfer &transfer, uint32_t core) {
  const uint32_t x = core % width, y = core / width;
  Slot *slot = messages.known(transfer.channel, transfer.number);
  if (transfer.end == End::Put)
    return messages.sends(transfer.channel, transfer.number, x, y)
               ? messages.left(transfer.channel, *slot, x, y, transfer.words) + 1
               : 0; // another's turn
  return slot->tail[core] + fabric.ramp + (transfer.end == End::Into ? fabric.streamStage : 0);
}

void Paths::drains(const CoreSet &cores, const std::vector<Transfer> &pending, const std::vector<uint32_t> &until) {
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    for (const Transfer &transfer : pending)
      if (!transfer.done && until[core] > end.at && endOf(transfer, core) == until[core])
        happens(until[core], endPath(transfer, core, until[core]), core);
  });
}

void Paths::waits(const CoreSet &cores, const std::vector<Transfer> &pending, const std::vector<uint32_t> &until) {
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    if (until[core] <= time[core])
      return;
    wait[core] += until[core] - time[core];
    for (const Transfer &transfer : pending) {
      if (transfer.done || endOf(transfer, core) != until[core])
        continue;
      path[core] = endPath(transfer, core, until[core]);
      return;
    }
  });
}

void Paths::reduces(const CoreSet &cores, const Transfer &transfer, const std::vector<uint32_t> &until) {
  const Slot &slot = *messages.known(transfer.channel, transfer.number);
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    wait[core] += slot.head[core] + fabric.ramp - time[core];
    if (transfer.end == End::Forward)
      (void)sentPath(transfer.out, transfer.outNumber, core); // while it is known
    path[core] = endPath(transfer, core, until[core]);
  });
}

void Paths::closes(const CoreSet &cores, const std::vector<Transfer> &pending) {
  for (const Transfer &transfer : pending) {
    if (transfer.end == End::Put)
      continue;
    auto &of = past[transfer.channel];
    if (of.empty())
      of.resize(coreCount);
    const Slot &slot = *messages.known(transfer.channel, transfer.number);
    forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
      const uint32_t came = headPath(transfer.channel, transfer.number, core);
      of[core] = {Past{slot.head[core], slot.tail[core], came}, of[core][0], of[core][1]};
    });
  }
}

/// Each step one core of each line sends.
void Paths::countTurns(const LockstepRun &run, const Exchange &exchange) {
  const ChannelShape &shape = shapes[exchange.channel];
  count(exchange.channel, run.cores, 0);
  for (uint64_t step = 0; step < run.rounds; ++step) {
    const int32_t from = shape.lines[0].flows[0].sourceOf(exchange.number + static_cast<uint32_t>(step));
    for (uint32_t line = 0; line < (shape.alongX ? height : width); ++line)
      words[exchange.channel][coreAt(shape, line, line, from)] += exchange.words;
  }
}

void Paths::stepped(LockstepRun run) {
  const auto steps = static_cast<uint32_t>(run.rounds);
  const LockstepBody &body = run.body;
  for (const Exchange &each : body.exchanges)
    if (shapes[each.channel].turn)
      countTurns(run, each);
    else
      count(each.channel, run.cores, uint64_t{each.words} * run.rounds);
  forEachCore(run.cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    compute[core] += steps * body.compute;
    issue[core] += steps * body.communicate;
    wait[core] += time[core] - run.begins[core] - steps * (body.wait + body.after);
    path[core] = paths.add({.begin = time[core],
                            .where = core,
                            .op = run.op,
                            .what = static_cast<uint32_t>(runs.size()),
                            .lockstep = true});
  });
  runs.push_back(std::move(run));
}

} // namespace weft::sim::maxplus
