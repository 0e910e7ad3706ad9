// Messages with several receivers.
#include "sim/maxplus/Messages.h"

#include <algorithm>

namespace weft::sim::maxplus {

/// One way from a multicast's source: routers in order, beginning with the one after the source's.
struct MulticastWay {
  std::vector<int32_t> at;
  std::vector<uint32_t> link; // from the one before
  std::vector<uint32_t> head, tail;
  std::vector<uint32_t> room, steps; // of the queues up to this one, from the source's ramp on
};

void Messages::passTurns(uint32_t channel, uint32_t turns) {
  Channel &of = channels[channel];
  of.turns.resize(shapes[channel].alongX ? height : width, 0);
  for (uint32_t &each : of.turns)
    each += turns;
}

/// Settles what comes before the slot's message on its line; false if that cannot be done yet, or refuses.
bool Messages::settleTurns(uint32_t channel, const Slot &slot, const Line &line, const FlowShape &flow, uint32_t x,
                           uint32_t y) {
  Channel &of = channels[channel];
  if (flow.sharesLinks)
    refuse("cores take turns on links that other flows use, too");
  of.turns.resize(shapes[channel].alongX ? height : width, 0);
  uint32_t &passed = of.turns[shapes[channel].alongX ? y : x];
  while (passed < slot.number && !failure()) {
    Slot *before = find(channel, passed);
    if (!before || !settleFlow(channel, *before, line, flow, x, y))
      return false;
  }
  return !failure() && passed == slot.number;
}

/// Settles a message of the flow for all its receivers; false if some end is not open yet.
bool Messages::settleFlow(uint32_t channel, Slot &slot, const Line &line, const FlowShape &flow, uint32_t x,
                          uint32_t y) {
  const ChannelShape &shape = shapes[channel];
  const int32_t from = flow.sourceOf(slot.number);
  const uint32_t source = coreAt(shape, x, y, from), sent = slot.sent[source];
  if (sent == unknown || (flow.turn && !settleTurns(channel, slot, line, flow, x, y)))
    return false;
  const uint32_t words = slot.sentWords.at(source);
  const bool fromHost = flow.source == host;
  MulticastWay ways[2];
  // From the source's router, or the first one that the host's words reach.
  const int32_t origin = std::max(from, 0);
  uint32_t start = sent + (fromHost ? cycles.hop : cycles.ramp);
  std::vector<uint32_t> &lastLeave = channels[channel].lastLeave;
  if (lastLeave.empty())
    lastLeave.assign(size_t{width} * height, 0);
  if (!fromHost && !flow.turn) // the host sends one message; a turn's words are behind all others
    start = std::max(start, lastLeave[source] + 1);
  bool late = false;
  auto meet = [&](int32_t at, uint32_t &arrival) { // a receiver may hold up the first word
    const uint32_t core = coreAt(shape, x, y, at);
    if (slot.asked[core] == unknown)
      return false;
    bool ready = true;
    const uint32_t after = afterEarlier(channel, slot, source, core % width, core / width, ready);
    if (!ready)
      return false;
    if (slot.askedWords.at(core) != words)
      refuse("a message is received in other pieces than it is sent in");
    const Stop &stop = line.stops[static_cast<size_t>(at)];
    if (!flow.turn && words <= stop.room &&
        behindHistory(channels[channel], stop, core, stop.room - words, sent + words - 1) != sent + words - 1)
      refuse("a core multicasts further ahead of its receivers than is kept track of");
    if (!slot.onward.empty() && slot.onward[core] && words > cycles.queueWords + cycles.ramp + cycles.streamStage)
      refuse("a long stream goes on from a multicast");
    const uint32_t open = std::max(slot.asked[core], after);
    late = late || open > arrival;
    arrival = std::max(arrival, open);
    return true;
  };
  // So that a turn's words find the queue that they come to empty. `from`: the first word may set out for it.
  auto follows = [&](int32_t at, uint32_t from) {
    if (flow.turn && !isOver(channel, coreAt(shape, x, y, at), from))
      refuse("a core takes its turn while words of the turn before are under way");
  };
  if (flow.turn)
    follows(origin, sent);
  if (flow.delivers(origin) && !meet(origin, start))
    return false;
  for (int direction : {-1, 1}) {
    MulticastWay &way = ways[direction > 0];
    uint32_t arrival = start, room = cycles.queueWords + (fromHost ? cycles.hop : cycles.ramp), steps = 1;
    for (int32_t at = origin + direction; at >= std::max(flow.lo, 0) && at <= flow.hi; at += direction) {
      if (fromHost && direction < 0)
        break;
      const uint32_t between = link(shape, direction > 0 ? at - 1 : at);
      follows(at, arrival);
      arrival += between;
      room += cycles.queueWords + between;
      ++steps;
      if (flow.delivers(at) && !meet(at, arrival))
        return false;
      way.at.push_back(at);
      way.link.push_back(between);
      way.head.push_back(arrival);
      way.room.push_back(room);
      way.steps.push_back(steps);
    }
  }
  if (failure())
    return false;
  // When the last word leaves each router: behind its first, and behind words that wait for a receiver farther on.
  const uint32_t ownRoom = cycles.queueWords + (fromHost ? cycles.hop : cycles.ramp);
  uint64_t left = uint64_t{sent} + words - 1, leaves = uint64_t{start} + words - 1;
  if ((fromHost || flow.turn) && late && words > ownRoom) // position 0, or the source, may itself have been late
    left = std::max(left, uint64_t{start} + (words - 1 - ownRoom) + 1);
  for (MulticastWay &way : ways)
    for (size_t k = 0; late && k < way.at.size(); ++k) {
      if (words > way.room[k])
        left = std::max(left, uint64_t{way.head[k]} + (words - 1 - way.room[k]) + way.steps[k]);
      if (words > way.room[k] - ownRoom)
        leaves = std::max(leaves, uint64_t{way.head[k]} + (words - 1 - (way.room[k] - ownRoom)) + way.steps[k] - 1);
    }
  leaves = std::max(leaves, left + (fromHost ? cycles.hop : cycles.ramp));
  if (!fromHost && !flow.turn)
    lastLeave[source] = static_cast<uint32_t>(leaves);
  for (MulticastWay &way : ways) {
    uint64_t before = leaves;
    for (size_t k = 0; k < way.at.size(); ++k) {
      uint64_t tail = std::max(before + way.link[k], uint64_t{way.head[k]} + words - 1);
      for (size_t m = k + 1; late && m < way.at.size(); ++m) {
        const uint32_t between = way.room[m] - way.room[k];
        if (words <= between)
          break;
        tail = std::max(tail, uint64_t{way.head[m]} + (words - 1 - between) + (way.steps[m] - way.steps[k]));
      }
      way.tail.push_back(static_cast<uint32_t>(tail));
      before = tail;
    }
  }
  auto deliver = [&](int32_t at, uint32_t head, uint64_t tail) {
    if (!flow.delivers(at))
      return;
    const uint32_t core = coreAt(shape, x, y, at);
    if (!slot.onward.empty() && slot.onward[core] && tail != uint64_t{head} + words - 1)
      refuse("a stream goes on from a multicast that is held up");
    slot.head[core] = head;
    settle(channel, slot, core, static_cast<uint32_t>(tail));
  };
  const uint32_t number = static_cast<uint32_t>(&flow - line.flows.data());
  auto cross = [&](int32_t from, bool upwards, uint64_t head, uint64_t tail) {
    if (flow.sharesLinks)
      occupy(shape, channel, number, x, y, from, upwards, {static_cast<uint32_t>(head), static_cast<uint32_t>(tail)});
  };
  deliver(origin, start, leaves);
  for (bool upwards : {false, true}) {
    const MulticastWay &way = ways[upwards];
    if (!way.at.empty())
      cross(origin, upwards, start, leaves);
    for (size_t k = 0; k < way.at.size(); ++k) {
      deliver(way.at[k], way.head[k], way.tail[k]);
      if (k + 1 < way.at.size())
        cross(way.at[k], upwards, way.head[k], way.tail[k]);
    }
  }
  if (!fromHost && flow.lo == host) { // its low end is the host
    const MulticastWay &way = ways[0];
    const uint64_t head = way.at.empty() ? start : way.head.back(), tail = way.at.empty() ? leaves : way.tail.back();
    cross(0, false, head, tail);
    lastAtHost = std::max(lastAtHost, static_cast<uint32_t>(tail) + cycles.hop);
  }
  if (!fromHost)
    setLeft(slot, source, static_cast<uint32_t>(left));
  if (flow.turn)
    ++channels[channel].turns[shape.alongX ? y : x];
  return true;
}

} // namespace weft::sim::maxplus
