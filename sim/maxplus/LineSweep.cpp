// Positions take their instructions as soon as what they wait for is known. docs/program-model.md has the rules that
// the sums and maxima say; Messages.cpp and Multicast.cpp the same for messages that do not come alone.
#include "sim/maxplus/LineSweep.h"

#include "sim/maxplus/RowLoops.h"

#include <algorithm>

namespace weft::sim::maxplus {

using namespace iss;

LineSweep::LineSweep(const std::vector<ChannelShape> &shapes, const hw::Hardware &hardware, bool alongX,
                     uint32_t length)
    : shapes(shapes), hardware(hardware), cycles(fabricCycles(hardware)), alongX(alongX), length(length),
      channels(shapes.size()), cores(length) {
  for (bool upwards : {false, true}) {
    links[upwards].resize(length);
    until[upwards].resize(length);
  }
}

bool LineSweep::run(const std::vector<const Work *> &work, int32_t *from, uint32_t laneCount, uint32_t ofLine,
                    uint32_t parts, uint32_t firstLine) {
  workOf = &work;
  times = from;
  lanes = laneCount;
  line = ofLine;
  firstLane = firstLine;
  failed = false;
  counted.assign(parts, {});
  messages.clear();
  for (uint32_t number : used)
    channels[number].line = nullptr;
  used.clear();
  opened.clear();
  block = usedOfBlock = 0;
  if (line != all)
    if (const uint32_t source = multicastSource(); source < length)
      return runMulticast(source);
  ready.clear();
  scratch.resize(size_t{2} * lanes);
  for (auto &direction : links)
    for (std::vector<LinkSpan> &spans : direction)
      spans.clear();
  for (uint32_t position = 0; position < length; ++position) {
    CoreState &core = cores[position];
    core.pc = 0;
    core.posted = core.queued = false;
    core.pending.clear();
    if (work[position] && !work[position]->empty())
      queue(position);
  }
  while (!failed && !(ready.empty() && opened.empty())) {
    if (!opened.empty()) {
      const auto [channel, flow] = opened.back();
      opened.pop_back();
      settle(channel, flow);
      continue;
    }
    const uint32_t position = ready.back();
    ready.pop_back();
    cores[position].queued = false;
    failed = !advance(position);
  }
  for (uint32_t position = 0; !failed && position < length; ++position)
    failed = work[position] && (cores[position].pc < work[position]->size() || !cores[position].pending.empty());
  for (uint32_t number : used)
    for (const FlowState &flow : channels[number].flows)
      failed = failed || (flow.sent && !flow.settled);
  return !failed && isPast();
}

int32_t *LineSweep::row() {
  const size_t stride = (size_t{lanes} + 7) / 8 * 8, ofBlock = std::max<size_t>(1u << 18, stride);
  if (block < blocks.size() && usedOfBlock + stride > blocks[block].size) {
    ++block;
    usedOfBlock = 0;
  }
  if (block == blocks.size())
    blocks.push_back({std::unique_ptr<int32_t[]>(new int32_t[ofBlock]), ofBlock});
  int32_t *made = &blocks[block].numbers[usedOfBlock];
  usedOfBlock += stride;
  return made;
}

void LineSweep::queue(uint32_t position) {
  if (cores[position].queued)
    return;
  cores[position].queued = true;
  ready.push_back(position);
}

LineSweep::ChannelState &LineSweep::channel(uint32_t number) {
  ChannelState &state = channels[number];
  if (state.line)
    return state;
  used.push_back(number);
  const ChannelShape &shape = shapes[number];
  state.line = line == all ? &shape.lines.front() : alongX ? &shape.lineAt(0, line) : &shape.lineAt(line, 0);
  state.flows.resize(state.line->flows.size());
  for (size_t i = 0; i < state.flows.size(); ++i) {
    FlowState &flow = state.flows[i];
    flow.sent = flow.left = flow.leaves = nullptr;
    flow.missing = 1 + state.line->flows[i].receivers;
    flow.settled = false;
    flow.waiters.clear();
  }
  state.stops.assign(length, {});
  return state;
}

// ---- messages -------------------------------------------------------------------------------------------------------

void LineSweep::openSend(uint32_t number, uint32_t position, uint32_t words, int32_t *at) {
  ChannelState &of = channel(number);
  const uint32_t sends = of.line->stops[position].sends;
  if (sends == noFlow || of.flows[sends].sent || of.line->flows[sends].lo == host || of.line->flows[sends].turn) {
    failed = true;
    return;
  }
  of.flows[sends].sent = at;
  of.flows[sends].words = words;
  messages.push_back({number, words, &of.line->flows[sends]});
  endOpens(number, sends);
}

void LineSweep::openReceive(uint32_t number, uint32_t position, uint32_t words, bool forwards, uint32_t out) {
  ChannelState &of = channel(number);
  const Stop &stop = of.line->stops[position];
  StopState &state = of.stops[position];
  if (stop.source < 0 || state.asked) {
    failed = true;
    return;
  }
  state.asked = row();
  set(state.asked, timeOf(position), 0, lanes);
  state.words = words;
  state.forwards = forwards;
  state.out = out;
  endOpens(number, stop.flow);
}

void LineSweep::endOpens(uint32_t number, uint32_t flow) {
  if (--channels[number].flows[flow].missing == 0)
    opened.emplace_back(number, flow);
}

void LineSweep::settle(uint32_t number, uint32_t index) {
  ChannelState &of = channels[number];
  const FlowShape &flow = of.line->flows[index];
  FlowState &state = of.flows[index];
  state.settled = true;
  if (flow.single != nobody)
    settleSingle(number, state, flow);
  else if (flow.receivers)
    settleMulticast(number, state, flow);
  for (int32_t at = flow.lo; at <= flow.hi; ++at)
    if (flow.delivers(at))
      queue(static_cast<uint32_t>(at));
  for (uint32_t position : state.waiters)
    queue(position);
}

void LineSweep::settleSingle(uint32_t number, FlowState &state, const FlowShape &flow) {
  ChannelState &of = channels[number];
  const auto position = static_cast<uint32_t>(flow.single);
  const Stop &stop = of.line->stops[position];
  StopState &receiver = of.stops[position];
  failed = failed || receiver.words != state.words;
  receiver.head = row();
  set(receiver.head, state.sent, static_cast<int32_t>(stop.path), lanes);
  raise(receiver.head, receiver.asked, 0, lanes);
  if (!receiver.forwards)
    return;
  int32_t *at = row();
  set(at, receiver.head, static_cast<int32_t>(cycles.ramp + cycles.streamStage), lanes);
  openSend(receiver.out, position, state.words, at);
}

void LineSweep::settleMulticast(uint32_t number, FlowState &state, const FlowShape &flow) {
  ChannelState &of = channels[number];
  std::vector<Reach> ways[2];
  bool late = false;
  for (bool upwards : {false, true}) {
    const int32_t direction = upwards ? 1 : -1;
    const int32_t *before = state.sent;
    uint32_t add = cycles.ramp, room = cycles.queueWords + cycles.ramp, steps = 1;
    for (int32_t at = flow.source + direction; at >= flow.lo && at <= flow.hi; at += direction) {
      const uint32_t link = cycles.link(alongX, upwards ? at - 1 : at);
      room += cycles.queueWords + link;
      int32_t *head = row();
      set(head, before, static_cast<int32_t>(add + link), lanes);
      add = 0;
      if (flow.delivers(at)) {
        StopState &receiver = of.stops[static_cast<size_t>(at)];
        failed = failed || receiver.words != state.words || receiver.forwards;
        late = late || beyond(receiver.asked, head, 0, lanes);
        raise(head, receiver.asked, 0, lanes);
        receiver.head = head;
      }
      ways[upwards].push_back({at, link, room, ++steps, head, nullptr});
      before = head;
    }
  }
  if (late)
    holdUp(state, ways);
  for (const std::vector<Reach> &way : ways)
    for (const Reach &reach : way)
      if (flow.delivers(reach.at))
        of.stops[static_cast<size_t>(reach.at)].tail = reach.tail;
  if (!flow.sharesLinks)
    return;
  const auto last = static_cast<int32_t>(state.words) - 1, ramp = static_cast<int32_t>(cycles.ramp);
  for (bool upwards : {false, true}) {
    const std::vector<Reach> &way = ways[upwards];
    if (!way.empty())
      cross(flow.source, upwards,
            {state.sent, state.leaves ? state.leaves : state.sent, ramp, state.leaves ? 0 : ramp + last}, flow);
    for (size_t k = 0; k + 1 < way.size(); ++k)
      cross(way[k].at, upwards, {way[k].head, way[k].tail ? way[k].tail : way[k].head, 0, way[k].tail ? 0 : last},
            flow);
  }
}

/// Receivers that are not open when the first word comes hold up the words behind it, on both ways.
void LineSweep::holdUp(FlowState &state, std::vector<Reach> (&ways)[2]) {
  const auto words = static_cast<int32_t>(state.words);
  const auto ownRoom = static_cast<int32_t>(cycles.queueWords + cycles.ramp);
  int32_t *left = state.left = row(), *leaves = state.leaves = row();
  set(left, state.sent, words - 1, lanes);
  set(leaves, state.sent, static_cast<int32_t>(cycles.ramp) + words - 1, lanes);
  for (const std::vector<Reach> &way : ways)
    for (const Reach &reach : way) {
      const auto room = static_cast<int32_t>(reach.room), steps = static_cast<int32_t>(reach.steps);
      if (words > room)
        raise(left, reach.head, words - 1 - room + steps, lanes);
      if (words > room - ownRoom)
        raise(leaves, reach.head, words - 1 - (room - ownRoom) + steps - 1, lanes);
    }
  raise(leaves, left, static_cast<int32_t>(cycles.ramp), lanes);
  for (std::vector<Reach> &way : ways) {
    const int32_t *before = leaves;
    for (size_t k = 0; k < way.size(); ++k) {
      Reach &reach = way[k];
      reach.tail = row();
      set(reach.tail, before, static_cast<int32_t>(reach.link), lanes);
      raise(reach.tail, reach.head, words - 1, lanes);
      for (size_t m = k + 1; m < way.size(); ++m) {
        const auto between = static_cast<int32_t>(way[m].room - reach.room);
        if (words <= between)
          break;
        raise(reach.tail, way[m].head, words - 1 - between + static_cast<int32_t>(way[m].steps - reach.steps), lanes);
      }
      before = reach.tail;
    }
  }
}

// ---- instructions ---------------------------------------------------------------------------------------------------

/// Goes on with a position as far as it can; false if the phase cannot be evaluated so.
bool LineSweep::advance(uint32_t position) {
  const Work &work = *(*workOf)[position];
  CoreState &core = cores[position];
  while (!failed && core.pc < work.size()) {
    const uint32_t before = core.pc, part = work[before].part;
    const bool posted = core.posted;
    if (!step(position, work[before]))
      return false;
    if (core.pc == before && core.posted == posted)
      break;
    if (core.pc > before && (core.pc == work.size() || work[core.pc].part != part)) {
      int64_t &end = counted[part].end;
      end = std::max<int64_t>(end, most(timeOf(position), lanes));
    }
  }
  return !failed;
}

bool LineSweep::step(uint32_t position, const LineInstr &instr) {
  CoreState &core = cores[position];
  Sums &sums = counted[instr.part];
  int32_t *time = timeOf(position);
  auto pass = [&](uint32_t count, int64_t &to) {
    set(time, time, static_cast<int32_t>(count), lanes);
    to += int64_t{count} * lanes;
    sums.instrs += lanes;
  };
  switch (instr.kind) {
  case pkg::InstrKind::Wait:
    return wait(position, sums);
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    return reduce(position, instr);
  case pkg::InstrKind::Call:
    for (const Pending &pending : core.pending)
      if (pending.kind == pkg::InstrKind::Put || pending.kind == pkg::InstrKind::Get)
        return false; // what it hides is not counted here
    pass(instr.cycles, sums.compute);
    sums.calls += lanes;
    break;
  case pkg::InstrKind::Put:
  case pkg::InstrKind::Get:
    pass(hardware.latency.transferIssue, sums.communicate);
    if (!instr.words)
      break;
    if (instr.kind == pkg::InstrKind::Put) {
      int32_t *at = row();
      set(at, time, 0, lanes);
      openSend(instr.channel, position, instr.words, at);
    } else {
      openReceive(instr.channel, position, instr.words, false, 0);
    }
    core.pending.push_back({instr.kind, instr.channel, 0, false});
    break;
  default:
    return false;
  }
  ++core.pc;
  return true;
}

bool LineSweep::awaits(FlowState &flow, uint32_t position) {
  if (!flow.settled)
    flow.waiters.push_back(position);
  return !flow.settled;
}

/// Raises `to` to when the last word of what the position sends goes up its ramp; false if that is not known yet.
bool LineSweep::leftAt(uint32_t number, uint32_t position, int32_t *to) {
  const uint32_t waiter = position;
  uint32_t room = 0, steps = 0;
  const int32_t *sent = nullptr;
  int32_t words = 0;
  for (;;) {
    ChannelState &of = channels[number];
    const uint32_t sends = of.line->stops[position].sends;
    const FlowShape &flow = of.line->flows[sends];
    FlowState &state = of.flows[sends];
    if (!sent) {
      sent = state.sent;
      words = static_cast<int32_t>(state.words);
      raise(to, sent, words - 1, lanes);
    }
    if (state.words <= room + flow.fits)
      return true;
    if (awaits(state, waiter))
      return false;
    if (flow.single == nobody) {
      if (room)
        failed = true; // a stream that is longer than the way to a multicast
      else if (state.left)
        raise(to, state.left, 0, lanes);
      return true;
    }
    position = static_cast<uint32_t>(flow.single);
    const Stop &stop = of.line->stops[position];
    const StopState &receiver = of.stops[position];
    room += stop.room;
    steps += stop.steps;
    if (state.words > room)
      raise(to, receiver.head, words - 1 - static_cast<int32_t>(room) + static_cast<int32_t>(steps), lanes);
    if (!receiver.forwards)
      return true;
    room += cycles.queueWords + cycles.ramp + cycles.streamStage;
    steps += 1;
    if (state.words <= room)
      return true;
    number = receiver.out;
  }
}

/// The last word's way down the ramp: its row and what is to be added.
RowSpan LineSweep::delivered(const StopState &stop) const {
  return {stop.head, stop.tail ? stop.tail : stop.head, 0, stop.tail ? 0 : static_cast<int32_t>(stop.words) - 1};
}

bool LineSweep::exceedsRamp(const CoreState &core) const {
  if (core.pending.size() <= hardware.routing.rampWords)
    return false;
  std::vector<uint32_t> up, down;
  for (const Pending &pending : core.pending) {
    if (pending.kind == pkg::InstrKind::Put || pending.kind == pkg::InstrKind::ReduceForward)
      up.push_back(pending.kind == pkg::InstrKind::Put ? pending.channel : pending.out);
    if (pending.kind != pkg::InstrKind::Put)
      down.push_back(pending.channel);
  }
  return up.size() > hardware.routing.rampWords || down.size() > hardware.routing.rampWords;
}

bool LineSweep::wait(uint32_t position, Sums &sums) {
  CoreState &core = cores[position];
  int32_t *time = timeOf(position), *end = scratchRow();
  set(end, time, 0, lanes);
  for (const Pending &pending : core.pending) {
    if (pending.done)
      continue;
    ChannelState &of = channels[pending.channel];
    if (pending.kind == pkg::InstrKind::Put) {
      int32_t *left = scratchRow(1);
      set(left, time, -1, lanes);
      if (!leftAt(pending.channel, position, left))
        return true;
      raise(end, left, 1, lanes);
      continue;
    }
    const StopState &stop = of.stops[position];
    if (awaits(of.flows[of.line->stops[position].flow], position))
      return true;
    const RowSpan span = delivered(stop);
    raise(end, span.last, span.lastAdd + static_cast<int32_t>(cycles.ramp), lanes);
  }
  sums.wait += sum(end, lanes) - sum(time, lanes);
  sums.instrs += lanes;
  set(time, end, 0, lanes);
  if (exceedsRamp(core))
    return false;
  core.pending.clear();
  ++core.pc;
  return true;
}

bool LineSweep::reduce(uint32_t position, const LineInstr &instr) {
  CoreState &core = cores[position];
  int32_t *time = timeOf(position);
  Sums &sums = counted[instr.part];
  const bool forward = instr.kind == pkg::InstrKind::ReduceForward;
  if (!core.posted) {
    set(time, time, static_cast<int32_t>(hardware.latency.streamStartup), lanes);
    sums.communicate += int64_t{hardware.latency.streamStartup} * lanes;
    sums.instrs += lanes;
    if (!instr.words) {
      ++core.pc;
      return true;
    }
    if (forward)
      channel(instr.out); // so that its state is there when the first word comes
    openReceive(instr.channel, position, instr.words, forward, instr.out);
    core.pending.push_back({instr.kind, instr.channel, instr.out, false});
    core.posted = true;
    return !failed;
  }
  ChannelState &of = channels[instr.channel];
  StopState &stop = of.stops[position];
  if (awaits(of.flows[of.line->stops[position].flow], position))
    return true;
  int32_t *end = scratchRow();
  const auto ramp = static_cast<int32_t>(cycles.ramp), stage = static_cast<int32_t>(cycles.streamStage);
  if (forward) {
    int32_t *left = scratchRow(1);
    set(left, stop.head, 0, lanes); // less than that is not possible
    if (!leftAt(instr.out, position, left))
      return true;
    set(end, left, 1, lanes);
    stop.tail = row();
    set(stop.tail, end, -1 - ramp - stage, lanes);
  } else {
    const RowSpan span = delivered(stop);
    set(end, span.last, span.lastAdd + ramp + stage, lanes);
  }
  const int64_t first = sum(stop.head, lanes) + int64_t{ramp} * lanes;
  sums.wait += first - sum(time, lanes);
  sums.communicate += sum(end, lanes) - first;
  sums.instrs += lanes;
  set(time, end, 0, lanes);
  core.pending.back().done = true;
  core.posted = false;
  ++core.pc;
  if (std::all_of(core.pending.begin(), core.pending.end(), [](const Pending &each) { return each.done; }))
    core.pending.clear();
  return true;
}

} // namespace weft::sim::maxplus
