#include "sim/maxplus/LineWords.h"

#include <algorithm>

namespace weft::sim::maxplus {

Result<RouteTables> lineRoutes(const pkg::ProgramT &program, const std::vector<ChannelShape> &shapes,
                               const hw::Hardware &hardware, bool alongX, uint32_t length, uint32_t line) {
  pkg::ProgramT one;
  one.name = program.name;
  for (size_t i = 0; i < shapes.size(); ++i) {
    auto &copy = one.channels.emplace_back(std::make_unique<pkg::ChannelT>(*program.channels[i]));
    std::erase_if(copy->flows, [&](const pkg::Flow &flow) {
      return shapes[i].alongX != alongX ||
             (line == LineSweep::all ? shapes[i].lines.size() != 1
                                     : flow.line() >= 0 && static_cast<uint32_t>(flow.line()) != line);
    });
    for (pkg::Flow &flow : copy->flows)
      flow = pkg::Flow(-1, flow.source(), flow.lo(), flow.hi(), flow.deliver_all(), flow.color(), flow.combine());
  }
  return buildRoutes(one, alongX ? length : 1, alongX ? 1 : length, hardware);
}

LineWords::LineWords(const RouteTables &routes, const hw::Hardware &hardware, uint32_t length)
    : routes(routes), hardware(hardware),
      fabric(routes, length,
             {hardware.latency.hop, hardware.latency.ramp, hardware.latency.streamStage, hardware.routing.queueWords,
              hardware.routing.linkBytes, hardware.routing.rampWords, false},
             calendar, transfers, nullptr),
      cores(length) {}

bool LineWords::run(std::span<const Segment> of, uint32_t parts) {
  segments = of;
  counted.assign(parts, {});
  base = std::ranges::min(segments.front().begins);
  for (uint32_t position = 0; position < cores.size(); ++position)
    calendar.addCore(static_cast<uint64_t>(segments.front().begins[position] - base), position);
  while (!failed && calendar.advance()) {
    Calendar::Bucket &bucket = calendar.bucket();
    for (size_t i = 0; i < bucket.finished.size(); ++i)
      finish(bucket.finished[i]);
    for (size_t i = 0; i < bucket.cores.size() && !failed; ++i)
      runCore(bucket.cores[i]);
    for (uint32_t unit : bucket.units)
      if (fabric.due(unit))
        fabric.step(unit);
    calendar.retire();
  }
  return !failed && done == cores.size() &&
         std::ranges::all_of(fabric.queueStates(), [](const Queue &queue) { return !queue.fifo.total; });
}

// ---- cores, as Execution has them -----------------------------------------------------------------------------------

/// False if the core stops here.
bool LineWords::nextSegment(uint32_t position) {
  CoreRun &run = cores[position];
  failed = failed || run.outstanding;
  run.since = calendar.now();
  if (run.segment + 1 == segments.size()) {
    run.state = State::Done;
    ++done;
    return false;
  }
  ++run.segment;
  run.pc = 0;
  const int32_t begins = segments[run.segment].begins[position], now = toTime(calendar.now());
  failed = failed || begins < now;
  if (begins > now)
    calendar.addCore(static_cast<uint64_t>(begins - base), position);
  return begins == now;
}

void LineWords::runCore(uint32_t position) {
  CoreRun &run = cores[position];
  while (!failed) {
    const LineSweep::Work *work = segments[run.segment].work[position];
    if (!work || run.pc == work->size()) {
      if (!nextSegment(position))
        return;
      continue;
    }
    const LineInstr &instr = (*work)[run.pc];
    if (!run.begun) {
      run.begun = true;
      if (const uint64_t delay = begin(position, instr)) {
        calendar.addCore(calendar.now() + delay, position);
        return;
      }
    }
    if (!complete(position, instr))
      return;
    passed(position, instr);
  }
}

void LineWords::passed(uint32_t position, const LineInstr &instr) {
  CoreRun &run = cores[position];
  if (counts(position)) {
    LineSweep::Sums &sums = counted[instr.part];
    sums.end = std::max<int64_t>(sums.end, toTime(calendar.now()));
    ++sums.instrs;
  }
  run.begun = false;
  ++run.pc;
}

uint64_t LineWords::begin(uint32_t position, const LineInstr &instr) {
  uint64_t delay = 0;
  const bool counting = counts(position);
  switch (instr.kind) {
  case pkg::InstrKind::Put:
  case pkg::InstrKind::Get:
    delay = hardware.latency.transferIssue;
    break;
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    delay = hardware.latency.streamStartup;
    break;
  case pkg::InstrKind::Call:
    failed = failed || cores[position].up || cores[position].down; // what it hides is not counted here
    if (counting) {
      counted[instr.part].compute += instr.cycles;
      ++counted[instr.part].calls;
    }
    return instr.cycles;
  case pkg::InstrKind::Wait:
    return 0;
  default:
    failed = true;
  }
  if (counting)
    counted[instr.part].communicate += static_cast<int64_t>(delay);
  return delay;
}

/// False if the core waits.
bool LineWords::complete(uint32_t position, const LineInstr &instr) {
  CoreRun &run = cores[position];
  switch (instr.kind) {
  case pkg::InstrKind::Put:
  case pkg::InstrKind::Get:
    if (instr.words)
      open(instr.kind == pkg::InstrKind::Put ? TransferKind::Put : TransferKind::Get, position, instr);
    return !failed;
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    return !instr.words || reduce(position, instr);
  case pkg::InstrKind::Wait:
    if (run.outstanding) {
      run.state = State::Waiting;
      run.since = calendar.now();
      return false;
    }
    run.up = run.down = 0;
    return true;
  default:
    return true;
  }
}

/// A transfer of the core; its words may move from this cycle on.
uint32_t LineWords::open(TransferKind kind, uint32_t position, const LineInstr &instr) {
  CoreRun &run = cores[position];
  const bool sends = kind == TransferKind::Put || kind == TransferKind::StreamOut;
  const uint32_t channel = kind == TransferKind::StreamOut ? instr.out : instr.channel;
  const uint32_t end = sends ? routes.findPort(position, channel) : routes.findEndpoint(position, channel);
  // More of them would share the ramp.
  if (end == none || ++(sends ? run.up : run.down) > hardware.routing.rampWords) {
    failed = true;
    return 0;
  }
  const auto id = static_cast<uint32_t>(transfers.size());
  Transfer &transfer = transfers.emplace_back();
  transfer.kind = kind;
  transfer.owner = position;
  transfer.words = instr.words;
  transfer.channel = channel;
  if (kind == TransferKind::Put || kind == TransferKind::Get)
    ++run.outstanding;
  if (sends && counts(position))
    messages.push_back({channel, position, instr.words});
  if (sends)
    fabric.openSend(end, id, calendar.now());
  else
    fabric.openReceive(end, id);
  return id;
}

bool LineWords::reduce(uint32_t position, const LineInstr &instr) {
  CoreRun &run = cores[position];
  run.state = State::Reducing;
  run.since = calendar.now();
  const bool forward = instr.kind == pkg::InstrKind::ReduceForward;
  if (forward)
    open(TransferKind::StreamOut, position, instr);
  run.incoming = open(forward ? TransferKind::StreamIn : TransferKind::ReduceInto, position, instr);
  return false;
}

void LineWords::finish(uint32_t id) {
  const Transfer &transfer = transfers[id];
  CoreRun &run = cores[transfer.owner];
  if (transfer.kind == TransferKind::Put || transfer.kind == TransferKind::Get) {
    if (!--run.outstanding && run.state == State::Waiting)
      resume(transfer.owner);
    return;
  }
  resume(transfer.owner);
}

void LineWords::resume(uint32_t position) {
  CoreRun &run = cores[position];
  const LineInstr &instr = instrOf(position);
  const uint64_t now = calendar.now();
  const bool waited = run.state == State::Waiting;
  const uint64_t waitEnd = waited ? now : transfers[run.incoming].firstWord;
  if (counts(position)) {
    counted[instr.part].wait += static_cast<int64_t>(waitEnd - run.since);
    counted[instr.part].communicate += static_cast<int64_t>(now - waitEnd);
  }
  if (waited) {
    run.up = run.down = 0;
  } else { // the reduction has ended
    --run.down;
    run.up -= instr.kind == pkg::InstrKind::ReduceForward;
  }
  run.state = State::Running;
  run.incoming = none;
  passed(position, instr);
  calendar.addCore(now, position);
}

// ---- what they leave ------------------------------------------------------------------------------------------------

/// As run(), with what went word by word on the line. Its words matter to those after it if some of them have not left
/// a router when the next ones of their flow could, or a link when those of another flow could come to it.
bool LineSweep::takeWords(const LineWords &words, int32_t *to, uint32_t ofLine) {
  times = to;
  lanes = 1;
  line = ofLine;
  block = usedOfBlock = 0;
  counted = words.sums();
  messages.clear();
  for (auto &direction : until)
    std::fill(direction.begin(), direction.end(), nullptr);
  for (uint32_t position = 0; position < length; ++position) {
    times[position] = words.end(position);
    words.forEachQueue(position, [&](const Queue &queue, int32_t last) {
      for (bool upwards : {false, true}) {
        int32_t *&end = until[upwards][position];
        if (!(queue.ports & (alongX ? upwards ? East : West : upwards ? South : North)))
          continue;
        if (!end)
          *(end = row()) = last + 1;
        *end = std::max(*end, last + 1);
      }
    });
  }
  for (const LineWords::Sent &sent : words.sent()) {
    const ChannelShape &shape = shapes[sent.channel];
    const Line &of = shape.lines[line == all || shape.lines.size() == 1 ? 0 : shape.lineOf[line]];
    const FlowShape &flow = of.flows[of.stops[sent.position].sends];
    messages.push_back({sent.channel, sent.words, &flow});
    if (flow.turn || flow.lo == host || !areGone(words, flow))
      return false;
  }
  return comeLater();
}

/// Whether the flow's words have left each router before others of it that its source sends from now on can.
bool LineSweep::areGone(const LineWords &words, const FlowShape &flow) {
  bool gone = true;
  for (int32_t direction : {-1, 1}) {
    int32_t comes = times[flow.source] + static_cast<int32_t>(cycles.ramp);
    for (int32_t at = flow.source; at >= flow.lo && at <= flow.hi; at += direction) {
      if (at != flow.source)
        comes += static_cast<int32_t>(cycles.link(alongX, direction > 0 ? at - 1 : at));
      words.forEachQueue(static_cast<uint32_t>(at), [&](const Queue &queue, int32_t last) {
        gone = gone && (queue.color != flow.color || last < comes);
      });
    }
  }
  return gone;
}

} // namespace weft::sim::maxplus
