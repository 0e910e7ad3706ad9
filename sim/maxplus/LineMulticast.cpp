// One line on which one core sends to others and each then may compute: what all lines of a diagonal do, each from
// another position, so that they cannot be taken together. The same as LineSweep::run, in one pass.
#include "sim/maxplus/LineSweep.h"
#include "sim/maxplus/RowLoops.h"

#include <algorithm>

namespace weft::sim::maxplus {

using namespace iss;

namespace {

/// The first instruction that is not a call.
size_t transferOf(const LineSweep::Work &work) {
  size_t i = 0;
  while (i < work.size() && work[i].kind == pkg::InstrKind::Call)
    ++i;
  return i;
}

bool callsOnly(const LineSweep::Work &work, size_t from) {
  return std::all_of(work.begin() + static_cast<std::ptrdiff_t>(from), work.end(),
                     [](const LineInstr &each) { return each.kind == pkg::InstrKind::Call; });
}

} // namespace

/// The position that sends, `length` if the work is anything but one multicast, a wait for it, and calls.
uint32_t LineSweep::multicastSource() const {
  uint32_t source = length, receivers = 0;
  const Work *known = nullptr;
  const LineInstr *first = nullptr;
  bool sends = false;
  for (uint32_t position = 0; position < length; ++position) {
    const Work *work = (*workOf)[position];
    if (!work || work->empty())
      continue;
    if (work != known) {
      const size_t at = transferOf(*work);
      if (at + 1 >= work->size() || (*work)[at + 1].kind != pkg::InstrKind::Wait || !callsOnly(*work, at + 2))
        return length;
      const LineInstr &instr = (*work)[at];
      if (!first)
        first = &instr;
      sends = instr.kind == pkg::InstrKind::Put;
      if ((!sends && instr.kind != pkg::InstrKind::Get) || !instr.words || instr.channel != first->channel ||
          instr.words != first->words)
        return length;
      known = work;
    }
    if (sends && source != length)
      return length;
    if (sends)
      source = position;
    else
      ++receivers;
  }
  if (source == length)
    return length;
  const Line &of = shapes[first->channel].lines[shapes[first->channel].lineOf[line]];
  if (of.stops[source].sends == noFlow)
    return length;
  const FlowShape &flow = of.flows[of.stops[source].sends];
  if (flow.single != nobody || flow.lo == host || flow.turn || flow.receivers != receivers)
    return length;
  for (int32_t at = flow.lo; at <= flow.hi; ++at)
    if (const Work *work = (*workOf)[static_cast<size_t>(at)]; flow.delivers(at) && (!work || work->empty()))
      return length;
  return source;
}

bool LineSweep::runMulticast(uint32_t source) {
  const LineInstr put = (*(*workOf)[source])[transferOf(*(*workOf)[source])];
  const ChannelShape &shape = shapes[put.channel];
  const Line &of = shape.lines[shape.lineOf[line]];
  const FlowShape &flow = of.flows[of.stops[source].sends];
  const auto words = static_cast<int32_t>(put.words), ramp = static_cast<int32_t>(cycles.ramp);
  for (uint32_t position = 0; position < length; ++position)
    if (const Work *work = (*workOf)[position]; work && !work->empty())
      openMulticast(position);
  int32_t sent = times[source];
  single.resize(size_t{4} * length);
  int32_t *heads = single.data(), *tails = heads + length, *ends[2] = {tails + length, tails + 2 * size_t{length}};
  bool late = false;
  for (int32_t direction : {-1, 1}) {
    int32_t head = sent + ramp;
    for (int32_t at = flow.source + direction; at >= flow.lo && at <= flow.hi; at += direction) {
      head += static_cast<int32_t>(cycles.link(alongX, direction > 0 ? at - 1 : at));
      const int32_t asked = times[at];
      if (asked > head && flow.delivers(at)) {
        head = asked;
        late = true;
      }
      heads[at] = head;
      tails[at] = head + words - 1;
    }
  }
  FlowState state;
  state.sent = &sent; // of a row of one
  state.words = put.words;
  int32_t left = sent + words - 1, leaves = sent + ramp + words - 1;
  if (late) {
    std::vector<Reach> ways[2];
    for (bool upwards : {false, true}) {
      uint32_t room = cycles.queueWords + cycles.ramp, steps = 1;
      for (int32_t at = flow.source + (upwards ? 1 : -1); at >= flow.lo && at <= flow.hi; at += upwards ? 1 : -1) {
        const uint32_t link = cycles.link(alongX, upwards ? at - 1 : at);
        room += cycles.queueWords + link;
        ways[upwards].push_back({at, link, room, ++steps, &heads[at], nullptr});
      }
    }
    holdUp(state, ways);
    left = *state.left;
    leaves = *state.leaves;
    for (const std::vector<Reach> &way : ways)
      for (const Reach &reach : way)
        tails[reach.at] = *reach.tail;
  }
  bool past = leaves + 1 <= left + 1 + ramp;
  const int32_t next = finishMulticast(source, left + 1);
  for (int32_t at = flow.lo; at <= flow.hi; ++at) {
    if (at == flow.source)
      continue;
    const Stop &stop = of.stops[static_cast<size_t>(at)];
    if (flow.delivers(at)) {
      finishMulticast(static_cast<uint32_t>(at), tails[at] + ramp);
      past = past && int64_t{tails[at]} + stop.steps + 1 <= int64_t{next} + stop.room;
    }
  }
  messages.push_back({put.channel, put.words, &flow});
  if (!past || !flow.sharesLinks)
    return past;
  for (bool upwards : {false, true}) {
    std::fill(until[upwards].begin(), until[upwards].end(), nullptr);
    ends[upwards][flow.source] = leaves + 1;
    for (int32_t at = flow.source; upwards ? at < flow.hi : at > flow.lo; at += upwards ? 1 : -1) {
      if (at != flow.source)
        ends[upwards][at] = tails[at] + 1;
      until[upwards][static_cast<size_t>(at)] = &ends[upwards][at];
    }
  }
  return comeLater();
}

/// The core calls what comes before its transfer and opens that.
void LineSweep::openMulticast(uint32_t position) {
  const Work &work = *(*workOf)[position];
  int32_t &time = times[position];
  for (const LineInstr &instr : work) {
    Sums &sums = counted[instr.part];
    if (instr.kind != pkg::InstrKind::Call) {
      time += static_cast<int32_t>(hardware.latency.transferIssue);
      sums.communicate += hardware.latency.transferIssue;
      return;
    }
    callOnLine(instr, time);
  }
}

/// The core's transfer ends at `ended`; when the core ends after its wait and its calls.
int32_t LineSweep::finishMulticast(uint32_t position, int32_t ended) {
  const Work &work = *(*workOf)[position];
  int32_t &time = times[position];
  const size_t wait = transferOf(work) + 1;
  Sums &waits = counted[work[wait].part];
  waits.wait += std::max(ended - time, 0);
  time = std::max(ended, time);
  waits.end = std::max<int64_t>(waits.end, time);
  waits.instrs += 2;
  for (size_t i = wait + 1; i < work.size(); ++i)
    callOnLine(work[i], time);
  return time;
}

void LineSweep::callOnLine(const LineInstr &instr, int32_t &time) {
  Sums &sums = counted[instr.part];
  time += static_cast<int32_t>(instr.cycles);
  sums.compute += instr.cycles;
  sums.end = std::max<int64_t>(sums.end, time);
  ++sums.calls;
  ++sums.instrs;
}

} // namespace weft::sim::maxplus
