// Whether the transfers of a core share its ramp.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>

namespace weft::sim::maxplus {

/// Whether more spans than the ramp is wide have a cycle in common.
bool Evaluation::overlapsRamp(std::vector<std::pair<uint32_t, uint32_t>> &spans) const {
  std::sort(spans.begin(), spans.end());
  for (size_t i = 0; i < spans.size(); ++i) {
    uint32_t together = 1;
    for (size_t j = 0; j < i; ++j)
      together += spans[j].second >= spans[i].first;
    if (together > hardware.routing.rampWords)
      return true;
  }
  return false;
}

/// The transfers between two moments at which the core has none: do they ever share a ramp?
void Evaluation::checkRamps(const Strand &strand) {
  if (strand.pending.size() <= hardware.routing.rampWords)
    return;
  std::vector<uint32_t> channelsUp, channelsDown;
  for (const Transfer &transfer : strand.pending) {
    if (transfer.end == End::Put || transfer.end == End::Forward)
      channelsUp.push_back(transfer.end == End::Put ? transfer.channel : transfer.out);
    if (transfer.end != End::Put)
      channelsDown.push_back(transfer.channel);
  }
  auto distinct = [](std::vector<uint32_t> &list) {
    std::sort(list.begin(), list.end());
    return static_cast<size_t>(std::unique(list.begin(), list.end()) - list.begin());
  };
  const bool up = distinct(channelsUp) > hardware.routing.rampWords;
  const bool down = distinct(channelsDown) > hardware.routing.rampWords;
  if (!up && !down)
    return;
  std::vector<std::pair<uint32_t, uint32_t>> spansUp, spansDown;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    spansUp.clear();
    spansDown.clear();
    for (const Transfer &transfer : strand.pending) {
      if (transfer.across) {
        const Exchanged at = exchanged(transfer, core);
        if (up && transfer.end == End::Put)
          spansUp.emplace_back(at.sent, at.left);
        if (down && transfer.end == End::Get)
          spansDown.emplace_back(at.head, at.tail);
        continue;
      }
      if (up && (transfer.end == End::Put || transfer.end == End::Forward)) {
        const uint32_t channel = transfer.end == End::Put ? transfer.channel : transfer.out;
        Slot &slot = messages.slot(channel, transfer.end == End::Put ? transfer.number : transfer.outNumber);
        if (slot.sent[core] != unknown) // else it is another's turn
          spansUp.emplace_back(slot.sent[core], messages.left(channel, slot, x, y, transfer.words));
      }
      if (down && transfer.end != End::Put) {
        Slot &slot = messages.slot(transfer.channel, transfer.number);
        spansDown.emplace_back(slot.head[core], slot.tail[core]);
      }
    }
    if (overlapsRamp(spansUp) || overlapsRamp(spansDown))
      refuse("transfers of a core may want its ramp at the same time");
  });
}

} // namespace weft::sim::maxplus
