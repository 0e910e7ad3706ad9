// Links that several flows use: whether their words might meet there.
#include "sim/maxplus/Messages.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::sim::maxplus {

/// Words of the flow cross the link from position `at` on in `span`.
void Messages::occupy(const ChannelShape &shape, uint32_t channel, uint32_t flow, uint32_t x, uint32_t y, int32_t at,
                      bool upwards, Span span) {
  LinkUses &links = uses[(shape.alongX ? 2 : 0) + (upwards ? 1 : 0)];
  links.resize(size_t{width} * height);
  const uint32_t core = coreAt(shape, x, y, at);
  if (const auto other = links.add(core, {span.first, span.last + 1, channel << 16 ^ flow}))
    return refuse(fmt::format(
        "two flows may want a link at the same time: of '{}', in cycles {} to {}, and of {}, {} to {}, {}wards from "
        "core ({}, {})",
        names[channel], span.first, span.last,
        other->by == LinkUses::forgotten ? "others" : fmt::format("'{}'", names[other->by >> 16]), other->from,
        other->until - 1,
        shape.alongX ? (upwards ? "east" : "west")
        : upwards    ? "south"
                     : "north",
        core % width, core / width));
  lastUse[shape.alongX] = std::max(lastUse[shape.alongX], span.last + 1);
}

/// On each link go first the words for which there is room behind it, whether or not the receiver (x, y) is open, and
/// then those that wait for it.
void Messages::occupySingle(uint32_t channel, uint32_t x, uint32_t y, const Passage &passage) {
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  const Stop &stop = line.stops[shape.positionOf(x, y)];
  const FlowShape &flow = line.flows[stop.flow];
  const bool upwards = flow.single > flow.source, held = passage.tail - passage.head + 1 != passage.words;
  uint32_t passed = flow.source == host ? cycles.hop : cycles.ramp, room = stop.room - cycles.queueWords - passed,
           steps = stop.steps - 1; // of the queues behind the link
  for (int32_t at = std::max(flow.source, 0); at != flow.single; at += upwards ? 1 : -1) {
    const uint32_t words = std::min(passage.words, room), come = passage.sent + passed,
                   latest = passage.tail - (stop.path - passed);
    uint32_t last = std::max(passage.sent, passage.lastSent) + passed + words - 1;
    if (passage.before + steps + words > room) // they may find words of earlier messages
      last = std::max(last, passage.before + steps + words - room);
    Span rest{1, 0};
    if (passage.words > room)
      rest = {std::max(last + 1, passage.head + steps),
              held ? latest : std::max(last + 1, passage.head + steps) + (passage.words - 1 - room)};
    if (rest.first <= last + 1 || passage.lastSent)
      last = std::max(last, rest.last);
    occupy(shape, channel, stop.flow, x, y, at, upwards, {come, last});
    if (rest.first > last)
      occupy(shape, channel, stop.flow, x, y, at, upwards, rest);
    const uint32_t between = link(shape, upwards ? at : at - 1);
    passed += between;
    room -= cycles.queueWords + between;
    --steps;
  }
}

} // namespace weft::sim::maxplus
