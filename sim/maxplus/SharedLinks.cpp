// Links that several flows use: whether their words might meet there.
#include "sim/maxplus/Messages.h"

#include <algorithm>

namespace weft::sim::maxplus {

// ---------------------------------------------------------------------------------------------

/// Words of the flow cross the link from position `at` on in `span`.
void Messages::occupy(const ChannelShape &shape, uint32_t channel, uint32_t flow, uint32_t x, uint32_t y, int32_t at,
                      bool upwards, Span span) {
  auto &links = uses[(shape.alongX ? 0 : 2) + (upwards ? 1 : 0)];
  if (links.empty())
    links.resize(size_t{width} * height);
  // The last few spans, latest first. Messages are not settled in the order of their words.
  std::array<Use, Use::kept> &kept = links[coreAt(shape, x, y, at)];
  Use use{span.first, span.last + 1, channel << 16 ^ flow};
  size_t place = 0;
  while (place < kept.size() && kept[place].from > use.from)
    ++place;
  auto apart = [&](const Use &earlier, const Use &later) {
    return earlier.by == later.by || earlier.until <= later.from;
  };
  if (place == kept.size() || !apart(kept[place], use) || (place && !apart(use, kept[place - 1])))
    return refuse("two flows may want a link at the same time");
  if (kept[place].by == use.by) // so that a span which is forgotten ends before those that are kept
    use.until = std::max(use.until, kept[place].until);
  if (place && kept[place - 1].by == use.by)
    kept[place - 1].until = std::max(use.until, kept[place - 1].until);
  lastUse[shape.alongX] = std::max(lastUse[shape.alongX], use.until);
  for (size_t i = kept.size() - 1; i > place; --i)
    kept[i] = kept[i - 1];
  kept[place] = use;
}

void Messages::occupySingle(uint32_t channel, const FlowShape &flow, uint32_t flowNumber, uint32_t x, uint32_t y,
                            uint32_t sent, uint32_t tail) {
  const ChannelShape &shape = shapes[channel];
  const bool upwards = flow.single > flow.source;
  const uint32_t path = shape.lineAt(x, y).stops[static_cast<size_t>(flow.single)].path;
  uint32_t passed = flow.source == host ? cycles.hop : cycles.ramp;
  for (int32_t at = std::max(flow.source, 0); at != flow.single; at += upwards ? 1 : -1) {
    occupy(shape, channel, flowNumber, x, y, at, upwards, {sent + passed, tail - (path - passed)});
    passed += link(shape, upwards ? at : at - 1);
  }
}

} // namespace weft::sim::maxplus
