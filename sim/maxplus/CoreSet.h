// Sets of cores, as stretches of rows.
#pragma once

#include <cstdint>
#include <ranges>
#include <vector>

namespace weft::sim::maxplus {

/// Cores (x, y) with begin <= x < end.
struct Stretch {
  uint32_t y = 0, begin = 0, end = 0;
};

/// In the order of the cores' numbers, y * width + x.
struct CoreSet {
  std::vector<Stretch> stretches;
  uint64_t size = 0;

  void add(uint32_t x, uint32_t y) {
    if (!stretches.empty() && stretches.back().y == y && stretches.back().end == x)
      ++stretches.back().end;
    else
      stretches.push_back({y, x, x + 1});
    ++size;
  }
  void add(const Stretch &stretch) {
    stretches.push_back(stretch);
    size += stretch.end - stretch.begin;
  }
};

/// Calls f(core, x, y) for each core, in ascending order.
template <typename F> void forEachCore(const CoreSet &set, uint32_t width, F f) {
  for (const Stretch &stretch : set.stretches)
    for (uint32_t x = stretch.begin; x < stretch.end; ++x)
      f(stretch.y * width + x, x, stretch.y);
}

template <typename F> void forEachCoreDown(const CoreSet &set, uint32_t width, F f) {
  for (const Stretch &stretch : std::views::reverse(set.stretches))
    for (uint32_t x = stretch.end; x-- > stretch.begin;)
      f(stretch.y * width + x, x, stretch.y);
}

} // namespace weft::sim::maxplus
