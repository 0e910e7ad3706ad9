// When the words of messages leave, which may be held up by those before them.
#include "sim/maxplus/Messages.h"

#include <algorithm>

namespace weft::sim::maxplus {

uint32_t Messages::left(uint32_t channel, Slot &slot, uint32_t x, uint32_t y, uint32_t words) {
  const uint32_t core = y * width + x;
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  const FlowShape &flow = line.flows[line.stops[shape.positionOf(x, y)].sends];
  const uint32_t sent = slot.sent[core];
  if (sent == unknown)
    return unknown;
  if (!slot.left.empty() && slot.left[core] != unknown)
    return slot.left[core];
  const uint32_t last = sent + words - 1;
  if (!flow.receivers)
    return last;
  if (words <= flow.fits && !flow.turn)
    return behindOthers(channel, slot, flow, x, y, words, last);
  if (flow.single != nobody)
    return behindOwnWords(channel, slot, x, y, words, last);
  settleFlow(channel, slot, line, flow, x, y);
  return slot.left.empty() ? unknown : slot.left[core];
}

/// The last word may find the way full of words of earlier messages, which have left it by `core`'s last tail; `spare`
/// more words fit between.
uint32_t Messages::behindHistory(const Channel &channel, const Stop &stop, uint32_t core, uint32_t spare,
                                 uint32_t last) {
  Channel::Past past{channel.lastHead[core], channel.lastTail[core]};
  int64_t back = spare; // words that went down after the one whose place is wanted
  if (!past.tail || int64_t{past.tail} - back + stop.steps <= int64_t{last})
    return last;
  for (size_t k = 0; past.tail != unknown && !channel.forwards[core]; ++k) {
    const int64_t words = int64_t{past.tail} - past.head + 1;
    if (back < words)
      return std::max(last, static_cast<uint32_t>(past.tail - back + stop.steps));
    back -= words;
    if (int64_t{past.head} - 1 - back + stop.steps <= int64_t{last})
      return last;
    past = k < 2 && !channel.earlier.empty() ? channel.earlier[core][k] : Channel::Past{0, unknown};
    if (!past.tail)
      return last;
  }
  refuse("a core sends further ahead of its receiver than is kept track of");
  return last;
}

/// A message that fits into the queues on its way: only words of earlier ones may hold it up.
uint32_t Messages::behindOthers(uint32_t channel, Slot &slot, const FlowShape &flow, uint32_t x, uint32_t y,
                                uint32_t words, uint32_t last) {
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  const uint32_t core = y * width + x;
  uint32_t result = last;
  for (int32_t at = std::max(flow.lo, 0); at <= flow.hi; ++at) {
    if (!flow.delivers(at))
      continue;
    const Stop &stop = line.stops[static_cast<size_t>(at)];
    const uint32_t receiver = coreAt(shape, x, y, at);
    if (slot.head[receiver] != unknown)
      continue; // looked at when it was settled
    uint64_t backlog = 0;
    for (const auto &each : channels[channel].slots) {
      Slot &before = *each;
      if (before.number >= slot.number)
        break;
      if (before.sent[core] == unknown || before.tail[receiver] != unknown)
        continue;
      head(channel, before, receiver % width, receiver / width);
      if (before.tail[receiver] == unknown)
        backlog += before.sentWords.at(core);
    }
    if (backlog + words > stop.room)
      return unknown;
    const uint32_t held =
        behindHistory(channels[channel], stop, receiver, stop.room - words - static_cast<uint32_t>(backlog), last);
    if (held != last && flow.single == nobody)
      refuse("a core multicasts further ahead of its receivers than is kept track of");
    result = std::max(result, held);
  }
  return result;
}

/// A message longer than the queues on its way: its own first words, waiting for receivers, hold up its last.
uint32_t Messages::behindOwnWords(uint32_t channel, Slot &first, uint32_t x, uint32_t y, uint32_t words,
                                  uint32_t last) {
  Slot *slot = &first;
  uint64_t room = 0;
  uint32_t steps = 0;
  for (;;) {
    const ChannelShape &shape = shapes[channel];
    const Line &line = shape.lineAt(x, y);
    const FlowShape &flow = line.flows[line.stops[shape.positionOf(x, y)].sends];
    if (words <= room + flow.fits)
      return last;
    if (flow.single == nobody) {
      refuse("a stream is longer than the way to a multicast");
      return unknown;
    }
    const Stop &stop = line.stops[static_cast<size_t>(flow.single)];
    const uint32_t receiver = coreAt(shape, x, y, flow.single);
    x = receiver % width;
    y = receiver / width;
    room += stop.room;
    steps += stop.steps;
    const uint32_t from = head(channel, *slot, x, y);
    if (from == unknown)
      return unknown;
    last = std::max(last, from + static_cast<uint32_t>(words - 1 - room) + steps);
    if (slot->onward.empty() || !slot->onward[receiver])
      return last;
    room += cycles.queueWords + cycles.ramp + cycles.streamStage;
    steps += 1;
    if (words <= room)
      return last;
    const auto [out, number] = slot->forwards[slot->onward[receiver] - 1];
    channel = out;
    slot = find(out, number);
    if (!slot || slot->sent[receiver] == unknown)
      return unknown;
  }
}

} // namespace weft::sim::maxplus
