// Whether words of a phase meet on a link, and whether they matter to what comes after it.
#include "sim/maxplus/LineSweep.h"
#include "sim/maxplus/RowLoops.h"

#include <algorithm>

namespace weft::sim::maxplus {

using namespace iss;

void LineSweep::cross(int32_t at, bool upwards, const RowSpan &span, const FlowShape &flow) {
  links[upwards][static_cast<size_t>(at)].push_back({span, &flow});
}

/// As Messages::occupySingle, with nothing before.
void LineSweep::crossSingle(const FlowShape &flow, const FlowState &state, const Stop &stop,
                            const StopState &receiver) {
  const bool upwards = flow.single > flow.source;
  const auto words = static_cast<int32_t>(state.words), path = static_cast<int32_t>(stop.path);
  auto passed = static_cast<int32_t>(cycles.ramp), room = static_cast<int32_t>(stop.room - cycles.queueWords) - passed,
       steps = static_cast<int32_t>(stop.steps) - 1; // of the queues behind the link
  for (int32_t at = flow.source; at != flow.single; at += upwards ? 1 : -1) {
    cross(at, upwards, {state.sent, state.sent, passed, passed + std::min(words, room) - 1}, flow);
    if (words > room) { // the rest may wait for the receiver
      int32_t *next = row(), *last = row();
      set(next, state.sent, passed + room, lanes);
      raise(next, receiver.head, steps, lanes);
      set(last, next, words - 1 - room, lanes);
      if (receiver.tail) // a stream that goes on, which may be held up farther on
        raise(last, receiver.tail, passed - path, lanes);
      cross(at, upwards, {next, last, 0, 0}, flow);
    }
    const auto between = static_cast<int32_t>(cycles.link(alongX, upwards ? at : at - 1));
    passed += between;
    room -= static_cast<int32_t>(cycles.queueWords) + between;
    --steps;
  }
}

bool LineSweep::linksMeet() const {
  for (const auto &direction : links)
    for (const std::vector<LinkSpan> &spans : direction)
      for (size_t i = 0; i < spans.size(); ++i)
        for (size_t j = 0; j < i; ++j)
          if (spans[i].flow != spans[j].flow && WEFT_FOR_VECTOR_TARGET(anyMeet)(spans[i].span, spans[j].span, lanes))
            return true;
  return false;
}

/// Whether nothing of the phase holds up words that its cores send from now on. Receivers have all that was sent.
bool LineSweep::isPast() {
  for (uint32_t number : used) {
    const ChannelState &of = channels[number];
    for (size_t i = 0; i < of.flows.size(); ++i) {
      const FlowShape &flow = of.line->flows[i];
      const FlowState &state = of.flows[i];
      if (!state.sent)
        continue;
      const int32_t *next = timeOf(static_cast<uint32_t>(flow.source));
      if (state.leaves && beyond(state.leaves, next, static_cast<int32_t>(cycles.ramp) - 1, lanes))
        return false;
      for (int32_t at = flow.lo; at <= flow.hi; ++at) {
        if (!flow.delivers(at))
          continue;
        const Stop &stop = of.line->stops[static_cast<size_t>(at)];
        const StopState &receiver = of.stops[static_cast<size_t>(at)];
        const RowSpan end = delivered(receiver);
        if (beyond(end.last, next, static_cast<int32_t>(stop.room) - static_cast<int32_t>(stop.steps) - 1 - end.lastAdd,
                   lanes))
          return false;
        if (flow.single != nobody && flow.sharesLinks)
          crossSingle(flow, state, stop, receiver);
      }
    }
  }
  return !linksMeet() && linksPast();
}

bool LineSweep::linksPast() {
  bool any = false;
  for (bool upwards : {false, true})
    for (uint32_t position = 0; position < length; ++position) {
      const std::vector<LinkSpan> &spans = links[upwards][position];
      int32_t *&end = until[upwards][position];
      end = nullptr;
      if (spans.empty())
        continue;
      any = true;
      end = row();
      set(end, spans.front().span.last, spans.front().span.lastAdd + 1, lanes);
      for (size_t i = 1; i < spans.size(); ++i)
        raise(end, spans[i].span.last, spans[i].span.lastAdd + 1, lanes);
    }
  return !any || comeLater();
}

/// Whether words of whatever flow that are sent from now on come to each link after `until`.
bool LineSweep::comeLater() {
  for (const ChannelShape &shape : shapes) {
    if (shape.alongX != alongX)
      continue;
    if (shape.lines.size() == 1 || line != all) {
      const Line &of = shape.lines[line == all || shape.lines.size() == 1 ? 0 : shape.lineOf[line]];
      for (const FlowShape &flow : of.flows)
        if (!comesLater(flow, 0, lanes))
          return false;
      continue;
    }
    // Lines of which each has its own flows: one stands for all, or a lane is a line.
    for (uint32_t each = 0; each < (lanes == 1 ? shape.lines.size() : lanes); ++each)
      for (const FlowShape &flow : shape.lines[lanes == 1 ? each : shape.lineOf[firstLane + each]].flows)
        if (!comesLater(flow, lanes == 1 ? 0 : each, 1))
          return false;
  }
  return true;
}

/// Whether the flow's next words come to each link after all of the phase, on `count` lanes from `lane` on.
bool LineSweep::comesLater(const FlowShape &flow, uint32_t lane, uint32_t count) {
  if (!flow.sharesLinks || flow.source == host)
    return true;
  if (flow.turn)
    return false; // there are other sources
  const int32_t *next = timeOf(static_cast<uint32_t>(flow.source)) + lane;
  for (bool upwards : {false, true}) {
    auto comes = static_cast<int32_t>(cycles.ramp);
    for (int32_t at = flow.source; upwards ? at < flow.hi : at > flow.lo && at >= 0; at += upwards ? 1 : -1) {
      const int32_t *end = until[upwards][static_cast<size_t>(at)];
      if (end && beyond(end + lane, next, comes, count))
        return false;
      if (upwards || at > 0)
        comes += static_cast<int32_t>(cycles.link(alongX, upwards ? at : at - 1));
    }
  }
  return true;
}

} // namespace weft::sim::maxplus
