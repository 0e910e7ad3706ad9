#include "hw-models/core/rvv/Pipes.h"

#include <algorithm>

using namespace weft::hw::rvv;

Pipes::Slot Pipes::earliest(uint32_t allowed, uint64_t ready, uint64_t cycles) const {
  Slot best;
  bool found = false;
  for (size_t i = 0; i < pipes.size(); ++i) {
    if (!(allowed >> i & 1))
      continue;
    const Pipe &pipe = pipes[i];
    uint64_t start = std::max(pipe.free, ready);
    for (const Hole &hole : pipe.holes)
      if (uint64_t begin = std::max(hole.begin, ready); begin + cycles <= hole.end) {
        start = begin;
        break;
      }
    if (!found || start <= best.start)
      best = {i, start};
    found = true;
  }
  return best;
}

void Pipes::take(const Slot &slot, uint64_t cycles) {
  Pipe &pipe = pipes[slot.pipe];
  uint64_t end = slot.start + cycles;
  if (slot.start >= pipe.free) {
    if (fillsHoles && slot.start > pipe.free) {
      if (pipe.holes.size() >= remembered)
        pipe.holes.erase(pipe.holes.begin());
      pipe.holes.push_back({pipe.free, slot.start});
    }
    pipe.free = end;
    return;
  }
  auto hole = std::find_if(pipe.holes.begin(), pipe.holes.end(),
                           [&](const Hole &each) { return each.begin <= slot.start && end <= each.end; });
  Hole before{hole->begin, slot.start}, after{end, hole->end};
  hole = pipe.holes.erase(hole);
  if (after.begin < after.end)
    hole = pipe.holes.insert(hole, after);
  if (before.begin < before.end)
    pipe.holes.insert(hole, before);
}

void Pipes::reset() {
  for (Pipe &pipe : pipes)
    pipe = {};
}
